"""The JSON objects and lists in a text: where each one ends, and what it is.

Every place is looked at a bounded number of times, whatever the text:

- One reading of strings and brackets finds the ends of all brackets that it passes. Another begins
  only at a bracket that is inside a string for those before. They never fall into step, because a
  backslash outside a string ends a reading; so at most one of them is outside a string at a place.
- What is broken is broken at the same place for every bracket that is still open there.
- Errors are sought in windows that grow, because `json` counts the lines before an error.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)'
JSON_TOKEN = re.compile(rf"{_STRING}|[\[\]{{}}\\]", re.DOTALL)
PYTHON_TOKEN = re.compile(
    rf"{_STRING}|'[^'\\]*+(?:\\.[^'\\]*+)*+(?:'|\\?\Z)|[\[\](){{}}\\]", re.DOTALL
)
_ONE_STRING = re.compile(_STRING, re.DOTALL)
_OBJECT_BEGINS = re.compile(r'\{\s*"\Z')
_WINDOW = 1024
_MARGIN = 16
"""A literal or an escape that the window cuts may be an error so far before its end."""


class Value(NamedTuple):
    """A JSON value, and where it ends."""

    value: Any
    end: int


class Broken(NamedTuple):
    """What is no JSON value though it begins like one."""

    why: str
    sound: int
    """Up to here it is JSON, and what its strings spell is data."""
    end: int | None
    """After the bracket that would close it."""
    after: int
    """Where something else may begin: inside it, or behind it if nobody can look inside."""


class Brackets:
    """Where the brackets of a text are closed, as a language with such strings reads it."""

    def __init__(self, text: str, token: re.Pattern[str]) -> None:
        self._text, self._token = text, token
        self._found: dict[int, tuple[int | None, int]] = {}

    def find(self, start: int) -> tuple[int | None, int]:
        """The end of what opens at ``start`` (None: it is not closed), and the reading's number."""
        if start not in self._found:
            self._read(start)
        return self._found[start]

    def _read(self, start: int) -> None:
        opened: list[int] = []
        for token in self._token.finditer(self._text, start):
            letter, place = self._text[token.start()], token.start()
            if letter in "[{(":
                opened.append(place)
            elif letter in "]})":
                self._found[opened.pop()] = token.end(), start
                if not opened:
                    return
            elif letter == "\\":
                break
        self._found |= dict.fromkeys(opened, (None, start))


class JsonValues:
    """Reads the JSON values of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._brackets = Brackets(text, JSON_TOKEN)
        self._last: dict[int, tuple[int, Broken]] = {}
        """Reading -> where its last broken value begins, and what is wrong with it."""

    def end(self, start: int) -> int | None:
        """Where the object or list that begins at ``start`` is closed."""
        return self._brackets.find(start)[0]

    def read(self, start: int) -> Value | Broken:
        """The object or list that begins at ``start``."""
        end, reading = self._brackets.find(start)
        begun, last = self._last.get(reading, (start, None))
        if last and begun < start and _spoils(last, start, end):
            return last._replace(end=end, after=max(last.after, start + 1))
        limit = len(self.text) if end is None else end
        size = _WINDOW
        while True:
            window = self.text[start : min(start + size, limit)]
            try:
                value, length = _decoder.raw_decode(window)
                return Value(value, start + length)
            except json.JSONDecodeError as error:
                if start + size < limit and _may_be_cut(window, error.pos):
                    size *= 4
                    continue
                sound = self._sound(start, start + error.pos)
                broken = Broken(reason(error), sound, end, start + 1)
                self._last[reading] = start, broken
                return broken
            except (ValueError, RecursionError) as error:
                broken = Broken(reason(error), limit, end, limit)
                self._last[reading] = start, broken
                return broken

    def _sound(self, start: int, error: int) -> int:
        """How far the strings before an error can be trusted.

        One that is not closed has no end. One that seems to end where another object begins was
        never closed: its last letter is the first quote of the other.
        """
        last = None
        for last in JSON_TOKEN.finditer(self.text, start, error + 1):  # noqa: B007
            pass
        if last is None or self.text[last.start()] != '"':
            return error
        whole = _ONE_STRING.match(self.text, last.start())
        assert whole
        if whole.end() == len(self.text):
            return len(self.text)
        next_to_it = not self.text[whole.end() : error].strip()
        return last.start() if next_to_it and _OBJECT_BEGINS.search(whole[0]) else error


def decoded(text: str) -> Any:
    """A JSON value alone.

    Raises:
        ValueError: the text is no JSON.
        RecursionError: it is nested too deeply.
    """
    return _decoder.decode(text)


def _spoils(broken: Broken, start: int, end: int | None) -> bool:
    """Whether what begins at ``start`` in a broken value is broken by the same error."""
    still_open = start < broken.sound and (end is None or broken.sound < end)
    return start < broken.after or still_open


def _may_be_cut(window: str, error: int) -> bool:
    if error + _MARGIN >= len(window):
        return True
    string = _ONE_STRING.match(window, error)
    return string is not None and string.end() == len(window)


def reason(error: Exception) -> str:
    """What is wrong, in words for the model."""
    if isinstance(error, json.JSONDecodeError):
        rest = error.doc[error.pos : error.pos + 20]
        return f"{error.msg}: {rest!r}" if rest else "the JSON is cut off"
    if isinstance(error, RecursionError | MemoryError):
        return "it is nested too deeply"
    return str(error).partition(";")[0]


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Models write line breaks into strings as they are.
_decoder = json.JSONDecoder(strict=False, parse_constant=_refuse)
