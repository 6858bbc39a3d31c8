"""Inspection: its buildings, its reports, and the script that remembers."""

import copy
import hashlib
import json
import pickle
import random
import re
from functools import partial

import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.context.context import FullHistory, Window
from agentgym.context.memory import Memory
from agentgym.env.seeded_random import split_of
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.policy import Completion
from agentgym.policy.scripted import ScriptedPolicy
from agentgym.rendering.renderer import ChatTemplate
from agentgym.rollouts.limits import Limits
from agentgym.testing import check_env
from agentgym.tools.parse import parse_tool_calls
from agentgym.trajectory import StopReason
from agentgym_envs.inspection.building import LEVELS, SIZES, Building
from agentgym_envs.inspection.env import Inspection, find_command
from agentgym_envs.inspection.remembering import remembering

CHECKSUMS = {  # of all tasks of seed 0, and of what is read in some: they are published
    "password": "9b7578cfe5270b56",
    "easy": "74af2f2609556131",
    "medium": "7e2ffdd2f3e92de1",
    "hard": "43100cffb4f77bfd",
}


@pytest.fixture(scope="module", params=LEVELS)
def level(request):
    return request.param


def everything(env):
    return [task for split in env.splits for task in env.tasks(split)]


def walk(env, task):
    """All observations, with the expert's reward and last info."""
    seen, done = [env.reset(options={"task": task})[0]], False
    while not done:
        observation, reward, done, _, info = env.step(env.expert())
        seen.append(observation)
    return seen, reward, info


def house(question="reading", about=("red",), **changes):
    env = Inspection("easy", clutter=0)
    data = {"level": "easy", "readings": {"red": 42, "blue": 17}, "question": question}
    data |= {"about": list(about), **changes}
    env.reset(options={"task": Task(id="mine", split="train", data=data)})
    return env


def test_tasks_are_the_same_everywhere(level):
    env = Inspection(level)
    read = [walk(env, task)[0] for task in env.tasks("test")[:20]]
    text = json.dumps([[task.model_dump() for task in everything(env)], read])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[level]


def test_nothing_that_is_asked_in_one_split_is_asked_in_another(level):
    env = Inspection(level)
    assert {split: len(env.tasks(split)) for split in SIZES} == SIZES
    for task in everything(env):
        building = Building.model_validate(task.data)
        if building.password:
            assert split_of(f"{building.password} {building.rooms[0]}", 5) == task.split
        for room in building.about:
            assert split_of(f"{room} {building.readings[room]}", 5) == task.split
            assert room in building.rooms[:-2]
        fewest, most = LEVELS[level].rooms
        assert fewest <= len(building.rooms) <= most
        values = building.readings.values()
        assert len(set(values)) == len(values)
        if level == "easy":
            digits = "".join(map(str, values))
            assert len(set(digits)) == len(digits)
    kinds = {task.data["question"] for task in env.tasks("train")}
    assert kinds == set(LEVELS[level].questions)


def test_the_expert_solves_every_task(level):
    env = Inspection(level, clutter=0)
    for task in everything(env):
        seen, reward, info = walk(env, task)
        assert reward == 1.0 and info == {"valid": True, "success": True}
        assert len(seen) == len(task.data["readings"]) + 3


def test_a_random_inspector_fails(level):
    env, rng, won = Inspection(level, clutter=0), random.Random(0), 0.0
    for task in env.tasks("valid"):
        env.reset(options={"task": task})
        done = False
        while not done:
            _, reward, done, _, _ = env.step(rng.choice(env.actions()))
        won += reward
    chance = {"password": 0.25}.get(level, 0.05)
    assert won <= chance * SIZES["valid"]


def test_reports_are_as_long_as_promised_and_tell_their_reading_once(level):
    env = Inspection(level)
    for task in env.tasks("train")[:30]:
        seen, _, _ = walk(env, task)
        for text, (room, reading) in zip(seen[1:], task.data["readings"].items(), strict=False):
            assert abs(len(text.split()) - LEVELS[level].words) <= 8
            assert re.findall(r"meter.*?\.", text) == [f"meter of the {room} room says {reading}."]
            assert level != "easy" or re.findall(r"\d+", text) == [str(reading)]


def test_clutter_scales_the_reports():
    task = Inspection("medium").tasks("train")[0]
    lengths = [len(walk(Inspection("medium", clutter=c), task)[0][1].split()) for c in (0, 1, 3)]
    assert lengths[0] == 8 and 55 <= lengths[1] <= 65 and 170 <= lengths[2] <= 190


def test_easy_is_small():
    env, words = Inspection("easy"), set(Inspection.system_prompt.lower().split())
    for task in env.tasks("train")[:300]:
        seen, _, _ = walk(env, task)
        assert all(len(text.split()) <= 60 for text in seen) and len(seen) <= 8
        words |= {word for text in seen for word in re.findall(r"[a-z]+", text)}
    assert len(words) <= 150


def test_a_walk_by_hand():
    env = house()
    assert env.render() == "a building with 2 rooms. write next to go in"
    assert env.step("next") == (
        *("the meter of the red room says 42.", 0.0, False, False),
        {"valid": True},
    )
    assert env.step("answer 42") == (
        "the meter of the red room says 42.\nnothing happened: write next to go on",
        *(0.0, False, False, {"valid": False}),
    )
    env.step("I go on. <action>NEXT</action>")
    asked = env.step("next")[0]
    assert asked == "no room is left. what did the meter of the red room say?"
    assert env.actions() == [f"answer {n}" for n in range(10, 100)]
    assert env.step("next")[0] == f"{asked}\nnothing happened: write answer and what you know"
    right, wrong = copy.deepcopy(env), env
    success = {"valid": True, "success": True}
    assert right.step("Answer: 42.") == ("thank you", 1.0, True, False, success)
    assert wrong.step("answer 17")[1:] == (0.0, True, False, {"valid": True, "success": False})


def test_a_password_is_told_at_the_door_and_asked_for_at_the_end():
    env = house("password", (), password="falcon")
    told = "a building with 2 rooms. the password is falcon. write next to go in"
    assert env.render() == told and env.expert() == "next"
    seen = [env.step("next")[0] for _ in range(3)]
    assert seen[-1] == "no room is left. what was the password?"
    assert not any("falcon" in page for page in seen) and "answer falcon" in env.actions()
    assert copy.deepcopy(env).step("answer island")[1] == 0.0
    assert env.step(env.expert())[1] == 1.0


def test_questions_about_two_rooms():
    env = house("higher", ("blue", "red"))
    for _ in range(3):
        asked = env.step("next")[0]
    assert asked.endswith("whose meter said more, that of the blue room or that of the red room?")
    assert env.actions() == ["answer red", "answer blue"] and env.expert() == "answer red"
    env = house("sum", ("red", "blue"))
    for _ in range(3):
        asked = env.step("next")[0]
    assert asked.endswith("what is the sum of the meters of the red room and the blue room?")
    assert env.step("answer 59")[1] == 1.0


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("next", "next"),
        ("NEXT room", "next"),
        ("answer 42", "42"),
        ("answer: red.", "red"),
        ("I answer next: answer 17", "17"),
        ("<action>answer 4</action> or next", "4"),
        ("<action>well</action> next", "next"),
        ("nexts and answers", None),
        ("answer", None),
        ("", None),
    ],
)
def test_commands_in_free_text(text, command):
    assert find_command(text) == command


HOSTILE = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.text().map(lambda text: f"answer {text}"),
    st.sampled_from(["next ", "answer ", "<action>", "</action>", "answer" + " " * 40]).map(
        lambda text: text * (100_000 // len(text))
    ),
)


@settings(max_examples=150, deadline=2000)
@given(actions=st.lists(HOSTILE, min_size=1, max_size=4), walked=st.integers(0, 3))
def test_no_text_raises_and_invalid_text_changes_nothing(actions, walked):
    env = house()
    for _ in range(walked):
        env.step("next")
    for action in actions:
        page, state = env.render(), env.anchor()
        observation, _, done, truncated, info = env.step(action)
        assert not truncated and info["valid"] == (env.anchor() != state)
        if not info["valid"]:
            assert observation.startswith(f"{page}\nnothing happened: ")
        if done:
            break


def test_steps_outside_an_episode_raise():
    env = Inspection("easy")
    with pytest.raises(EpisodeOver):
        env.step("next")
    walk(env, env.tasks("train")[0])
    for late in (lambda: env.step("next"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            late()


@pytest.mark.parametrize(
    "copy_of",
    [Inspection.fork, copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))],
    ids=["fork", "deepcopy", "pickle"],
)
def test_copies_are_independent(copy_of):
    env = Inspection("easy")
    env.reset(seed=2)
    env.step("next")
    twin, state = copy_of(env), env.anchor()
    assert twin.render() == env.render()
    while twin.expert() == "next":
        twin.step("next")
    assert twin.step(twin.expert())[1] == 1.0
    assert env.anchor() == state and env.expert() == "next"
    assert env.reset() == copy_of(twin).reset()  # both drew nothing since the copy


def test_bad_arguments_and_tasks_are_named():
    with pytest.raises(UnknownName, match="'easy'"):
        Inspection("eassy")
    with pytest.raises(UnknownName, match="split"):
        Inspection("easy").tasks("dev")
    with pytest.raises(UnknownName, match="did you mean 'easy/test/00"):
        Inspection("easy").reset(options={"task": "easy/test/0013"})
    for clutter in (-1.0, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="clutter scales"):
            Inspection("easy", clutter=clutter)
    for changes in (
        {"about": ["green"]},
        {"about": []},
        {"question": "sum"},
        {"question": "sum", "about": ["red", "red"]},
        {"question": "higher", "about": ["red", "blue"], "readings": {"red": 17, "blue": 17}},
        {"readings": {"red": "many"}},
        {"password": "anchor"},
        {"question": "password", "about": []},
    ):
        with pytest.raises(BadInput, match="'mine' has no building"):
            house(**changes)


def test_it_keeps_the_rules(level):
    check_env(lambda: agentgym.make("agentgym/Inspection-v0", level=level))


# The script that remembers


def played(level, context, *, count=40, policy=None, limits=None, **options):
    env = Inspection(level, **options)
    policy = policy or ScriptedPolicy(remembering)
    groups = agentgym.run(
        agentgym.collect,
        env.fork,
        policy,
        env.tasks("test")[:count],
        context=context,
        limits=limits or Limits(max_steps=60),
        concurrency=1,
    )
    return [trajectory for group in groups for trajectory in group.trajectories]


def success(trajectories):
    return sum(t.success for t in trajectories) / len(trajectories)


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_it_remembers_everything(level, keep):
    policy = ScriptedPolicy(partial(remembering, keep=keep))
    episodes = played(level, Memory(), policy=policy, count=12)
    assert success(episodes) == 1.0
    assert all(step.valid for t in episodes for step in t.steps)
    edits = [sum("memory" in step.info for step in t.steps) for t in episodes]
    rooms = [len(t.task.data["readings"]) for t in episodes]
    assert edits == [(n - 1) // keep for n in rooms]


def test_a_script_that_forgets_loses_what_its_first_summary_left_out():
    forgetful = ScriptedPolicy(partial(remembering, forgets=1.0))
    episodes = played("easy", Memory(), policy=forgetful, count=100)
    assert 0.3 < success(episodes) < 0.7  # it forgets one of two rooms, and there are two or three
    for t in episodes:
        calls = [call for step in t.steps for call in parse_tool_calls(step.action).calls]
        assert len(calls[0].arguments["summary"].split(", ")) == 2
        rooms = t.task.data["about"]
        assert t.success == (rooms[0] in calls[-1].arguments["summary"])
    half = played("easy", Memory(), policy=ScriptedPolicy(partial(remembering, forgets=0.5)))
    assert success(episodes) < success(half) < 1.0


def test_it_says_what_it_cannot_do():
    for wrong in ({"keep": 0}, {"forgets": 1.5}):
        policy = ScriptedPolicy(partial(remembering, **wrong))
        env = Inspection("easy")
        record = agentgym.run(agentgym.rollout, env, policy, env.tasks("test")[0])
        assert "keep is 1 or more" in record.failure.message


class Typist(ScriptedPolicy):
    """Says what the script says, in tokens, so that there is a context to fill."""

    def __init__(self, renderer):
        super().__init__(remembering)
        self.renderer = renderer

    async def generate(self, prompt, sampling):
        text = self.function(prompt)
        return Completion(text=text, ids=self.renderer.encode_action(text))


@pytest.mark.parametrize(("big", "limit", "chance"), [("medium", 1100, 0.1), ("hard", 1700, 0.4)])
def test_memory_gets_through_where_the_whole_history_does_not_fit(big, limit, chance):
    from agentgym_trainers.learner.tiny_model import tiny_tokenizer

    told = [
        text
        for t in played(big, Memory(), count=20)
        for s in t.steps
        for text in (s.observation, s.action)
    ]
    rules = Memory().messages(Inspection.system_prompt, [], "")[0]["content"]
    schemas = json.dumps([tool.schema for tool in Memory().tools])
    typist = Typist(ChatTemplate(tiny_tokenizer([*told, rules, schemas])))
    play = partial(played, big, policy=typist, limits=Limits(max_steps=60, max_context=limit))
    full, window, memory = play(FullHistory()), play(Window(turns=2)), play(Memory())
    assert {t.stop_reason for t in full} == {StopReason.CONTEXT} and success(full) == 0.0
    assert {t.stop_reason for t in window} == {StopReason.TERMINATED}
    assert success(window) < chance
    assert {t.stop_reason for t in memory} == {StopReason.TERMINATED} and success(memory) == 1.0
