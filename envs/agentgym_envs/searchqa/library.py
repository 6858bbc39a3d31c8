"""A library: passages, their index and the tasks, built once and shared by every environment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym_envs.searchqa import airports, elements, factbook, small_world
from agentgym_envs.searchqa.chains import questions, with_ways_back
from agentgym_envs.searchqa.entity import Fact
from agentgym_envs.searchqa.levels import LEVELS
from agentgym_envs.searchqa.published import FORMATS, read_published
from agentgym_envs.searchqa.question import Question
from agentgym_tools.passages import Passage, read_corpus, shown
from agentgym_tools.search import BM25

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Source:
    """What a library is made of. Small, so that it travels instead of the library."""

    level: str = "full"
    seed: int = 0
    dataset: str | None = None
    files: tuple[tuple[str, str], ...] = ()
    """Split and file of each part of a published dataset."""
    corpus: str | None = None
    """File of passages, where the dataset has none of its own or others are wanted."""


class Library:
    """Read-only."""

    def __init__(
        self, passages: Iterable[Passage], asked: Mapping[str, Sequence[Question]], prefix: str
    ) -> None:
        self.passages = list(passages)
        self.tasks = {
            split: [
                Task(
                    id=f"{prefix}/{split}/{place:05d}",
                    split=split,
                    data=one.model_dump(mode="json"),
                )
                for place, one in enumerate(some)
            ]
            for split, some in asked.items()
        }
        self.by_id = {task.id: task for tasks in self.tasks.values() for task in tasks}
        self.place = {one.id: place for place, one in enumerate(self.passages)}

    @cached_property
    def index(self) -> BM25:
        """Built when the first search comes. Titles count twice: they say what a text is about."""
        return BM25([f"{one.title} {one.contents}" for one in self.passages])

    def gold(self, question: Question) -> list[str]:
        """The passages that tell the answer, as a search shows them after their number."""
        places = [self.place[hop.passage] for hop in question.hops if hop.passage in self.place]
        return ["(" + shown([self.passages[place]]).partition("(")[2] for place in places]


@lru_cache(maxsize=8)
def open_library(source: Source) -> Library:
    """The library of a source, built at most once in a process while it is in use.

    Raises:
        UnknownName: no such level or dataset.
        MissingExtra: the level's data is not installed.
        BadInput: a file is missing or not in its published format.
    """
    if source.dataset is not None:
        return published(source)
    if source.level not in LEVELS:
        raise UnknownName("level", source.level, LEVELS)
    level = LEVELS[source.level]
    if level.invented:
        return Library(*small_world.world(source.seed), source.level)
    passages, facts = real_world()
    return Library(passages, questions(facts, level.hops, level.most, source.seed), source.level)


@lru_cache(maxsize=1)
def real_world() -> tuple[list[Passage], list[Fact]]:
    """Countries, elements and airports: all passages, and the facts that questions are made of."""
    book = factbook.countries()
    known = factbook.by_name(book)
    table = elements.elements()
    codes = {one.code: one.entity for one in book if one.sovereign and one.code}
    ports = airports.airports({**codes, "gb": codes["uk"]})
    passages = [one for entry in book for field in entry.passages.values() for one in field]
    passages += [one for element in table for one in element.passages]
    passages += [port.passage for port in ports]
    facts = [*factbook.facts(book), *elements.facts(table, known), *airports.facts(ports)]
    return passages, with_ways_back(facts)


def published(source: Source) -> Library:
    """The library of a published dataset's files."""
    if source.dataset not in FORMATS:
        raise UnknownName("dataset", str(source.dataset), FORMATS)
    if not source.files or not {split for split, _ in source.files} <= set(SPLITS):
        raise BadInput(
            "say which file is which split: files={'test': 'dev.json'}; splits are "
            f"{', '.join(SPLITS)}"
        )
    passages: dict[str, Passage] = {}
    asked: dict[str, list[Question]] = {}
    for split in SPLITS:
        if split in (files := dict(source.files)):
            asked[split], own = read_published(source.dataset, Path(files[split]))
            passages |= {one.id: one for one in own}
    if source.corpus is not None:
        passages = {one.id: one for one in read_corpus(Path(source.corpus))}
    return Library(passages.values(), asked, source.dataset)
