"""Commands: what the model is told to write, and how its text is read."""

import re
from collections import deque
from typing import NamedTuple

from agentgym.tools.parse import without_thoughts

_TEXT = r'(?:"(?:[^"\\]|\\.)*+"|\'(?:[^\'\\]|\\.)*+\')'
_COMMAND = re.compile(
    rf"""\b(?:(?P<click>click)\(\s*["']?(?P<id>\d{{1,4}})["']?
    |(?P<put>fill|select)\(\s*["']?(?P<into>\d{{1,4}})["']?\s*,\s*(?P<value>{_TEXT})
    |(?P<say>press|scroll|goto|answer)\(\s*(?P<text>{_TEXT})
    |(?P<back>back)\(
    )\s*\)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

SHORT_PROMPT = """You use a program by text. Write one action a turn: click(id), \
fill(id, "text"), select(id, "option"), or answer("done") when all is done and saved."""
FULL_PROMPT = """You use a computer through its accessibility tree: one element a line, with its \
id in [brackets]. Do what the task says and change nothing else; then end the episode with answer.

Write one action a turn, inside <action></action>:
click(id)              a link, button, menuitem or checkbox.
fill(id, "text")       replaces the text of a textbox; an empty search box finds everything.
select(id, "option")   one of a combobox's options.
press("key")           Enter, Escape, PageUp or PageDown.
scroll("down")         shows further rows of a list; scroll("up") earlier ones.
goto("page")           opens a page by its name, such as goto("mail") or goto("home").
back()                 closes what is open, or goes one level up.
answer("text")         ends the episode: with the answer to the task's question, else "done".
Forms change nothing until they are saved."""


class Command(NamedTuple):
    """One command."""

    verb: str
    id: int = 0
    text: str = ""


def find_command(action: str) -> Command | None:
    """The last well-formed command of a text.

    One between the last ``<action>`` and ``</action>`` is preferred; thoughts do not count.
    """
    action = without_thoughts(action, _COMMAND)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    return (last_command(action[start:end]) if start >= 0 else None) or last_command(action)


def last_command(text: str) -> Command | None:
    """The last well-formed command, wherever it stands."""
    found = deque(_COMMAND.finditer(text), maxlen=1)
    if not found:
        return None
    return as_command(found[0])


def as_command(found: re.Match[str]) -> Command:
    """What was matched."""
    if found["click"]:
        return Command("click", int(found["id"]))
    if found["put"]:
        return Command(found["put"].lower(), int(found["into"]), unquoted(found["value"]))
    if found["say"]:
        return Command(found["say"].lower(), text=unquoted(found["text"]))
    return Command("back")


def unquoted(written: str) -> str:
    """What stands between the quotes, where a backslash means the character after it."""
    return _ESCAPE.sub(r"\1", written[1:-1])


def quoted(text: str) -> str:
    """A text as a command writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
