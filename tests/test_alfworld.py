"""ALFWorld: games written for these tests, played by ALFWorld's own rules and planner."""

import copy
import importlib.util
import json
import random
import sys
from pathlib import Path

import pytest
from conftest import missing
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, MissingExtra, UnknownName
from agentgym.testing import check_env

PROBLEM = """
(define (problem house) (:domain alfred)
  (:objects
    agent1 - agent
    loc_bar_0 loc_bar_1 loc_bar_2 loc_bar_3 - location
    fridge_bar_1 table_bar_1 sinkbasin_bar_1 - receptacle
    apple_bar_1 apple_bar_2 - object
    FridgeType TableType SinkBasinType MicrowaveType - rtype
    AppleType KnifeType ButterKnifeType - otype)
  (:init
    (atLocation agent1 loc_bar_0)
    (receptacleAtLocation fridge_bar_1 loc_bar_1) (receptacleType fridge_bar_1 FridgeType)
    (receptacleAtLocation table_bar_1 loc_bar_2) (receptacleType table_bar_1 TableType)
    (receptacleAtLocation sinkbasin_bar_1 loc_bar_3) (receptacleType sinkbasin_bar_1 SinkBasinType)
    (openable fridge_bar_1)
    (canContain FridgeType AppleType) (canContain TableType AppleType)
    (canContain SinkBasinType AppleType)
    (objectType apple_bar_1 AppleType) (pickupable apple_bar_1) (CAN apple_bar_1)
    (inReceptacle apple_bar_1 fridge_bar_1) (objectAtLocation apple_bar_1 loc_bar_1)
    (objectType apple_bar_2 AppleType) (pickupable apple_bar_2)
    (inReceptacle apple_bar_2 sinkbasin_bar_1) (objectAtLocation apple_bar_2 loc_bar_3)
    (= (total-cost) 0))
  (:goal (exists (?o - object ?r - receptacle)
    (and (objectType ?o AppleType) (receptacleType ?r TableType) (IS ?o) (inReceptacle ?o ?r))))
  (:metric minimize (total-cost)))
"""
GAMES = {  # folder -> (what the apple can be, what it shall be, whether it can be solved)
    "train/clean-Apple-Table/trial_1": ("cleanable", "isClean", True),
    "train/cool-Apple-Table/trial_1": ("coolable", "isCool", True),
    "train/heat-Apple-Table/trial_1": ("heatable", "isHot", False),  # there is no microwave
    "train/clean-AppleSliced-Table/trial_1": ("cleanable", "isClean", True),
    "valid_unseen/clean-Apple-Table/trial_2": ("cleanable", "isClean", True),
}
CLEAN = "train/clean-Apple-Table/trial_1"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder in the published format, with games of ours by the rules that ALFWorld ships."""
    if importlib.util.find_spec("alfworld") is None:
        missing("ALFWorld", "alfworld")
    from alfworld.info import ALFRED_PDDL_PATH, ALFRED_TWL2_PATH

    folder = tmp_path_factory.mktemp("alfworld")
    domain, grammar = Path(ALFRED_PDDL_PATH).read_text(), Path(ALFRED_TWL2_PATH).read_text()
    rules = {"pddl_domain": domain, "grammar": grammar}
    for name, (can, shall, solvable) in GAMES.items():
        place = folder / "json_2.1.1" / name
        place.mkdir(parents=True)
        problem = PROBLEM.replace("CAN", can).replace("IS ", f"{shall} ")
        game = rules | {"pddl_problem": problem, "solvable": solvable}
        (place / "game.tw-pddl").write_text(json.dumps(game))
    return str(folder)


@pytest.fixture
def env(data_dir):
    env = agentgym.make("agentgym/ALFWorld-v0", data_dir=data_dir)
    yield env
    env.close()


def play(env, limit=30):
    actions, reward, info = [], 0.0, {}
    for _ in range(limit):
        actions.append(env.expert())
        _, reward, done, _, info = env.step(actions[-1])
        if done:
            break
    return actions, reward, info


def test_the_games_of_the_folder_are_the_tasks(env):
    assert env.splits == ("train", "valid_unseen")
    assert [task.id for task in env.tasks("train")] == [
        "train/clean-Apple-Table/trial_1",
        "train/cool-Apple-Table/trial_1",
    ]
    assert [task.id for task in env.tasks("valid_unseen")] == [
        "valid_unseen/clean-Apple-Table/trial_2"
    ]
    with pytest.raises(UnknownName, match="valid_seen"):
        env.tasks("valid_seen")


def test_an_episode_by_hand(env):
    first, info = env.reset(options={"task": CLEAN})
    assert first.startswith("You are in the middle of a room.") and info == {"task": CLEAN}
    assert "fridge 1" in first and "table 1" in first and "Your task is to" in first
    assert {"go to fridge 1", "look", "inventory"} <= set(env.actions())
    assert env.step("take apple 2 from fridge 1") == (
        "Nothing happens.",
        0.0,
        False,
        False,
        {"valid": False},
    )
    env.step("I go.\n> Go to fridge 1.")
    assert "apple" in env.step("<action>open fridge 1</action>")[0]
    (apple,) = (action.split()[2] for action in env.actions() if action.startswith("take apple"))
    taken, *_ = env.step(f"take apple {apple} from fridge 1")
    assert f"apple {apple}" in taken
    (basin,) = (action for action in env.actions() if action.startswith("go to sink"))
    env.step(basin)
    assert env.step(f"clean apple {apple} with {basin.removeprefix('go to ')}")[4]["valid"]
    env.step("go to table 1")
    _, reward, done, _, info = env.step(f"put apple {apple} in/on table 1")
    assert (reward, done, info) == (1.0, True, {"valid": True, "success": True})


def test_the_expert_wins_every_game_from_anywhere(env):
    rng = random.Random(0)
    for task in [t for split in env.splits for t in env.tasks(split)]:
        for wander in (0, 6):
            env.reset(options={"task": task})
            for _ in range(wander):
                env.step(rng.choice(env.actions()))
            actions, reward, info = play(env)
            assert reward == 1.0 and info["success"], (task.id, actions)


def test_copies_are_independent(env):
    env.reset(options={"task": CLEAN})
    for _ in range(3):
        env.step(env.expert())
    for twin in (env.fork(), copy.deepcopy(env)):
        state, listed = env.anchor(), env.actions()
        assert (twin.anchor(), twin.actions()) == (state, listed)
        assert play(twin)[1] == 1.0
        assert (env.anchor(), env.actions()) == (state, listed)
        twin.close()
    assert play(env)[1] == 1.0


def test_looking_changes_no_anchor(env):
    env.reset(options={"task": CLEAN})
    env.step("go to fridge 1")
    state = env.anchor()
    for action in ("look", "inventory", "examine fridge 1"):
        assert env.step(action)[4]["valid"] and env.anchor() == state
    env.step("open fridge 1")
    assert env.anchor() != state


def test_possible_actions_are_shown_on_request(data_dir):
    env = agentgym.make("agentgym/ALFWorld-v0", data_dir=data_dir, show_actions=True)
    first, _ = env.reset(seed=0)
    assert first.endswith("possible: " + "; ".join(env.actions()))
    env.close()


def test_no_text_raises_and_invalid_text_changes_nothing(env):
    env.reset(options={"task": CLEAN})
    words = ("go to", "fridge 1", "take apple 1", "put a on b", "<action>", "help", "\n")
    text = st.one_of(
        st.text(),
        st.text(st.characters(categories=["Cs", "Cc", "L", "P"])),
        st.lists(st.sampled_from(words)).map(" ".join),
        st.sampled_from(["put a on ", "<action>"]).map(lambda part: part * 10_000),
    )

    @settings(max_examples=100, deadline=2000)
    @given(action=text)
    def hostile(action):
        state = env.anchor()
        observation, reward, done, truncated, info = env.step(action)
        assert reward == 0.0 and not done and not truncated
        assert info["valid"] or (observation, env.anchor()) == ("Nothing happens.", state)

    hostile()


def test_steps_outside_an_episode_raise(env):
    for _ in range(2):
        for call in (lambda: env.step("look"), env.expert, env.actions):
            with pytest.raises(EpisodeOver):
                call()
        env.reset(options={"task": CLEAN})
        play(env)


def test_what_is_missing_is_said_with_what_to_do(tmp_path, data_dir, monkeypatch):
    from agentgym_envs.alfworld.env import ALFWorld

    with pytest.raises(MissingExtra, match="alfworld-download.*Household-v0"):
        ALFWorld(str(tmp_path))
    monkeypatch.setenv("ALFWORLD_DATA", data_dir)
    env = ALFWorld()
    task = Task(id="mine", split="train", data={"game": "train/none/game.tw-pddl"})
    with pytest.raises(BadInput, match="does not exist"):
        env.reset(options={"task": task})
    monkeypatch.setitem(sys.modules, "alfworld.agents.environment.alfred_tw_env", None)
    with pytest.raises(MissingExtra, match=r"agentgym-lab\[alfworld\]"):
        ALFWorld()


def test_it_keeps_the_rules(data_dir):
    arguments = {"data_dir": data_dir, "max_episode_steps": 10}  # its steps take milliseconds
    check_env(lambda: agentgym.make("agentgym/ALFWorld-v0", **arguments), episodes=1)
