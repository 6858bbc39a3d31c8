"""Messages to token ids and back, append-only: what the model sampled is never tokenised again.

The ids of the next prompt are the ids of the last prompt, the sampled ids, and the ids of what the
chat template writes after them. Re-tokenising the sampled text instead can give other ids than were
sampled, and then the logprobs belong to tokens that the trainer does not see.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from agentgym.context import Message
from agentgym.errors import BadInput
from agentgym.tooling import Tool

PLACEHOLDER = "\u2603assistant turn\u2603"  # stands for the sampled text inside a rendered template


class Renderer(Protocol):
    """The token side of a policy."""

    stop_ids: frozenset[int]
    """Sampling one of these ends the assistant's turn."""

    def render(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """Prompt ids of ``messages``, up to where the assistant begins to write."""
        ...

    def extend(
        self,
        messages: Sequence[Message],
        ids: Sequence[int],
        new: Sequence[Message],
        tools: Sequence[Tool] = (),
    ) -> list[int] | None:
        """The ids that follow a sampled assistant turn when ``new`` messages arrive.

        Args:
            messages: the messages of the prompt that was sampled from.
            ids: the ids that were sampled from it.
            new: what came after the assistant's turn.
            tools: as in ``render``.

        Returns:
            The ids to append, or None when the template rewrites what it had written before, so
            that the prompt must be rendered anew (a new segment).
        """
        ...

    def encode_action(self, text: str) -> list[int]:
        """The ids a model samples when it writes ``text`` and ends its turn; for demonstrations."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, without special tokens."""
        ...


class ChatTemplate:
    """Renders with a Hugging Face tokenizer and its chat template."""

    def __init__(self, tokenizer: Any, stop_ids: Iterable[int | None] = ()) -> None:
        """Take a tokenizer, and what else ends a turn (a model's ``generation_config`` says).

        Raises:
            BadInput: it has no chat template or no end-of-turn token.
        """
        if not getattr(tokenizer, "chat_template", None):
            raise BadInput(
                f"the tokenizer of {tokenizer.name_or_path!r} has no chat template; save one in "
                "the model folder as chat_template.jinja"
            )
        if tokenizer.eos_token_id is None:
            raise BadInput(f"the tokenizer of {tokenizer.name_or_path!r} has no end-of-turn token")
        self.tokenizer = tokenizer
        self.stop_ids = frozenset(
            {int(tokenizer.eos_token_id), *(i for i in stop_ids if i is not None)}
        )
        asked: Message = {"role": "user", "content": "?"}
        answered: Message = {"role": "assistant", "content": PLACEHOLDER}
        tail = self._text([asked, answered, asked], ()).partition(PLACEHOLDER)[2]
        first = self._ids(tail)[:1]
        # What the template itself ends a turn with; several models have other end tokens besides.
        self.end_id = first[0] if set(first) & self.stop_ids else int(tokenizer.eos_token_id)

    def _text(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        return str(
            self.tokenizer.apply_chat_template(
                list(messages),
                tools=[tool.schema for tool in tools] or None,
                add_generation_prompt=True,
                tokenize=False,
            )
        )

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def render(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> list[int]:
        """See :class:`Renderer`."""
        return self._ids(self._text(messages, tools))

    def extend(
        self,
        messages: Sequence[Message],
        ids: Sequence[int],
        new: Sequence[Message],
        tools: Sequence[Tool] = (),
    ) -> list[int] | None:
        """See :class:`Renderer`."""
        written: Message = {"role": "assistant", "content": PLACEHOLDER}
        before = self._text(messages, tools)
        past, found, tail = self._text([*messages, written, *new], tools).partition(PLACEHOLDER)
        if not found or past != before:
            return None
        answer = self.decode(ids)
        kept = self._text([*messages, {"role": "assistant", "content": answer}, *new], tools)
        if kept not in {past + answer + tail, past + answer.strip() + tail}:
            return None  # the template edits the answer, e.g. drops the thought before it
        tail_ids = self._ids(tail)
        if ids and ids[-1] in self.stop_ids and tail_ids[:1] == [ids[-1]]:
            return tail_ids[1:]  # the model itself wrote the end of its turn
        return tail_ids

    def encode_action(self, text: str) -> list[int]:
        """See :class:`Renderer`."""
        return [*self._ids(text), self.end_id]

    def decode(self, ids: Sequence[int]) -> str:
        """See :class:`Renderer`."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


class Transcript:
    """The token sequence of an episode, append-only: prompts and what was sampled from them.

    Where the next messages do not extend the last ones, or the template rewrites them, the
    sequence starts anew: ``segment`` counts these starts.
    """

    def __init__(self, renderer: Renderer | None, tools: Sequence[Tool] = ()) -> None:
        """Begin; without a renderer every prompt stays empty."""
        self.renderer, self.tools = renderer, tools
        self.messages: list[Message] = []
        self.ids: list[int] = []
        self.sampled: list[int] = []
        self.answer: Message = {"role": "assistant", "content": ""}
        self.segment = 0

    def prompt(self, messages: list[Message]) -> list[int]:
        """Bring ``ids`` up to ``messages``; returns the ids that were put in for it."""
        if self.renderer is None:
            return []
        known = len(self.messages)
        added = None
        past, new = messages[: known + 1], messages[known + 1 :]
        if self.messages and new and past == [*self.messages, self.answer]:
            added = self.renderer.extend(self.messages, self.sampled, new, self.tools)
        if added is None:
            added = self.renderer.render(messages, self.tools)
            self.segment += bool(self.messages)
            self.ids = []
        self.messages = messages
        self.ids = self.ids + added
        return added

    def sample(self, ids: Sequence[int], text: str) -> None:
        """Append what the policy sampled; ``text`` is how the messages will tell it."""
        self.sampled = list(ids)
        self.answer = {"role": "assistant", "content": text}
        self.ids = self.ids + self.sampled
