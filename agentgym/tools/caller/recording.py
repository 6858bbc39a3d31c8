"""Recordings: every tool call of a run and its result, to be looked at or played again.

A recording is a file of JSON lines. A call has its place in it by all that its episode had called
and been told before, so neither the order in which episodes ran nor their number matters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, JsonValue, ValidationError

from agentgym.errors import BadInput
from agentgym.tools.caller.limits import Ledger
from agentgym.tools.tool import ToolCall, ToolResult


class RecordedCall(BaseModel):
    """A line of a recording."""

    episode: str
    number: int
    """Of the call in its episode, from 1."""
    name: str
    arguments: dict[str, JsonValue]
    content: str
    error: str | None = None
    place: str
    """Digest of what came before in the episode, and of the call."""

    @property
    def result(self) -> ToolResult:
        """What the model read."""
        return ToolResult(content=self.content, error=self.error)


class Recorder:
    """Appends to a recording: one line for each result."""

    def __init__(self, path: Path | str) -> None:
        """Create the folder of the recording."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, lines: Iterable[RecordedCall]) -> None:
        """Write lines, in one piece, so that those of other threads and processes stay whole."""
        text = "".join(line.model_dump_json() + "\n" for line in lines)
        with self.path.open("ab", buffering=0) as file:
            file.write(text.encode())


class Replay:
    """Answers calls from a recording and runs no tool.

    A replay has no side effects: the state of a bank does not change. If episodes with the same
    past got different results, the first one counts.
    """

    def __init__(self, path: Path | str) -> None:
        """Read a recording.

        Raises:
            BadInput: there is none, or a line of it cannot be read.
        """
        self.path = Path(path)
        self._recorded: dict[str, RecordedCall] = {}
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError as error:
            raise BadInput(f"there is no recording {self.path} to replay: {error}") from error
        for number, line in enumerate(lines, 1):
            try:
                recorded = RecordedCall.model_validate_json(line)
            except ValidationError as error:
                raise BadInput(
                    f"line {number} of the recording {self.path} is broken: {error}"
                ) from error
            self._recorded.setdefault(recorded.place, recorded)

    def result(self, call: ToolCall, place: str, episode: str, number: int) -> ToolResult:
        """The recorded result.

        Raises:
            BadInput: the call is not in the recording; the message says what is, at this number.
        """
        if place in self._recorded:
            return self._recorded[place].result
        asked = f"call {number} of episode {episode!r}, {_shown(call.name, call.arguments)}"
        there = [_shown(t.name, t.arguments) for t in self._at(episode, number)]
        raise BadInput(
            f"the recording {self.path} has no {asked} after the calls before it; at this number "
            f"it has {' or '.join(there) or 'nothing'}. Policy, tasks and seeds must be those "
            "of the recording; or record again"
        )

    def _at(self, episode: str, number: int) -> list[RecordedCall]:
        everything = self._recorded.values()
        return [t for t in everything if (t.episode, t.number) == (episode, number)][:3]


def place_of(ledger: Ledger, number: int, call: ToolCall) -> str:
    """The digest under which the result of a call stands; ``number`` counts from 1."""
    return _digest(ledger.episode, ledger.history, number, call.name, call.arguments)


def history_after(ledger: Ledger, lines: Iterable[RecordedCall]) -> str:
    """The digest of an episode's past with one more turn of calls."""
    return _digest(ledger.history, *((line.place, line.content, line.error) for line in lines))


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _shown(name: str, arguments: dict[str, JsonValue]) -> str:
    written = json.dumps(arguments, ensure_ascii=False)
    return f"{name}({written if len(written) <= 200 else written[:200] + '...'})"
