"""Sampling from a model: the numbers of a plain forward pass, whatever the batch and the cache."""

from collections import Counter
from copy import deepcopy

import numpy as np
import pytest
import torch
from asking import HALL
from scipy.stats import chisquare

from agentgym.policy import Sampling
from agentgym.policy.decoding import Row, sample

NO_STOP = frozenset()


def prompts_of(tokenizer, *texts):
    return [tokenizer.encode(text) for text in texts]


def drawn(model, rows, stop=NO_STOP):
    """Complete rows in one batch; they come back in the order they were given."""
    list(sample(model, rows, stop))
    return rows


def expected(model, row):
    """Logprobs and entropies of a sampled row from one plain forward pass."""
    settings, start = row.sampling, len(row.prompt)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([row.prompt + row.ids])).logits[0, start - 1 : -1]
    logits = logits / (settings.temperature or 1.0)
    if settings.top_k:
        lowest = logits.topk(settings.top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < lowest, -torch.inf)
    if settings.top_p < 1:
        for at in logits:
            probs, order = at.softmax(-1).sort(descending=True)
            count = int((probs.cumsum(-1) < settings.top_p).sum()) + 1
            at[order[count:]] = -torch.inf
    whole = logits.log_softmax(-1)
    chosen = whole.gather(1, torch.tensor(row.ids)[:, None])[:, 0]
    return chosen.tolist(), torch.special.entr(whole.exp()).sum(-1).tolist()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.7},
        {"temperature": 1.5},
        {"top_k": 5},
        {"top_p": 0.6},
        {"temperature": 0.7, "top_k": 20, "top_p": 0.7},
        {"temperature": 0.0},
    ],
    ids=str,
)
def test_logprobs_and_entropies_equal_a_plain_forward_pass(model, tokenizer, settings):
    sampling = Sampling(max_tokens=12, **settings)
    rows = [Row(p, sampling, i) for i, p in enumerate(prompts_of(tokenizer, HALL, "go", "9"))]
    for row in drawn(model, rows):
        chosen, entropies = expected(model, row)
        assert len(row.ids) == len(row.logprobs) == len(row.entropies) == 12
        assert row.logprobs == pytest.approx(chosen, abs=1e-4)
        assert row.entropies == pytest.approx(entropies, abs=1e-4)
        assert min(chosen) > -np.inf


def test_top_k_and_top_p_draw_from_what_they_keep(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    with torch.no_grad():
        probs = model(input_ids=torch.tensor([prompt])).logits[0, -1].softmax(-1)
    likeliest = probs.argsort(descending=True).tolist()
    first = [
        {
            row.ids[0]
            for row in drawn(
                model, [Row(prompt, Sampling(max_tokens=1, **keep), i) for i in range(300)]
            )
        }
        for keep in ({"top_k": 2}, {"top_p": float(probs.max()) / 2}, {"top_k": 1}, {})
    ]
    assert first[0] == set(likeliest[:2])
    assert first[1] == first[2] == {likeliest[0]}
    assert len(first[3]) > 20


def test_rows_of_one_batch_may_be_sampled_differently(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    kinds = [Sampling(max_tokens=8, **k) for k in ({}, {"temperature": 0}, {"top_k": 3}, {})]
    together = drawn(model, [Row(prompt, kind, 5) for kind in kinds])
    for row, kind in zip(together, kinds, strict=True):
        (alone,) = drawn(model, [Row(prompt, kind, 5)])
        assert row.ids == alone.ids
        assert row.logprobs == pytest.approx(alone.logprobs, abs=1e-4)
    assert together[0].ids == together[3].ids != together[1].ids


def test_greedy_equals_the_librarys_own_generate(model, tokenizer):
    for prompt in prompts_of(tokenizer, HALL, "go garden", "0 1 2 3"):
        theirs = model.generate(
            torch.tensor([prompt]),
            do_sample=False,
            max_new_tokens=20,
            pad_token_id=0,
            eos_token_id=None,
        )[0, len(prompt) :]
        (row,) = drawn(model, [Row(prompt, Sampling(temperature=0, max_tokens=20), 0)])
        assert row.ids == theirs.tolist()
        assert row.finish_reason == "length"


def test_a_stop_id_ends_a_row_and_is_its_last_id(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    (endless,) = drawn(model, [Row(prompt, Sampling(max_tokens=20), 3)])
    stop = frozenset({endless.ids[6]})
    (row,) = drawn(model, [Row(prompt, Sampling(max_tokens=20), 3)], stop)
    assert row.ids == endless.ids[: endless.ids.index(endless.ids[6]) + 1]
    assert row.finish_reason == "stop"
    last = len(row.ids)
    (row,) = drawn(model, [Row(prompt, Sampling(max_tokens=last), 3)], stop)
    assert row.finish_reason == "stop"  # also when it is the last that was allowed


@pytest.mark.parametrize("order", [1, -1])
def test_who_else_is_in_the_batch_does_not_matter(model, tokenizer, order):
    prompts = prompts_of(tokenizer, "9", HALL * 4, "go hall", HALL, "look under the table")
    rows = [Row(p, Sampling(max_tokens=4 + 3 * i), seed=i) for i, p in enumerate(prompts)]
    alone = [drawn(model, [deepcopy(row)])[0] for row in rows]
    together = drawn(model, rows[::order])[::order]
    for one, row in zip(alone, together, strict=True):
        assert row.ids == one.ids
        assert row.logprobs == pytest.approx(one.logprobs, abs=1e-4)
        assert row.entropies == pytest.approx(one.entropies, abs=1e-4)


def test_cached_turns_give_what_uncached_ones_give(model, tokenizer):
    """Four turns of three sessions; between turns a session appends, rewrites or starts anew."""
    settings = Sampling(max_tokens=7)
    more = tokenizer.encode("go garden")
    histories = prompts_of(tokenizer, HALL, "go", "look under the table")
    caches = [None] * 3
    for turn in range(4):
        seeds = [10 * turn + i for i in range(3)]
        cached = [
            Row(list(h), settings, s, c) for h, s, c in zip(histories, seeds, caches, strict=True)
        ]
        plain = [Row(list(h), settings, s) for h, s in zip(histories, seeds, strict=True)]
        if turn:
            assert [row.cached > 0 for row in cached] == [True, True, turn < 3]
            assert cached[0].cached == len(cached[0].cache.ids)
        drawn(model, cached)
        drawn(model, plain)
        for one, other in zip(cached, plain, strict=True):
            assert one.ids == other.ids
            assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
            assert one.entropies == pytest.approx(other.entropies, abs=1e-4)
        caches = [row.cache for row in cached]
        histories = [row.prompt + row.ids + more for row in cached]
        histories[1] = histories[1][: len(histories[1]) // 2] + more  # the past was edited
        if turn == 2:
            histories[2] = [tokenizer.eos_token_id, *tokenizer.encode("You")]  # nothing in common


def test_a_cache_that_covers_the_whole_prompt_is_good_for_all_but_its_last_token(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    (first,) = drawn(model, [Row(prompt, Sampling(max_tokens=5), 1)])
    (again,) = drawn(model, [Row(prompt, Sampling(max_tokens=5), 1, first.cache)])
    assert again.cached == len(prompt) - 1
    assert again.ids == first.ids


def test_rows_that_say_the_same_share_a_line_until_they_draw_different_tokens(model, tokenizer):
    hall, other = prompts_of(tokenizer, HALL, "go garden")
    settings = Sampling(max_tokens=6)
    (seen,) = drawn(model, [Row(hall, settings, 1)])
    half = Row(hall[: len(hall) // 2], Sampling(max_tokens=1), 1)
    drawn(model, [half])
    rows = [
        Row(hall, settings, 1, half.cache),
        Row(hall, settings, 1),
        Row(hall, settings, 2),
        Row(hall, settings, 1, seen.cache),
        Row(other, settings, 1),
    ]
    sizes = []
    hook = model.register_forward_pre_hook(
        lambda _, __, options: sizes.append(options["input_ids"].shape), with_kwargs=True
    )
    drawn(model, rows)
    hook.remove()
    assert rows[0].ids == rows[1].ids == rows[3].ids == seen.ids != rows[2].ids
    assert rows[0].logprobs == rows[1].logprobs == rows[3].logprobs  # to the last bit
    assert rows[0].logprobs == pytest.approx(seen.logprobs, abs=1e-4)
    differ = next(i for i in range(6) if rows[2].ids[i] != seen.ids[i])
    assert [lines for lines, _ in sizes] == [2 if i <= differ else 3 for i in range(6)]
    assert sizes[0][1] == len(other)  # of the hall, the longest cache left one token
    for row in rows:
        chosen, _ = expected(model, row)
        assert row.logprobs == pytest.approx(chosen, abs=1e-4)
        assert row.cache.ids == row.prompt + row.ids[:-1]


def test_sampling_frequencies_follow_the_probabilities(model, tokenizer):
    (prompt,) = prompts_of(tokenizer, HALL)
    sampling = Sampling(temperature=0.8, top_k=6, max_tokens=1)
    rows = drawn(model, [Row(prompt, sampling, seed) for seed in range(3000)])
    counts = Counter(row.ids[0] for row in rows)
    probability = {row.ids[0]: np.exp(row.logprobs[0]) for row in rows}
    assert sum(probability.values()) == pytest.approx(1.0, abs=1e-5)
    frequencies = [counts[token] for token in probability]
    wanted = [3000 * p / sum(probability.values()) for p in probability.values()]
    assert chisquare(frequencies, wanted).pvalue > 1e-3
