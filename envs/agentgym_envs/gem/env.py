"""An environment of gem-llm 0.1 (AxonRL): its text, actions and rewards as they are.

    env = agentgym.make("agentgym/Gem-v0", game="game:GuessTheNumber-v0-easy")

What gem shows is its observation and, apart from it, a ``suffix``; here they are one text. Gem
draws from Python's global generator; here every episode has a generator of its own, so that
episodes played at once do not disturb each other and the same seed is the same episode.
"""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Self

import gymnasium
import numpy as np

from agentgym.env.gymnasium_env import GymnasiumText
from agentgym.env.text_env import FreeText, StepResult
from agentgym.errors import BadInput, MissingExtra, UnknownName

_global_generator = threading.Lock()


class Game(gymnasium.Env[str, str]):
    """Gem's environment with Gymnasium's doors."""

    observation_space = FreeText()
    action_space = FreeText()

    def __init__(self, game: str, settings: dict[str, Any]) -> None:
        self.game, self.settings = game, settings
        self._dice = random.getstate()
        with self._own_dice():
            self.gem = _make(game, settings)
        self._constants = import_module("gem.utils.constants")
        self.seed: int | None = None
        self.played: list[str] = []

    @contextmanager
    def _own_dice(self) -> Iterator[None]:
        """Lend the global generator to this episode, and give it back as it was."""
        with _global_generator:
            outside = random.getstate()
            random.setstate(self._dice)
            try:
                yield
            finally:
                self._dice = random.getstate()
                random.setstate(outside)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002  Gymnasium's signature
    ) -> tuple[str, dict[str, Any]]:
        """A new episode of a seed."""
        super().reset(seed=seed)
        self.seed, self.played = seed, []
        others = np.random.get_state()  # noqa: NPY002  gem seeds numpy too, and draws nothing
        with self._own_dice():
            observation, info = self.gem.reset(seed=seed)
        np.random.set_state(others)  # noqa: NPY002
        return _shown(observation, info), info

    def step(self, action: str) -> StepResult:
        """Gem's step; its penalty for a format error is what says that an action is not valid."""
        self.played.append(action)
        with self._own_dice():
            observation, reward, terminated, truncated, info = self.gem.step(action)
        rewards = self._constants.LanguageGameReward
        if observation == self._constants.TERMINAL_STATE:
            observation = ""
        text = _shown(observation, info)
        info["valid"] = reward != rewards.format_error_reward
        if terminated or truncated:
            info["success"] = bool(reward >= rewards.success_reward)
        # Gem says both of an end by its turn limit: the limit is in the rules, so it is an end.
        return text, float(reward), bool(terminated), bool(truncated and not terminated), info

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy that has played the same actions: gem's objects cannot all be copied."""
        twin = type(self)(self.game, copy.deepcopy(self.settings))
        if self.seed is not None:
            twin.reset(seed=self.seed)
            for action in self.played:
                twin.step(action)
        return twin


class Gem(GymnasiumText):
    """Tasks are seeds, as of every adapted environment."""

    def __init__(self, game: str = "game:GuessTheNumber-v0-easy", **settings: Any) -> None:
        """Make gem's environment.

        Args:
            game: gem's id.
            settings: arguments for gem, such as ``max_turns``.

        Raises:
            MissingExtra: gem-llm is not installed.
            UnknownName: gem has no environment of this id.
            BadInput: it needs data or packages that are not there.
        """
        super().__init__(Game(game, settings))

    async def areset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """``reset`` at once: it takes microseconds, and a thread would cost more."""
        return self.reset(seed=seed, options=options)

    async def astep(self, action: str) -> StepResult:
        """``step`` at once: it takes microseconds, and a thread would cost more."""
        return self.step(action)


def _make(game: str, settings: dict[str, Any]) -> Any:
    try:
        gem = import_module("gem")
        registry = import_module("gem.envs.registration").ENV_REGISTRY
    except ImportError as error:
        raise MissingExtra("gem-llm", "gem") from error
    if game not in registry:
        raise UnknownName("environment of gem-llm", game, registry)
    try:
        return gem.make(game, **settings)
    except (ImportError, LookupError, TypeError) as error:  # nltk's missing data is a LookupError
        reason = " ".join(str(error).split())[:300]
        raise BadInput(f"gem-llm cannot make {game!r} here: {reason}") from error


def _shown(observation: str, info: dict[str, Any]) -> str:
    """The observation and the suffix that stands in ``info``, which loses it."""
    return "\n".join(part for part in (observation.strip(), info.pop("suffix", "")) if part)
