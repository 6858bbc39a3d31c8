"""The pages of MiniWoB++: where they are, and the tasks that each gives."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from agentgym.env.text_env import Task
from agentgym.errors import MissingExtra

SPLITS = {"train": (0, 200), "valid": (100_000, 20), "test": (200_000, 50)}
"""For each page: the first seed of a split and how many there are."""

CHANGED = frozenset(
    {
        *("focus-text-2", "form-sequence", "scroll-text", "scroll-text-2", "search-engine"),
        *("use-autocomplete", "use-autocomplete-nodelay", "use-slider", "use-slider-2"),
    }
)
"""Pages that an episode leaves in another state than it found them: loaded anew each time."""

UNCLEAR = frozenset(
    (page, seed) for page in ("email-inbox-forward", "email-inbox-noscroll") for seed in (2, 22)
)
"""Instances where two emails have the sender that is asked for: they are no tasks."""


@cache
def folder() -> Path:
    """Where the HTML files are.

    Raises:
        MissingExtra: the package is not installed.
    """
    spec = find_spec("miniwob")  # importing it would import Selenium
    if spec is None or spec.origin is None:
        raise MissingExtra("MiniWoB", "gui")
    return Path(spec.origin).parent / "html" / "miniwob"


@cache
def names() -> tuple[str, ...]:
    """All pages, sorted."""
    return tuple(sorted(file.stem for file in folder().glob("*.html")))


@cache
def tasks(pages: tuple[str, ...], split: str) -> Sequence[Task]:
    """The tasks of a split, one of each page in turn."""
    first, count = SPLITS[split]
    return [
        Task(
            id=f"{page}/{split}/{number:05}",
            split=split,
            data={"page": page, "seed": first + number},
        )
        for number in range(count)
        for page in pages
        if (page, first + number) not in UNCLEAR
    ]
