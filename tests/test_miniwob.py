"""MiniWoB++: the pages, their experts, and episodes that are a function of a seed."""

import asyncio
import gc
import hashlib
import pickle
import random
import struct

import pytest
from browsing import need_browser, play
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym_envs.miniwob import pages
from agentgym_envs.miniwob.env import MiniWoB
from agentgym_envs.miniwob.experts import EXPERTS
from agentgym_tools.browser import host


@pytest.fixture(autouse=True, scope="module")
def _parts():
    need_browser()
    need_browser("miniwob")


def start(page, number=0, split="train"):
    env = MiniWoB(page)
    return env, env.reset(options={"task": f"{page}/{split}/{number:05}"})[0]


def test_there_are_130_pages_and_experts_for_most():
    assert len(pages.names()) == 130
    assert set(EXPERTS) | pages.CHANGED < set(pages.names())
    assert len(EXPERTS) >= 85
    registered = {name for name in agentgym.registered() if "/MiniWoB-" in name}
    assert registered == {"agentgym/MiniWoB-v0", *(f"agentgym/MiniWoB-{p}-v0" for p in EXPERTS)}


def test_tasks_are_the_same_everywhere():
    env = MiniWoB()
    text = "\n".join(task.model_dump_json() for split in env.splits for task in env.tasks(split))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "96a40b25d50b0095"


def test_no_seed_is_in_two_splits():
    env = MiniWoB("click-test")
    seeds = [{task.data["seed"] for task in env.tasks(split)} for split in env.splits]
    assert not seeds[0] & seeds[1] and not seeds[1] & seeds[2] and not seeds[0] & seeds[2]
    assert [len(part) for part in seeds] == [200, 20, 50]


def test_the_experts_reach_the_maximum():
    failed = []
    for page in sorted(EXPERTS):
        env = MiniWoB(page)
        for split in ("train", "test"):
            env.reset(options={"task": env.tasks(split)[0]})
            actions, _, reward, info = play(env, env.expert)
            if not (info.get("success") and reward == 1.0):
                failed.append((page, split, actions, reward))
    assert not failed


def test_the_other_pages_load_and_can_be_stepped():
    rng, seen = random.Random(0), set()
    for page in set(pages.names()) - set(EXPERTS):
        env, first = start(page, 1)
        assert first.startswith("instruction: ") and "[1] " in first, page
        seen.add(first)
        for _ in range(3):
            observation, _, done, _, info = env.step(rng.choice(env.actions()))
            assert info["valid"], (page, observation)
            if done:
                break
        env.close()
    assert len(seen) > 35  # some pages differ in what they look like only


def test_a_random_policy_fails():
    rng, won, played = random.Random(0), 0, 0
    for page in ("enter-text", "click-checkboxes-large", "email-inbox", "read-table", "login-user"):
        for number in range(6):
            env, _ = start(page, number)
            won += play(env, lambda env=env: rng.choice(env.actions()))[3].get("success", False)
            played += 1
    assert won <= played / 10


def test_the_reward_is_raw_and_thinking_takes_no_time():
    env, _ = start("click-test-2", 3)
    for _ in range(40):  # turns of a second each; the page's own limit is ten
        assert not env.step('press("Escape")')[2]
    assert env.step("click(1)")[1:3] == (1.0, True)
    env.reset(options={"task": "click-test-2/train/00003"})
    _, reward, done, _, info = env.step("click(2)")
    assert (reward, done, info["success"]) == (-1.0, True, False)


def test_the_score_panel_and_the_answer_are_not_shown():
    env, first = start("click-button")
    assert "Last reward" not in first and "Time left" not in first and "START" not in first
    assert first.count("Click on the") == 1
    assert play(env, env.expert)[1][-1] == "the episode is over"


@pytest.mark.parametrize("page", [*sorted(pages.CHANGED), "click-pie", "moving-items"])
def test_an_episode_does_not_see_those_before_it(page):
    env = MiniWoB(page)
    tasks = env.tasks("train")
    fresh = MiniWoB(page)
    expected = fresh.reset(options={"task": tasks[5]})[0]
    fresh.close()
    rng = random.Random(0)
    for number in range(2):
        env.reset(options={"task": tasks[number]})
        play(env, lambda: env.expert() or rng.choice(env.actions()), 10)
        assert env.reset(options={"task": tasks[5]})[0] == expected


@pytest.mark.parametrize("page", ["stock-market", "tic-tac-toe", "moving-items", "social-media"])
def test_the_same_seed_and_actions_are_the_same_episode(page):
    walks = []
    for _ in range(2):
        env, first = start(page, 7)
        rng = random.Random(1)
        walks.append((first, play(env, lambda env=env, rng=rng: rng.choice(env.actions()), 6)))
        env.close()
    assert walks[0] == walks[1]


def test_transfer_pages_hold_back_what_the_test_asks():
    assert "button ONE" in start("click-test-transfer")[1]
    assert "button TWO" in start("click-test-transfer", split="test")[1]


@pytest.mark.parametrize("copy_of", [MiniWoB.fork, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_play_the_episode_again(copy_of):
    env, _ = start("click-checkboxes-large", 2)
    env.step(env.expert())
    env.step(env.expert())
    twin, third = copy_of(env), copy_of(env)
    assert twin.anchor() == env.anchor() and twin._tab is None
    theirs = play(twin, twin.expert)
    assert theirs[3]["success"]
    assert play(env, env.expert) == theirs == play(third, third.expert)


def test_pages_are_used_again():
    env, _ = start("click-test")
    first = env._tab
    play(env, env.expert)
    env.reset(seed=0)
    assert env._tab is first
    other, _ = start("click-test", 1)
    assert other._tab is not first
    del env
    gc.collect()
    assert start("click-test", 2)[0]._tab is first  # it was given back


def test_many_episodes_at_once():
    async def episode(number):
        env = MiniWoB("click-checkboxes")
        await env.areset(options={"task": env.tasks("train")[number]})
        for _ in range(20):
            _, reward, done, _, _ = await env.astep(env.expert())
            if done:
                break
        return reward

    async def all_of_them():
        return await asyncio.gather(*map(episode, range(24)))

    assert asyncio.run(all_of_them()) == [1.0] * 24
    assert len(host._browser._idle) <= host.MOST_IDLE + 24


def test_a_screenshot():
    env, _ = start("click-color")
    picture = env.screenshot()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", picture[16:24]) == (640, 480)
    play(env, env.expert)
    with pytest.raises(EpisodeOver):
        env.screenshot()


def test_tasks_by_mistake():
    with pytest.raises(UnknownName, match="click-button"):
        agentgym.make("agentgym/MiniWoB-v0", task="click-buton")
    env = MiniWoB()
    with pytest.raises(UnknownName):
        env.tasks("dev")
    with pytest.raises(BadInput, match="no page and seed"):
        env.reset(options={"task": Task(id="mine", split="train", data={"page": "click-test"})})
    with pytest.raises(UnknownName):
        data = {"page": "../core/core", "seed": 1}
        env.reset(options={"task": Task(id="mine", split="train", data=data)})
    with pytest.raises(EpisodeOver):
        env.step("click(1)")
    env.reset(options={"task": Task(id="mine", split="x", data={"page": "click-test", "seed": 5})})
    assert play(env, env.expert)[3]["success"]


HOSTILE = st.one_of(
    st.text(),
    st.integers(0, 50).map(lambda number: f"click({number})"),
    st.tuples(st.integers(0, 9), st.text()).map(lambda pair: f"fill({pair[0]}, {pair[1]!r})"),
    st.sampled_from(['press("Control+W")', 'goto("file:///etc/passwd")', "back()", 'answer("x")']),
    st.sampled_from(['select(1, "x")', 'scroll("up")', 'press(99, "a")', "click(1" * 10_000]),
)


@settings(max_examples=40, deadline=None)
@given(actions=st.lists(HOSTILE, min_size=1, max_size=4))
def test_no_text_raises_and_invalid_text_changes_nothing(actions):
    env, _ = start("login-user-popup")
    for action in actions:
        before, possible = env.anchor(), env.actions()
        observation, reward, done, truncated, info = env.step(action)
        assert not truncated
        if done:
            return
        assert reward == 0.0
        if not info["valid"]:
            assert (env.anchor(), env.actions()) == (before, possible)
            assert observation.startswith(f"instruction: {env.instruction()}\n{before}\n")
    env.close()


@pytest.mark.parametrize("page", ["click-checkboxes", "use-autocomplete"])
def test_it_keeps_the_rules(page):
    check_env(f"agentgym/MiniWoB-{page}-v0", episodes=1)
