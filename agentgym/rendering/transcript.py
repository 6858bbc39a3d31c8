"""The token sequence of an episode: prompts, and what was sampled from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agentgym.context.context import Message
from agentgym.rendering.drift import Drift
from agentgym.rendering.protocol import Renderer
from agentgym.tools.tool import Tool


class Answer(NamedTuple):
    """What the policy said once."""

    asked: str
    """The message that it answered; it tells apart answers that read the same."""
    text: str
    ids: list[int]


class Transcript:
    """Grows by appending, as long as each prompt's messages go on where the last ones ended.

    Where the context shows another past, or the renderer forks, the sequence starts anew:
    ``segment`` counts these starts. ``drift`` is that of the last prompt.
    """

    def __init__(self, renderer: Renderer | None, tools: Sequence[Tool] = ()) -> None:
        """Begin; without a renderer every prompt stays empty."""
        self.renderer, self.tools = renderer, tools
        self.messages: list[Message] = []
        self.text = ""
        self.ids: list[int] = []
        self.sampled: list[int] = []
        self.answer: Message = {"role": "assistant", "content": ""}
        self.answers: list[Answer] = []
        self.segment = 0
        self.drift: Drift = "clean"

    def prompt(self, messages: list[Message]) -> list[int]:
        """Bring ``ids`` up to ``messages``; returns the ids that were put in for it."""
        if self.renderer is None:
            return []
        known = len(self.messages)
        past, new = messages[: known + 1], messages[known + 1 :]
        if self.messages and new and past == [*self.messages, self.answer]:
            prompt = self.renderer.extend(self.text, messages, known, self.sampled, self.tools)
            anew = prompt.drift == "forked"
        else:
            prompt = self.renderer.render(messages, self.tools, self._kept(messages))
            anew = bool(self.messages)
        if anew:
            self.segment += 1
            self.ids = []
        self.messages, self.text, self.drift = messages, prompt.text, prompt.drift
        self.ids = self.ids + prompt.ids
        return prompt.ids

    def sample(self, ids: Sequence[int], text: str) -> None:
        """Append what the policy sampled; ``text`` is how the messages will tell it."""
        self.sampled = list(ids)
        self.answer = {"role": "assistant", "content": text}
        self.ids = self.ids + self.sampled
        asked = self.messages[-1]["content"] if self.messages else ""
        self.answers = [*self.answers, Answer(asked, text, self.sampled)]

    def _kept(self, messages: Sequence[Message]) -> dict[int, list[int]]:
        """Which messages are answers of the policy, and the ids that it sampled as them."""
        kept: dict[int, list[int]] = {}
        left = self.answers
        for index in range(len(messages) - 1, 0, -1):  # contexts drop old turns sooner than new
            before, message = messages[index - 1 : index + 1]
            if message["role"] != "assistant":
                continue
            same = [n for n, answer in enumerate(left) if answer.text == message["content"]]
            asked = [n for n in same if left[n].asked == before["content"]]
            if found := asked or same:
                kept[index] = left[found[-1]].ids
                left = left[: found[-1]]
        return kept
