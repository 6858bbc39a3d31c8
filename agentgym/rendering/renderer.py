"""Messages to token ids and back, append-only: what the model sampled is never tokenised again.

The ids of the next prompt are the ids of the last prompt, the sampled ids, and the ids of what the
chat template writes after them. Re-tokenising the sampled text instead can give other ids than were
sampled, and then the logprobs belong to tokens that the trainer does not see.

Some templates write the past otherwise than it was: Qwen3 drops the thoughts of old turns, Llama 3
trims white space. The ``drift`` of a prompt says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from jinja2 import TemplateError

from agentgym.context.context import Message
from agentgym.errors import BadInput
from agentgym.rendering.drift import Drift, OnRewrite, follow, rewriting
from agentgym.rendering.special_tokens import HOLE, SpecialTokens
from agentgym.tools.tool import Tool


class Rendered(NamedTuple):
    """A prompt, or what has to be appended to make it."""

    ids: list[int]
    """Of a first or a forked prompt all, of another the ids that follow the sampled ones."""
    text: str
    """The whole prompt as the template writes it; the next ``extend`` compares with it."""
    drift: Drift = "clean"


class Renderer(Protocol):
    """The token side of a policy."""

    stop_ids: frozenset[int]
    """Sampling one of these ends the assistant's turn."""

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        sampled: Mapping[int, Sequence[int]] = MappingProxyType({}),
    ) -> Rendered:
        """The prompt of ``messages``, up to where the assistant begins to write.

        Args:
            messages: all of them.
            tools: offered to the model.
            sampled: index of an assistant's message -> the ids that were sampled as it, which are
                put in for its text.
        """
        ...

    def extend(
        self,
        last: str,
        messages: Sequence[Message],
        answered: int,
        sampled: Sequence[int],
        tools: Sequence[Tool] = (),
    ) -> Rendered:
        """The prompt of ``messages``, which are those of the last prompt, the answer, and new ones.

        Args:
            last: the text of the last prompt.
            messages: all of them.
            answered: index of the answer; the last prompt was made of the messages before it.
            sampled: the ids that the model sampled as its answer.
            tools: as in ``render``.
        """
        ...

    def encode_action(self, text: str) -> list[int]:
        """The ids a model samples when it writes ``text`` and ends its turn; for demonstrations."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of sampled ids, without special tokens."""
        ...

    @property
    def vocabulary(self) -> int:
        """How many ids there are."""
        ...


class ChatTemplate:
    """Renders with a Hugging Face tokenizer and its chat template."""

    def __init__(
        self,
        tokenizer: Any,
        stop_ids: Iterable[int | None] = (),
        *,
        on_rewrite: OnRewrite = "fork",
        chat_template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a tokenizer; ``on_rewrite`` decides what to do when its template rewrites the past.

        Args:
            tokenizer: with a chat template.
            stop_ids: other tokens that end a turn (see a model's ``generation_config``).
            on_rewrite: ``fork`` follows the template: the prompt is rendered again and begins a
                segment. ``keep`` keeps the earlier tokens, so the model still sees its own
                words, and appends. ``error`` raises. A difference in white space is always kept.
            chat_template_kwargs: more variables of the template, such as ``enable_thinking``.

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
        self.tokenizer, self.on_rewrite = tokenizer, on_rewrite
        self.chat_template_kwargs = dict(chat_template_kwargs or {})
        self.stop_ids = frozenset(
            {int(tokenizer.eos_token_id), *(i for i in stop_ids if i is not None)}
        )
        self._special = SpecialTokens(tokenizer)
        self._turn_ids = lru_cache(4096)(self._special.ids)
        asked: Message = {"role": "user", "content": "?"}
        answered: Message = {"role": "assistant", "content": "?"}
        tail, _ = self._after([asked, answered, asked], 1, ()) or ("", "")
        first = self._special.ids(tail)[:1]
        # What the template itself ends a turn with; several models have other end tokens besides.
        ends = set(first) & self.stop_ids
        self.end_id = first[0] if ends else int(tokenizer.eos_token_id)
        self._end = str(tokenizer.convert_ids_to_tokens(self.end_id)) if ends else ""
        text = self._fill([asked, answered, asked], ())
        self._turns_stand_alone = bool(ends) and self._by_turn(text) == self._special.ids(text)

    def _ids(self, text: str) -> list[int]:
        return self._by_turn(text) if self._turns_stand_alone else self._special.ids(text)

    def _by_turn(self, text: str) -> list[int]:
        """The ids, turn by turn: a prompt that is rendered anew has most of its turns again."""
        *turns, rest = text.split(self._end)
        pieces = [*(turn + self._end for turn in turns), rest]
        return [i for piece in pieces for i in self._turn_ids(piece)]

    def _guarded(self, messages: Sequence[Message]) -> list[Message]:
        guard = self._special.guard
        return [{"role": m["role"], "content": guard(m["content"])} for m in messages]

    def _fill(self, messages: Sequence[Message], tools: Sequence[Tool]) -> str:
        """What the template makes of guarded messages."""
        try:
            text = self.tokenizer.apply_chat_template(
                messages,
                tools=self._special.guard_json([tool.schema for tool in tools]) or None,
                add_generation_prompt=True,
                tokenize=False,
                **self.chat_template_kwargs,
            )
        except TemplateError as error:
            roles = ", ".join(message["role"] for message in messages)
            raise BadInput(f"the chat template refuses messages of {roles}: {error}") from error
        return str(text)

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
        ids = self._ids(first)
        for place, after in zip(places, rest, strict=True):
            own, following = sampled[place], self._ids(after)
            ends = {*own[-1:]} & self.stop_ids and {*following[:1]} & self.stop_ids
            ids += [*own, *(following[1:] if ends else following)]
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
        found = None
        if text.startswith(last):
            found = follow(text.removeprefix(last), answer, self._end)
        if found is None and self.on_rewrite == "error":
            raise BadInput(rewriting(last + answer + self._end, text))
        if found is None and self.on_rewrite == "keep":
            found = self._after(messages, answered, tools)
        if found is None:
            return Rendered(self._ids(text), text, "forked")
        tail, drift = found
        ids = self._ids(tail)
        if {*sampled[-1:]} & self.stop_ids and {*ids[:1]} & self.stop_ids:
            # The model itself ended its turn; with the template's token or with another one.
            drift = drift if ids[0] == sampled[-1] else "realigned"
            ids = ids[1:]
        return Rendered(ids, text, drift)

    def encode_action(self, text: str) -> list[int]:
        """See :class:`Renderer`."""
        return [*self._ids(self._special.guard(text)), self.end_id]

    def decode(self, ids: Sequence[int]) -> str:
        """See :class:`Renderer`."""
        return str(
            self.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    @property
    def vocabulary(self) -> int:
        """See :class:`Renderer`."""
        return len(self.tokenizer)
