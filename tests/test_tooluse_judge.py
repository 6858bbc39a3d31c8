"""ToolUse: what counts at the end, worked out by hand."""

import pytest

from agentgym_envs.tooluse.case import Case, Plan, call
from agentgym_envs.tooluse.env import ToolUse
from agentgym_envs.tooluse.judge import answer_score, judge, run_on
from agentgym_envs.tooluse.retail.shop import Customer, Order, Shop


class TwoOrders(Shop):
    def begin(self, rng):
        raise NotImplementedError


@pytest.fixture
def shop():
    start = TwoOrders()
    start.customers["C1"] = Customer("C1", "Ada Abel", "12345")
    for number in ("R1", "R2"):
        start.orders[number] = Order(
            number, "C1", "lamp", 20, "processing", "card", "Mill Street 1"
        )
    return start


CHECK = call("verify_customer", customer_id="C1", postcode="12345")
CANCEL_1 = call("cancel_order", order_id="R1")
CANCEL_2 = call("cancel_order", order_id="R2")
BOTH = Case("", {}, Plan(((CHECK,), (CANCEL_1, CANCEL_2))), Plan(()))


@pytest.mark.parametrize(
    ("made", "parts"),
    [
        ([CHECK, CANCEL_2, CANCEL_1], (1.0, 1.0, 1.0)),
        ([CHECK, CANCEL_1, CANCEL_1, CANCEL_2], (1.0, 1.0, 1.0)),  # twice is the same state
        ([CHECK, CANCEL_1], (1 / 2, 1.0, 1.0)),
        ([CANCEL_1, CANCEL_2], (1.0, 1.0, 0.0)),  # not verified
        ([CANCEL_1, CHECK, CANCEL_2], (1.0, 1.0, 0.0)),  # too late
        ([CHECK], (0.0, 1.0, 1.0)),
        ([], (0.0, 1.0, 1.0)),
        (  # two as wanted, one that was not
            [CHECK, CANCEL_1, CANCEL_2, call("give_voucher", customer_id="C1", euros=5)],
            (2 / 3, 1.0, 1.0),
        ),
        (  # one as wanted, one wrong in its stead: of three changes wanted or made, one is both
            [CHECK, CANCEL_1, call("change_address", order_id="R2", address="x")],
            (1 / 3, 1.0, 1.0),
        ),
        (  # there and back again
            [
                CHECK,
                CANCEL_1,
                CANCEL_2,
                call("change_address", order_id="R1", address="x"),
                call("change_address", order_id="R1", address="Mill  Street 1"),
            ],
            (1.0, 1.0, 1.0),
        ),
    ],
)
def test_changes_and_rules(shop, made, parts):
    now = shop.copy()
    for one in made:
        assert run_on(now, one).error is None
    verdict = judge(BOTH, shop, now, "whatever")
    assert (verdict.changes, verdict.answer, verdict.rules) == pytest.approx(parts)
    assert verdict.success == (parts == (1.0, 1.0, 1.0))
    assert shop.orders["R1"].status == "processing"


def test_an_answer_alone_is_judged_too(shop):
    asked = Case("", {}, Plan(((CHECK,),)), Plan(()), expected=("20",))
    assert judge(asked, shop, shop.copy(), "It was 20 euros.").success
    assert not judge(asked, shop, shop.copy(), "It was 21 euros.").success
    now = shop.copy()
    run_on(now, CHECK)
    run_on(now, CANCEL_1)
    assert judge(asked, shop, now, "It was 20 euros.").changes == 0.0


@pytest.mark.parametrize(
    ("text", "expected", "score"),
    [
        ("You paid 1,234 euros.", ("1234",), 1.0),
        ("You paid 1234.00 euros.", ("1234",), 1.0),
        ("You paid 12345 euros.", ("1234",), 0.0),
        ("-12 euros", ("12",), 0.0),
        ("You paid 12 for 3.", ("12", "4"), 1 / 2),
        ("Take the MORNING train", ("morning train",), 1.0),
        ("mornings", ("morning",), 0.0),
        ("It starts at 09:30.", ("09:30",), 1.0),
        ("", ("1",), 0.0),
        ("anything", (), 1.0),
        ("1 2 3 4 5", ("3",), 1.0),
        ("1 2 3 4 5 6", ("3",), 0.0),  # trying one's luck
    ],
)
def test_answers(text, expected, score):
    assert answer_score(text, expected) == pytest.approx(score)


def test_an_answer_must_choose():
    assert answer_score("Rome", ("Rome",), ("Oslo",)) == 1.0
    assert answer_score("Rome or Oslo", ("Rome",), ("Oslo",)) == 0.0


def test_partial_credit_is_an_option():
    rewards = {}
    for kind in ("success", "partial"):
        env = ToolUse("retail", reward=kind)
        task = next(t for t in env.tasks("train") if "Please cancel all" in env_request(env, t))
        env.reset(options={"task": task})
        for _ in range(3):
            env.step(env.expert())
        env.step(env.expert().split("\n<tool_call>")[0])  # the first of the parallel calls alone
        _, rewards[kind], _, _, info = env.step("Done.")
    assert rewards == {"success": 0.0, "partial": info["changes"]}
    assert 0 < info["changes"] < 1 and info["rules"] == 1.0


def env_request(env, task):
    return env.reset(options={"task": task})[0]
