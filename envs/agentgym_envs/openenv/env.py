"""The environment of an OpenEnv 0.10 server, one websocket session for each instance.

    env = agentgym.make("agentgym/OpenEnv-v0", url="http://127.0.0.1:8000")

Actions and observations of OpenEnv are typed. An action is written as a JSON object, or as plain
text where one text is all that it holds; an observation is shown as JSON, or as its one text.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Self

import gymnasium
import httpx

from agentgym.env.gymnasium_env import GymnasiumText
from agentgym.env.text_env import FreeText, StepResult
from agentgym.errors import MissingExtra, ServerError
from agentgym.runtime import background
from agentgym_envs.openenv import forms

REFUSED = "VALIDATION_ERROR"


class Session(gymnasium.Env[str, str]):
    """A session with Gymnasium's doors."""

    observation_space = FreeText()
    action_space = FreeText()

    def __init__(self, url: str, field: str | None, timeout: float) -> None:
        self.url, self.field, self.timeout = url.rstrip("/"), field, timeout
        self.client = _client(self.url, timeout)
        self.schema = _action_schema(self.url, timeout)
        background.call(self._ask, "connect")
        self.seed: int | None = None
        self.played: list[str] = []

    async def _ask(self, what: str, *args: Any, **kwargs: Any) -> Any:
        """Call the client on its own loop; it bounds the wait itself."""
        try:
            return await getattr(self.client, what)(*args, **kwargs)
        except (OSError, TimeoutError) as error:
            raise ServerError(f"the OpenEnv server {self.url} is out of reach: {error}") from error

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002  Gymnasium's signature
    ) -> tuple[str, dict[str, Any]]:
        """A new episode of a seed."""
        super().reset(seed=seed)
        self.seed, self.played = seed, []

        async def ask() -> Any:
            return await self._ask("reset", seed=seed)

        return forms.show(background.call(ask).observation, self.field), {}

    def step(self, action: str) -> StepResult:
        """Send the action; one that is not of the schema is told to the model."""
        typed = forms.read_action(action, self.schema)
        self.played.append(action)
        if typed is None:
            return _refusal(forms.instructions(self.schema))
        try:
            result = background.call(self._ask, "step", typed)
        except ServerError:
            raise
        except RuntimeError as error:  # what the server answered
            if REFUSED not in str(error):
                raise ServerError(f"{self.url}: {error}") from error
            return _refusal(str(error))
        reward, done = float(result.reward or 0), bool(result.done)
        info: dict[str, Any] = {"valid": True, "metadata": result.metadata or {}}
        return forms.show(result.observation, self.field), reward, done, False, info

    def close(self) -> None:
        """End the session."""
        background.call(self._ask, "close")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A session that has played the same actions, on a server that answers the same."""
        twin = type(self)(self.url, self.field, self.timeout)
        if self.seed is not None:
            twin.reset(seed=self.seed)
            for action in self.played:
                twin.step(action)
        return twin


class OpenEnv(GymnasiumText):
    """Tasks are seeds, as of every adapted environment."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        observation_field: str | None = None,
        timeout: float = 60.0,
    ) -> None:
        """Open a session.

        Args:
            url: of the server.
            observation_field: show this field of observations alone.
            timeout: seconds that the server may take for one answer.

        Raises:
            MissingExtra: openenv is not installed.
            ServerError: no server answers there.
        """
        session = Session(url, observation_field, timeout)
        super().__init__(session)
        self.system_prompt = forms.instructions(session.schema)


def _client(url: str, timeout: float) -> Any:
    try:
        client = import_module("openenv").GenericEnvClient
    except (ImportError, AttributeError) as error:
        raise MissingExtra("OpenEnv", "openenv") from error
    return client(base_url=url, message_timeout_s=timeout)


def _action_schema(url: str, timeout: float) -> dict[str, Any]:
    try:
        answer = httpx.get(f"{url}/schema", timeout=timeout).raise_for_status()
        return dict(answer.json()["action"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
        raise ServerError(
            f"no OpenEnv server answers at {url} ({error!r:.200}); start one and give url="
        ) from error


def _refusal(why: str) -> StepResult:
    return f"That is no action. {why}", 0.0, False, False, {"valid": False}
