"""An environment of skyrl-gym 0.4 (NovaSky): chat messages become observations.

    env = agentgym.make("agentgym/SkyRL-v0")                                  generated sums
    env = agentgym.make("agentgym/SkyRL-v0", game="search", data_dir="nq",
                        config={"search_url": "http://127.0.0.1:8000/retrieve", "topk": 3})

The step says ``done`` of every end. An end at the limit of turns is part of skyrl-gym's rules (the
last answer is judged there), so here it is ``terminated`` too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Self

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver, MissingExtra, UnknownName
from agentgym_envs.skyrl import rows


class SkyRL(TextEnv):
    """A task is a row of a data set: a prompt, what is right, and limits."""

    splits = rows.SPLITS

    def __init__(
        self,
        game: str = "gsm8k_multi_turn",
        *,
        data_dir: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Choose the environment and its data.

        Args:
            game: skyrl-gym's id.
            data_dir: folder of ``train.jsonl`` and ``test.jsonl`` (see ``rows.py``); without it
                the tasks are generated sums, which the gsm8k environments can judge.
            config: the environment's ``env_config``.

        Raises:
            MissingExtra: skyrl-gym is not installed.
            UnknownName: it has no environment of this id.
            BadInput: there are no rows, or ``game`` needs rows and there is no ``data_dir``.
        """
        try:
            self._gym = import_module("skyrl_gym")
        except ImportError as error:
            raise MissingExtra("skyrl-gym", "skyrl") from error
        known = import_module("skyrl_gym.envs.registration").registry
        if game not in known:
            raise UnknownName("environment of skyrl-gym", game, known)
        if data_dir is None and not game.startswith("gsm8k"):
            raise BadInput(f"{game!r} needs rows: give data_dir=, a folder with train.jsonl")
        self.game, self.data_dir, self.config = game, data_dir, dict(config or {})
        self._tasks = rows.sums() if data_dir is None else rows.read_rows(data_dir)
        self._task: Task | None = None
        self._played: list[str] = []
        self._over = True

    def tasks(self, split: str) -> Sequence[Task]:
        """The rows of ``train`` or ``test``."""
        if split not in self._tasks:
            raise UnknownName("split", split, self.splits)
        return self._tasks[split]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Make the environment of a row; the first observation is the row's prompt."""
        task = self.task(seed, options)
        return self._begin(task), {"task": task.id}

    def _begin(self, task: Task) -> str:
        extras = copy.deepcopy(task.data)
        prompt = extras.pop("prompt", None)
        if not isinstance(prompt, list) or not prompt:
            raise BadInput(f"task {task.id!r} has no prompt, which is a list of chat messages")
        try:
            env = self._gym.make(
                self.game, env_config=SimpleNamespace(**self.config), extras=extras
            )
        except (AssertionError, KeyError, AttributeError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise BadInput(f"skyrl-gym cannot make {self.game!r} of {task.id!r}: {why}") from error
        self.close()
        self._env = env
        messages, _ = self._env.init(prompt)
        self._task, self._played, self._over = task, [], False
        return _text(messages)

    def step(self, action: str) -> StepResult:
        """Hand the action over; the new messages are the observation."""
        if self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        self._played.append(action)
        output = self._env.step(action)
        reward, done = float(output["reward"]), bool(output["done"])
        info: dict[str, Any] = {"metadata": output.get("metadata") or {}}
        self._over = done
        if done:
            info["success"] = reward >= 1
        return _text(output["observations"]), reward, done, False, info

    def expert(self) -> str | None:
        """The right answer as the gsm8k environments read it; of other environments none."""
        if self._task is None or not self.game.startswith("gsm8k"):
            return None
        wanted = self._task.data["reward_spec"]
        return f"#### {wanted['ground_truth']}" if isinstance(wanted, Mapping) else None

    def fork(self) -> Self:
        """A copy that has played the same actions."""
        twin = type(self)(self.game, data_dir=self.data_dir, config=self.config)
        twin.spec, twin._np_random = self.spec, copy.deepcopy(self._np_random)
        if self._task is not None:
            twin._begin(self._task)
            for action in self._played:
                twin.step(action)
        return twin

    def close(self) -> None:
        """Close the environment of the last row."""
        if self._task is not None:
            self._env.close()
        self._task, self._over = None, True

    async def areset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """``reset`` at once where it takes microseconds; what asks a server does it in a thread."""
        if self.game in AT_ONCE:
            return self.reset(seed=seed, options=options)
        return await super().areset(seed=seed, options=options)

    async def astep(self, action: str) -> StepResult:
        """``step`` at once where it takes microseconds; what asks a server does it in a thread."""
        return self.step(action) if self.game in AT_ONCE else await super().astep(action)


AT_ONCE = frozenset({"gsm8k", "gsm8k_multi_turn"})


def _text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The contents of chat messages, one after the other."""
    return "\n\n".join(str(message["content"]) for message in messages).strip()
