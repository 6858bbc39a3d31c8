"""How fast the pure-Python environments are: steps a second on one core, for expert and random.

python benchmarks/env_speed.py

Only ``step`` and ``reset`` are timed, in seconds of the processor: whoever chooses the actions is
not, and neither is what else the machine does. Actions are chosen first, then played again.
"""

import os
import platform
import random
import time
from collections.abc import Callable
from typing import NamedTuple

import agentgym
from agentgym.env.text_env import Task, TextEnv

EPISODES = 300
ROUNDS = 3
ENVS: tuple[tuple[str, dict[str, object]], ...] = (
    ("PlainGUI", {"level": "easy"}),
    ("PlainGUI", {"level": "medium"}),
    ("PlainGUI", {"level": "hard"}),
    ("Household", {"level": "easy"}),
    ("Household", {"level": "medium"}),
    ("Household", {"level": "hard"}),
    ("Sokoban", {"level": "easy"}),
    ("Sokoban", {"level": "medium"}),
    ("Sokoban", {"level": "hard"}),
    ("FrozenLake", {"size": 4}),
    ("FrozenLake", {"size": 8}),
    ("Taxi", {}),
    ("CliffWalking", {}),
    ("Blackjack", {}),
)


class Episode(NamedTuple):
    """What was played."""

    task: Task
    actions: list[str]


class Speed(NamedTuple):
    """What it took."""

    steps: float
    """Steps a second, without resets."""
    reset: float
    """Milliseconds of a reset."""


def played(env: TextEnv, choose: Callable[[TextEnv], str]) -> list[Episode]:
    """Episodes over the first tasks of the training split."""
    limit = (env.spec and env.spec.max_episode_steps) or 50
    tasks = env.tasks(env.splits[0])
    episodes = []
    for number in range(EPISODES):
        task = tasks[number % min(len(tasks), EPISODES)]
        env.reset(seed=number, options={"task": task})
        actions, done = list[str](), False
        while not done and len(actions) < limit:
            actions.append(choose(env))
            _, _, done, _, _ = env.step(actions[-1])
        episodes.append(Episode(task, actions))
    return episodes


def speed(env: TextEnv, episodes: list[Episode]) -> Speed:
    """The best of some rounds."""
    spent, resets = [], []
    for _ in range(ROUNDS):
        stepping = resetting = 0.0
        for number, (task, actions) in enumerate(episodes):
            start = time.process_time()
            env.reset(seed=number, options={"task": task})
            begun = time.process_time()
            for action in actions:
                env.step(action)
            stepping += time.process_time() - begun
            resetting += begun - start
        spent.append(stepping)
        resets.append(resetting)
    steps = sum(len(episode.actions) for episode in episodes)
    return Speed(steps / min(spent), min(resets) / len(episodes) * 1000)


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'':28}{'expert':>10}{'random':>10}{'reset':>10}")
    for name, arguments in ENVS:
        env = agentgym.make(f"agentgym/{name}-v0", **arguments)
        draw = random.Random(0)
        expert = speed(env, played(env, lambda env: env.expert() or ""))
        chance = speed(env, played(env, lambda env, draw=draw: draw.choice(env.actions())))  # type: ignore[misc]
        label = f"{name} {' '.join(map(str, arguments.values()))}"
        print(
            f"{label:28}{expert.steps:8,.0f}/s{chance.steps:8,.0f}/s{expert.reset:7.2f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
