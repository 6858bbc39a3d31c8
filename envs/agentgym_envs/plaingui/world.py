"""The desk at the start of a task: what stands in the address book, the mailbox and the rest."""

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product

from agentgym.env.seeded_random import SeededRandom, split_of
from agentgym_envs.plaingui import words
from agentgym_envs.plaingui.apps import APPS, DAYS, OFFICE, TIMES
from agentgym_envs.plaingui.model import Data, Record

Records = dict[int, Record]
TEXTS = {
    "device name": words.DEVICES,
    "display name": words.FIRST_NAMES,
    "signature": words.SIGNATURES,
    "name": words.NICKNAMES,
}
"""What may stand in the textboxes of settings."""


def office(split: str, size: int, rng: SeededRandom) -> Data:
    """All programs, with about ``size`` records each.

    Names of people, tasks and events are those of the split: no other split has them.
    """
    people = names(split, size + 4, rng)
    makers = {
        "contacts": lambda: contacts(people[:size], rng),
        "mail": lambda: mail(people[-size:], rng),
        "todo": lambda: todo(split, size, rng),
        "calendar": lambda: calendar(split, size, rng),
    }
    return {name: makers[name]() if name in makers else settings(name, rng) for name in OFFICE}


def names(split: str, count: int, rng: SeededRandom) -> list[str]:
    """People of a split; few first names among them, so that many share one."""
    firsts = rng.some(words.FIRST_NAMES, 16)
    people = of_split(split, words.FIRST_NAMES, words.LAST_NAMES)
    return rng.some([name for name in people if name.split()[0] in firsts], count)


def task_titles(split: str, count: int, rng: SeededRandom) -> list[str]:
    """Things to do."""
    return rng.some(of_split(split, words.VERBS, words.OBJECTS), count)


def event_titles(split: str, count: int, rng: SeededRandom) -> list[str]:
    """Occasions."""
    return rng.some(of_split(split, words.OCCASIONS, words.MEETINGS), count)


@cache
def of_split(split: str, first: Sequence[str], second: Sequence[str]) -> list[str]:
    """The pairs of words that belong to a split."""
    return [text for text in map(" ".join, product(first, second)) if split_of(text) == split]


def phone(rng: SeededRandom) -> str:
    """A number to call."""
    return f"555 {rng.below(10)}{rng.below(10)}{rng.below(10)}{rng.below(10)}"


def email(name: str, rng: SeededRandom) -> str:
    """An address that fits the name."""
    return f"{name.lower().replace(' ', '.')}@{rng.pick(words.HOSTS)}"


def contacts(people: Sequence[str], rng: SeededRandom) -> Records:
    """The address book, in alphabetical order."""
    groups = ("friends", "family", "work", "other")
    return numbered(
        {
            "name": name,
            "phone": phone(rng),
            "email": email(name, rng),
            "group": rng.pick(groups),
            "favourite": "on" if rng.below(4) == 0 else "off",
        }
        for name in sorted(people)
    )


def mail(people: Sequence[str], rng: SeededRandom) -> Records:
    """The mailbox: each person writes once, mostly to the inbox."""
    subjects = [rng.pick(words.TOPICS) for _ in people]
    return numbered(
        {
            "from": name,
            "to": "me",
            "subject": subject,
            "body": f"we meet at {rng.pick(words.PLACES)}; {rng.pick(words.REMARKS)}",
            "folder": "archive" if rng.below(6) == 0 else "inbox",
            "starred": "on" if rng.below(5) == 0 else "off",
        }
        for name, subject in zip(people, subjects, strict=True)
    )


def todo(split: str, size: int, rng: SeededRandom) -> Records:
    """Things to do, some done."""
    return numbered(
        {
            "title": title,
            "list": rng.pick(("home", "office", "errands")),
            "due": rng.pick(DAYS),
            "priority": rng.pick(("low", "normal", "high")),
            "done": "on" if rng.below(4) == 0 else "off",
        }
        for title in task_titles(split, size, rng)
    )


def calendar(split: str, size: int, rng: SeededRandom) -> Records:
    """The events of a week, in the order of its days."""
    events = [
        {
            "title": title,
            "day": rng.pick(DAYS),
            "time": rng.pick(TIMES),
            "place": rng.pick(words.PLACES),
        }
        for title in event_titles(split, size, rng)
    ]
    return numbered(sorted(events, key=lambda event: (DAYS.index(event["day"]), event["time"])))


def settings(name: str, rng: SeededRandom) -> Records:
    """The single record of a settings program."""
    fields = APPS[name].fields
    return {1: {field.name: rng.pick(field.options or TEXTS[field.name]) for field in fields}}


def numbered(records: Iterable[Record]) -> Records:
    """Records with their keys, from 1."""
    return dict(enumerate(records, 1))
