"""What customers of the shop want, and how it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import ToolCall
from agentgym_envs.tooluse.case import Case, Plan, Turn, call
from agentgym_envs.tooluse.names import CITIES, FIRST, LAST, STREETS, words
from agentgym_envs.tooluse.retail.shop import METHODS, TODAY, Customer, Order, Product, Shop

ITEMS = words(
    "lamp chair desk mirror kettle toaster radio tent backpack bicycle keyboard monitor printer "
    "camera drill ladder"
)
CHECK = "verify_customer"


def days_ago(days: int) -> str:
    """A day, counted back from today."""
    return (date.fromisoformat(TODAY) - timedelta(days=days)).isoformat()


def address(rng: SeededRandom) -> str:
    """Street, number and city."""
    return f"{rng.pick(STREETS)} Street {rng.between(1, 99)}, {rng.pick(CITIES)}"


def fill(shop: Shop, rng: SeededRandom) -> Customer:
    """Four customers with five orders each; the first of them is the one who calls."""
    prices = rng.numbers(len(ITEMS), 12, 290)
    for item, price in zip(ITEMS, prices, strict=True):
        shop.products[item] = Product(item, price, stock=rng.pick((0, 3, 8)))
    people = zip(rng.some(FIRST, 4), rng.some(LAST, 4), rng.numbers(4, 10000, 99999), strict=True)
    for place, (first, last, postcode) in enumerate(people):
        customer = Customer(f"C{place + 1}{postcode % 100:02d}", f"{first} {last}", str(postcode))
        shop.customers[customer.id] = customer
    numbers = iter(rng.numbers(20, 1000, 9999))
    for customer in shop.customers.values():
        home = address(rng)
        for item in rng.some(ITEMS, 5):
            status = rng.pick(("processing", "shipped", "delivered"))
            order = Order(
                f"R{next(numbers)}",
                customer.id,
                item,
                shop.products[item].price,
                status,
                rng.pick(METHODS),
                home,
                days_ago(rng.between(2, 75)) if status == "delivered" else None,
            )
            shop.orders[order.id] = order
    return next(iter(shop.customers.values()))


def case(
    customer: Customer,
    wanted: str,
    details: dict[str, str],
    looked_at: Sequence[Order],
    *actions: ToolCall,
    then: Sequence[ToolCall] = (),
    answer: str = "Done.",
    expected: tuple[str, ...] = (),
) -> Case:
    """Find and verify the customer, look at the orders, act."""
    turns: list[Turn] = [
        (call("find_customer", name=customer.name),),
        (call(CHECK, customer_id=customer.id, postcode=customer.postcode),),
        (call("list_orders", customer_id=customer.id),),
        (*(call("get_order", order_id=order.id) for order in looked_at), *then),
        actions,
    ]
    plan = Plan(tuple(turn for turn in turns if turn), answer)
    return Case(
        request=f"Hello, this is {customer.name}. {wanted}",
        details={"postcode": f"My postcode is {customer.postcode}.", **details},
        plan=plan,
        hasty=plan.without(CHECK),
        expected=expected,
    )


def decline(order: Order, reason: str) -> ToolCall:
    """The call that notes a refusal."""
    return call("decline_request", order_id=order.id, reason=reason)


def refund(shop: Shop, customer: Customer, mine: list[Order], rng: SeededRandom) -> Case:
    """Money back: in time or late, and by the method that paid, which may not be the preferred."""
    late = rng.random() < 0.4
    order = replace(
        rng.pick(mine),
        status="delivered",
        delivered=days_ago(rng.between(31, 60) if late else rng.between(3, 30)),
    )
    shop.orders[order.id] = order
    preferred = rng.pick(METHODS)
    action = call("refund_order", order_id=order.id, method=order.method)
    return case(
        customer,
        f"I want my money back for the {order.item}.",
        {"method": f"Please pay it by {preferred}."},
        [order],
        decline(order, "late") if late else action,
    )


def cancel(shop: Shop, customer: Customer, mine: list[Order], rng: SeededRandom) -> Case:
    """An order that may be on its way already."""
    order = replace(
        rng.pick(mine), status=rng.pick(("processing", "processing", "shipped")), delivered=None
    )
    shop.orders[order.id] = order
    open_still = order.status == "processing"
    action = call("cancel_order", order_id=order.id) if open_still else decline(order, "shipped")
    return case(customer, f"Please cancel my order of the {order.item}.", {}, [order], action)


def readdress(shop: Shop, customer: Customer, mine: list[Order], rng: SeededRandom) -> Case:
    """Another address, unless the order is on its way."""
    order = replace(
        rng.pick(mine), status=rng.pick(("processing", "processing", "shipped")), delivered=None
    )
    shop.orders[order.id] = order
    new = address(rng)
    action = call("change_address", order_id=order.id, address=new)
    return case(
        customer,
        f"I have moved; the {order.item} must go to another address.",
        {"address": f"The new address is {new}."},
        [order],
        action if order.status == "processing" else decline(order, "shipped"),
    )


def exchange(shop: Shop, customer: Customer, mine: list[Order], rng: SeededRandom) -> Case:
    """Another item, if there is one and it costs no more."""
    order = replace(rng.pick(mine), status="delivered", delivered=days_ago(rng.between(3, 25)))
    shop.orders[order.id] = order
    new = rng.pick([item for item in ITEMS if item != order.item])
    product = replace(
        shop.products[new],
        stock=rng.pick((0, 2, 5, 9)),
        price=order.price + rng.pick((-7, -3, 0, 9)),
    )
    shop.products[new] = product
    reason = "stock" if product.stock == 0 else "price"
    possible = product.stock > 0 and product.price <= order.price
    return case(
        customer,
        f"I would like to exchange the {order.item}.",
        {"item": f"I want the {new} for it."},
        [order],
        call("exchange_order", order_id=order.id, item=new) if possible else decline(order, reason),
        then=[call("get_product", item=new)],
    )


def cancel_all(shop: Shop, customer: Customer, mine: list[Order], rng: SeededRandom) -> Case:
    """Everything that can still be cancelled: several calls at once."""
    waiting = rng.some(mine, rng.between(2, 3))
    for order in mine:
        status = "processing" if order in waiting else rng.pick(("shipped", "delivered"))
        day = days_ago(rng.between(2, 75)) if status == "delivered" else None
        shop.orders[order.id] = replace(order, status=status, delivered=day)
    actions = [call("cancel_order", order_id=order.id) for order in waiting]
    return case(customer, "Please cancel all orders that have not left yet.", {}, [], *actions)


def spending(  # all wishes are called alike
    shop: Shop,  # noqa: ARG001
    customer: Customer,
    mine: list[Order],
    rng: SeededRandom,
) -> Case:
    """A sum over several orders; nothing is changed."""
    chosen = rng.some(mine, rng.between(2, 3))
    total = sum(order.price for order in chosen)
    items = ", the ".join(order.item for order in chosen)
    return case(
        customer,
        "How many euros did I pay for some of my orders in total?",
        {"order": f"I mean the {items}."},
        chosen,
        answer=f"You paid {total} euros.",
        expected=(str(total),),
    )


@dataclass(eq=False)
class Retail(Shop):
    """The shop with customers in it."""

    def begin(self, rng: SeededRandom) -> Case:
        """Fill the shop and let its first customer want something."""
        customer = fill(self, rng)
        mine = [order for order in self.orders.values() if order.customer == customer.id]
        kinds = (refund, cancel, readdress, exchange, cancel_all, spending)
        return rng.pick(kinds)(self, customer, mine, rng)
