"""The rules that an environment must keep for training to be sound, each as a function.

The docstring of a check is the rule; the :class:`Broken` it raises says how it was broken and what
to do. :func:`agentgym.testing.check_env` tries them all.
"""

from __future__ import annotations

import math
import pickle
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, cast

from gymnasium.utils.env_checker import check_env as gymnasium_check

from agentgym import numbers
from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver

MALFORMED = {
    "an empty action": "",
    "a line break": "\n",
    "control characters": "\x00\x07\x1b[2J\x7f",
    "text beyond ASCII": "søk 🛒 \u202e\u0301",
    "a lone surrogate": "go \ud800",
    "unbalanced brackets": "search[[(<{",
    "100,000 characters": "search[" * 14_286,
}


class Record(NamedTuple):
    """One step of a walk: all that another instance must repeat."""

    action: str
    result: StepResult
    anchor: str | None

    @property
    def ended(self) -> bool:
        """Whether the episode ended with it."""
        return self.result[2] or self.result[3]


class Subject(NamedTuple):
    """The environment under test."""

    make: Callable[[], TextEnv]
    episodes: int
    seed: int
    fresh: bool = True
    """False when what ``make`` gives may have been reset already."""

    def tasks(self, env: TextEnv) -> Iterator[Task]:
        """A few tasks of each split."""
        for split in env.splits:
            yield from env.tasks(split)[: self.episodes]


class Broken(Exception):
    """A rule does not hold."""


def _need(holds: bool, problem: str) -> None:
    if not holds:
        raise Broken(problem)


def _act(env: TextEnv, draw: random.Random) -> str:
    """An expert's, possible or random action."""
    choice = draw.random()
    if choice < 0.5 and (action := env.expert()) is not None:
        return action
    possible = env.actions() if choice < 0.9 else ()
    return draw.choice(possible) if possible else f"text {draw.random()}"


def _length(env: TextEnv) -> int:
    return (env.spec and env.spec.max_episode_steps) or 50


def _walk(env: TextEnv, draw: random.Random, limit: int | None = None) -> list[Record]:
    """Play from the current state until the end of the episode or the limit."""
    records: list[Record] = []
    for _ in range(_length(env) if limit is None else limit):
        action = _act(env, draw)
        records.append(Record(action, cast(StepResult, env.step(action)), env.anchor()))
        if records[-1].ended:
            break
    return records


def _repeat(env: TextEnv, records: Sequence[Record], who: str) -> None:
    for place, (action, result, anchor) in enumerate(records):
        again = env.step(action)
        for name, first, second in zip(
            ("observation", "reward", "terminated", "truncated", "info"), result, again, strict=True
        ):
            same = first == second or repr(first) == repr(second)
            _need(same, f"{name} of step {place}: {first!r}, but {who}: {second!r}")
        state = env.anchor()
        _need(state == anchor, f"anchor after step {place}: {anchor!r}, but {who}: {state!r}")


def _step(env: TextEnv, action: str, what: str) -> StepResult:
    """A step whose answer has the right types."""
    answer = env.step(action)
    _need(isinstance(answer, tuple) and len(answer) == 5, f"step returned {answer!r}; five values")
    observation, reward, terminated, truncated, info = answer
    _need(isinstance(observation, str), f"after {what} the observation is {observation!r}, no str")
    try:
        finite = math.isfinite(numbers.number(reward))
    except BadInput:
        finite = False
    _need(finite, f"after {what} the reward is {reward!r}; it must be a finite number")
    for name, value in (("terminated", terminated), ("truncated", truncated)):
        _need(isinstance(value, bool), f"after {what} {name} is {value!r}; it must be a bool")
    for key in ("valid", "success"):
        value = info.get(key, True)
        _need(isinstance(value, bool), f"info[{key!r}] is {value!r}; it must be a bool")
    return cast(StepResult, answer)


def check_gymnasium(subject: Subject) -> None:
    """Gymnasium's own checker accepts it"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            gymnasium_check(subject.make(), skip_render_check=True, skip_close_check=True)
        except AssertionError as error:
            raise Broken(str(error)) from error


def check_tasks(subject: Subject) -> None:
    """Every split lists tasks that have unique ids and survive JSON and pickle"""
    env, seen = subject.make(), set[str]()
    for split in env.splits:
        tasks = env.tasks(split)
        _need(len(tasks) > 0, f"split {split!r} is empty; fill it or leave it out of `splits`")
        for task in tasks:
            _need(isinstance(task, Task), f"split {split!r} has {task!r}; make it an agentgym.Task")
            _need(task.split == split, f"{task.id!r} is in {split!r}, but says {task.split!r}")
            _need(task.id not in seen, f"two tasks have the id {task.id!r}; ids name one task each")
            seen.add(task.id)
            again = Task.model_validate_json(task.model_dump_json())
            _need(again == task, f"{task.id!r} changes by JSON: {task.data!r} to {again.data!r}")
            _need(pickle.loads(pickle.dumps(task)) == task, f"{task.id!r} changes by pickle")
        same = list(subject.make().tasks(split)) == list(tasks)
        _need(same, f"a second instance lists other tasks in {split!r}; they must not be random")


def check_reset(subject: Subject) -> None:
    """reset() takes a task by its id, as a Task and as a dict, with the same observation"""
    env = subject.make()
    for task in subject.tasks(env):
        first, info = env.reset(seed=subject.seed, options={"task": task.id})
        _need(isinstance(first, str), f"reset's observation is {first!r}; it must be a str")
        _need(isinstance(info, dict), f"reset's info is {info!r}; it must be a dict")
        for value in (task, task.model_dump()):
            again, _ = env.reset(seed=subject.seed, options={"task": value})
            kind = type(value).__name__
            _need(again == first, f"{task.id!r}: {first!r} by id, but {again!r} as a {kind}")


def check_steps(subject: Subject) -> None:
    """step() answers with a str, a finite reward, two bools and a dict; listed actions are valid"""
    env, draw = subject.make(), random.Random(subject.seed)
    for task in subject.tasks(env):
        env.reset(seed=subject.seed, options={"task": task})
        for _ in range(_length(env)):
            possible = env.actions()
            action = _act(env, draw)
            *_, terminated, truncated, info = _step(env, action, repr(action))
            listed = action in possible and not info.get("valid", True)
            _need(not listed, f"actions() lists {action!r}, but step() says it is not valid")
            if terminated or truncated:
                break


def check_anchor(subject: Subject) -> None:
    """anchor() is a str or None, and asking for it changes nothing"""
    env, draw = subject.make(), random.Random(subject.seed)
    for task in islice(subject.tasks(env), subject.episodes):
        env.reset(seed=subject.seed, options={"task": task})
        for _ in range(5):
            first, second = env.anchor(), env.anchor()
            kind = type(first).__name__
            _need(first is None or isinstance(first, str), f"anchor() is a {kind}; use text")
            _need(first == second, f"anchor() gave {first!r}, then {second!r} without a step")
            if _walk(env, draw, 1)[0].ended:
                break


def check_determinism(subject: Subject) -> None:
    """The same seed, task and actions give the same episode in two instances"""
    env, twin = subject.make(), subject.make()
    for number, task in enumerate(subject.tasks(env)):
        start: dict[str, Any] = {"seed": subject.seed + number, "options": {"task": task}}
        first, second = env.reset(**start)[0], twin.reset(**start)[0]
        _need(first == second, f"reset of {task.id!r}: {first!r}, but in a second one: {second!r}")
        records = _walk(env, random.Random(subject.seed + number))
        _repeat(twin, records, f"in a second instance playing {task.id!r}")


def check_fork(subject: Subject) -> None:
    """fork() copies the state, and neither copy sees what the other does"""
    env = subject.make()
    for number, task in enumerate(subject.tasks(env)):
        draw = random.Random(subject.seed + number)
        env.reset(seed=subject.seed, options={"task": task})
        if any(record.ended for record in _walk(env, draw, number % 3)):
            continue
        twin, other = env.fork(), env.fork()
        _need(twin is not env, "fork() returned the environment itself; return a copy")
        start = env.anchor()
        _need(twin.anchor() == start, f"anchor {start!r}, but of its fork {twin.anchor()!r}")
        records = _walk(twin, draw)
        _need(env.anchor() == start, "stepping a fork changed the anchor of the original")
        _repeat(env, records, "in the original, after its fork had played")
        _need(other.anchor() == start, "stepping the original changed the anchor of its fork")
        _repeat(other, records, "in a fork, after the original had played")


def check_malformed(subject: Subject) -> None:
    """No text makes step() raise: a malformed action is answered with an observation"""
    for what, action in MALFORMED.items():
        env, draw = subject.make(), random.Random(subject.seed)
        for task in islice(subject.tasks(env), subject.episodes):
            for walked in range(3):
                env.reset(seed=subject.seed, options={"task": task})
                if any(record.ended for record in _walk(env, draw, walked)):
                    break
                try:
                    _step(env, action, what)
                except Broken:
                    raise
                except Exception as error:
                    raise Broken(
                        f"step({action[:20]!r}), {what}, raised {type(error).__name__}: {error}; "
                        "answer with an observation that says so and info['valid'] = False"
                    ) from error


def check_end(subject: Subject) -> None:
    """step() raises EpisodeOver before reset() and after the end"""
    env = subject.make()
    if subject.fresh:
        _raises_over(env, "before reset()")
    for number, task in enumerate(islice(subject.tasks(env), subject.episodes)):
        env.reset(seed=subject.seed, options={"task": task})
        if _walk(env, random.Random(subject.seed + number))[-1].ended:
            _raises_over(env, "after the end of an episode")


def _raises_over(env: TextEnv, when: str) -> None:
    answer = "answered as if nothing were wrong"
    try:
        env.step("text")
    except EpisodeOver:
        return
    except Exception as error:  # noqa: BLE001  reported as the finding
        answer = f"raised {type(error).__name__}: {error}"
    raise Broken(f"step() {when} {answer}; raise agentgym.EpisodeOver there")


def check_expert(subject: Subject) -> None:
    """expert(), where there is one, succeeds"""
    env = subject.make()
    for task in subject.tasks(env):
        env.reset(seed=subject.seed, options={"task": task})
        rewards, done, info = 0.0, False, dict[str, Any]()
        for _ in range(_length(env)):
            action = env.expert()
            if action is None:
                return
            _, reward, terminated, truncated, info = env.step(action)
            rewards, done = rewards + float(reward), terminated or truncated
            if done:
                break
        _need(done, f"the expert does not end {task.id!r} in {_length(env)} steps")
        success = info.get("success", rewards > 0)
        _need(success, f"the expert ends {task.id!r} without success (return {rewards:g})")


CHECKS = (
    check_gymnasium,
    check_tasks,
    check_reset,
    check_steps,
    check_anchor,
    check_determinism,
    check_fork,
    check_malformed,
    check_end,
    check_expert,
)
