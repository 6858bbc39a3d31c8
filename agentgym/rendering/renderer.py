"""Messages to token ids and back, append-only: what the model sampled is never tokenised again.

The ids of the next prompt are the ids of the last prompt, the sampled ids, and the ids of what the
chat template writes after them. Re-tokenising the sampled text instead can give other ids than were
sampled, and then the logprobs belong to tokens that the trainer does not see.

Some templates write the past otherwise than it was: Qwen3 drops the thoughts of old turns, Llama 3
trims white space. The ``drift`` of a prompt says so.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

from agentgym.context.context import Message
from agentgym.errors import BadInput
from agentgym.rendering.answers import Answers
from agentgym.rendering.control_tokens import control_tokens
from agentgym.rendering.drift import Drift, OnRewrite, rewriting
from agentgym.rendering.encoding import Encoding, TurnByTurn
from agentgym.rendering.guard import HOLE, Guard
from agentgym.rendering.protocol import Rendered, Renderer
from agentgym.rendering.tails import Tails
from agentgym.rendering.template import ANSWERED, ASKED, DATE, System, Template
from agentgym.rendering.turn import turn_of
from agentgym.tools.tool import Tool


class ChatTemplate(Renderer):
    """Renders with a Hugging Face tokenizer and its chat template."""

    def __init__(
        self,
        tokenizer: Any,
        stop_ids: Iterable[int | None] = (),
        *,
        on_rewrite: OnRewrite = "fork",
        system: System = "auto",
        date: datetime.date = DATE,
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a tokenizer; ``on_rewrite`` decides what to do when its template rewrites the past.

        Args:
            tokenizer: with a chat template.
            stop_ids: other tokens that end a turn (see a model's ``generation_config``).
            on_rewrite: ``fork`` follows the template: the prompt is rendered again and begins a
                segment. ``keep`` keeps the earlier tokens, so the model still sees its own
                words, and appends. ``error`` raises. A difference in white space is always kept.
            system: where the system prompt stands: ``turn``, in a turn of its own; ``merge``, at
                the head of the first user message; ``auto``: merged where the template refuses a
                system message or leaves it out.
            date: what the template writes as today's, if it writes one.
            chat_template_kwargs: more variables of the template, such as ``enable_thinking``.

        Raises:
            BadInput: it has no chat template or no end-of-turn token; or the template leaves out
                what users or assistants say, or the system prompt where ``system`` is ``turn``.
        """
        self._template = Template(
            tokenizer, system=system, date=date, variables=chat_template_kwargs
        )
        if tokenizer.eos_token_id is None:
            raise BadInput(f"the tokenizer of {tokenizer.name_or_path!r} has no end-of-turn token")
        self.tokenizer, self.on_rewrite = tokenizer, on_rewrite
        named = {int(tokenizer.eos_token_id), *(int(i) for i in stop_ids if i is not None)}
        added = {i: token.content for i, token in tokenizer.added_tokens_decoder.items()}
        self._turn = turn_of(
            self._template, added.values(), {added.get(i) for i in named}, tokenizer.eos_token
        )
        id_of = tokenizer.convert_tokens_to_ids
        self.stop_ids = frozenset(named | {id_of(stop) for stop in self._turn.stops})
        self.end_id = int(id_of(self._turn.end))
        """What a demonstration ends with."""
        ends = [added[i] for i in self.stop_ids if i in added]
        tokens = control_tokens(tokenizer, self._template, ends)
        self.guarded = tokens.heard
        """Tokens that nothing a user, a tool or an environment says becomes."""
        self._heard, self._told, self._said = (
            Guard(tokenizer, some) for some in (tokens.heard, tokens.told, tokens.said)
        )
        self._encoding = Encoding(tokenizer)
        roles = {id_of(one) for one in tokens.roles}
        self._answers = Answers(tokenizer, self._encoding, self._turn, self.stop_ids | roles)
        sample = self._template.fill([ASKED, ANSWERED, ASKED])
        self._ids = TurnByTurn(self._encoding, self._turn.written, sample).ids
        self._tails = Tails(tokenizer, self._turn, self._encoding, self._ids, self.stop_ids)

    @property
    def merges_system(self) -> bool:
        """Whether the system prompt stands at the head of the first user message."""
        return self._template.merges_system

    @property
    def writes_date(self) -> bool:
        """Whether the template writes today's date."""
        return self._template.writes_date

    @property
    def content_in_parts(self) -> bool:
        """Whether the template wants content in parts."""
        return bool(self._template.in_parts)

    @cached_property
    def rewrites_past(self) -> bool:
        """Whether the template would write a thought of the past otherwise than it was."""
        thought: Message = {"role": "assistant", "content": "<think>\nwell\n</think>\n\ngo"}
        before, now = self._fill([ASKED], ()), self._fill([ASKED, thought, ASKED], ())
        return self._tails.follow(before, now, thought["content"]) is None

    def _guarded(self, messages: Sequence[Message]) -> list[Message]:
        guards = {"system": self._told, "assistant": self._said}
        return [
            {"role": m["role"], "content": guards.get(m["role"], self._heard).text(m["content"])}
            for m in messages
        ]

    def _fill(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        """What the template makes of guarded messages."""
        return self._template.fill(messages, self._told.json([tool.schema for tool in tools]))

    def _after(
        self, messages: Sequence[Message], index: int, tools: Sequence[Tool]
    ) -> tuple[str, Drift] | None:
        """What follows an assistant's message, whatever it says; None if it is not told at all."""
        guarded = self._guarded(messages)
        guarded[index] = {"role": "assistant", "content": HOLE}
        _, told, after = self._fill(guarded, tools).rpartition(HOLE)
        return (after, "realigned") if told else None

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        sampled: Mapping[int, Sequence[int]] = MappingProxyType({}),
    ) -> Rendered:
        """See :class:`Renderer`."""
        guarded = self._guarded(messages)
        text = self._fill(guarded, tools)
        kept = self._with(guarded, text, sampled, tools) if sampled else []
        return Rendered(kept or self._ids(text), text)

    def _with(
        self,
        guarded: Sequence[Message],
        text: str,
        sampled: Mapping[int, Sequence[int]],
        tools: Sequence[Tool],
    ) -> list[int]:
        """The ids of ``text`` with the sampled ids where the answers are; empty if impossible."""
        places = sorted(sampled)
        hidden: list[Message] = [
            {"role": "assistant", "content": HOLE} if place in sampled else message
            for place, message in enumerate(guarded)
        ]
        first, *rest = self._fill(hidden, tools).split(HOLE)
        if len(rest) != len(places):
            return []  # the template leaves some out
        told = [guarded[place]["content"] for place in places]
        if first + "".join(map("".join, zip(told, rest, strict=True))) != text:
            return []  # ... or writes them otherwise
        own = self._turn.before  # the model has sampled it with its answer
        ids = self._ids(first.removesuffix(own))
        for place, after in zip(places, rest, strict=True):
            tail = after if place == places[-1] else after.removesuffix(own)
            ids += [*sampled[place], *self._tails.ids(tail, sampled[place])[0]]
        return ids

    def extend(
        self,
        last: str,
        messages: Sequence[Message],
        answered: int,
        sampled: Sequence[int],
        tools: Sequence[Tool] = (),
    ) -> Rendered:
        """See :class:`Renderer`.

        Raises:
            BadInput: the template rewrites the past, and ``on_rewrite`` is ``error``.
        """
        guarded = self._guarded(messages)
        text, answer = self._fill(guarded, tools), guarded[answered]["content"]
        found = self._tails.follow(last, text, answer)
        if found is None and self.on_rewrite == "error":
            turn = self._turn
            raise BadInput(rewriting(last + turn.before + answer + turn.space + turn.written, text))
        if found is None and self.on_rewrite == "keep":
            found = self._after(messages, answered, tools)
        if found is None:
            return Rendered(self._ids(text), text, "forked")
        tail, drift = found
        ids, same = self._tails.ids(tail, sampled)
        as_told = same and self._answers.as_told(sampled, messages[answered]["content"])
        return Rendered(ids, text, drift if as_told else "realigned")

    def encode_action(self, text: str) -> list[int]:
        """See :class:`Renderer`."""
        return self._answers.encode(self._said.text(text))

    def decode(self, ids: Sequence[int]) -> str:
        """See :class:`Renderer`."""
        return self._answers.decode(ids)

    @property
    def vocabulary(self) -> int:
        """See :class:`Renderer`."""
        return len(self.tokenizer)
