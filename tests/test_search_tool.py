"""Search over a corpus in memory: BM25, dense, and the tool of them."""

import math
from copy import deepcopy

import pytest
from conftest import missing
from hypothesis import given, settings, strategies as st

from agentgym.errors import BadInput, MissingExtra
from agentgym.tools.tool import tools_of
from agentgym_tools.passages import passage, read_corpus, shown
from agentgym_tools.search import BM25, Search

TEXTS = ["the lamp is red", "the chair is blue", "a lamp"]


@pytest.fixture(scope="module")
def index():
    return BM25(TEXTS)


def bm25(count, length):
    """One occurrence of a word that ``count`` of the texts have, in a text of ``length`` words."""
    idf = math.log(1 + (len(TEXTS) - count + 0.5) / (count + 0.5))
    mean = sum(len(text.split()) for text in TEXTS) / len(TEXTS)
    return idf * 2.2 / (1 + 1.2 * (0.25 + 0.75 * length / mean))


def test_the_score_is_that_of_the_formula(index):
    found = index.search("Lamps?", 3)
    assert [place for place, _ in found] == [2, 0]  # the shorter text first; the chair not at all
    assert found == [(2, pytest.approx(bm25(2, 2))), (0, pytest.approx(bm25(2, 4)))]


def test_words_count_once_and_add_up(index):
    ((place, score),) = index.search("blue blue chair", 1)
    assert (place, score) == (1, pytest.approx(2 * bm25(1, 4)))


@settings(deadline=None)
@given(query=st.text(), k=st.integers(-1, 5))
def test_any_text_is_a_query(index, query, k):
    found = index.search(query, k)
    assert len(found) <= max(0, k)
    assert found == sorted(found, key=lambda hit: (-hit[1], hit[0]))
    assert all(score > 0 for _, score in found)


@pytest.mark.parametrize("query", ['"lamp', "lamp AND", "text:lamp (", "+-lamp~2^", "lamp\0", "["])
def test_punctuation_means_nothing(index, query):
    assert [place for place, _ in index.search(query, 3)] == ([2, 0] if "lamp" in query else [])


def test_equals_come_in_their_order():
    index = BM25(["other"] * 3 + ["same words"] * 2000 + ["words"])
    assert [place for place, _ in index.search("words", 5)] == [2003, 3, 4, 5, 6]


def test_nothing_to_search():
    assert BM25([]).search("lamp", 3) == []


def test_the_tool_shows_passages():
    passages = [passage(str(n), f"Title {n}", text) for n, text in enumerate(TEXTS)]
    (search,) = tools_of(Search(passages, BM25(TEXTS), k=2))
    assert search.run({"query": "lamp"}).content == (
        "Doc 1(Title: Title 2) a lamp\nDoc 2(Title: Title 0) the lamp is red"
    )
    assert "other words" in search.run({"query": "zebra"}).content
    assert search.pure and search.version
    (copied,) = deepcopy((search,))  # as a fork of an episode does
    assert copied.run({"query": "lamp"}) == search.run({"query": "lamp"})
    (other,) = tools_of(Search(passages[:2], BM25(TEXTS[:2]), k=2))
    assert other.version != search.version


def test_a_corpus_file(tmp_path):
    file = tmp_path / "corpus.jsonl"
    file.write_text(
        '{"id": 7, "contents": "\\"Peru\\"\\nIt has\\npeaks."}\n\n{"id": "8", "contents": "x"}'
    )
    first, second = read_corpus(file)
    assert (first.id, first.title, first.text) == ("7", "Peru", "It has\npeaks.")
    assert (second.title, second.text) == ("", "x")
    assert shown([first]) == "Doc 1(Title: Peru) It has\npeaks."
    assert passage("7", "Peru", "It has\npeaks.") == first
    file.write_text('{"id": "1", "contents": "x"}\n{"id": "2"}')
    with pytest.raises(BadInput, match=r"line 2: contents: Field required"):
        read_corpus(file)


@pytest.fixture(scope="module")
def dense():
    from agentgym_tools.dense import Dense

    texts = ["a red lamp", "the capital of France is Paris", "dogs are animals", "a red lamp"]
    try:
        return Dense(texts)
    except MissingExtra:
        return missing("the embedding model", "dense")


def test_dense_search_finds_what_shares_no_word(dense):
    ((place, score),) = dense.search("Which city is the seat of government?", 1)
    assert place == 1 and 0.2 < score < 1
    assert [place for place, _ in dense.search("light", 2)] == [0, 3]  # equals in their order
    assert dense.search("a red lamp", 1)[0][1] == pytest.approx(1, abs=1e-5)
    assert len(dense.search("\ud800", 9)) == 4 and dense.search("x", 0) == []
    assert deepcopy(dense) is dense
