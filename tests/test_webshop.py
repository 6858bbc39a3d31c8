"""WebShop: its pages, its tasks and its expert."""

import asyncio
import copy
import hashlib
import json
import pickle
import random
import re

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym_envs.webshop.command import find_command
from agentgym_envs.webshop.env import WebShop
from agentgym_envs.webshop.levels import LEVELS

CHECKSUMS = {  # of all tasks of seed 0: a change here changes published tasks
    "easy": "3e142f0e31c6a672",
    "long": "c82e96f459e129b2",
    "medium": "d4e461883786b02e",
    "hard": "ee8ba517b4b8b817",
    "full": "8d235ea76514ad6b",
}


@pytest.fixture
def env():
    return WebShop("easy")


def play(env, choose, limit=30):
    """Actions and observations until the end, with the last info."""
    actions, observations, info = [], [], {}
    for _ in range(limit):
        action = choose()
        observation, _, done, _, info = env.step(action)
        actions.append(action)
        observations.append(observation)
        if done:
            break
    return actions, observations, info


def everything(env):
    return [task for split in env.splits for task in env.tasks(split)]


@pytest.mark.parametrize("level", LEVELS)
def test_tasks_are_the_same_everywhere(level):
    env = WebShop(level)
    text = json.dumps([task.model_dump() for task in everything(env)], ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[level]


@pytest.mark.parametrize("level", LEVELS)
def test_splits_are_disjoint_and_as_large_as_promised(level):
    env = WebShop(level)
    rung = LEVELS[level]
    assert len(env.shop.products) == rung.products
    assert [len(env.tasks(s)) for s in env.splits] == [rung.train, rung.valid, rung.test]
    wanted = {s: {task.data["asin"] for task in env.tasks(s)} for s in env.splits}
    assert not wanted["train"] & wanted["test"]
    assert not wanted["train"] & wanted["valid"]
    assert not wanted["valid"] & wanted["test"]
    assert len({task.data["instruction"] for task in everything(env)}) > 0.95 * len(everything(env))


@pytest.mark.parametrize(
    ("level", "every"), [("easy", 1), ("long", 1), ("medium", 1), ("hard", 1), ("full", 7)]
)
def test_the_expert_solves_every_task(level, every):
    env = WebShop(level)
    lengths = set()
    for task in everything(env)[::every]:
        env.reset(options={"task": task.id})
        actions, _, info = play(env, env.expert)
        assert info["success"] and info["score"] == 1.0, (task, actions)
        lengths.add(len(actions))
    assert lengths == {5} if level == "easy" else max(lengths) <= 22
    if level == "hard":
        assert min(lengths) >= 8


@pytest.mark.parametrize("level", LEVELS)
def test_a_random_shopper_fails(level):
    env = WebShop(level)
    rng = random.Random(0)
    won = 0
    for seed in range(300):
        env.reset(seed=seed)
        won += play(env, lambda: rng.choice(env.actions()))[2].get("success", False)
    assert won <= 5


@pytest.mark.parametrize("level", LEVELS)
def test_the_expert_recovers_from_anywhere(level):
    env = WebShop(level)
    rng = random.Random(1)
    for seed in range(60):
        env.reset(seed=seed)
        for _ in range(rng.randrange(12)):
            wander = [a for a in env.actions() if a != "click[buy now]"]
            env.step(rng.choice(wander))
        assert play(env, env.expert, 60)[2]["success"]


def test_easy_is_small(env):
    words = set()
    for task in env.tasks("train")[:300]:
        first, _ = env.reset(options={"task": task.id})
        _, observations, _ = play(env, env.expert)
        for text in [first, *observations]:
            assert len(text.split()) <= 60
            words |= set(re.findall(r"[a-z]+\b(?!\d)|\d+", re.sub(r"\[b\d+\]", "", text)))
    assert len(words) <= 150


def test_the_walk_through_the_pages(env):
    first, info = env.reset(options={"task": "easy/test/00000"})
    goal = env.tasks("test")[0].data
    assert first == f"instruction: {goal['instruction']}\nwrite search[words]"
    assert env.anchor() == "search||1|"
    results, *_ = env.step(f"search[{goal['search']}]")
    assert f"[{goal['asin']}]" in results and "[next >]" in results and "< prev" not in results
    second, *_ = env.step("click[next >]")
    assert "page 2" in second and "[< prev]" in second
    assert env.step("click[< prev]")[0] == results
    item, *_ = env.step(f"click[{goal['asin']}]")
    color, size = goal["options"]
    chosen, *_ = env.step(f"click[{color}]")
    assert f"chosen: {color}" in chosen and item != chosen
    features, *_ = env.step("Click[ Features ]")
    assert "features of" in features
    assert env.step("click[< prev]")[0] == chosen
    other = next(v for v in ("small", "large") if v != size)
    env.step(f"click[{other}]")
    env.step(f"click[{size}]")
    _, reward, done, truncated, info = env.step("click[BUY NOW]")
    assert (reward, done, truncated) == (1.0, True, False)
    parts = {"score": 1.0, "attributes": 1.0, "options": 1.0, "price": 1.0, "type": 1.0}
    assert info == {"valid": True, "success": True, **parts}


def test_back_to_search_forgets_everything(env):
    env.reset(seed=0)
    start = env.anchor()
    for action in (env.expert(), "click[back to search]"):
        env.step(action)
    assert env.anchor() == start


def test_the_last_page_has_no_next(env):
    env.reset(seed=0)
    env.step("search[shirt]")
    while "click[next >]" in env.actions():
        env.step("click[next >]")
    assert env.step("click[next >]")[4] == {"valid": False}


def test_a_search_without_results_is_a_page_too(env):
    env.reset(seed=0)
    observation, _, _, _, info = env.step("search[zzzzz]")
    assert info["valid"] and "page 1, 0 results" in observation
    assert env.actions() == ["click[back to search]"]
    assert env.expert() == "click[back to search]"


def test_buying_without_options_is_three_fifths(env):
    env.reset(options={"task": "easy/train/00000"})
    env.step(env.expert())
    env.step(env.expert())
    _, reward, done, _, info = env.step("click[buy now]")
    assert done and not info["success"]
    assert reward == info["score"] == pytest.approx(3 / 5)


def test_the_hurried_expert_forgets_the_last_option():
    env = WebShop("easy", hurry=0.5)
    counts = []
    for seed in range(200):
        env.reset(seed=seed)
        counts.append(len(play(env, env.expert)[0]))
    assert set(counts) == {4, 5} and 70 < counts.count(4) < 130
    assert len(play_of(WebShop("easy", hurry=1.0))) == 4


def play_of(env):
    env.reset(seed=0)
    return play(env, env.expert)[0]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("search[red shirt]", ("search", "red shirt")),
        ("I think so.\nCLICK[Buy Now]", ("click", "Buy Now")),
        ("click[a] or rather click[b]", ("click", "b")),
        ("<action>click[a]</action> not click[b]", ("click", "a")),
        ("<action>click[a]</action> <action>click[c]</action>", ("click", "c")),
        ("click[b] <action>nothing</action>", ("click", "b")),
        ("<action>click[b]", ("click", "b")),
        ("click [ b ]", ("click", " b ")),
        ("click[[b]]", None),
        ("click[b", None),
        ("press[b]", None),
        ("", None),
    ],
)
def test_commands_in_free_text(text, command):
    assert find_command(text) == command


HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.text().map(lambda text: f"search[{text}]"),
    st.text().map(lambda text: f"<action>click[{text}]</action>"),
    st.sampled_from(["search[", "click[", "<action>", "[[", "]]", "search[]"]).map(
        lambda text: text * (100_000 // len(text))
    ),
    st.sampled_from(
        ['"', ":", "a AND (", "text:x^2", "NOT", "* TO ]", "a~3 {x TO", "\\", "IN"]
    ).map(lambda text: f"search[{text} red]"),
)


@settings(max_examples=300, deadline=2000)
@given(actions=st.lists(HOSTILE, min_size=1, max_size=4), walk=st.integers(0, 4))
def test_no_text_raises_and_invalid_text_changes_nothing(actions, walk):
    env = WebShop("easy")
    env.reset(seed=0)
    for _ in range(walk):
        env.step(env.expert())
    for action in actions:
        page, state, possible = env.render(), env.anchor(), env.actions()
        observation, reward, done, truncated, info = env.step(action)
        assert reward == 0.0 and not done and not truncated
        if not info["valid"]:
            assert (env.render(), env.anchor(), env.actions()) == (page, state, possible)
            assert observation.startswith(page) and observation != page


def test_a_long_search_is_answered(env):
    env.reset(seed=0)
    assert env.step(f"search[{'red shirt ' * 10_000}]")[4]["valid"]


def test_steps_outside_an_episode_raise(env):
    with pytest.raises(EpisodeOver):
        env.step("search[a]")
    env.reset(seed=0)
    play(env, env.expert)
    for call in (lambda: env.step("search[a]"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            call()
    assert "thank you" in env.render()


def test_the_same_seed_is_the_same_episode():
    walks = []
    for _ in range(2):
        env = WebShop("hard", hurry=0.3)
        rng = random.Random(5)
        first, info = env.reset(seed=11)
        walks.append((first, info, *play(env, lambda env=env, rng=rng: rng.choice(env.actions()))))
    assert walks[0] == walks[1]
    assert WebShop("easy", seed=1).tasks("train") != WebShop("easy").tasks("train")


def copied(env):
    return copy.deepcopy(env)


def pickled(env):
    return pickle.loads(pickle.dumps(env))


@pytest.mark.parametrize("copy_of", [WebShop.fork, copied, pickled])
def test_copies_are_independent(copy_of):
    env = WebShop("easy")
    env.reset(seed=2)
    env.step(env.expert())
    twin = copy_of(env)
    assert twin.shop is env.shop
    state = env.anchor()
    assert play(twin, twin.expert)[2]["success"]
    assert env.anchor() == state
    assert play(env, env.expert)[2]["success"]
    assert env.reset() == copy_of(twin).reset()  # both drew nothing since the copy


def test_a_pickle_leaves_the_shop_behind():
    env = WebShop("full")
    env.reset(seed=0)
    assert len(pickle.dumps(env)) < 10_000


def test_equal_states_of_a_group_have_equal_anchors():
    env = WebShop("hard")
    visits = []
    for seed in range(4):
        env.reset(seed=seed, options={"task": "hard/train/00000"})
        rng, seen = random.Random(seed), {}
        for _ in range(25):
            seen.setdefault(env.anchor(), (env.render(), tuple(env.actions())))
            wander = [a for a in env.actions() if a != "click[buy now]"]
            env.step(env.expert() if rng.random() < 0.5 else rng.choice(wander))
            if "thank you" in env.render():
                break
        visits.append(seen)
    shared = visits[0].keys() & visits[1].keys()
    assert len(shared) >= 2
    assert all(visits[0][anchor] == visits[1][anchor] for anchor in shared)


def test_tasks_by_name_by_value_and_by_mistake(env):
    task = env.tasks("test")[3]
    first, info = env.reset(options={"task": task.id})
    assert info == {"task": "easy/test/00003"}
    assert env.reset(options={"task": task})[0] == first
    assert env.reset(options={"task": json.loads(task.model_dump_json())})[0] == first
    with pytest.raises(UnknownName, match="easy/test/00103"):
        env.reset(options={"task": "easy/test/0103"})
    with pytest.raises(BadInput, match="no WebShop goal"):
        env.reset(options={"task": Task(id="mine", split="train", data={"asin": "x"})})
    stranger = Task(id="mine", split="train", data={**task.data, "asin": "b000000"})
    with pytest.raises(BadInput, match="does not sell"):
        env.reset(options={"task": stranger})


def test_bad_arguments_are_named():
    with pytest.raises(UnknownName, match="'easy'"):
        agentgym.make("agentgym/WebShop-v0", level="eassy")
    with pytest.raises(UnknownName):
        WebShop("easy").tasks("dev")
    for wrong in ({"hurry": 2.0}, {"products": 0}, {"products": 961}):
        with pytest.raises(BadInput):
            WebShop("easy", **wrong)


def test_a_smaller_shop():
    env = WebShop("full", products=200)
    assert len(env.shop.products) == 200
    env.reset(seed=0)
    assert play(env, env.expert)[2]["success"]


def test_async_doors_are_the_same_as_the_sync_ones(env):
    async def both():
        first = await env.areset(seed=4)
        return first, await env.astep("search[shirt]")

    first, second = asyncio.run(both())
    assert first == env.reset(seed=4)
    assert second == env.step("search[shirt]")


@pytest.mark.filterwarnings("ignore:.*render fps")
def test_gymnasium_accepts_it():
    env = gymnasium.make("agentgym_envs:agentgym/WebShop-v0", products=300).unwrapped
    check_env(env)
