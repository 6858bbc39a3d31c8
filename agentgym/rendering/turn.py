"""How a template tells an assistant's turn: what it writes before the answer, and what ends it.

ChatML    <|im_start|>assistant\\n ANSWER <|im_end|>\\n  a token of the template ends the turn
Llama 2   [/INST] ANSWER </s>                          ... with white space around the answer
GLM-4     <|assistant|>\\n ANSWER <|user|>              the next turn ends this one
Harmony   <|channel|>final<|message|> ANSWER <|end|>   a message ends; a turn has several

A base model's config may name another end than the template writes (Qwen2.5: <|endoftext|>); the
template's is an end as well, or the model would write the user's part itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from agentgym.context.context import Message
from agentgym.errors import BadInput
from agentgym.rendering.guard import HOLE
from agentgym.rendering.template import ASKED, Template

CHANNEL = "<|channel|>"


class Turn(NamedTuple):
    """What surrounds an answer; texts are as the template writes them."""

    opening: str
    """From the end of the user's text to where the assistant begins to write."""
    before: str
    """Of the assistant's own writing, before the answer: white space, or Harmony's channel."""
    space: str
    """White space between the answer and the token after it."""
    written: str
    """The token with which the template ends an answer of the past; empty if with none."""
    end: str
    """The token with which a model ends its turn."""
    stops: frozenset[str]
    """Tokens that end a turn though no config may name them."""


def turn_of(
    template: Template, tokens: Iterable[str], named: Collection[str | None], eos: str
) -> Turn:
    """What surrounds an answer.

    Args:
        template: that writes it.
        tokens: the added tokens of the tokenizer.
        named: those that a config names as ends.
        eos: the tokenizer's own end; ends an answer where the template writes no token.
    """
    user: Message = {"role": "user", "content": HOLE}
    assistant: Message = {"role": "assistant", "content": HOLE}
    prompt, opening = template.fill([user]).rsplit(HOLE, 1)
    told = template.fill([ASKED, assistant, user])
    head, following, _ = told.split(HOLE, 2)
    before = head.removeprefix(template.fill([ASKED])) if head else ""
    harmony = CHANNEL in "".join(template.sources.values())
    if before == head or not (before.isspace() or CHANNEL in before):
        before = ""
    try:
        last = template.finished([ASKED, assistant]).rsplit(HOLE, 1)[1]
    except BadInput:
        last = ""
    known = sorted((token for token in tokens if not token.isspace()), key=len, reverse=True)
    past, closing = _first(known, following), _first(known, last)
    # What neither closes the last turn nor a user's, but stands before any user's, opens a turn.
    closes = {closing, _first(known, opening)}
    opens = past if past not in closes and prompt.endswith(following.lstrip()) else ""
    written = "" if opens else past
    space = following[: len(following) - len(following.lstrip())] if written else ""
    if closing and closing in named:
        end = closing
    elif harmony or not written:
        end = opens if opens in named else eos
    else:
        end = written
    stops = frozenset({end} if harmony else {end, written} - {""})
    return Turn(opening, before, space, written, end, stops)


def _first(known: Iterable[str], text: str) -> str:
    """The token at the head of a text, behind white space; empty if there is none."""
    text = text.lstrip()
    return next((token for token in known if text.startswith(token)), "")
