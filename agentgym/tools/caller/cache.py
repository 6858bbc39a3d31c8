"""Results of pure tools, kept in memory and in a file; the same call by many runs once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Lock

import anyio.to_thread
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from agentgym.errors import BadInput
from agentgym.tools.caller.redaction import secret_arguments
from agentgym.tools.tool import Tool, ToolResult

LOCKED = 10.0  # seconds to wait for another process that writes to the file


def cache_key(tool: Tool, given: BaseModel) -> str | None:
    """What a call is kept under: tool, version and arguments; None if it must not be kept.

    Kept are calls of pure tools that have a version and take no secrets.
    """
    if not (tool.pure and tool.version) or secret_arguments(tool):
        return None
    plain = to_jsonable_python(dict(given), fallback=str)
    written = json.dumps([tool.name, tool.version, plain], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()


class ResultCache:
    """The latest results in memory and, given a file, all of them on disk.

    Processes may share the file; delete it to clear the cache. Failures are not stored.
    """

    def __init__(self, file: Path | str | None = None, *, entries: int = 10_000) -> None:
        """Open or create the file.

        Args:
            file: an SQLite database; None: memory only.
            entries: largest number of results in memory.

        Raises:
            BadInput: the file is not ours, or cannot be written.
        """
        self._entries = entries
        self._memory: OrderedDict[str, ToolResult] = OrderedDict()
        self._flights: dict[str, Future[ToolResult | None]] = {}
        self._lock = Lock()
        self._file = None if file is None else _File(Path(file))

    async def once(
        self, key: str, run: Callable[[], Awaitable[ToolResult]]
    ) -> tuple[ToolResult, bool]:
        """The result that is kept under ``key``, or else that of ``run``.

        Whoever asks while it runs gets the same result, a failure too; when the one who runs it is
        cancelled, the next one runs it.

        Returns:
            The result, and whether somebody else had asked for it.
        """
        while True:
            with self._lock:
                if key in self._memory:
                    self._memory.move_to_end(key)
                    return self._memory[key], True
                flight = self._flights.get(key)
                if flight is None:
                    mine = self._flights[key] = Future()
                    mine.set_running_or_notify_cancel()  # who waits for it cannot cancel it
                    break
            shared = await asyncio.wrap_future(flight)
            if shared is not None:
                return shared, True
        result = None
        try:
            result = await self._from_file(key)
            if result is not None:
                return result, True
            result = await run()
            await self._to_file(key, result)
            return result, False
        finally:
            with self._lock:
                del self._flights[key]
                if result is not None and result.error is None:
                    self._memory[key] = result
                    if len(self._memory) > self._entries:
                        self._memory.popitem(last=False)
            mine.set_result(result)

    async def _from_file(self, key: str) -> ToolResult | None:
        if self._file is None:
            return None
        return await anyio.to_thread.run_sync(self._file.get, key)

    async def _to_file(self, key: str, result: ToolResult) -> None:
        if self._file and result.error is None:
            await anyio.to_thread.run_sync(self._file.put, key, result)


class _File:
    """Results in an sqlite database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._open = sqlite3.connect(
                path, timeout=LOCKED, isolation_level=None, check_same_thread=False
            )
            weakref.finalize(self, self._open.close)
            self._open.execute("PRAGMA journal_mode = WAL")
            self._open.execute("PRAGMA synchronous = NORMAL")
            self._open.execute(
                "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, result TEXT)"
            )
        except sqlite3.Error as error:
            raise BadInput(f"cannot keep results of tools in {path}: {error}") from error

    def get(self, key: str) -> ToolResult | None:
        row = self._query("SELECT result FROM results WHERE key = ?", key)
        return ToolResult.model_validate_json(row[0]) if row else None

    def put(self, key: str, result: ToolResult) -> None:
        self._query("INSERT OR REPLACE INTO results VALUES (?, ?)", key, result.model_dump_json())

    def _query(self, query: str, *values: str) -> tuple[str] | None:
        try:
            with self._lock:
                found: tuple[str] | None = self._open.execute(query, values).fetchone()
                return found
        except sqlite3.Error as error:  # a full disk costs time, not episodes
            warnings.warn(f"the cache {self._path} does not answer: {error}", stacklevel=2)
            return None
