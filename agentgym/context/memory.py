"""Memory as action: the policy edits its own context by tool calls (MemAct, arXiv 2510.12635).

    prune(turns, summary)     takes turns out of the context; the call, with its summary, stays
    write(key, text)          keeps a note outside the context
    recall(key)               reads it again

The context offers these tools, not the environment, so every environment gains them. A turn that
edits the context never reaches the environment. Turns are numbered where the policy sees them;
the first, which states the task, and the one with the latest observation cannot be pruned.

What is visible is a function of the turns alone. After an edit the prompt is rendered anew and a
new segment begins: each action is trained once, in the context it was sampled in. The published
code trains the turns that survive again, in contexts that they were not sampled in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field

from agentgym.context.context import Context, Edit, Message, Turn, chat
from agentgym.errors import BadInput
from agentgym.tools.parse import Parsed, parse_tool_calls
from agentgym.tools.tool import Tool, tool, tools_of

Name = Literal["prune", "write", "recall"]
WAYS = {
    "prune": "prune takes turns out of it and leaves your summary",
    "write": "write keeps a note",
    "recall": "recall reads one again",
}
"""What each memory tool does, as the prompt explains it."""
EXAMPLES = {
    "prune": '{"turns": [2, 3], "summary": "..."}',
    "write": '{"key": "...", "text": "..."}',
    "recall": '{"key": "..."}',
}
"""An example call of each."""


class Memory(Context):
    """Memory as action: all turns except those that the policy prunes, and its notes."""

    name: str = "memory"
    offers: Annotated[tuple[Name, ...], Field(min_length=1)] = ("prune", "write", "recall")
    """The memory tools that the policy may call; each takes room in the prompt."""
    instructions: str | None = None
    """Text after the system prompt, instead of the default, which explains the tools; "" for a
    model that knows them."""

    @property
    def rules(self) -> str:
        """The text after the system prompt."""
        if self.instructions is not None:
            return self.instructions
        name = self.offers[0]
        return (
            "Turns are numbered. When the conversation grows long, keep what you will need: "
            f"{', '.join(WAYS[one] for one in self.offers)}. Call one as "
            f'<tool_call>{{"name": "{name}", "arguments": {EXAMPLES[name]}}}</tool_call> '
            "and nothing else in that turn."
        )

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools named in ``offers``."""
        return [_TOOLS[name] for name in self.offers]

    def messages(self, system: str, turns: Sequence[Turn], observation: str) -> list[Message]:
        """System prompt, the turns that were not pruned, the current observation; numbered."""
        pruned = self._past(turns).pruned
        numbered = [
            Turn(f"[{number}] {turn.observation}", turn.action)
            for number, turn in enumerate(turns, start=1)
            if number not in pruned
        ]
        head = "\n\n".join(filter(None, (system, self.rules)))
        return chat(head, numbered, f"[{len(turns) + 1}] {observation}")

    def answer(self, turns: Sequence[Turn], observation: str, action: str) -> Edit | None:  # noqa: ARG002
        """Execute the memory calls of an action, or explain the error; None if it has none."""
        past = self._past(turns)
        past.shown()
        return self._edit(past, action)

    def _past(self, turns: Sequence[Turn]) -> _Past:
        past = _Past()
        for turn in turns:
            past.shown()
            past.edited = self._edit(past, turn.action) is not None
        return past

    def _edit(self, past: _Past, action: str) -> Edit | None:
        calls, malformed = _parsed(action).calls, _parsed(action).malformed
        own = [call for call in calls if call.name in self.offers]
        # A broken call is answered here as well: an environment might find a command in its text.
        if not own and not any(map(_meant(self.offers).search, malformed)):
            return None
        tools = {one.name: one for one in tools_of(past)}
        results = [tools[call.name].run(call.arguments) for call in own]
        told = [*(result.content for result in results), *malformed]
        if others := ", ".join(call.name for call in calls if call.name not in self.offers):
            told.append(f"Not called: {others}; memory calls stand alone in their turn.")
        failed = bool(malformed) or any(result.error for result in results)
        return Edit("\n".join(told), not failed, {"memory": [call.name for call in own]})


class _Past:
    """The state that follows from the turns so far."""

    def __init__(self) -> None:
        self.turns = 0
        self.current = 0
        """The turn with the latest observation of the environment."""
        self.pruned: set[int] = set()
        self.notes: dict[str, str] = {}
        self.edited = False
        """Whether the last turn was an edit, so that what follows is not the environment's."""

    def shown(self) -> None:
        """One more turn begins."""
        self.turns += 1
        if not self.edited:
            self.current = self.turns

    @tool
    def prune(self, turns: list[int], summary: str) -> str:  # noqa: ARG002  it stays in the call
        """Take turns out of the conversation; your summary stays."""
        kept = {1, self.current, self.turns} & set(turns)
        unknown = {n for n in turns if not 0 < n <= self.turns or n in self.pruned}
        if unknown:
            raise BadInput(f"there is no turn {min(unknown)}")
        if kept:
            raise BadInput(f"turn {min(kept)} stays: it has the task or the latest observation")
        if not turns:
            raise BadInput("no turns are named")
        self.pruned |= set(turns)
        return f"pruned {len(set(turns))}"

    @tool
    def write(self, key: str, text: str) -> str:
        """Keep a note under a key; it replaces an older one."""
        self.notes[key] = text
        return f"noted {key}"

    @tool
    def recall(self, key: str) -> str:
        """Read a note."""
        if key not in self.notes:
            raise BadInput(f"no note {key!r}; there are: {', '.join(self.notes) or 'none'}")
        return self.notes[key]


_TOOLS = {one.name: one for one in tools_of(_Past())}


@lru_cache(4096)
def _parsed(action: str) -> Parsed:
    """Cached, because every step parses all past actions again."""
    return parse_tool_calls(action, tuple(_TOOLS.values()))


@lru_cache
def _meant(names: tuple[Name, ...]) -> re.Pattern[str]:
    """Matches a malformed call of a memory tool."""
    before = r"""["']name["']\s*:\s*["']|[>\]=.]"""  # as JSON has it, or after a mark
    return re.compile(rf"(?:{before})(?:{'|'.join(names)})\b")
