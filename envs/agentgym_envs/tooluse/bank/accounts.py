"""The bank's database and tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal

from pydantic import JsonValue

from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Id
from agentgym_envs.tooluse.domain import Domain, NotPossible, find, unused

TODAY = "2025-06-16"
MOST = 1000
POLICY = f"""You serve customers of a bank with the tools. Today is {TODAY}; amounts are in whole \
euros. Rules:
- Authenticate a customer by the code before you look at or change anything of theirs.
- No account goes below zero. Otherwise decline: funds.
- Look at the balances before you pay or transfer.
- A payment to a payee is at most {MOST} euros, also not in parts. Otherwise decline: limit. Where \
both hold, decline: limit. Transfers between a customer's own accounts have no limit.
- Dispute a transaction only within 60 days. Otherwise decline: late.
- When a card is stolen, block it and dispute what the customer did not pay with it.
- Do not add payees.
- Decline by the tool and change nothing then.
You can make several calls in one message. Say what the customer wants to know when you are done, \
in a message without calls."""


@dataclass(frozen=True)
class Customer:
    """Who banks here."""

    id: str
    name: str
    code: str


@dataclass(frozen=True)
class Account:
    """Money of a customer."""

    id: str
    owner: str
    kind: str
    """checking, savings or holiday."""
    balance: int


@dataclass(frozen=True)
class Card:
    """A card of an account."""

    id: str
    owner: str
    account: str
    blocked: bool = False


@dataclass(frozen=True)
class Payee:
    """Whom a customer pays."""

    id: str
    owner: str
    name: str


@dataclass(frozen=True)
class Transaction:
    """Money that was spent."""

    id: str
    account: str
    day: str
    shop: str
    category: str
    euros: int
    disputed: bool = False


@dataclass(frozen=True)
class Payment:
    """Money that was sent in this episode."""

    account: str
    to: str
    euros: int


@dataclass(eq=False)
class Accounts(Domain):
    """Tables and tools; ``wishes.py`` fills the tables."""

    policy: ClassVar[str] = POLICY
    distractors: ClassVar[int] = 4

    customers: dict[str, Customer] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    payees: dict[str, Payee] = field(default_factory=dict)
    transactions: dict[str, Transaction] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "customer_id": list(self.customers),
            "name": [customer.name for customer in self.customers.values()],
            "code": [customer.code for customer in self.customers.values()],
            "account_id": list(self.accounts),
            "from_account": list(self.accounts),
            "to_account": list(self.accounts)[::-1],
            "card_id": list(self.cards),
            "payee_id": list(self.payees),
            "transaction_id": list(self.transactions),
            "euros": [50, 100],
        }

    @tool
    def find_customer(self, name: str) -> dict[str, Any]:
        """Find the id of a customer by the full name."""
        ids = {customer.name: customer.id for customer in self.customers.values()}
        return {"customer_id": find(ids, name, "customer")}

    @tool
    def authenticate(self, customer_id: Id, code: Id) -> str:
        """Check a customer's code."""
        if find(self.customers, customer_id, "customer").code != code:
            return "the code is wrong"
        self.checked.add(customer_id)
        return "authenticated"

    @tool
    def list_accounts(self, customer_id: Id) -> list[dict[str, Any]]:
        """List a customer's accounts with their balances."""
        self._authenticated(customer_id)
        self.checked.add(f"balances of {customer_id}")
        return owned(self.accounts, customer_id)

    @tool
    def list_cards(self, customer_id: Id) -> list[dict[str, Any]]:
        """List a customer's cards."""
        self._authenticated(customer_id)
        return owned(self.cards, customer_id)

    @tool
    def list_payees(self, customer_id: Id) -> list[dict[str, Any]]:
        """List whom a customer pays."""
        self._authenticated(customer_id)
        return owned(self.payees, customer_id)

    @tool
    def list_transactions(self, account_id: Id) -> list[dict[str, Any]]:
        """List the transactions of an account."""
        self._account(account_id)
        found = [one for one in self.transactions.values() if one.account == account_id]
        return [shown(one, "account") for one in found]

    @tool
    def transfer(self, from_account: Id, to_account: Id, euros: int) -> str:
        """Move money between a customer's own accounts."""
        there = self._account(to_account)
        if from_account == to_account:
            raise NotPossible("both are the same account")
        self._withdraw(from_account, euros)
        self.accounts[to_account] = replace(there, balance=there.balance + euros)
        return "transferred"

    @tool
    def pay(self, from_account: Id, payee_id: Id, euros: int) -> str:
        """Pay a payee."""
        payee = find(self.payees, payee_id, "payee")
        self._withdraw(from_account, euros)
        self.payments[unused(self.payments, "Y")] = Payment(from_account, payee.id, euros)
        return "paid"

    @tool
    def add_payee(self, customer_id: Id, name: str) -> str:
        """Add somebody whom a customer pays."""
        self._authenticated(customer_id)
        number = unused(self.payees, "Q")
        self.payees[number] = Payee(number, customer_id, name)
        return f"added, payee {number}"

    @tool
    def block_card(self, card_id: Id) -> str:
        """Block a card."""
        card = find(self.cards, card_id, "card")
        self._authenticated(card.owner)
        self.cards[card_id] = replace(card, blocked=True)
        return "blocked"

    @tool
    def dispute_transaction(self, transaction_id: Id) -> str:
        """Claim the money of a transaction back."""
        one = find(self.transactions, transaction_id, "transaction")
        self._account(one.account)
        self.transactions[transaction_id] = replace(one, disputed=True)
        return "disputed"

    @tool
    def decline_request(self, customer_id: Id, reason: Literal["funds", "limit", "late"]) -> str:
        """Note that the rules forbid what a customer wants."""
        self._authenticated(customer_id)
        return self.refuse(customer_id, reason)

    def _authenticated(self, customer_id: str) -> None:
        self.need(find(self.customers, customer_id, "customer").id, "customer not authenticated")

    def _account(self, account_id: str) -> Account:
        account = find(self.accounts, account_id, "account")
        self._authenticated(account.owner)
        return account

    def _withdraw(self, account_id: str, euros: int) -> None:
        account = self._account(account_id)
        if euros <= 0:
            raise NotPossible(f"an amount of {euros} euros")
        self.need(f"balances of {account.owner}", "balances not looked at")
        self.accounts[account_id] = replace(account, balance=account.balance - euros)


def owned(
    table: Mapping[str, Account] | Mapping[str, Card] | Mapping[str, Payee], customer_id: str
) -> list[dict[str, Any]]:
    """What of a table belongs to a customer."""
    return [shown(one, "owner") for one in table.values() if one.owner == customer_id]


def shown(record: Account | Card | Payee | Transaction, left_out: str) -> dict[str, Any]:
    """A record as a tool shows it."""
    return {name: value for name, value in asdict(record).items() if name != left_out}
