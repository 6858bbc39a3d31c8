"""What a player reads and writes: a game's prose without ornaments, a command in free text."""

import re

from agentgym.tools.parse import without_thoughts

SHORT_PROMPT = "You play a text game. Write one command a turn."
FULL_PROMPT = """You play a text adventure: explore, find what is asked for, use it. Write one \
command a turn, inside <action></action> or alone on the last line:
look, inventory, examine THING, go DIRECTION, open THING, close THING,
take THING, take THING from PLACE, put THING on PLACE, insert THING into PLACE, drop THING,
unlock THING with KEY, lock THING with KEY, eat THING,
and when there is something to cook: examine cookbook, cook THING with APPLIANCE,
chop THING with KNIFE, slice THING with KNIFE, rng THING with KNIFE, prepare meal, eat meal.
Name things as the game names them."""
NOTHING_HAPPENS = "Nothing happens: that is no command, or not possible here."

BANNER = "\n $|\\/_<>"  # the letters of the ASCII art that opens every game
STATUS_LINE = re.compile(r"\n> +-= .*? =-\s*-?\d+/-?\d+\s*\Z")
CLOSING_QUESTION = re.compile(r"\n\s*Would you like to RESTART.*\Z", re.DOTALL)
BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")
ARTICLES = re.compile(r"\b(?:the|a|an) ")


def opening(feedback: str) -> str:
    """The first text of a game: what is to be done, and the first room."""
    return told(feedback.lstrip(BANNER))


def told(feedback: str) -> str:
    """A game's answer, without the status line and with one line break between paragraphs."""
    text = CLOSING_QUESTION.sub("", STATUS_LINE.sub("", feedback))
    return BLANK_LINES.sub("\n", text).strip()


def find_command(action: str) -> str:
    """The command in a model's text: in the last <action>, else its last line; made plain."""
    action = without_thoughts(action)
    tagged = re.findall(r"<action>(.*?)</action>", action, re.DOTALL)
    lines = (tagged[-1] if tagged else action).strip().splitlines() or [""]
    return plain(lines[-1].strip(" >.!`\"'"))


def plain(command: str) -> str:
    """In small letters, with single spaces and without articles."""
    return " ".join(ARTICLES.sub("", command.lower()).split())
