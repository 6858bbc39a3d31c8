"""ToolUse: five domains, their tasks and their experts."""

import asyncio
import copy
import hashlib
import pickle
import random
import re

import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall
from agentgym_envs.tooluse.domain import Domain
from agentgym_envs.tooluse.env import ToolUse
from agentgym_envs.tooluse.tasks import DOMAINS, SIZES, Origin, opened

CHECKSUMS = {  # of wishes, databases and plans: a change here changes published tasks
    ("retail", "easy"): "73e45606cf1a8417",
    ("retail", "full"): "ce4203e06cd3da3a",
    ("travel", "easy"): "1ca7fab5018ffec7",
    ("travel", "full"): "c015ae51dec82b20",
    ("calendar", "easy"): "03299e1abf9c4aa3",
    ("calendar", "full"): "2cdbf61fbbcbbb43",
    ("files", "easy"): "e1c1c95e2ae84e0a",
    ("files", "full"): "903fd6269b88f76e",
    ("bank", "easy"): "9870b30d133ca0a3",
    ("bank", "full"): "c9aa7125047f3396",
}
ALL = pytest.mark.parametrize(("domain", "level"), CHECKSUMS)
EASY = pytest.mark.parametrize("domain", DOMAINS)


def calls(*wanted):
    return "".join(write_tool_call(ToolCall(name=n, arguments=a)) for n, a in wanted)


def play(env, choose, limit=20):
    """Actions and observations until the end, with the last reward and info."""
    actions, observations, reward, info = [], [], 0.0, {}
    for _ in range(limit):
        action = choose()
        observation, reward, done, _, info = env.step(action)
        actions.append(action)
        observations.append(observation)
        if done:
            break
    return actions, observations, reward, info


def opened_of(task):
    return opened(Origin.model_validate(task.data))


def fingerprint(domain):
    """Everything in a database, fields that are not compared included."""
    return repr(domain.tables())


def test_every_domain_has_its_pin():
    assert set(CHECKSUMS) == {(name, level) for name, levels in DOMAINS.items() for level in levels}


@ALL
def test_tasks_are_the_same_everywhere(domain, level):
    env, digest = ToolUse(domain, level), hashlib.sha256()
    for split in env.splits:
        for task in env.tasks(split)[:100]:
            start, case = opened_of(task)
            digest.update(f"{task.id} {case.told_at_once()} {case.plan}".encode())
            digest.update(fingerprint(start).encode())
    assert digest.hexdigest()[:16] == CHECKSUMS[domain, level]


@ALL
def test_no_wish_is_in_two_splits(domain, level):
    env = ToolUse(domain, level)
    assert {split: len(env.tasks(split)) for split in env.splits} == SIZES[level]
    wishes = {s: {opened_of(task)[1].request for task in env.tasks(s)} for s in env.splits}
    assert not wishes["train"] & wishes["test"]
    assert not wishes["train"] & wishes["valid"]
    assert not wishes["valid"] & wishes["test"]


@ALL
@pytest.mark.parametrize("user", ["none", "scripted"])
def test_the_expert_solves_every_task(domain, level, user):
    env = ToolUse(domain, level, user=user)
    for split in env.splits:
        for task in env.tasks(split)[:: 1 if user == "none" else 5]:
            env.reset(options={"task": task})
            actions, _, reward, info = play(env, env.expert)
            assert info["success"] and reward == 1.0, (task, actions, info)
            assert len(actions) <= (8 if level == "full" else 5)


@ALL
def test_the_hurried_expert_never_succeeds(domain, level):
    env = ToolUse(domain, level, hurry=1.0)
    for task in env.tasks("test"):
        env.reset(options={"task": task})
        _, _, reward, info = play(env, env.expert)
        assert info["success"] is False and reward == 0.0, task


@ALL
def test_a_random_policy_fails(domain, level):
    env, draw, won = ToolUse(domain, level), random.Random(0), 0
    for task in env.tasks("train")[:60]:
        env.reset(options={"task": task})
        won += play(env, lambda: draw.choice(env.actions()))[3].get("success", False)
    assert won <= 4


@ALL
def test_it_keeps_the_contract(domain, level):
    check_env(lambda: ToolUse(domain, level, hurry=0.3), episodes=2)


def test_it_keeps_the_contract_with_a_user():
    check_env(ToolUse("bank", user="scripted", reward="partial"))
    check_env("agentgym/ToolUse-Files-v0")


@EASY
def test_easy_is_small(domain):
    env, words = ToolUse(domain, "easy"), set()
    assert len(env.tools) <= 4
    for task in env.tasks("train")[:300]:
        first, _ = env.reset(options={"task": task})
        actions, observations, _, _ = play(env, env.expert)
        assert len(actions) == 4
        for text in [env.system_prompt, first, *actions, *observations]:
            assert len(text.split()) <= 60
            words |= set(re.findall(r"[a-z]+|\d", text.lower()))
    assert len(words) <= 150


@pytest.mark.parametrize("name", ["Retail", "Travel", "Calendar", "Files", "Bank"])
def test_each_has_a_name(name):
    env = agentgym.make(f"agentgym/ToolUse-{name}-v0", level="easy")
    assert env.tasks("test")[0].data["domain"] == name.lower()
    assert env.spec.max_episode_steps == 20


@pytest.mark.parametrize("form", ["one by one", "backwards", "as plain JSON"])
def test_the_order_of_parallel_calls_and_their_form_do_not_matter(form):
    env = ToolUse("bank")
    task = next(t for t in env.tasks("train") if "stolen" in opened_of(t)[1].request)
    env.reset(options={"task": task})
    for turn in opened_of(task)[1].plan.turns:
        written = [write_tool_call(call) for call in turn]
        if form == "one by one":
            for call in written:
                assert env.step(call)[4]["valid"]
        elif form == "backwards":
            assert env.step("\n".join(written[::-1]))[4]["valid"]
        else:
            assert env.step("[" + ", ".join(c.model_dump_json() for c in turn) + "]")[4]["valid"]
    assert env.step("All settled.")[4]["success"]


def test_a_second_payment_is_one_too_many():
    env = ToolUse("bank", "easy")
    env.reset(seed=0)
    for _ in range(2):
        env.step(env.expert())
    pay = env.expert()
    env.step(pay)
    assert env.fork().step("done")[4]["success"]
    env.step(pay)
    info = env.step("done")[4]
    assert info["changes"] == pytest.approx(1 / 2) and not info["success"]


def test_thoughts_are_not_said():
    env = ToolUse("retail", "easy")
    env.reset(seed=0)
    assert env.step("<think>done</think>")[4] == {"valid": False}
    assert env.step("<think>I could call it do")[4] == {"valid": False}
    assert env.step("I was told so.</think>done")[2]


def test_text_beside_calls_is_not_heard():
    env = ToolUse("retail", "easy", user="scripted")
    env.reset(seed=0)
    page, _, done, _, _ = env.step("What is your code? " + env.actions()[0])
    assert page in ("ok", "wrong") and not done


def test_too_many_calls_at_once_are_left_out():
    env = ToolUse("files", "easy")
    env.reset(seed=0)
    page, *_, info = env.step(calls(("find", {"kind": "map", "name": "anna"})) * 25)
    assert page.count("find: ") == 20 and "5 calls were left out" in page and not info["valid"]


def test_mistakes_are_told():
    env = ToolUse("bank")
    env.reset(seed=0)
    for action, said in [
        (calls(("transfers", {})), "did you mean 'transfer'"),
        (calls(("pay", {"euros": "many"})), "Bad arguments for pay"),
        ("<tool_call>{", "cannot be read"),
        ("", "Call a tool"),
    ]:
        page, reward, done, _, info = env.step(action)
        assert said in page and not info["valid"] and not done and reward == 0.0
    page, *_, info = env.step(calls(("list_accounts", {"customer_id": "C0"})))
    assert page == "NotFound: there is no customer 'C0'" and info["valid"]
    counted = env.step("I give up.")[4]["tool_calls"]
    assert counted == {"unknown": 1, "arguments": 1, "malformed": 1, "exception": 1}


@settings(max_examples=100, deadline=2000)
@given(
    actions=st.lists(
        st.one_of(
            st.text(),
            st.text().map(lambda text: f"<tool_call>{text}</tool_call>"),
            st.tuples(
                st.sampled_from(["pay", "transfer", "block_card", "weather", "__init__", "copy"]),
                st.dictionaries(
                    st.sampled_from(["euros", "from_account", "card_id", "city", "self"]),
                    st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers())),
                ),
            ).map(calls),
        ),
        min_size=1,
        max_size=4,
    ),
    walk=st.integers(0, 4),
)
def test_no_text_raises_and_invalid_text_changes_nothing(actions, walk):
    env = ToolUse("bank", user="scripted")
    env.reset(seed=0)
    for _ in range(walk):
        env.step(env.expert())
    for action in actions:
        before = fingerprint(env.domain)
        observation, _, done, truncated, info = env.step(action)
        assert isinstance(observation, str) and not truncated
        if not info["valid"]:
            assert fingerprint(env.domain) == before and observation
        if done:
            break


def test_steps_outside_an_episode_raise():
    env = ToolUse("travel")
    with pytest.raises(EpisodeOver):
        env.step("hello")
    env.reset(seed=0)
    play(env, env.expert)
    for door in (lambda: env.step("hello"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            door()


def pickled(env):
    return pickle.loads(pickle.dumps(env))


@pytest.mark.parametrize("copy_of", [ToolUse.fork, copy.deepcopy, pickled])
@ALL
def test_copies_are_independent(domain, level, copy_of):
    env = ToolUse(domain, level, user="scripted")
    env.reset(seed=2)
    env.step(env.expert())
    twin, state, records = copy_of(env), env.anchor(), fingerprint(env.domain)
    assert play(twin, twin.expert)[3]["success"]
    assert (env.anchor(), fingerprint(env.domain)) == (state, records)
    assert play(env, env.expert)[3]["success"]
    assert env.reset()[0] == twin.reset()[0]  # both drew nothing since the copy


@ALL
def test_the_shared_start_is_never_changed(domain, level):
    env = ToolUse(domain, level)
    task = env.tasks("train")[0]
    before = fingerprint(opened_of(task)[0])
    for _ in range(2):
        env.reset(options={"task": task})
        assert play(env, env.expert)[3]["success"]
    start = opened_of(task)[0]
    assert fingerprint(start) == before and not start.checked and not start.breaches
    assert isinstance(env.domain, Domain) and env.domain is not start


def test_the_anchor_forgets_order_and_repetition():
    env, anchors = ToolUse("calendar", "easy"), []
    task = env.tasks("train")[0]
    names = list(opened_of(task)[0].hours)
    for order in (names, names[::-1], [*names, names[0]]):
        env.reset(options={"task": task})
        for name in order:
            env.step(calls(("ask", {"name": name})))
        anchors.append(env.anchor())
    assert len(set(anchors)) == 1
    env.step(calls(("ask", {"name": "nobody"})))
    assert env.anchor() != anchors[0]


def test_the_anchor_remembers_a_broken_rule():
    env, anchors = ToolUse("retail", "easy"), []
    task = env.tasks("train")[0]
    check, look, refund = (turn[0] for turn in opened_of(task)[1].plan.turns)
    for order, breaches in [
        ((check, look, refund), []),
        ((look, check, refund), ["code not checked"]),
    ]:
        env.reset(options={"task": task})
        for one in order:
            env.step(write_tool_call(one))
        anchors.append(set(env.anchor().splitlines()))
        info = env.step("done")[4]
        assert info["changes"] == 1.0 and info["breaches"] == breaches
    right, wrong = anchors
    assert wrong - right == {"code not checked"}


def test_async_doors_are_the_same_as_the_sync_ones():
    env = ToolUse("retail")

    async def both():
        first = await env.areset(seed=4)
        return first, await env.astep(env.expert())

    first, second = asyncio.run(both())
    assert first == env.reset(seed=4)
    assert second == env.step(env.expert())


def test_the_same_tools_before_and_after_reset():
    env = ToolUse("retail")
    schemas = [tool.schema for tool in env.tools]
    offered = list(env.tools)
    env.reset(seed=0)
    assert [tool.schema for tool in env.tools] == schemas
    assert all(one is other for one, other in zip(env.tools, offered, strict=True))


def test_distractors():
    names = [len(ToolUse("retail", distractors=n).tools) for n in range(5)]
    assert names == list(range(names[0], names[0] + 5))
    env = ToolUse("retail")
    env.reset(seed=0)
    anchor = env.domain.copy()
    assert env.step(calls(("weather", {"city": "Oslo"})))[4]["valid"]
    assert not env.domain.changes(anchor)


def test_bad_arguments_are_named():
    for wrong, error in [
        ({"domain": "retial"}, "did you mean 'retail'"),
        ({"domain": "retail", "level": "hard"}, "known: easy, full"),
        ({"domain": "retail", "user": "script"}, "did you mean 'scripted'"),
        ({"domain": "retail", "reward": "dense"}, "known: partial, success"),
    ]:
        with pytest.raises(UnknownName, match=error):
            ToolUse(**wrong)
    for wrong in ({"hurry": 2.0}, {"distractors": 9}):
        with pytest.raises(BadInput):
            ToolUse("retail", **wrong)
    with pytest.raises(UnknownName):
        ToolUse("retail").tasks("dev")
    with pytest.raises(BadInput, match="belongs to bank at level full"):
        ToolUse("retail").reset(options={"task": ToolUse("bank").tasks("test")[0]})
    with pytest.raises(BadInput, match="not one of ToolUse"):
        ToolUse("retail").reset(options={"task": Task(id="x", split="train", data={"seed": 1})})
