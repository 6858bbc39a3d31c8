"""What a framework adds to a step: one trivial game, written for each, played in one run.

    uv venv /tmp/overhead && . /tmp/overhead/bin/activate
    uv pip install -e . gem-llm==0.1.0 textarena==0.7.4 skyrl-gym==0.4.0
    python benchmarks/env_overhead.py

The game answers "higher" or "lower" ten times. Its logic is the same function everywhere, so what
differs is what a framework wants around it. Time is that of the processor, which other work on the
machine does not change. Rounds are interleaved; a figure is the median of the rounds, and the ratio
is to ours in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

import gem
import textarena as ta
from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput
from textarena.wrappers import ActionFormattingWrapper, LLMObservationWrapper

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import EpisodeOver
from agentgym.policy import Completion
from agentgym.rollouts.episode import rollout
from agentgym_envs.gem.env import Gem
from agentgym_envs.textarena.env import TextArena

TURNS = 10
GUESS = "I think it is [7]"
TASK = Task(id="only", split="train")


def hint(action: str, secret: int) -> str:
    """The game: compare the number in brackets with the secret."""
    guess = int(action.rpartition("[")[2].partition("]")[0])
    return "lower" if guess > secret else "higher"


class Ours(TextEnv):
    """As a TextEnv."""

    left = 0

    def tasks(self, split: str) -> list[Task]:
        """The one."""
        return [TASK] if split == "train" else []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin."""
        self.task(seed, options)
        self.secret, self.left = 50, TURNS
        return "guess", {}

    def step(self, action: str) -> StepResult:
        """Compare."""
        if not self.left:
            raise EpisodeOver
        self.left -= 1
        return hint(action, self.secret), 0.0, self.left == 0, False, {"valid": True}

    async def astep(self, action: str) -> StepResult:
        """At once."""
        return self.step(action)


class Gems(gem.Env):
    """As an environment of gem."""

    def reset(self, seed: int | None = None) -> tuple[str, dict[str, Any]]:
        """Begin."""
        super().reset(seed)
        self.secret, self.left = 50, TURNS
        return "guess", {"suffix": ""}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Compare."""
        self.left -= 1
        return hint(action, self.secret), 0.0, self.left == 0, False, {"suffix": ""}


class Arenas(ta.Env):
    """As a game of textarena."""

    def reset(self, num_players: int, seed: int | None = None) -> None:
        """Begin."""
        self.state = ta.SinglePlayerState(num_players=num_players, seed=seed, max_turns=TURNS)
        self.state.reset(game_state={"secret": 50}, player_prompt_function=lambda **_: "guess")

    def step(self, action: str) -> Any:
        """Compare."""
        kind = ta.ObservationType
        self.state.add_observation(from_id=0, message=action, observation_type=kind.PLAYER_ACTION)
        told = hint(action, self.state.game_state["secret"])
        self.state.add_observation(message=told, observation_type=kind.GAME_MESSAGE)
        if self.state.turn + 1 >= TURNS:
            self.state.set_outcome(reward=0)
        return self.state.step()


class Skys(BaseTextEnv):
    """As an environment of skyrl-gym."""

    def init(self, prompt: list[dict[str, str]]) -> tuple[list[dict[str, str]], dict[str, Any]]:
        """Begin."""
        self.secret, self.left = 50, TURNS
        return prompt, {}

    def step(self, action: str) -> BaseTextEnvStepOutput:
        """Compare."""
        self.left -= 1
        said = [{"role": "user", "content": hint(action, self.secret)}]
        return BaseTextEnvStepOutput(
            observations=said, reward=0.0, done=self.left == 0, metadata={}
        )


class Always:
    """A policy that answers at once, so that only the loop is timed."""

    renderer = None
    max_context = None

    @asynccontextmanager
    async def session(self, name: str) -> Any:  # noqa: ARG002
        """Nothing to hold."""
        yield

    async def generate(self, prompt: Any, sampling: Any) -> Completion:  # noqa: ARG002
        """The same guess."""
        return Completion(text=GUESS)


def gymnasium_like(env: Any, **start: Any) -> Callable[[], None]:
    """An episode of an environment whose step returns five values."""

    def play() -> None:
        env.reset(**start)
        over = False
        while not over:
            _, _, terminated, truncated, _ = env.step(GUESS)
            over = terminated or truncated

    return play


def arena_like(make: Callable[[], Any]) -> Callable[[], None]:
    """An episode of textarena: a step, and the observation, which is asked for apart.

    Made anew each time, because its wrappers remember earlier episodes and slow down with them.
    """

    def play() -> None:
        env = make()
        env.reset(num_players=1, seed=0)
        over = False
        while not over:
            env.get_observation()
            over, _ = env.step(action=GUESS)
        env.close()

    return play


def sky_like(env: Any) -> Callable[[], None]:
    """An episode of skyrl-gym."""

    def play() -> None:
        env.init([{"role": "user", "content": "guess"}])
        while not env.step(GUESS)["done"]:
            pass

    return play


def wrapped() -> Any:
    """As textarena's plain ids wrap a game."""
    return ActionFormattingWrapper(LLMObservationWrapper(Arenas()))


async def whole_episode() -> None:
    """Prompt, policy, environment, record: the rollout engine around the same step."""
    await rollout(Ours(), Always(), TASK)


def wrong_turns(env: Any) -> Callable[[], None]:
    """Steps of gem's or textarena's own game that never end it, in episodes of a few."""

    def play() -> None:
        env.reset(options={"task": "train-0"})
        for guess in (1, 2, 3):
            env.step(f"\\boxed{{{guess}}} [{guess}]")

    return play


def native_gem() -> Callable[[], None]:
    """The game below the adapter."""
    env = gem.make("game:GuessTheNumber-v0-hard")

    def play() -> None:
        env.reset(seed=0)
        for guess in (1, 2, 3):
            env.step(f"\\boxed{{{guess}}} [{guess}]")

    return play


def native_arena() -> Callable[[], None]:
    """The game below the adapter."""
    env = ta.make("GuessTheNumber-v0-hardcore-raw")

    def play() -> None:
        env.reset(num_players=1, seed=0)
        for guess in (1, 2, 3):
            env.get_observation()
            env.step(action=f"\\boxed{{{guess}}} [{guess}]")

    return play


def main() -> None:
    """Time them all, round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--episodes", type=int, default=200, help="of each, in a round")
    given = parser.parse_args()
    random.seed(0)
    loop = asyncio.new_event_loop()
    players = {
        "agentgym TextEnv": (gymnasium_like(Ours(), options={"task": TASK}), TURNS),
        "gem-llm Env": (gymnasium_like(Gems()), TURNS),
        "skyrl-gym BaseTextEnv": (sky_like(Skys()), TURNS),
        "textarena Env (as its -raw ids)": (arena_like(Arenas), TURNS),
        "textarena Env, wrapped (as its -v0 ids)": (arena_like(wrapped), TURNS),
        "agentgym rollout, recorded": (lambda: loop.run_until_complete(whole_episode()), TURNS),
        "gem game:GuessTheNumber-v0-hard": (native_gem(), 3),
        "  the same through agentgym/Gem-v0": (wrong_turns(Gem("game:GuessTheNumber-v0-hard")), 3),
        "textarena GuessTheNumber-v0-hardcore-raw": (native_arena(), 3),
        "  the same through agentgym/TextArena-v0": (
            wrong_turns(TextArena("GuessTheNumber-v0-hardcore-raw")),
            3,
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in players}
    for _ in range(given.rounds):
        for name, (play, steps) in players.items():
            started = time.process_time()
            for _ in range(given.episodes):
                play()
            spent = time.process_time() - started
            seconds[name].append(spent / given.episodes / steps)
    ours = statistics.median(seconds["agentgym TextEnv"])
    print(f"{'microseconds a step, resets included':44}{'median':>9}{'least':>9}{'ratio':>8}")
    for name, spent in seconds.items():
        median = statistics.median(spent)
        print(f"{name:44}{median * 1e6:9.2f}{min(spent) * 1e6:9.2f}{median / ours:8.2f}")


if __name__ == "__main__":
    main()
