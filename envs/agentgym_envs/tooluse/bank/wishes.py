"""What customers of the bank want, and how it is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import ToolCall
from agentgym_envs.tooluse.bank.accounts import (
    MOST,
    TODAY,
    Account,
    Accounts,
    Card,
    Customer,
    Payee,
    Transaction,
)
from agentgym_envs.tooluse.case import Case, Plan, Turn, call
from agentgym_envs.tooluse.names import FIRST, LAST

KINDS = ("checking", "savings", "holiday")
SHOPS = (
    ("Bistro Luna", "food"),
    ("Green Market", "food"),
    ("Corner Bakery", "food"),
    ("City Rail", "travel"),
    ("Blue Ferries", "travel"),
    ("Night Taxi", "travel"),
    ("Book Cellar", "fun"),
    ("Star Cinema", "fun"),
    ("Ice Rink", "fun"),
)
CHECK = "authenticate"


@dataclass(frozen=True)
class Holdings:
    """What the one who calls has, in the order of creation."""

    customer: Customer
    accounts: list[Account]
    card: Card
    payees: list[Payee]
    transactions: list[Transaction]


def days_ago(days: int) -> str:
    """A day, counted back from today."""
    return (date.fromisoformat(TODAY) - timedelta(days=days)).isoformat()


def fill(bank: Accounts, rng: SeededRandom) -> Holdings:
    """Three customers with all they have; the first of them is the one who calls."""
    numbers = iter(rng.numbers(60, 1000, 9999))
    holdings = []
    for first, last in zip(rng.some(FIRST, 3), rng.some(LAST, 3), strict=True):
        me = Customer(f"C{next(numbers)}", f"{first} {last}", str(next(numbers)))
        accounts = [Account(f"A{next(numbers)}", me.id, k, rng.between(900, 5000)) for k in KINDS]
        card = Card(f"K{next(numbers)}", me.id, accounts[0].id)
        friends = zip(rng.some(FIRST, 3), rng.some(LAST, 3), strict=True)
        payees = [Payee(f"Q{next(numbers)}", me.id, " ".join(name)) for name in friends]
        spent = [
            Transaction(
                f"X{next(numbers)}",
                accounts[0].id,
                days_ago(rng.between(1, 100)),
                shop,
                category,
                euros,
            )
            for (shop, category), euros in zip(
                rng.some(SHOPS, 7), rng.numbers(7, 5, 180), strict=True
            )
        ]
        bank.customers[me.id], bank.cards[card.id] = me, card
        bank.accounts |= {account.id: account for account in accounts}
        bank.payees |= {payee.id: payee for payee in payees}
        bank.transactions |= {one.id: one for one in spent}
        holdings.append(Holdings(me, accounts, card, payees, spent))
    return holdings[0]


def case(
    customer: Customer,
    wanted: str,
    details: dict[str, str],
    *turns: Turn,
    answer: str = "Done.",
    expected: tuple[str, ...] = (),
) -> Case:
    """Find and authenticate the customer, then do the rest."""
    found = (call("find_customer", name=customer.name),)
    known = (call(CHECK, customer_id=customer.id, code=customer.code),)
    plan = Plan((found, known, *turns), answer)
    return Case(
        request=f"Hello, this is {customer.name}. {wanted}",
        details={"code": f"My code is {customer.code}.", **details},
        plan=plan,
        hasty=plan.without(CHECK),
        expected=expected,
    )


def listed(what: str, customer: Customer) -> ToolCall:
    """The call that lists a customer's accounts, cards or payees."""
    return call(f"list_{what}", customer_id=customer.id)


def decline(customer: Customer, reason: str) -> ToolCall:
    """The call that notes a refusal."""
    return call("decline_request", customer_id=customer.id, reason=reason)


def transaction_of(mine: Holdings) -> ToolCall:
    """The call that lists what was spent."""
    return call("list_transactions", account_id=mine.accounts[0].id)


def transfer(bank: Accounts, mine: Holdings, rng: SeededRandom) -> Case:  # noqa: ARG001  all wishes are called alike
    """Money to another account until it holds a round sum, if there is enough."""
    here, there = rng.some(mine.accounts, 2)
    enough = rng.random() < 0.7
    euros = rng.between(100, here.balance) if enough else here.balance + rng.between(1, 300)
    goal = there.balance + euros
    move = call("transfer", from_account=here.id, to_account=there.id, euros=euros)
    return case(
        mine.customer,
        f"Please fill up my {there.kind} account.",
        {
            "source": f"Take it from my {here.kind} account.",
            "amount": f"There should be {goal} euros in the end.",
        },
        (listed("accounts", mine.customer),),
        (move if enough else decline(mine.customer, "funds"),),
    )


def pay(bank: Accounts, mine: Holdings, rng: SeededRandom) -> Case:
    """A payment, if neither limit nor balance forbid it."""
    payee, account = rng.pick(mine.payees), rng.pick(mine.accounts[:2])
    account = replace(account, balance=rng.between(300, 3000))
    bank.accounts[account.id] = account
    euros = rng.between(50, 1400)
    action = call("pay", from_account=account.id, payee_id=payee.id, euros=euros)
    if euros > MOST:
        action = decline(mine.customer, "limit")
    elif euros > account.balance:
        action = decline(mine.customer, "funds")
    return case(
        mine.customer,
        f"Please pay {payee.name}.",
        {"amount": f"It is {euros} euros.", "source": f"From my {account.kind} account."},
        (listed("accounts", mine.customer), listed("payees", mine.customer)),
        (action,),
    )


def pay_two(bank: Accounts, mine: Holdings, rng: SeededRandom) -> Case:  # noqa: ARG001  all wishes are called alike
    """Two payments at once."""
    first, second = rng.some(mine.payees, 2)
    account, euros = mine.accounts[0], rng.between(50, 400)
    return case(
        mine.customer,
        f"Please pay {first.name} and {second.name}.",
        {"amount": f"{euros} euros to each.", "source": f"From my {account.kind} account."},
        (listed("accounts", mine.customer), listed("payees", mine.customer)),
        tuple(
            call("pay", from_account=account.id, payee_id=payee.id, euros=euros)
            for payee in (first, second)
        ),
    )


def dispute(bank: Accounts, mine: Holdings, rng: SeededRandom) -> Case:
    """A transaction that was not the customer's, in time or late."""
    late = rng.random() < 0.4
    days = rng.between(61, 100) if late else rng.between(2, 60)
    one = replace(rng.pick(mine.transactions), day=days_ago(days))
    bank.transactions[one.id] = one
    action = call("dispute_transaction", transaction_id=one.id)
    return case(
        mine.customer,
        "There is a transaction that I did not make. I want the money back.",
        {"shop": f"It was at {one.shop}, from my checking account."},
        (listed("accounts", mine.customer),),
        (transaction_of(mine),),
        (decline(mine.customer, "late") if late else action,),
    )


def stolen(bank: Accounts, mine: Holdings, rng: SeededRandom) -> Case:
    """A stolen card: it is blocked, and two transactions are disputed."""
    wrong = rng.some(mine.transactions, 2)
    for place, one in enumerate(wrong):
        bank.transactions[one.id] = replace(one, day=days_ago(place + 1))
    shops = " and at ".join(one.shop for one in wrong)
    return case(
        mine.customer,
        "My card was stolen!",
        {"shop": f"I did not pay at {shops}, it is my checking account."},
        (listed("accounts", mine.customer), listed("cards", mine.customer)),
        (transaction_of(mine),),
        (
            call("block_card", card_id=mine.card.id),
            *(call("dispute_transaction", transaction_id=one.id) for one in wrong),
        ),
    )


def spending(bank: Accounts, mine: Holdings, rng: SeededRandom) -> Case:  # noqa: ARG001  all wishes are called alike
    """What was spent on something; nothing is changed."""
    category = rng.pick(sorted({one.category for one in mine.transactions}))
    total = sum(one.euros for one in mine.transactions if one.category == category)
    return case(
        mine.customer,
        f"How many euros did I spend on {category}?",
        {"account": "I mean my checking account."},
        (listed("accounts", mine.customer),),
        (transaction_of(mine),),
        answer=f"You spent {total} euros.",
        expected=(str(total),),
    )


@dataclass(eq=False)
class Bank(Accounts):
    """The bank with customers in it."""

    def begin(self, rng: SeededRandom) -> Case:
        """Fill the bank and let its first customer want something."""
        mine = fill(self, rng)
        return rng.pick((transfer, pay, pay_two, dispute, stolen, spending))(self, mine, rng)
