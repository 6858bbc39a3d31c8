"""The client: the tool ``search``, whose passages come from a server.

retriever = Retriever("http://localhost:8000")
search, = tools_of(retriever)

Queries that are asked while a request is under way go together in the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self

import httpx
from pydantic import BaseModel, ValidationError

from agentgym.errors import ServerError
from agentgym.policy.retry import request
from agentgym.runtime import background
from agentgym.tools.tool import tool
from agentgym_tools.passages import Passage, shown


class Found(BaseModel):
    """A passage, and how well it fits."""

    document: Passage
    score: float


class Answer(BaseModel):
    """The body of an answer."""

    result: list[list[Found]]


class Retriever:
    """Shared by all episodes, from whatever event loop they ask."""

    def __init__(
        self, url: str, k: int = 3, *, batch: int = 64, timeout: float = 30.0, attempts: int = 5
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: of the server, with or without ``/retrieve``.
            k: passages for a query.
            batch: queries in a request at most.
            timeout: seconds that the server may be silent.
            attempts: requests sent at most until one succeeds, with growing pauses.
        """
        self.url = url.rstrip("/").removesuffix("/retrieve") + "/retrieve"
        self.k, self.batch, self.timeout, self.attempts = k, batch, timeout, attempts
        self._client: httpx.AsyncClient | None = None
        self._waiting: list[tuple[str, asyncio.Future[list[Found]]]] = []
        self._sending: asyncio.Task[None] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Share it: it holds nothing of an episode."""
        return self

    @tool(repeatable=True)
    async def search(self, query: str) -> str:
        """Search the corpus for passages about a query, e.g. "highest point of Peru"."""
        found = await self.retrieve(query)
        return shown(one.document for one in found) or "Nothing was found; try other words."

    async def retrieve(self, query: str) -> list[Found]:
        """The best passages for a query, best first.

        Raises:
            ServerError: the server cannot be reached, refuses, or answers something else.
        """
        return await background.acall(self._ask, query.encode("utf-8", "replace").decode())

    def close(self) -> None:
        """Close the connections; the next query would open new ones."""
        client, self._client = self._client, None
        if client is not None:
            background.call(client.aclose)

    # What follows runs on the background's loop, and so one step at a time.

    async def _ask(self, query: str) -> list[Found]:
        answer: asyncio.Future[list[Found]] = asyncio.get_running_loop().create_future()
        self._waiting.append((query, answer))
        if self._sending is None:
            # In a task of its own: who asked first may be cancelled, the others want an answer.
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def _send(self) -> None:
        """Send what is waiting, until nothing is."""
        while self._waiting:
            taken, self._waiting = self._waiting[: self.batch], self._waiting[self.batch :]
            asked = [(query, answer) for query, answer in taken if not answer.cancelled()]
            try:
                found = await self._request([query for query, _ in asked]) if asked else []
            except Exception as error:  # noqa: BLE001  theirs, who wait for an answer
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, answer), passages in zip(asked, found, strict=True):
                if not answer.done():
                    answer.set_result(passages)
        self._sending = None

    async def _request(self, queries: Sequence[str]) -> list[list[Found]]:
        if self._client is None:
            self._client = httpx.AsyncClient()
        response = await request(
            self._client,
            "POST",
            self.url,
            json={"queries": queries, "topk": self.k, "return_scores": True},
            timeout=self.timeout,
            attempts=self.attempts,
        )
        try:
            found = Answer.model_validate_json(response.content).result
        except ValidationError as error:
            wrong = error.errors()[0]
            raise ServerError(
                f"{self.url} does not answer as a retriever does: "
                f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"
            ) from error
        if len(found) != len(queries):
            raise ServerError(f"{self.url} answered {len(found)} of {len(queries)} queries")
        return found
