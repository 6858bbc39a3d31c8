"""Errand: its towns, its pages that do not tell, and its expert."""

import copy
import hashlib
import json
import pickle
import random

import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.seeded_random import split_of
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym_envs.errand.env import Errand, find_command
from agentgym_envs.errand.towns import LEVELS, SIZES, Town

CHECKSUMS = {  # of all tasks of seed 0: they are published
    "easy": "6dd5027785eea481",
    "medium": "9c0c27d8d0d66735",
    "hard": "4d563fd57ffadf53",
}
TOWN = {  # inn - mill - park, and a barn beside the mill
    "ways": {"inn": ["mill"], "mill": ["barn", "inn", "park"], "park": ["mill"], "barn": ["mill"]},
    "start": "inn",
    "thing": "lamp",
    "offered": ["lamp", "rope"],
    "source": "barn",
    "target": "park",
}
ERRAND = "bring the lamp from the barn to the park"


@pytest.fixture(scope="module", params=LEVELS)
def level(request):
    return request.param


def everything(env):
    return [task for split in env.splits for task in env.tasks(split)]


def town(tells=False, **changes):
    env = Errand("easy", tells=tells)
    env.reset(options={"task": Task(id="mine", split="train", data=TOWN | changes)})
    return env


def page(env, action):
    """The page after an action, without the errand, and whether the action was possible."""
    observation, _, _, _, info = env.step(action)
    return observation.removeprefix(f"{ERRAND}\n"), info["valid"]


def test_tasks_are_the_same_everywhere(level):
    text = json.dumps([task.model_dump() for task in everything(Errand(level))])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[level]


def test_what_is_brought_where_in_one_split_is_so_in_no_other(level):
    env = Errand(level)
    assert {split: len(env.tasks(split)) for split in SIZES} == SIZES
    for task in everything(env):
        made = Town.model_validate(task.data)
        assert split_of(f"{made.thing} {made.target}", 5) == task.split
        assert len(made.ways) == LEVELS[level].places
        roads = sum(map(len, made.ways.values())) // 2
        assert roads == LEVELS[level].places - 1 + LEVELS[level].shortcuts
        assert len({made.start, made.source, made.target}) == 3
    towns = {json.dumps(task.data["ways"]) for task in everything(env)}
    assert (len(towns) == 1) == LEVELS[level].one_town


def test_the_expert_takes_the_shortest_way(level):
    env = Errand(level)
    for task in everything(env)[::5]:
        made = Town.model_validate(task.data)
        env.reset(options={"task": task})
        steps, done = 0, False
        while not done:
            _, reward, done, _, info = env.step(env.expert())
            steps += 1
        assert reward == 1.0 and info == {"valid": True, "success": True}
        assert steps == 2 + far(made, made.start)[made.source] + far(made, made.source)[made.target]


def far(made, start):
    """The distance of each place, by relaxing every way again and again."""
    distance = {place: len(made.ways) for place in made.ways} | {start: 0}
    for _ in made.ways:
        for place, others in made.ways.items():
            for other in others:
                distance[other] = min(distance[other], distance[place] + 1)
    return distance


def test_a_walk_by_hand():
    env = town()
    assert env.render() == f"{ERRAND}\nat the inn, next to the mill"
    at_mill = "at the mill, next to the barn, the inn, the park"
    at_park = "at the park, next to the mill. something is wanted here"
    assert page(env, "go to the mill") == (at_mill, True)
    assert page(env, "go park") == (at_park, True)
    assert page(env, "leave") == (at_park, False)  # has nothing
    assert page(env, "go barn") == (at_park, False)  # too far
    page(env, "go mill")
    assert env.actions() == ["go barn", "go inn", "go park"]
    at_barn = "at the barn, next to the mill. here are lamp, rope"
    assert page(env, "go barn") == (at_barn, True)
    assert page(env, "take the rope") == (at_barn, True)  # the page does not tell
    assert page(env, "take rope") == (at_barn, False)
    assert env.expert() == "take lamp"
    assert page(env, "take lamp") == (at_barn, True)
    assert page(env, "go mill") == (at_mill, True)  # as it read on the way there
    page(env, "I go. <action>go park</action>")
    over = (f"{ERRAND}\ndone", 1.0, True, False, {"valid": True, "success": True})
    assert env.step("leave") == over


def test_the_wrong_thing_is_not_wanted():
    env = town()
    for action in ("go mill", "go barn", "take rope", "go mill", "go park"):
        assert page(env, action)[1]
    assert not page(env, "leave")[1] and env.expert() == "go mill"


def test_the_page_is_the_anchor_though_it_hides_the_state():
    def wander(prompt):
        return next(plan)

    plan = iter(["go mill", "go barn", "take lamp", "go mill", "go park", "leave"])
    task = Task(id="mine", split="train", data=TOWN)
    record = agentgym.run(agentgym.rollout, Errand("easy"), agentgym.ScriptedPolicy(wander), task)
    anchors = [step.anchor for step in record.steps]
    assert record.success and anchors[1] == anchors[4] and anchors[2] == anchors[3]


def test_a_page_that_tells_is_the_whole_state():
    env = town(tells=True)
    for action in ("go mill", "go barn"):
        env.step(action)
    with_lamp = "at the barn carrying the lamp, next to the mill. here are lamp, rope"
    assert page(env, "take lamp") == (with_lamp, True)
    after = "at the mill carrying the lamp, next to the barn, the inn, the park"
    assert page(env, "go mill") == (after, True)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("go mill", "go mill"),
        ("Go to the Mill.", "go mill"),
        ("take rope, then go inn", "go inn"),
        ("<action>take the rope</action> or go inn", "take rope"),
        ("<action>well</action> leave", "leave"),
        ("going, taken, leaves", ""),
        ("take", ""),
        ("go", ""),
        ("", ""),
    ],
)
def test_commands_in_free_text(text, command):
    assert find_command(text) == command


HOSTILE = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.sampled_from(["go ", "take ", "leave ", "<action>", "</action>", "go to the "]).map(
        lambda text: text * (100_000 // len(text))
    ),
)


@settings(max_examples=150, deadline=2000)
@given(actions=st.lists(HOSTILE | st.sampled_from(["go mill", "go barn", "take lamp"]), max_size=5))
def test_no_text_raises_and_invalid_text_changes_nothing(actions):
    env = town()
    for action in actions:
        before, possible = env.render(), env.actions()
        observation, _, _, _, info = env.step(action)
        if not info["valid"]:
            assert observation == before and env.actions() == possible


def test_a_random_walker_needs_long(level):
    env, rng, won = Errand(level), random.Random(0), 0
    for task in env.tasks("valid"):
        env.reset(options={"task": task})
        done, steps = False, 0
        while not done and steps < 10:
            _, _, done, _, _ = env.step(rng.choice(env.actions()))
            steps += 1
        won += done
    assert won < {"easy": 40, "medium": 20, "hard": 10}[level]


def test_steps_outside_an_episode_raise():
    env = Errand("easy")
    for early in (lambda: env.step("take"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            early()


@pytest.mark.parametrize(
    "copy_of",
    [Errand.fork, copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))],
    ids=["fork", "deepcopy", "pickle"],
)
def test_copies_are_independent(copy_of):
    env = town()
    env.np_random  # noqa: B018  drawn from the clock at its first use
    env.step("go mill")
    twin = copy_of(env)
    assert twin.render() == env.render()
    for action in ("go barn", "take lamp"):
        twin.step(action)
    assert env.expert() == "go barn" and twin.expert() == "go mill"
    assert env.reset() == copy_of(twin).reset()  # both drew nothing since the copy


def test_bad_arguments_and_tasks_are_named():
    with pytest.raises(UnknownName, match="'easy'"):
        Errand("eassy")
    with pytest.raises(UnknownName, match="split"):
        Errand("easy").tasks("dev")
    for changes in (
        {"start": "pier"},
        {"target": "barn"},
        {"ways": TOWN["ways"] | {"barn": []}},
        {"ways": {"inn": ["mill"], "mill": ["inn"], "barn": ["park"], "park": ["barn"]}},
        {"thing": 3},
        {"thing": "vase"},
    ):
        with pytest.raises(BadInput, match="'mine' has no town"):
            town(**changes)


def test_it_keeps_the_rules(level):
    check_env(lambda: agentgym.make("agentgym/Errand-v0", level=level))
