"""Tokens in, tokens out: the two routes on which a vLLM server samples from token ids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agentgym.policy import Sampling


class SampleRequest(NamedTuple):
    """What to sample."""

    ids: Sequence[int]
    sampling: Sampling
    seed: int
    stop_ids: frozenset[int] = frozenset()
    model: str = ""
    """The served name of a model or adapter."""
    salt: str | None = None
    """Prefixes are shared only between requests with the same salt."""
    top: int = 0
    """Most likely tokens from which entropies are estimated."""


@dataclass
class SampleResponse:
    """What was sampled; the lists have one entry for each id."""

    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    """In nats, from the top tokens, all others counted as one: a lower bound. Empty for top 0."""
    labels: list[str | None] = field(default_factory=list)
    """The server's label of the weights; None where it gives none."""
    finish_reason: str = "stop"

    def __iadd__(self, more: SampleResponse) -> SampleResponse:
        """Go on with what was sampled after an interruption."""
        self.ids += more.ids
        self.logprobs += more.logprobs
        self.entropies += more.entropies
        self.labels += more.labels
        self.finish_reason = more.finish_reason
        return self


class Route(NamedTuple):
    """A route and its two translations."""

    path: str
    request: Callable[[SampleRequest], dict[str, Any]]
    answer: Callable[[dict[str, Any], int], SampleResponse]


def parameters(request: SampleRequest) -> dict[str, Any]:
    """vLLM's sampling parameters; what is left out it takes from ``generation_config.json``."""
    sampling = request.sampling
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k or -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "max_tokens": sampling.max_tokens,
        "seed": request.seed,
        "stop_token_ids": sorted(request.stop_ids),
        "logprobs": request.top + 1 if request.top else 0,  # the sampled one is among them
    }


def _generate_request(request: SampleRequest) -> dict[str, Any]:
    return {
        "model": request.model or None,
        "token_ids": list(request.ids),
        "sampling_params": parameters(request),
        "cache_salt": request.salt,
    }


def _generate_answer(answer: dict[str, Any], top: int) -> SampleResponse:
    (choice,) = answer["choices"]
    tokens = choice["logprobs"]["content"] if choice["token_ids"] else []
    spans = ((s["version"], s["start"], s["end"]) for s in choice.get("weight_versions") or ())
    likely = ([t["logprob"] for t in token["top_logprobs"] if t["rank"] <= top] for token in tokens)
    return SampleResponse(
        ids=choice["token_ids"],
        logprobs=[token["logprob"] for token in tokens],
        entropies=[entropy(logprobs) for logprobs in likely] if top else [],
        labels=labels(spans, len(choice["token_ids"])),
        finish_reason=choice["finish_reason"],
    )


def _completion_request(request: SampleRequest) -> dict[str, Any]:
    return parameters(request) | {
        "model": request.model,
        "prompt": list(request.ids),
        "cache_salt": request.salt,
        "return_token_ids": True,
    }


def _completion_answer(answer: dict[str, Any], top: int) -> SampleResponse:
    (choice,) = answer["choices"]
    ids = choice["token_ids"]
    logprobs = choice["logprobs"]["token_logprobs"] if ids else []
    likely = choice["logprobs"]["top_logprobs"] if ids and top else []
    return SampleResponse(
        ids=ids,
        logprobs=logprobs,
        entropies=[entropy(sorted(t.values(), reverse=True)[:top]) for t in likely],
        labels=[None] * len(ids),
        finish_reason=choice["finish_reason"],
    )


def entropy(logprobs: Iterable[float]) -> float:
    """Entropy in nats when all tokens but these are one token."""
    probs = [math.exp(logprob) for logprob in logprobs]
    probs.append(max(0.0, 1.0 - sum(probs)))
    return -sum(p * math.log(p) for p in probs if p > 0)


def labels(spans: Iterable[tuple[str, int, int]], length: int) -> list[str | None]:
    """A label for each token, from spans [start, end) of one label; None where there is none."""
    found: list[str | None] = [None] * length
    for label, start, end in spans:
        found[start:end] = [label] * (end - start)
    return found


GENERATE = Route("/inference/v1/generate", _generate_request, _generate_answer)
"""Exact: versions of the weights by token. Needs --enable-scale-out."""
COMPLETIONS = Route("/v1/completions", _completion_request, _completion_answer)
"""On every server; it does not say which weights sampled a token."""
