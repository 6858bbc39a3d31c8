"""A script that plays under the context ``memory``: it prunes what it has read and sums it up.

    from agentgym_envs.inspection.remembering import remembering

    policy = agentgym.ScriptedPolicy(remembering)
    policy = agentgym.ScriptedPolicy(partial(remembering, keep=1, forgets=0.3))

It reads nothing but the messages, its own former summaries among them, so its episodes can be
imitated. Under another context it walks on and answers from what it sees.
"""

import random
import re
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from agentgym.context.context import Message
from agentgym.errors import BadInput
from agentgym.policy import Prompt
from agentgym.tools.parse import parse_tool_calls, write_tool_call
from agentgym.tools.tool import ToolCall
from agentgym_envs.inspection.building import PASSWORDS

_FACT = re.compile(r"the meter of the (\w+) room says (\d+)")
_PASSWORD = re.compile(r"the password is (\w+)")
_NOTED = re.compile(r"(\w+) (\d+)")
_NUMBER = re.compile(r"\[(\d+)\] ")


def remembering(prompt: Prompt, *, keep: int = 2, forgets: float = 0.0) -> str:
    """The next action.

    Args:
        prompt: of an Inspection.
        keep: as soon as more rooms are visible, all that may go are pruned.
        forgets: probability that the first summary of an episode leaves out a reading, which no
            later one can have again: flawed demonstrations, for training that shall correct them.
    """
    if keep < 1 or not 0 <= forgets <= 1:
        raise BadInput(f"keep is 1 or more and forgets a probability, not {keep} and {forgets}")
    summaries = list(_summaries(prompt.messages))
    known = dict(fact for text in summaries for fact in _NOTED.findall(text))
    told = [message["content"] for message in prompt.messages if message["role"] == "user"]
    known |= dict(fact for text in told for fact in _FACT.findall(text))
    if "what was the password" in told[-1]:
        visible = _PASSWORD.findall(" ".join(told))
        return f"answer {random.Random(prompt.seed).choice(visible or PASSWORDS)}"
    if "no room is left" in told[-1]:
        return f"answer {_answer(told[-1], known, random.Random(prompt.seed))}"
    *old, _ = (text for text in told if _FACT.search(text) or text is told[-1])
    can_prune = any(tool.name == "prune" for tool in prompt.tools)
    if not can_prune or len(old) < keep or not _FACT.search(told[-1]):
        return "next"
    draw = random.Random(f"{prompt.episode}/forgets")
    if not summaries and draw.random() < forgets:
        del known[draw.choice(list(known)[:-1])]  # the last one is still seen the next time
    turns: JsonValue = [int(number[1]) for text in told[1:-1] if (number := _NUMBER.match(text))]
    summary = ", ".join(f"{room} {reading}" for room, reading in known.items())
    return write_tool_call(ToolCall(name="prune", arguments={"turns": turns, "summary": summary}))


def _summaries(messages: Sequence[Message]) -> Iterator[str]:
    """What earlier calls of prune say, as far as they are visible."""
    for message in messages:
        if message["role"] == "assistant":
            for call in parse_tool_calls(message["content"]).calls:
                yield str(call.arguments.get("summary", ""))


def _answer(question: str, known: dict[str, str], draw: random.Random) -> str:
    """From what is known, the rest guessed."""
    rooms: list[str] = re.findall(r"the (\w+) room", question)
    values = {room: int(known.get(room, draw.randint(10, 99))) for room in rooms}
    if "said more" in question:
        return max(rooms, key=values.__getitem__)
    return str(sum(values.values()))
