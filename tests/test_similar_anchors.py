"""Similar anchors are found sooner, and are the same that comparing every pair finds."""

import random
import time
from collections import defaultdict
from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings, strategies as st

from agentgym_trainers.credit import gigpo
from agentgym_trainers.credit.gigpo import similar_anchors


def every_pair(group, anchor, similarity):
    """As the published code does it: each text against the first of each cluster, in full."""
    clusters, numbers, opened = defaultdict(list), [], 0
    for g, text in zip(group, anchor, strict=True):
        for first, number in clusters[g]:
            if SequenceMatcher(None, text, first).ratio() >= similarity:
                numbers.append(number)
                break
        else:
            clusters[g].append((text, opened))
            numbers.append(opened)
            opened += 1
    return numbers


WORDS = ["red", "blue", "cotton", "shoe", "shirt", "lamp", "table", "phone", "women", "size", "buy"]


@st.composite
def edited_texts(draw):
    """A few texts, some longer than 200 characters (difflib then skips frequent ones), edited."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    length = draw(st.sampled_from([1, 3, 12, 60]))
    texts = [" ".join(rng.choices(WORDS, k=length)) for _ in range(3)] + ["", "aab", "aba"]
    for _ in range(draw(st.integers(0, 12))):
        text = list(rng.choice(texts))
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(text) + 1)
            text[place : place + rng.randrange(3)] = rng.choice(["", "x", "blue "])
        texts.append("".join(text))
    anchors = rng.choices(texts, k=20)
    return rng.choices("gh", k=20), anchors


@given(edited_texts(), st.sampled_from([0.1, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99]))
@settings(max_examples=150, deadline=None)
def test_the_clusters_are_those_of_comparing_every_pair(texts, similarity):
    assert similar_anchors(*texts, similarity).tolist() == every_pair(*texts, similarity)


@given(st.text(alphabet="ab ", min_size=1, max_size=600))
@settings(max_examples=100, deadline=None)
def test_identical_texts_have_ratio_1_so_they_need_no_comparison(text):
    """Also where difflib takes every character for a frequent one."""
    assert SequenceMatcher(None, text, text).ratio() == 1.0


@pytest.mark.parametrize(("one", "other"), [("tide", "diet"), ("a" * 250 + "b", "b" + "a" * 250)])
def test_the_ratio_is_that_of_a_text_with_the_first_of_a_cluster_and_not_the_other_way(one, other):
    """ratio(tide, diet) is 1 / 4, ratio(diet, tide) 1 / 2."""
    for first, text in ((one, other), (other, one)):
        ratio = SequenceMatcher(None, text, first).ratio()
        for similarity in (ratio - 1e-9, ratio, ratio + 1e-9):
            if 0 < similarity < 1:
                joined = similar_anchors("gg", [first, text], similarity).tolist() == [0, 0]
                assert joined == (ratio >= similarity)


def test_no_two_texts_are_compared_twice(monkeypatch):
    compared = []

    class Counting(SequenceMatcher):
        def ratio(self):
            compared.append((self.a, self.b))
            return super().ratio()

    monkeypatch.setattr(gigpo, "SequenceMatcher", Counting)
    near = ["a page of shoes", "a page of shirts", "a page of shoes!"]
    similar_anchors("g" * 12 + "h" * 12, near * 8, 0.9)
    assert len(compared) == len(set(compared)) <= 3
    assert all(text != first for text, first in compared)


def page(rng, task):
    """A page of search results: 500 to 1,500 characters, most of them alike."""
    lines = [f"Instruction: {task}", "[Back to Search] [Next >] Page 1 (Total results: 50)"]
    want = rng.randrange(500, 1450)
    while sum(map(len, lines)) < want:
        name = " ".join(rng.choices(WORDS, k=rng.randrange(6, 12)))
        lines.append(f"[B0{rng.randrange(10**6):06}] {name} ${rng.randrange(100)}.00")
    return "\n".join(lines)


def test_a_thousand_pages_take_less_than_two_seconds():
    """Each against the clusters of its group; comparing every pair takes 20 to 50 seconds."""
    rng = random.Random(0)
    group, anchor = [], []
    for g in range(8):
        task, seen = " ".join(rng.choices(WORDS, k=12)), []
        for _ in range(120):
            again = seen and rng.random() < 0.4
            seen.append(rng.choice(seen).replace("red", "blue", 1) if again else page(rng, task))
        group += [g] * 120
        anchor += seen
    assert all(450 < len(text) < 1600 for text in anchor)
    started = time.process_time()
    found = similar_anchors(group, anchor, 0.9)
    assert time.process_time() - started < 2.0
    assert 400 < found.max() < 700
    assert found[:60].tolist() == every_pair(group[:60], anchor[:60], 0.9)
