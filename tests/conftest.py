"""Shared by the tests that need a model: one of a few thousand weights, with its own tokenizer."""

import os
from copy import deepcopy

import pytest

# Before torch is imported, and for processes that tests start: matrices this small are slower on
# more threads, and runs are compared to the last bit, which depends on how many there are.
os.environ["OMP_NUM_THREADS"] = "1"

TEXTS = [
    "You walk through a house. Answer with one word.",
    "You are in the kitchen. Doors lead to the hall and the garden.",
    "You are in the hall. Doors lead to the kitchen and the cellar.",
    "go hall",
    "go garden",
    "look under the table",
    "0 1 2 3 4 5 6 7 8 9",
]


@pytest.fixture(scope="session")
def _tiny():
    from agentgym_trainers.tiny_model import tiny_model, tiny_tokenizer

    tokenizer = tiny_tokenizer(TEXTS, vocabulary=320)
    return tiny_model(tokenizer, width=32, layers=2, context=512, seed=7), tokenizer


@pytest.fixture
def tokenizer(_tiny):
    return deepcopy(_tiny[1])


@pytest.fixture
def model(_tiny):
    """A model of the test's own, the same in every test."""
    return deepcopy(_tiny[0])
