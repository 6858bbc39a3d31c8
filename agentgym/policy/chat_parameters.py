"""Parameters that a chat server does not take: found in the words of its refusal, and remembered.

Reasoning models want ``max_completion_tokens`` for ``max_tokens`` and their own temperature; other
servers know no ``seed`` or no ``top_k``. A value that is out of range is no such refusal.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

OPTIONAL = ("top_p", "top_k", "seed", "temperature", "max_tokens")
USUAL = {"max_tokens": "max_completion_tokens"}
"""What a server takes that refuses the parameter and names no other."""
REFUSAL = re.compile(
    r"unsupported|(not|n't) support|unrecogni[sz]ed|unknown (name|param|arg|field|prop|key)"
    r"|unexpected (keyword|param|arg|field|prop|key)|extra (input|field|param|key)|extraneous"
    r"|not (permitted|allowed|accepted|available|implemented)|deprecated|cannot find field"
    r"|only the default|(cannot|can't|not) both|mutually exclusive|only one of",
    re.IGNORECASE,
)
INSTEAD = re.compile(r"\b(?:use|mean)\s+(?:[`'\"](\w+)[`'\"]|(\w+_\w+))", re.IGNORECASE)
TOGETHER = re.compile(r"both|mutually exclusive|only one", re.IGNORECASE)


class Parameters:
    """What a server takes of the parameters of a request, as far as is known."""

    def __init__(self) -> None:
        self.instead: dict[str, str | None] = {}
        """Refused parameter -> the one to send its value in; None: it is left out."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """The parameters that are left out."""
        return tuple(name for name, other in self.instead.items() if other is None)

    def taken(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body of a request as the server takes it."""
        names = {name: self.instead.get(name, name) for name in body}
        return {other: body[name] for name, other in names.items() if other}

    def forget(self, names: Iterable[str]) -> None:
        """Send these again."""
        for name in names:
            self.instead.pop(name, None)

    def learn(self, words: str, sent: dict[str, Any]) -> str | None:
        """Find the parameter that a refusal is about, so that another request may succeed.

        Args:
            words: of the server.
            sent: the body that it refused.

        Returns:
            What we call the parameter; None where the refusal is about something else.
        """
        ours = {name: name for name in OPTIONAL}
        ours |= {other: name for name, other in self.instead.items() if other}
        refused = _refused(words, [name for name in ours if name in sent])
        if refused is None:
            return None
        name = ours[refused]
        if refused != name:  # nor does it take what was sent instead
            self.instead[name] = None
        elif name not in self.instead:  # else a request beside this one has found it
            found = INSTEAD.search(words)
            other = (found[1] or found[2]) if found else USUAL.get(name)
            self.instead[name] = None if other in sent else other
        return name


def _refused(words: str, names: Sequence[str]) -> str | None:
    """The name that the words of a refusal mention first, if they are those of a refusal."""
    places = {name: re.search(rf"\b{name}\b", words) for name in names}
    mentioned = {name: place.start() for name, place in places.items() if place}
    if not mentioned or not REFUSAL.search(words):
        return None
    if TOGETHER.search(words):
        return next(iter(mentioned))  # in the order of OPTIONAL, which is that of what is missed
    return min(mentioned, key=lambda name: mentioned[name])
