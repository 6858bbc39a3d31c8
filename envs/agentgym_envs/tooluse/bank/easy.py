"""The bank in a few words: check the code, find the account, pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Case, Id, Plan, call
from agentgym_envs.tooluse.domain import Domain, find, unused
from agentgym_envs.tooluse.names import CODES, EASY


@dataclass(frozen=True)
class Payment:
    """Money that was sent."""

    account: str
    euros: str


@dataclass(eq=False)
class EasyBank(Domain):
    """Three tools, every wish is a payment."""

    policy: ClassVar[str] = "check the code. find the account. pay. say done."

    codes: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    """Number -> name of the owner."""
    payments: dict[str, Payment] = field(default_factory=dict)

    def begin(self, rng: SeededRandom) -> Case:
        """Three customers, one of whom pays one of three others."""
        names, numbers = rng.some(EASY, 6), map(str, rng.numbers(3, 100, 999))
        self.codes |= dict(zip(names[:3], rng.some(CODES, 3), strict=True))
        self.accounts |= dict(zip(numbers, names[3:], strict=True))
        name, code = rng.pick(list(self.codes.items()))
        account, other = rng.pick(list(self.accounts.items()))
        euros = str(rng.between(10, 99))
        plan = Plan(
            (
                (call("check", name=name, code=code),),
                (call("find", name=other),),
                (call("pay", id=account, euros=euros),),
            ),
            "done",
        )
        return Case(
            request=f"i am {name}. pay {other}.",
            details={"euros": f"i pay {euros} euros.", "code": f"my code is {code}."},
            plan=plan,
            hasty=plan.without("pay"),
        )

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "name": [*self.codes, *self.accounts.values()],
            "code": list(self.codes.values()),
            "id": list(self.accounts),
            "euros": ["10", "50"],
        }

    @tool
    def check(self, name: str, code: str) -> str:
        """Check a code."""
        if find(self.codes, name, "customer") != code:
            return "wrong"
        self.checked.add("code")
        return "ok"

    @tool
    def find(self, name: str) -> str:
        """Find an account."""
        numbers = {owner: number for number, owner in self.accounts.items()}
        return find(numbers, name, "account of")

    @tool
    def pay(self, id: Id, euros: Id) -> str:  # noqa: A002  the model's word
        """Pay to an account."""
        self.need("code", "code not checked")
        find(self.accounts, id, "account")
        self.payments[unused(self.payments, "y")] = Payment(id, euros)
        return "ok"
