"""Commands: what the model is told to write, and how its text is read."""

import re
from typing import NamedTuple

from agentgym.tools.parse import without_thoughts
from agentgym_envs.household.kinds import preposition

PROMPT = """You are in a house. Do what the task says. You can carry one thing at a time, and a \
closed door hides what is behind it. Write one action a turn, inside <action></action>:
go to PLACE               a room, or a piece of furniture in the room you are in
open PLACE, close PLACE
take THING from PLACE
put THING in PLACE        or: put THING on PLACE
clean THING with PLACE    with a sink or basin; you hold the thing
heat THING with PLACE     with a microwave
cool THING with PLACE     with a fridge
use PLACE                 a lamp, to examine what you hold in its light
examine NAME, look, inventory
done                      gives up; the task ends by itself when it is done"""
SHORT_PROMPT = """You are in a house. Do the task, one action a turn:
go to, take from, put on, clean with, heat with, cool with, use."""

_PLACE = re.compile(r"(?P<place>.+)")
_TREAT = re.compile(r"(?P<thing>.+?) (?:with|in) (?P<place>.+)")
_SHAPES = {
    "go": re.compile(r"to (?P<place>.+)"),
    "take": re.compile(r"(?P<thing>.+?) from (?P<place>.+)"),
    "put": re.compile(r"(?P<thing>.+?) (?:in/on|into|onto|in|on) (?P<place>.+)"),
    **dict.fromkeys(("open", "close", "use", "examine"), _PLACE),
    **dict.fromkeys(("clean", "heat", "cool"), _TREAT),
    **dict.fromkeys(("look", "inventory", "done"), re.compile("")),
}
"""Verb -> what stands after it."""
_ACTION = re.compile(r"<action>(?P<inner>(?:(?!</?action>).)*+)</action>", re.DOTALL)
_ARTICLE = re.compile(r"\bthe ")
LONGEST = 200
"""Characters of a line that is read as a command."""


class Command(NamedTuple):
    """One command. What stands where is in ``house.py``."""

    verb: str
    thing: str = ""
    place: str = ""

    @property
    def text(self) -> str:
        """The command as it is written."""
        match self.verb:
            case "go":
                return f"go to {self.place}"
            case "take":
                return f"take {self.thing} from {self.place}"
            case "clean" | "heat" | "cool":
                return f"{self.verb} {self.thing} with {self.place}"
            case "put":
                return f"put {self.thing} {preposition(self.place)} {self.place}"
            case _:
                return f"{self.verb} {self.thing or self.place}".strip()


def find_command(action: str) -> Command | None:
    """The command in the last ``<action>...</action>``, or else in the last line that has one."""
    action = without_thoughts(action)
    inner = _ACTION.findall(action)
    lines = (inner[-1] if inner else action).splitlines()
    found = (as_command(line) for line in reversed(lines[-50:]))
    return next((command for command in found if command), None)


def as_command(line: str) -> Command | None:
    """The command that a line is; case, articles, a full stop and a prompt sign do not matter."""
    if len(line) > LONGEST:
        return None
    words = " ".join(line.lower().split()).removeprefix("> ").removeprefix("action: ")
    verb, _, rest = _ARTICLE.sub("", words.rstrip(".!")).partition(" ")
    shape = _SHAPES.get(verb)
    found = shape and shape.fullmatch(rest)
    return Command(verb, **found.groupdict()) if found else None
