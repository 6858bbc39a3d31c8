"""Our environments in TRL: what ``GRPOTrainer`` takes as ``environment_factory``, and its data set.

    from trl import GRPOTrainer
    from agentgym.export.trl import dataset, environment_factory

    trainer = GRPOTrainer(
        model, args=..., processing_class=tokenizer,
        train_dataset=dataset("agentgym/WebShop-v0", "train", level="easy"),
        environment_factory=environment_factory("agentgym/WebShop-v0", level="easy"),
    )

The model acts by calls of one tool, ``act(action)``, whatever the environment; the reward is the
return of the episode. An episode ends when the model stops calling, so the note that the game is
over asks it to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentgym.env.registry import make
from agentgym.errors import MissingExtra
from agentgym.export.instructions import instructions
from agentgym.numbers import number

OVER = "The episode is over. Do not act any more."
HOW = "Act with the tool `act`, one action a call, until the episode is over."


class Episode:
    """One environment as TRL wants it: ``reset``, tools that are methods, and ``get_reward``."""

    def __init__(self, env: str, settings: dict[str, Any], seed: int) -> None:
        self._env, self._seed = make(env, **settings), seed
        self._limit = (self._env.spec and self._env.spec.max_episode_steps) or 50
        self._total, self._steps, self._over = 0.0, 0, True

    def reset(self, *, task: str, **row: Any) -> str:  # noqa: ARG002  rows have other columns too
        """Begin a row's task; TRL appends the first observation to the row's prompt."""
        observation, _ = self._env.reset(seed=self._seed, options={"task": task})
        self._total, self._steps, self._over = 0.0, 0, False
        return observation

    def act(self, action: str) -> str:
        """
        Act in the environment.

        Args:
            action: The action, as the instructions say how to write it.

        Returns:
            What is to be seen then.
        """
        if self._over:
            return OVER
        observation, reward, terminated, truncated, _ = self._env.step(str(action))
        self._total, self._steps = self._total + number(reward, "reward"), self._steps + 1
        self._over = terminated or truncated or self._steps >= self._limit
        return f"{observation}\n{OVER}".strip() if self._over else observation

    def get_reward(self) -> float:
        """The return so far."""
        return self._total


def environment_factory(env: str, *, seed: int = 0, **settings: Any) -> Callable[[], Episode]:
    """What makes the environments of a trainer, one for each rollout of a batch.

    Args:
        env: an environment's id.
        seed: resets every episode: those of a group begin alike.
        settings: arguments of the environment.
    """
    return lambda: Episode(env, settings, seed)


def dataset(env: str, split: str = "train", **settings: Any) -> Any:
    """The tasks of a split as a ``datasets.Dataset`` with the columns ``prompt`` and ``task``.

    Raises:
        MissingExtra: ``datasets`` is not installed; it comes with TRL.
    """
    try:
        from datasets import Dataset  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("a data set for TRL", "trl") from error
    made = make(env, **settings)
    told = "\n\n".join(part for part in (instructions(made), HOW) if part)
    prompt = [{"role": "system", "content": told}, {"role": "user", "content": ""}]
    tasks = [task.id for task in made.tasks(split)]
    made.close()
    return Dataset.from_dict({"prompt": [prompt] * len(tasks), "task": tasks})
