"""The commands of an agent in a GUI, and how they are found in its text.

    click(7)   fill(3, "ana")   select(4, "red")   press("Enter")   press(3, "Tab")
    scroll("down")   goto("inbox")   back()   answer("42")

Numbers are the ids of elements in the observation.
"""

import re
from dataclasses import dataclass

from agentgym.tools.parse import without_thoughts

NAMED_KEYS = (
    *("Enter", "Tab", "Shift+Tab", "Escape", "Backspace", "Delete", "Space", "Home", "End"),
    *("PageUp", "PageDown", "ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Control+A"),
)

_LONGEST = 4000  # characters of a string; without a limit, unclosed quotes would take a minute
_STRING = rf"""(?:"(?:[^"\\]|\\.){{0,{_LONGEST}}}"|'(?:[^'\\]|\\.){{0,{_LONGEST}}}')"""
_COMMAND = re.compile(
    rf"""\b(?:
    (?P<touch>click|fill|select)\(\s*["'\[]?(?P<id>\d{{1,9}})["'\]]?(?:\s*,\s*(?P<into>{_STRING}))?
    |(?P<press>press)\(\s*(?:\[?(?P<at>\d{{1,9}})\]?\s*,\s*)?(?P<key>{_STRING})
    |(?P<say>scroll|goto|answer)\(\s*(?P<text>{_STRING})
    |(?P<back>back)\(
    )\s*\)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Command:
    """What to do, to which element, with what text."""

    verb: str
    id: int | None = None
    text: str | None = None

    def __str__(self) -> str:
        """As an agent writes it; :func:`find_command` reads it back."""
        quoted = None if self.text is None else f'"{_escaped(self.text)}"'
        given = [part for part in (None if self.id is None else str(self.id), quoted) if part]
        return f"{self.verb}({', '.join(given)})"


def find_command(action: str) -> Command | None:
    """The last well-formed command of a text; one in <action> goes first, no thought."""
    action = without_thoughts(action, _COMMAND)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    inner = _commands(action[start:end]) if start >= 0 else []
    found = inner or _commands(action)
    return found[-1] if found else None


def is_key(name: str) -> bool:
    """Whether ``press`` knows the key: one printable character or one of ``NAMED_KEYS``."""
    return name in NAMED_KEYS or (len(name) == 1 and name.isprintable() and name.isascii())


def _commands(text: str) -> list[Command]:
    return [command for match in _COMMAND.finditer(text) if (command := _command(match))]


def _command(match: re.Match[str]) -> Command | None:
    verb = (match["touch"] or match["press"] or match["say"] or match["back"]).lower()
    number = match["id"] or match["at"]
    quoted = match["into"] or match["key"] or match["text"]
    if match["touch"] and (verb == "click") != (quoted is None):
        return None
    text = None if quoted is None else _ESCAPE.sub(_unescaped, quoted[1:-1])
    return Command(verb, None if number is None else int(number), text)


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t"}.get(match[1], match[1])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
