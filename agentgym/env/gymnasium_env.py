"""An ordinary Gymnasium environment with text spaces, as a TextEnv."""

from collections.abc import Sequence
from typing import Any

import gymnasium
from gymnasium import spaces

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.numbers import number

SEEDS = {"train": range(10_000), "test": range(10_000, 11_000)}


class GymnasiumText(TextEnv):
    """Adds what a Gymnasium environment lacks; its tasks are seeds.

    Train tasks are the seeds 0 to 9,999, test tasks the next 1,000, so that evaluation never
    meets an initial state that was trained on.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        for name in ("observation_space", "action_space"):
            if not isinstance(getattr(env, name), spaces.Text):
                raise BadInput(
                    f"{env} does not speak text: its {name} is {getattr(env, name)}; "
                    "subclass agentgym.TextEnv and describe states and actions in words"
                )
        self.env = env
        self.over = True
        self.seeds = {
            split: [Task(id=f"{split}-{seed}", split=split, data={"seed": seed}) for seed in seeds]
            for split, seeds in SEEDS.items()
        }

    def tasks(self, split: str) -> Sequence[Task]:
        """Seeds as tasks."""
        if split not in self.seeds:
            raise UnknownName("split", split, self.seeds)
        return self.seeds[split]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Reset the inner environment with the task's seed."""
        task = self.task(seed, options)
        inner_options = {k: v for k, v in (options or {}).items() if k != "task"}
        observation, info = self.env.reset(
            seed=int(str(task.data["seed"])), options=inner_options or None
        )
        self.over = False
        return str(observation), info

    def step(self, action: str) -> StepResult:
        """Step the inner environment; an action outside its space is an invalid step."""
        if self.over:
            raise EpisodeOver("the episode has ended: call reset() before step()")
        if not self.env.action_space.contains(action):
            return f"Not an action of {self.env.action_space}.", 0.0, False, False, {"valid": False}
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.over = terminated or truncated
        return str(observation), number(reward, "reward"), terminated, truncated, info

    def render(self) -> Any:
        """What the inner environment renders."""
        return self.env.render()

    def close(self) -> None:
        """Close the inner environment."""
        self.env.close()
