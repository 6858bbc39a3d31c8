"""Environments that act on an MCP server, with a clean one for every episode."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

from agentgym.env.text_env import StepResult
from agentgym.env.tool_env import ToolEnv
from agentgym.mcp.pool import ServerPool


class ServerEnv(ToolEnv):
    """A :class:`ToolEnv` whose tools are a server's.

    Subclasses say which ``servers``, and write ``tasks``, ``begin`` and ``said``. In ``begin`` the
    server is new or reset: ``self.server.call(...)`` prepares it. In ``said`` what it has done is
    seen in its folder, ``self.server.folder``.
    """

    servers: ClassVar[ServerPool]
    """Shared by the environments of the class."""

    def __init__(self) -> None:
        """Offer the server's tools; one is started to list them."""
        self.server = self.servers.lease()
        self.tools = self.server.tools

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin an episode on a clean server; ServerError where none is free in time."""
        self._task, self._seed = self.task(seed, options), seed
        self._actions = list[str]()
        self.server.begin()
        return super().reset(seed=seed, options={"task": self._task})

    def step(self, action: str) -> StepResult:
        """See :class:`ToolEnv`; at the end another episode may have the server."""
        return self._after(action, super().step(action))

    async def astep(self, action: str) -> StepResult:
        """:meth:`step`, on an event loop."""
        return self._after(action, await super().astep(action))

    def fork(self) -> Self:
        """A copy on a server of its own, by replay: ``begin`` may depend on task and seed alone."""
        twin = copy.deepcopy(self)
        twin.reset(seed=self._seed, options={"task": self._task})
        for action in self._actions:
            twin.step(action)
        return twin

    def close(self) -> None:
        """Let another environment have the server."""
        self.server.end()
        super().close()

    def _after(self, action: str, outcome: StepResult) -> StepResult:
        self._actions.append(action)
        if self._over:
            self.server.end()
        return outcome
