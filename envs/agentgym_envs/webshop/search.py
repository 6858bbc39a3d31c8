"""The shop's search engine: BM25 over product text, by tantivy."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import tantivy

from agentgym_envs.webshop.product import Product

FOUND = 50
"""Results that a query returns at most, as in the original."""
WORDS = 64  # of a query that are searched; no shopper types more
LONGEST = 40  # letters in a word: what tantivy's tokenizer keeps
HEAP = 256 * 1024 * 1024  # one segment for a shop of any usual size; pages are taken on demand
WORD = re.compile(r"[^\W_]+")


class Index:
    """Ranks products for a query. One writer thread: the ranking is the same on every machine."""

    def __init__(self, products: Sequence[Product]) -> None:
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("text", stored=False, tokenizer_name="en_stem")
        schema.add_unsigned_field("place", stored=True)
        self._index = tantivy.Index(schema.build())
        writer = self._index.writer(heap_size=HEAP, num_threads=1)
        for place, product in enumerate(products):
            writer.add_document(tantivy.Document(text=indexed_text(product), place=place))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()
        self._asins = [product.asin for product in products]
        # A group of episodes on one task asks the same few questions again and again.
        self.search = lru_cache(maxsize=4096)(self._search)

    def _search(self, query: str) -> tuple[str, ...]:
        """The asins of the best products for the words of a :func:`clean` query, best first."""
        parsed = self._index.parse_query(query, ["text"])
        hits = self._searcher.search(parsed, FOUND, count=False).hits
        ranked = sorted(
            (-score, self._searcher.doc(address)["place"][0]) for score, address in hits
        )
        return tuple(self._asins[place] for _, place in ranked)


def indexed_text(product: Product) -> str:
    """What the engine reads of a product: title, description, first bullet and options."""
    parts: list[str] = [product.title, product.description, *product.bullets[:1]]
    for name, values in product.options.items():
        parts += [name, *values]
    return " ".join(parts).lower()


def clean(query: str) -> str:
    """The words of any text, lower-case, each once: nothing that the query parser could misread."""
    words = WORD.findall(query[:10_000].lower())
    return " ".join(unique(word for word in words if len(word) <= LONGEST))


def unique(words: Iterable[str]) -> list[str]:
    """Each word once, in order, and not too many."""
    return list(dict.fromkeys(words))[:WORDS]
