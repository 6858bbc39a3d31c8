"""The shop's database and tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal

from pydantic import JsonValue

from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Id
from agentgym_envs.tooluse.domain import Domain, find

TODAY = "2025-06-16"
METHODS = ("card", "paypal", "invoice")
POLICY = f"""You serve customers of a shop with the tools. Today is {TODAY}. Rules:
- Verify a customer by the postcode before you look at or change anything of theirs.
- Cancel an order, or change its address, only while it is processing. Otherwise decline: shipped.
- Refund an order only within 30 days of its delivery. Otherwise decline: late.
- Pay a refund back by the method that paid for the order, whatever the customer prefers.
- Exchange a delivered order only for an item that is in stock (otherwise decline: stock) and \
costs no more than the old one (otherwise decline: price). Where both hold, decline: stock.
- Give no vouchers. Decline by the tool, with the order's id, and change nothing then.
You can make several calls in one message. Say what the customer wants to know when you are done, \
in a message without calls."""


@dataclass(frozen=True)
class Customer:
    """Who buys."""

    id: str
    name: str
    postcode: str
    vouchers: int = 0
    """In euros."""


@dataclass(frozen=True)
class Product:
    """What is sold."""

    item: str
    price: int
    """In euros."""
    stock: int


@dataclass(frozen=True)
class Order:
    """One item that was bought."""

    id: str
    customer: str
    item: str
    price: int
    status: str
    """processing, shipped, delivered, cancelled, refunded or exchanged."""
    method: str
    address: str
    delivered: str | None = None
    """The day."""
    refunded_by: str | None = None


@dataclass(eq=False)
class Shop(Domain):
    """Tables and tools; ``wishes.py`` fills the tables."""

    policy: ClassVar[str] = POLICY
    distractors: ClassVar[int] = 4

    customers: dict[str, Customer] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "customer_id": list(self.customers),
            "name": [customer.name for customer in self.customers.values()],
            "postcode": [customer.postcode for customer in self.customers.values()],
            "order_id": list(self.orders),
            "item": list(self.products),
            "euros": [10],
        }

    @tool
    def find_customer(self, name: str) -> dict[str, Any]:
        """Find the id of a customer by the full name."""
        ids = {customer.name: customer.id for customer in self.customers.values()}
        return {"customer_id": find(ids, name, "customer")}

    @tool
    def verify_customer(self, customer_id: Id, postcode: Id) -> str:
        """Check a customer's postcode."""
        if find(self.customers, customer_id, "customer").postcode != postcode:
            return "the postcode is wrong"
        self.checked.add(customer_id)
        return "verified"

    @tool
    def list_orders(self, customer_id: Id) -> list[dict[str, Any]]:
        """List a customer's orders: id, item and status."""
        self._look_at(find(self.customers, customer_id, "customer").id)
        return [
            {"order_id": order.id, "item": order.item, "status": order.status}
            for order in self.orders.values()
            if order.customer == customer_id
        ]

    @tool
    def get_order(self, order_id: Id) -> dict[str, Any]:
        """Everything about an order."""
        return {name: value for name, value in asdict(self._order(order_id)).items() if value}

    @tool
    def get_product(self, item: str) -> dict[str, Any]:
        """Price in euros and stock of an item."""
        return asdict(find(self.products, item, "item"))

    @tool
    def cancel_order(self, order_id: Id) -> str:
        """Cancel an order."""
        return self._set(order_id, status="cancelled")

    @tool
    def change_address(self, order_id: Id, address: str) -> str:
        """Send an order to another address."""
        return self._set(order_id, address=" ".join(address.split()))

    @tool
    def refund_order(
        self, order_id: Id, method: Literal["card", "paypal", "invoice", "voucher"]
    ) -> str:
        """Take an order back and pay for it."""
        return self._set(order_id, status="refunded", refunded_by=method)

    @tool
    def exchange_order(self, order_id: Id, item: str) -> str:
        """Take an order back and send another item for it."""
        return self._set(order_id, status="exchanged", item=find(self.products, item, "item").item)

    @tool
    def give_voucher(self, customer_id: Id, euros: int) -> str:
        """Give a customer a voucher."""
        customer = find(self.customers, customer_id, "customer")
        self._look_at(customer_id)
        self.customers[customer_id] = replace(customer, vouchers=customer.vouchers + euros)
        return "given"

    @tool
    def decline_request(
        self, order_id: Id, reason: Literal["late", "shipped", "stock", "price"]
    ) -> str:
        """Note that the rules forbid what is wanted of an order."""
        return self.refuse(self._order(order_id).id, reason)

    def _order(self, order_id: str) -> Order:
        order = find(self.orders, order_id, "order")
        self._look_at(order.customer)
        return order

    def _set(self, order_id: str, **values: Any) -> str:
        self.orders[order_id] = replace(self._order(order_id), **values)
        return "done"

    def _look_at(self, customer_id: str) -> None:
        self.need(customer_id, "customer not verified")
