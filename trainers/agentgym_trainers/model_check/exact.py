"""Sampling against the learner and the model's plain forward pass, in turns of uneven lengths."""

from __future__ import annotations

from agentgym.policy.architecture import longest_context, require_cache
from agentgym_trainers.model_check.subject import (
    Broken,
    Subject,
    learnt_and_plain,
    plain_logits,
    plain_logprobs,
    sampled_and_plain,
    within,
)


def sampling(subject: Subject) -> str:
    """Sampled from caches, in batches, tokens have the logprobs of the plain forward pass."""
    require_cache(subject.model)
    pair = sampled_and_plain(subject.model, subject.plain_ids)
    return within(pair, "the local policy does not sample this model exactly; vLLM may serve it")


def learner(subject: Subject) -> str:
    """The learner computes the logprobs of the plain forward pass, in padded rows."""
    pair = learnt_and_plain(subject.model, subject.sequences)
    return within(pair, "the learner cannot follow this model; do not train it here")


def causal(subject: Subject) -> str:
    """A token's logprob depends on the tokens before it alone."""
    ids = subject.plain_ids[:24]
    pair = plain_logprobs(subject.model, ids)[:12], plain_logprobs(subject.model, ids[:12])
    return within(pair, "it looks ahead: take a decoder, or set is_decoder in config.json")


def attention(subject: Subject) -> str:
    """The attention kernel computes what the written-out formula does."""
    ids = subject.plain_ids[:24]
    model = subject.fresh()
    kernel = model.config._attn_implementation
    own = plain_logprobs(model, ids)
    model.set_attn_implementation("eager")
    apart = within((own, plain_logprobs(model, ids)), "this kernel leaves something out")
    return f"{kernel}, {apart}"


def transforms(subject: Subject) -> str:
    """What lies between the output head and the logits is known."""
    seen = []
    head = subject.model.get_output_embeddings()
    hook = head.register_forward_hook(lambda _module, _arguments, output: seen.append(output))
    logits = plain_logits(subject.model, subject.plain_ids[:12])
    hook.remove()
    if not seen:
        raise Broken("the logits are made without the output head; the learner refuses this model")
    raw = seen[0][0].float()[..., : logits.shape[-1]]
    scale = float((logits * raw).sum() / (raw * raw).sum())
    left = float((logits - scale * raw).abs().max() / logits.abs().max())
    if left < 1e-5:
        return "nothing" if abs(scale - 1) < 1e-5 else f"a factor of {scale:g}"
    return "a transform that is not linear, such as a soft cap"


def positions(subject: Subject) -> str:
    """Positions, windows and rotary tables do not depend on what else is in a batch."""
    config = subject.model.config.get_text_config(decoder=True)
    longest = max(map(len, subject.sequences))
    said = [f"{longest_context(subject.model.config) or 'any number of'} positions"]
    if any(getattr(m, "rope_type", None) == "fixed" for m in subject.model.modules()):
        kind = config.rope_parameters["rope_type"]
        said.append(f"the {kind} table is fixed, as vLLM fixes it")
    window = getattr(config, "sliding_window", None)
    if window:
        crossed = "crossed" if longest > window else f"not reached by the {longest} tokens tried"
        said.append(f"a window of {window}, {crossed}")
    return ", ".join(said)
