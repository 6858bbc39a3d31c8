"""Commands: what the model is told to write, and how its text is read."""

import re

from agentgym.tools.parse import without_thoughts

COMMAND = re.compile(r"(search|click)\s*\[([^\[\]]*)\]", re.IGNORECASE)
SHORT_PROMPT = """You shop by text. Write one action a turn: search[words] or click[value].
Buy the product that the instruction asks for, with its options chosen."""
FULL_PROMPT = """You are shopping in a web shop, one page at a time. The instruction says what to \
buy; the reward is highest when the product is of the right kind, has every wanted attribute, \
has every wanted option chosen, and costs less than the limit.

Write one action a turn, inside <action></action>:
search[words]   on the search page only: finds at most 50 products.
click[value]    one of the values in [brackets] on the page: a product number, an option, or
                a button such as next >, < prev, back to search, description, features,
                reviews. click[buy now] ends the episode: choose the options first."""


def find_command(action: str) -> tuple[str, str] | None:
    """The last ``search[...]`` or ``click[...]`` of a text, as (verb, value).

    One between the last ``<action>`` and ``</action>`` is preferred; thoughts do not count.
    """
    action = without_thoughts(action, COMMAND)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    inner = COMMAND.findall(action[start:end]) if start >= 0 else []
    commands = inner or COMMAND.findall(action)
    return (commands[-1][0].lower(), commands[-1][1]) if commands else None
