"""Every error agentgym raises on purpose, as one tree.

AgentGymError
├── UnknownName        an environment, algorithm, policy or key that does not exist
├── BadInput           a value, file or folder that cannot be used as it is
├── EpisodeOver        step() after the end of an episode, or before reset()
├── TooManyFailures    more episodes failed than the run allows
├── Disagreement       sampled tokens have other logprobs when they are computed again
├── ServerError        a server cannot be reached, does not respond, or refuses
└── MissingExtra       an optional part is not installed

Messages say what was wrong, what exists, and what to do next.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, get_args


class AgentGymError(Exception):
    """The root: the command line prints it without a traceback."""


class UnknownName(AgentGymError, LookupError):
    """A name that does not exist; the message suggests similar ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        near = get_close_matches(name, known, n=3, cutoff=0.5)
        if near:
            exists = f"did you mean {' or '.join(repr(n) for n in near)}?"
        else:
            shown = ", ".join(known[:20]) or "none"
            exists = f"known: {shown}{', ...' if len(known) > 20 else ''}."
        super().__init__(f"no {kind} {name!r}; {exists}{' ' + hint if hint else ''}")


def option(kind: str, name: str, literal: Any) -> None:
    """Check that ``name`` is a value of ``literal``.

    Raises:
        UnknownName: it is not.
    """
    if name not in get_args(literal):
        raise UnknownName(kind, name, get_args(literal))


class BadInput(AgentGymError, ValueError):
    """A value, file or folder that cannot be used as it is."""


class EpisodeOver(AgentGymError, RuntimeError):
    """``step`` was called after the end of an episode or before ``reset``; call ``reset`` first."""


class TooManyFailures(AgentGymError, RuntimeError):
    """A larger share of the episodes failed than the run allows."""


class Disagreement(AgentGymError, RuntimeError):
    """Sampled tokens have other logprobs when they are computed again: no episode can be trusted,
    so it ends the run or evaluation and not one episode."""


class ServerError(AgentGymError, RuntimeError):
    """A server (of a model or of tools) could not be reached, did not respond, or refused."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        pause: float | None = None,
        said: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status; None when there was no answer."""
        self.pause = pause
        """Seconds to wait before a retry; None where a retry would not help."""
        self.said = said
        """The server's own words, where it refused."""


class MissingExtra(AgentGymError, ImportError):
    """An optional dependency is missing; the message has the line that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the '{extra}' extra: pip install 'agentgym-lab[{extra}]'")
