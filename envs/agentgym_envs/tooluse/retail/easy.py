"""The shop in a few words: check the code, find the order, refund or decline it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from pydantic import JsonValue

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Case, Id, Plan, call
from agentgym_envs.tooluse.domain import Domain, find
from agentgym_envs.tooluse.names import CODES, EASY, words

ITEMS = words("lamp chair desk mirror kettle radio tent bike drill clock sofa vase")


@dataclass(frozen=True)
class Order:
    """One item that was bought."""

    id: str
    name: str
    item: str
    age: str
    """new or old."""
    refunded: bool = False


@dataclass(eq=False)
class EasyRetail(Domain):
    """Four tools, every wish is a refund."""

    policy: ClassVar[str] = (
        "check the code. find the order. refund it if new, decline if old. say done."
    )

    codes: dict[str, str] = field(default_factory=dict)
    bought: dict[str, Order] = field(default_factory=dict)

    def begin(self, rng: SeededRandom) -> Case:
        """Three customers with an order each, one of whom wants money back."""
        names, numbers = rng.some(EASY, 3), map(str, rng.numbers(3, 100, 999))
        self.codes |= dict(zip(names, rng.some(CODES, 3), strict=True))
        for number, name, item in zip(numbers, names, rng.some(ITEMS, 3), strict=True):
            self.bought[number] = Order(number, name, item, rng.pick(("new", "old")))
        order = rng.pick(list(self.bought.values()))
        action = "refund" if order.age == "new" else "decline"
        plan = Plan(
            (
                (call("check", name=order.name, code=self.codes[order.name]),),
                (call("find", item=order.item),),
                (call(action, id=order.id),),
            ),
            "done",
        )
        return Case(
            request=f"i am {order.name}. refund my {order.item}.",
            details={"code": f"my code is {self.codes[order.name]}."},
            plan=plan,
            hasty=plan.without(action),
        )

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "name": list(self.codes),
            "code": list(self.codes.values()),
            "item": [order.item for order in self.bought.values()],
            "id": list(self.bought),
        }

    @tool
    def check(self, name: str, code: str) -> str:
        """Check a code."""
        if find(self.codes, name, "customer") != code:
            return "wrong"
        self.checked.add(name)
        return "ok"

    @tool
    def find(self, item: str) -> str:
        """Find an order."""
        orders = {order.item: order for order in self.bought.values()}
        order = find(orders, item, "order of")
        self.need(order.name, "code not checked")
        return f"{order.id} {order.age}"

    @tool
    def refund(self, id: Id) -> str:  # noqa: A002  the model's word
        """Refund an order."""
        order = find(self.bought, id, "order")
        self.need(order.name, "code not checked")
        self.bought[id] = replace(order, refunded=True)
        return "ok"

    @tool
    def decline(self, id: Id) -> str:  # noqa: A002
        """Decline a refund."""
        order = find(self.bought, id, "order")
        self.need(order.name, "code not checked")
        return self.refuse(id, order.age)
