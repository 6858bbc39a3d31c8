"""Drift: what a chat template does to the part of a conversation that it has written before.

clean       it writes the same again, and new messages after it.
realigned   it would write the answer otherwise; the sampled ids are kept, the new tail is appended.
forked      it rewrote the past and was followed: the prompt is rendered anew, a new segment.

A context that leaves out or edits turns on purpose begins a segment too, but that is no drift.
"""

from __future__ import annotations

from typing import Literal

Drift = Literal["clean", "realigned", "forked"]
OnRewrite = Literal["fork", "keep", "error"]


def follow(written: str, answer: str, space: str, end: str) -> tuple[str, Drift] | None:
    """What follows ``answer`` at the head of ``written``, or None if other words stand there.

    White space in the answer may be laid out otherwise: Llama 3 trims it, Qwen3 sets its own
    around a thought. ``end`` is the token that the template ends a turn with, or empty, and
    ``space`` the white space that it writes before it.
    """
    if written.startswith(answer + space + end):
        return written[len(answer) :], "clean"
    place = 0
    for letter in "".join(answer.split()):
        place = _skip_space(written, place)
        if not written.startswith(letter, place):
            return None
        place += 1
    if end:
        place = _skip_space(written, place)
    return (written[place:], "realigned") if written.startswith(end, place) else None


def rewriting(before: str, now: str) -> str:
    """Says where two texts part, and what can be done."""
    pairs = enumerate(zip(before, now, strict=False))
    same = next((i for i, (a, b) in pairs if a != b), min(len(before), len(now)))
    return (
        f"the chat template rewrites the past: after {now[max(0, same - 30) : same]!r} it writes "
        f"{now[same : same + 30]!r} instead of {before[same : same + 30]!r}; use on_rewrite='fork' "
        "to follow it in a new segment, or 'keep' to go on with what was sampled"
    )


def _skip_space(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place
