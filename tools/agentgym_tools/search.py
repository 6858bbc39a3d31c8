"""Search over a corpus in memory: BM25, by tantivy.

index = BM25(["the lamp is red", "the chair is blue", "a lamp"])
index.search("Lamps?", k=2)                    # [(2, 0.61...), (0, 0.43...)]

search, = tools_of(Search(passages, index))    # the tool that a model calls
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Protocol, Self

import tantivy

from agentgym.tools.tool import tool
from agentgym_tools.passages import Passage, shown

WORDS = 64
"""Different words of a query that are searched."""
LONGEST = 40  # letters in a word: what tantivy's tokenizer keeps
READ = 10_000  # characters of a query
HEAP = 256 * 1024 * 1024  # one segment for a corpus of any usual size; pages are taken on demand
WORD = re.compile(r"[^\W_]+")


class Ranker(Protocol):
    """Ranks the texts of a corpus for a query."""

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The places and scores of the ``k`` best texts, best first, ties in corpus order."""


class BM25:
    """Ranks texts by the words they share with a query, stemmed as English.

    The same on every machine. Safe to call from several threads.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Index ``texts``; about 5 us for each of 40 words."""
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("text", stored=False, tokenizer_name="en_stem")
        schema.add_unsigned_field("place", stored=True)
        self._index = tantivy.Index(schema.build())
        writer = self._index.writer(heap_size=HEAP, num_threads=1)  # more would share texts out
        for place, text in enumerate(texts):
            writer.add_document(tantivy.Document(text=text, place=place))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Share it: it does not change."""
        return self

    def search(self, query: str, k: int) -> list[tuple[int, float]]:
        """The best texts for any query; those that share no word with it are not found.

        Args:
            query: any text; its punctuation means nothing.
            k: texts found at most.

        Returns:
            Pairs (place in ``texts``, score above 0), best first, equals in the order of ``texts``.
        """
        if k < 1:
            return []
        parsed = self._index.parse_query(" ".join(words(query)), ["text"])
        asked = k
        while True:
            hits = self._searcher.search(parsed, asked + 1, count=False).hits
            if len(hits) <= asked or hits[-1][0] < hits[k - 1][0]:
                break
            asked *= 2  # equals are cut off in any order: it takes them all to find the first
        found = [(self._searcher.doc(address)["place"][0], score) for score, address in hits]
        return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:k]


class Search:
    """The search tool of a corpus: ``tools_of(Search(passages, BM25(...)))``."""

    def __init__(self, passages: Sequence[Passage], ranker: Ranker, k: int = 3) -> None:
        """Show the ``k`` best of ``passages``, which ``ranker`` ranks by their places."""
        self.passages, self.ranker, self.k = passages, ranker, k
        corpus = sha256("\0".join(one.contents for one in passages).encode()).hexdigest()
        self.version = f"{type(ranker).__name__} {k} {corpus}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Share it: it does not change."""
        return self

    @tool(pure=True)
    def search(self, query: str) -> str:
        """Search the corpus for passages about a query, e.g. "highest point of Peru"."""
        found = [self.passages[place] for place, _ in self.ranker.search(query, self.k)]
        return shown(found) or "Nothing was found; try other words."


def words(query: str) -> list[str]:
    """The words of any text, lower-case, each once: nothing that the query parser could misread."""
    found = WORD.findall(query[:READ].lower())
    return list(dict.fromkeys(word for word in found if len(word) <= LONGEST))[:WORDS]
