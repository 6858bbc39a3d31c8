"""Batched sampling from a Hugging Face causal LM, with key/value caches kept between calls.

Rows of a batch are padded on the left alone: every row computes as many new tokens as the row that
has most of them, or its whole prompt, and takes what stands before from its cache. So the tokens of
a row lie side by side, and a sliding window, which counts places and not positions, sees as many of
them as it should. Rows that say the same so far are one line of the batch: the members of a group
share it until they draw different tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from agentgym.policy import Sampling
from agentgym.policy.architecture import cached_layers, fix_positions

SMALLEST_ROOM = 16  # tokens


class KeyValues(NamedTuple):
    """The cache of one row: for each layer, keys and values (heads, tokens, head_dim)."""

    ids: list[int]
    layers: list[tuple[Tensor, Tensor]]


@dataclass
class Row:
    """One completion in the making."""

    prompt: list[int]
    sampling: Sampling
    seed: int
    cache: KeyValues | None = None

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.entropies: list[float] = []
        self.finish_reason: Literal["stop", "length"] = "length"
        self.taken = 0
        """Prompt tokens whose keys and values came from the cache."""

    @property
    def cached(self) -> int:
        """How many prompt tokens the cache covers; the last one is always computed anew."""
        if self.cache is None:
            return 0
        most = min(len(self.cache.ids), len(self.prompt) - 1)
        if self.cache.ids[:most] == self.prompt[:most]:
            return most
        differ = np.asarray(self.cache.ids[:most]) != np.asarray(self.prompt[:most])
        return int(np.argmax(differ))


@torch.inference_mode()
def sample(model: Any, rows: Sequence[Row], stop_ids: frozenset[int]) -> Iterator[Row]:
    """Sample a completion for every row; yields each row when it is complete.

    A yielded row carries ``ids``, ``logprobs`` (of the distribution that was drawn from, natural
    logarithm), ``entropies`` (nats) and the ``cache`` of its prompt and completion.
    """
    rows = list(rows)
    device = model.device
    fix_positions(model)
    lines = _lines(rows)
    first = [rows[same[0]] for same in lines]
    new = max(len(row.prompt) - row.cached for row in first)
    cached = [max(0, len(row.prompt) - new) for row in first]
    for same, n in zip(lines, cached, strict=True):
        for i in same:
            rows[i].taken = n
    past = max(cached)
    cache = _join(model, first, cached, past)
    visible = torch.zeros(len(first), past + new, dtype=torch.long, device=device)
    tokens = torch.zeros(len(first), new, dtype=torch.long, device=device)
    positions = torch.zeros(len(first), new, dtype=torch.long, device=device)
    for b, (row, n) in enumerate(zip(first, cached, strict=True)):
        tail = row.prompt[n:]
        visible[b, past + new - len(row.prompt) :] = 1
        tokens[b, new - len(tail) :] = torch.tensor(tail, device=device)
        positions[b, new - len(tail) :] = torch.arange(n, len(row.prompt), device=device)
    while True:
        logits = model(
            input_ids=tokens,
            attention_mask=visible,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        place = {i: b for b, same in enumerate(lines) for i in same}  # row -> line of the batch
        live = sorted(place)
        _draw([rows[i] for i in live], logits[[place[i] for i in live]])
        going: dict[tuple[int, int], list[int]] = {}  # (line, next token) -> its rows
        ended: dict[int, KeyValues] = {}
        for i in live:
            row, b = rows[i], place[i]
            if len(row.ids) == row.sampling.max_tokens or row.ids[-1] in stop_ids:
                row.finish_reason = "stop" if row.ids[-1] in stop_ids else "length"
                if b not in ended:
                    ended[b] = _cut(cache, b, visible[b].bool(), row.prompt + row.ids[:-1])
                row.cache = ended[b]
                yield row
            else:
                going.setdefault((b, row.ids[-1]), []).append(i)
        if not going:
            return
        from_lines, drawn = zip(*going, strict=True)
        keep = torch.tensor(from_lines, device=device)
        if from_lines != tuple(range(len(lines))):
            cache.batch_select_indices(keep)
        lines = list(going.values())
        visible = torch.cat([visible[keep], visible.new_ones(len(lines), 1)], dim=1)
        positions = positions[keep, -1:] + 1
        tokens = torch.tensor(drawn, device=device)[:, None]


def _lines(rows: Sequence[Row]) -> list[list[int]]:
    """Numbers of the rows, those of one prompt together."""
    lines: dict[tuple[int, ...], list[int]] = {}
    for i, row in enumerate(rows):
        lines.setdefault(tuple(row.prompt), []).append(i)
    return [sorted(same, key=lambda i: -rows[i].cached) for same in lines.values()]


@torch.inference_mode()
def recomputed(model: Any, row: Row) -> list[float]:
    """ln p of what ``row`` sampled, from the model's plain forward pass: no cache, no padding."""
    ids = torch.tensor([row.prompt + row.ids], device=model.device)
    logits = model(input_ids=ids, use_cache=False).logits[0, len(row.prompt) - 1 : -1]
    logprobs = _distribution([row.sampling] * len(row.ids), logits)
    chosen: list[float] = logprobs.gather(-1, ids[0, len(row.prompt) :, None])[:, 0].tolist()
    return chosen


def _draw(rows: Sequence[Row], logits: Tensor) -> None:
    """Draw one token a row by inverting the cumulative distribution at the row's own uniform."""
    sampling = [row.sampling for row in rows]
    logprobs = _distribution(sampling, logits)
    probs = logprobs.double().exp()
    uniform = torch.tensor([row.random.random() for row in rows], dtype=torch.float64)
    cumulative = probs.cumsum(-1)
    level = uniform.to(probs.device)[:, None] * cumulative[:, -1:]
    ids = (cumulative <= level).sum(-1).clamp(max=logits.shape[-1] - 1)
    greedy = torch.tensor([s.temperature == 0 for s in sampling], device=probs.device)
    ids = torch.where(greedy, logprobs.argmax(-1), ids)
    chosen = logprobs.gather(-1, ids[:, None])[:, 0].tolist()
    entropies = torch.special.entr(probs).sum(-1).tolist()
    for row, token, logprob, entropy in zip(rows, ids.tolist(), chosen, entropies, strict=True):
        row.ids.append(token)
        row.logprobs.append(logprob)
        row.entropies.append(entropy)


def _distribution(sampling: Sequence[Sampling], logits: Tensor) -> Tensor:
    """Logprobs of the distributions that are drawn from, shapes (N, vocabulary)."""
    temperature = torch.tensor([s.temperature or 1.0 for s in sampling], device=logits.device)
    logprobs = torch.log_softmax(logits.float() / temperature[:, None], dim=-1)
    if any(s.top_k or s.top_p < 1 for s in sampling):
        logprobs = _filter(logprobs, sampling)
    return logprobs


def _filter(logprobs: Tensor, sampling: Sequence[Sampling]) -> Tensor:
    """Top-k, then top-p of what is left (the token that crosses it is kept), renormalised."""
    ordered, order = logprobs.sort(dim=-1, descending=True)
    rank = torch.arange(logprobs.shape[-1], device=logprobs.device)
    k = torch.tensor([s.top_k or logprobs.shape[-1] for s in sampling], device=logprobs.device)
    p = ordered.new_tensor([s.top_p for s in sampling])
    ordered = torch.log_softmax(ordered.masked_fill(rank >= k[:, None], -torch.inf), dim=-1)
    before = ordered.exp().cumsum(-1) - ordered.exp()
    dropped = (before >= p[:, None]) & (p < 1)[:, None]
    kept = logprobs.scatter(-1, order, ordered.masked_fill(dropped, -torch.inf))
    return torch.log_softmax(kept, dim=-1)


def _join(model: Any, rows: Sequence[Row], cached: Sequence[int], past: int) -> Any:
    """The rows' caches as one, left-padded to ``past`` tokens."""
    joined = Cache(layers=[_RoomyLayer() for _ in range(cached_layers(model.config))])
    if past == 0:
        return joined
    example = next(row.cache for row in rows if row.cache)
    for layer, (k, v) in enumerate(example.layers):
        keys, values = (x.new_zeros(len(rows), x.shape[0], past, x.shape[2]) for x in (k, v))
        for b, (row, n) in enumerate(zip(rows, cached, strict=True)):
            if row.cache and n:
                keys[b, :, past - n :] = row.cache.layers[layer][0][:, :n]
                values[b, :, past - n :] = row.cache.layers[layer][1][:, :n]
        joined.update(keys.to(model.device), values.to(model.device), layer)
    return joined


def _cut(cache: Any, b: int, visible: Tensor, ids: list[int]) -> KeyValues:
    """Line ``b`` of a joined cache, without padding."""
    places = visible.nonzero()[:, 0]  # found once, not once a layer
    pairs = [(layer.keys[b], layer.values[b]) for layer in cache.layers]
    return KeyValues(
        ids,
        [(keys.index_select(1, places), values.index_select(1, places)) for keys, values in pairs],
    )


class _RoomyLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """Keys and values in a buffer with room, so that a new token does not copy all the old ones.

    All of them are kept where the model's window is shorter: a row may begin anywhere in a batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(keys, values)
            self.key_buffer, self.value_buffer = keys[:, :, :0], values[:, :, :0]
        end = self.length + keys.shape[-2]
        if end > self.key_buffer.shape[-2]:
            room = end + max(SMALLEST_ROOM, end // 2)
            self.key_buffer = self._grown(self.key_buffer, room)
            self.value_buffer = self._grown(self.value_buffer, room)
        self.key_buffer[:, :, self.length : end] = keys
        self.value_buffer[:, :, self.length : end] = values
        self.length = end
        return self._view()

    def _grown(self, buffer: Tensor, room: int) -> Tensor:
        larger = buffer.new_empty(*buffer.shape[:2], room, buffer.shape[-1])
        larger[:, :, : self.length] = buffer[:, :, : self.length]
        return larger

    def batch_select_indices(self, indices: Tensor) -> None:
        self.key_buffer = self.key_buffer[indices]
        self.value_buffer = self.value_buffer[indices]
        self._view()

    def _view(self) -> tuple[Tensor, Tensor]:
        self.keys = self.key_buffer[:, :, : self.length]
        self.values = self.value_buffer[:, :, : self.length]
        return self.keys, self.values
