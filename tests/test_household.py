"""Household: its rules, its tasks and its expert."""

import copy
import hashlib
import json
import pickle
import random
import re

import pytest
from hypothesis import given, settings, strategies as st

from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym_envs.household.command import Command, find_command
from agentgym_envs.household.env import Household
from agentgym_envs.household.goals import FAMILIES
from agentgym_envs.household.houses import LEVELS, SIZES

CHECKSUMS = {  # of all tasks of seed 0: a change here changes published tasks
    "easy": "8d44a93f97aefa44",
    "medium": "8cef5405d71d6171",
    "hard": "d0b73bb307832095",
}
ROOMS = {
    "kitchen": ["cabinet 1", "counter 1", "fridge 1", "microwave 1", "sink 1"],
    "bedroom": ["bed 1", "shelf 1", "lamp 1"],
}
WHERE = {"apple 1": "fridge 1", "cup 1": "counter 1", "cup 2": "cabinet 1", "book 1": "bed 1"}


@pytest.fixture(scope="module", params=LEVELS)
def level(request):
    return request.param


def house(family, thing, fixture):
    """An episode in a house that is written down above."""
    goal = {"family": family, "thing": thing, "fixture": fixture}
    data = {"instruction": "x", "goal": goal, "rooms": ROOMS, "where": WHERE, "room": "kitchen"}
    env = Household()
    env.reset(options={"task": Task(id="mine", split="train", data=data)})
    return env


def do(env, *actions):
    """The last step's story, reward, end and info."""
    for action in actions:
        text, reward, done, _, info = env.step(action)
    return text.removeprefix("task: x\n"), reward, done, info


def play(env, choose, limit=60):
    actions, observations, reward, info = [], [], 0.0, {}
    for _ in range(limit):
        actions.append(choose())
        observation, reward, done, _, info = env.step(actions[-1])
        observations.append(observation)
        if done:
            break
    return actions, observations, reward, info


def everything(env):
    return [task for split in env.splits for task in env.tasks(split)]


def test_tasks_are_the_same_everywhere(level):
    text = json.dumps([task.model_dump() for task in everything(Household(level))])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[level]


def test_no_goal_is_in_two_splits(level):
    env = Household(level)
    assert {split: len(env.tasks(split)) for split in env.splits} == SIZES
    goals = {s: {json.dumps(t.data["goal"]) for t in env.tasks(s)} for s in env.splits}
    assert not goals["train"] & (goals["valid"] | goals["test"])
    assert not goals["valid"] & goals["test"]
    families = {task.data["goal"]["family"] for task in env.tasks("train")}
    assert families == set(FAMILIES) - ({"two"} if level == "easy" else set())


def test_the_expert_reaches_every_goal(level):
    env = Household(level)
    lengths = set()
    for task in everything(env):
        env.reset(options={"task": task})
        actions, _, reward, info = play(env, env.expert)
        assert reward == 1.0 and info["success"], (task.id, actions)
        lengths.add(len(actions))
    assert lengths == {4, 6} if level == "easy" else 4 <= min(lengths) <= max(lengths) <= 40


def test_the_expert_takes_nothing_that_it_has_not_seen():
    env = Household("hard")
    for task in env.tasks("valid"):
        seen, _ = env.reset(options={"task": task})
        done = False
        while not done:
            action = env.expert()
            if action.startswith("take"):
                assert re.search(rf"\b{action[5:].partition(' from ')[0]}\b", seen)
            observation, _, done, _, _ = env.step(action)
            seen += observation


@pytest.mark.parametrize("level", LEVELS)
def test_the_expert_recovers_from_anywhere(level):
    env, rng = Household(level), random.Random(1)
    for seed in range(100):
        env.reset(seed=seed)
        for _ in range(rng.randrange(15)):
            step = env.step(rng.choice([a for a in env.actions() if a != "done"]))
            if step[2]:
                break
        else:
            assert play(env, env.expert)[3]["success"], seed


def test_a_random_resident_fails(level):
    env, rng = Household(level), random.Random(0)
    won = 0.0
    for seed in range(200):
        env.reset(seed=seed)
        won += play(env, lambda: rng.choice(env.actions()))[2]
    assert won <= 6


def test_every_listed_action_is_possible_and_every_possible_one_listed(level):
    env, rng = Household(level), random.Random(2)
    things = ("apple 1", "cup 1", "pan 1", "book 1")
    fixtures = ("fridge 1", "counter 1", "lamp 1", "table 1", "sink 1", "cabinet 1")
    verbs = ("take {} from {}", "put {} in {}", "put {} on {}", "heat {} with {}", "use {1}")
    for seed in range(30):
        env.reset(seed=seed)
        for _ in range(10):
            listed = env.actions()
            assert all(env.fork().step(action)[4]["valid"] for action in listed)
            for verb in verbs:
                action = verb.format(rng.choice(things), rng.choice(fixtures))
                if env.fork().step(action)[4]["valid"]:
                    assert action.replace(" in ", " on ") in [
                        a.replace(" in ", " on ") for a in listed
                    ]
            if env.step(rng.choice([a for a in listed if a != "done"]))[2]:
                break


def test_easy_is_small():
    env, words = Household("easy"), set()
    for task in env.tasks("train")[:300]:
        first, _ = env.reset(options={"task": task})
        for text in [first, *play(env, env.expert)[1]]:
            assert len(text.split()) <= 60
            words |= set(re.findall(r"\w+", text))
    assert len(words) < 100


def test_the_hurried_expert_skips_the_treatment_or_the_last_action(level):
    env, careful = Household(level, hurry=1.0), Household(level)
    for task in env.tasks("valid"):
        for each in (env, careful):
            each.reset(options={"task": task})
        actions, _, reward, info = play(env, env.expert)
        right = play(careful, careful.expert)[0]
        assert reward == 0.0 and not info["success"] and actions[-1] == "done"
        if task.data["goal"]["family"] in ("clean", "heat", "cool"):
            assert not any(action.split()[0] in ("clean", "heat", "cool") for action in actions)
        else:
            assert actions[:-1] == right[:-1]


def test_hurry_is_a_probability():
    env = Household("easy", hurry=0.5)
    ends = []
    for seed in range(200):
        env.reset(seed=seed)
        ends.append(play(env, env.expert)[0][-1] == "done")
    assert 70 < sum(ends) < 130


def test_a_walk_through_the_house():
    env = house("heat", "apple", "counter")
    assert env.render() == (
        "task: x\nYou are in the kitchen. There are: cabinet 1, counter 1, fridge 1, microwave 1, "
        "sink 1. Doors lead to: bedroom."
    )
    assert do(env, "go to fridge 1")[0] == "You go to the fridge 1. It is closed."
    assert do(env, "take apple 1 from fridge 1")[3] == {"valid": False}
    assert do(env, "open fridge 1")[0] == "You open the fridge 1. In it: apple 1."
    assert do(env, "put apple 1 in fridge 1")[3] == {"valid": False}
    assert do(env, "Take the apple 1 from the fridge 1.")[0] == (
        "You take the apple 1 from the fridge 1."
    )
    assert do(env, "heat apple 1 with fridge 1")[3] == {"valid": False}
    assert do(env, "examine apple 1")[0] == "The apple 1 is an ordinary apple."
    assert do(env, "go to microwave 1", "heat apple 1 with microwave 1")[1] == 0.0
    assert do(env, "examine apple 1")[0] == "The apple 1 is hot."
    assert do(env, "go to fridge 1", "cool apple 1 with fridge 1", "examine apple 1")[0] == (
        "The apple 1 is cold."
    )
    assert do(env, "go to microwave 1", "heat apple 1 with microwave 1", "inventory")[0] == (
        "You hold the apple 1."
    )
    assert do(env, "go to counter 1")[0] == "You go to the counter 1. On it: cup 1."
    assert do(env, "put apple 1 on counter 1") == (
        "You put the apple 1 on the counter 1.",
        1.0,
        True,
        {"valid": True, "success": True},
    )


def test_one_carries_one_thing():
    env = house("two", "cup", "sink")
    do(env, "go to counter 1", "take cup 1 from counter 1", "go to cabinet 1", "open cabinet 1")
    assert do(env, "take cup 2 from cabinet 1")[0] == "Nothing happens: you hold the cup 1 already."
    assert do(env, "go to sink 1", "put cup 1 in sink 1")[1:3] == (0.0, False)
    do(env, "go to cabinet 1", "take cup 2 from cabinet 1", "go to sink 1")
    assert do(env, "put cup 2 in sink 1")[1:3] == (1.0, True)


def test_a_dirty_thing_does_not_count():
    env = house("clean", "cup", "fridge")
    do(env, "go to counter 1", "take cup 1 from counter 1", "go to fridge 1", "open fridge 1")
    assert do(env, "put cup 1 in fridge 1")[1:3] == (0.0, False)
    do(env, "take cup 1 from fridge 1", "go to sink 1", "clean cup 1 with sink 1", "go to fridge 1")
    assert do(env, "put cup 1 in fridge 1")[1:3] == (1.0, True)


def test_a_lamp_shows_what_one_holds():
    env = house("examine", "book", "lamp")
    assert do(env, "go to bed 1")[0] == "Nothing happens: there is no bed 1 in the kitchen."
    do(env, "go to bedroom", "go to lamp 1")
    assert do(env, "use lamp 1")[1:3] == (0.0, False)
    assert do(env, "put book 1 on lamp 1")[3] == {"valid": False}
    do(env, "go to bed 1", "take book 1 from bed 1", "go to lamp 1")
    assert do(env, "use lamp 1")[:3] == (
        "The lamp 1 goes on and shines on the book 1, then off again.",
        1.0,
        True,
    )


def test_done_gives_up():
    env = house("place", "cup", "fridge")
    assert do(env, "done")[1:] == (0.0, True, {"valid": True, "success": False})


def test_possible_actions_are_shown_on_request():
    env = Household(show_actions=True)
    first, _ = env.reset(seed=0)
    assert first.endswith("possible: " + "; ".join(env.actions()))


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("go to table 1", Command("go", place="table 1")),
        ("Take the cup 2 from the cabinet 1.", Command("take", "cup 2", "cabinet 1")),
        ("> put cup 2 in/on shelf 1", Command("put", "cup 2", "shelf 1")),
        ("put  cup 2   onto shelf 1", Command("put", "cup 2", "shelf 1")),
        ("I should look.\nAction: open fridge 1", Command("open", place="fridge 1")),
        ("open fridge 1\nthat is all I can say", Command("open", place="fridge 1")),
        ("<action>look</action> go to table 1", Command("look")),
        ("<action>look</action> <action>done</action>", Command("done")),
        ("<action>hm</action> look", None),
        ("look around", None),
        ("go table 1", None),
        ("take cup 1", None),
        ("", None),
    ],
)
def test_commands_in_free_text(text, command):
    assert find_command(text) == command


WORDS = ("go to", "take", "put", "open", "use", "examine", "heat", "done.", "from", "in", "with")
NAMES = ("cup 1", "fridge 1", "counter 1", "lamp 1", "kitchen", "hands", "", "²", "the")
HOSTILE = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.lists(st.sampled_from(WORDS + NAMES), max_size=6).map(" ".join),
    st.sampled_from(["<action>", "go to ", "put a in ", "\n", "take a from b\n", "</action>"]).map(
        lambda text: text * (100_000 // len(text))
    ),
)


@settings(max_examples=300, deadline=2000)
@given(actions=st.lists(HOSTILE, min_size=1, max_size=6), walk=st.integers(0, 5))
def test_no_text_raises_and_invalid_text_changes_nothing(actions, walk):
    env = Household("hard")
    env.reset(seed=1)
    for _ in range(walk):
        env.step(env.expert())
    for action in actions:
        state, possible = env.anchor(), env.actions()
        observation, reward, done, truncated, info = env.step(action)
        assert reward == 0.0 and not truncated and len(observation) < 2000
        if not info["valid"]:
            assert "\nNothing happens: " in observation
            assert (env.anchor(), env.actions()) == (state, possible)
        if done:
            break


def test_steps_outside_an_episode_raise():
    env = Household("easy")
    with pytest.raises(EpisodeOver):
        env.step("look")
    env.reset(seed=0)
    play(env, env.expert)
    for call in (lambda: env.step("look"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            call()


def copied(env):
    return copy.deepcopy(env)


def pickled(env):
    return pickle.loads(pickle.dumps(env))


@pytest.mark.parametrize("copy_of", [Household.fork, copied, pickled])
def test_copies_are_independent(copy_of):
    env = Household("hard")
    env.reset(seed=2)
    for _ in range(3):
        env.step(env.expert())
    twin, state = copy_of(env), env.anchor()
    assert play(twin, twin.expert)[2] == 1.0
    assert env.anchor() == state
    assert play(env, env.expert)[2] == 1.0
    assert env.reset() == copy_of(twin).reset()  # both drew nothing since the copy


def test_equal_anchors_mean_equal_choices():
    env, rng, seen = Household("medium"), random.Random(0), {}
    visits = 0
    for _ in range(40):
        env.reset(options={"task": "medium/train/00003"})
        for _ in range(15):
            visits += env.anchor() in seen
            assert seen.setdefault(env.anchor(), env.actions()) == env.actions()
            if env.step(rng.choice([a for a in env.actions() if a != "done"]))[2]:
                break
    assert visits > 100


def test_bad_arguments_and_tasks_are_named():
    with pytest.raises(UnknownName, match="'easy'"):
        Household("eassy")
    with pytest.raises(UnknownName, match="split"):
        Household("easy").tasks("dev")
    with pytest.raises(BadInput, match="hurry"):
        Household("easy", hurry=-0.1)
    good = Household("easy").tasks("train")[0]
    for change, said in (
        ({"goal": {"family": "burn", "thing": "cup", "fixture": "sink"}}, "family"),
        ({"where": {"cup 1": "throne 1"}}, "no fixture 'throne 1'"),
        ({"room": "cellar"}, "no room 'cellar'"),
        ({"rooms": {"kitchen": ["oven 1"]}, "where": {}}, "no kind of fixture 'oven'"),
        ({"where": {"ghost 1": "table 1"}}, "no kind of thing 'ghost'"),
    ):
        task = {**good.model_dump(), "data": {**good.data, **change}}
        with pytest.raises(BadInput, match=said):
            Household("easy").reset(options={"task": task})


def test_it_keeps_the_rules(level):
    check_env(lambda: Household(level))
