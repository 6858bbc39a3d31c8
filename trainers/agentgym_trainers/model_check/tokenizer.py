"""Texts to ids and back."""

from __future__ import annotations

from agentgym_trainers.model_check.subject import Broken, Subject

TEXTS = {
    "spaces": "go to  the   hall",
    "a leading space": " go",
    "line breaks": "one\n\ntwo\n",
    "tabs": "a\tb",
    "digits": "2026-11-28 12345678",
    "letters beyond ASCII": "søk naïve ß",
    "other scripts": "買う купить اشتر",
    "emoji": "🛒👩‍🚀",
    "punctuation": "search[red_lamp] <a href='x'> {\"k\": [1, 2]}",
}


def round_trip(subject: Subject) -> str:
    """Texts come back from their ids as they were."""
    tokenizer = subject.loaded[1]
    lost = {}
    for what, text in TEXTS.items():
        ids = tokenizer.encode(text, add_special_tokens=False)
        back = tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        if back != text:
            lost[what] = f"{text!r} comes back as {back!r}"
    if lost:
        raise Broken(
            f"{', '.join(lost)} are lost: {next(iter(lost.values()))}. An agent would read and "
            "write other text than the environment's; is tokenizer_class in "
            "tokenizer_config.json that of tokenizer.json?"
        )
    return ", ".join(TEXTS)


def fits(subject: Subject) -> str:
    """The model has an embedding for each token."""
    model, tokenizer = subject.loaded
    rows = model.get_input_embeddings().num_embeddings
    largest = max(tokenizer.get_vocab().values()) + 1
    if largest > rows:
        raise Broken(
            f"the tokenizer has {largest} tokens and the model {rows} embeddings: a prompt with "
            "the others would fail. Resize the model (resize_token_embeddings) and save both"
        )
    return f"{largest} tokens, {rows} embeddings"


CHECKS = (round_trip, fits)
