"""Exact match, substring match and F1: numbers worked by hand."""

import pytest
from hypothesis import given, strategies as st

from agentgym_envs.searchqa.score import exact_match, f1, normal, stands_in, substring_match


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("The  Beatles!", "beatles"),
        ("an apple a day", "apple day"),
        ("U.S.A.", "usa"),
        ("Theatre", "theatre"),  # not an article
        ("the-the", "thethe"),  # punctuation goes first, as in the original
        ("Côte d'Ivoire", "côte divoire"),  # accents stay
        ("“quoted”", "“quoted”"),  # ASCII punctuation only
        ("The", ""),
    ],
)
def test_normalisation(text, normalised):
    assert normal(text) == normalised


@pytest.mark.parametrize(
    ("said", "answers", "em", "substring", "overlap"),
    [
        ("Barack Obama", ["Barack Obama"], 1, 1, 1.0),
        ("the barack obama.", ["Barack Obama"], 1, 1, 1.0),
        # precision 2/3, recall 1: 2 * 2 / (3 + 2)
        ("Barack Hussein Obama", ["Barack Obama"], 0, 0, 0.8),
        # precision 2/4, recall 1
        ("It is Barack Obama", ["Barack Obama"], 0, 1, 2 * 2 / (4 + 2)),
        # recall 1/2, precision 1
        ("Obama", ["Barack Obama"], 0, 0, 2 / 3),
        ("Obama", ["Barack Obama", "Obama"], 1, 1, 1.0),
        # a word counts as often as both have it: 1 of 2 and 1 of 3
        ("yes yes", ["yes no no"], 0, 0, 2 * 1 / (2 + 3)),
        ("Paris", ["London"], 0, 0, 0.0),
        ("", ["London"], 0, 0, 0.0),
        ("uae", ["U.A.E."], 1, 1, 1.0),
        ("Londonderry", ["London"], 0, 1, 0.0),
        ("anything", ["The"], 0, 0, 0.0),  # an answer that normalises to nothing stands nowhere
    ],
)
def test_worked_numbers(said, answers, em, substring, overlap):
    assert exact_match(said, answers) == em
    assert substring_match(said, answers) == substring
    assert f1(said, answers) == pytest.approx(overlap)


def test_whole_words():
    assert stands_in(["London"], "He lives in LONDON.")
    assert not stands_in(["London"], "He lives in Londonderry.")
    assert not stands_in(["the"], "the end")


@given(said=st.text(), answers=st.lists(st.text(), min_size=1, max_size=3))
def test_scores_are_ordered(said, answers):
    em, overlap = exact_match(said, answers), f1(said, answers)
    assert 0.0 <= overlap <= 1.0 and em in {0.0, 1.0}
    if em:
        assert overlap == 1.0
    assert normal(normal(said)) == normal(said) or normal(said) != ""
    assert exact_match(said, [*answers, said]) == 1.0
