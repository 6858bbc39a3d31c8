"""The tokenizer of a model folder, as its tokenizer.json has it.

transformers builds some tokenizers anew from the class that a config names. Where that is the wrong
one (DeepSeek names Llama's over a byte-level tokenizer), spaces and line breaks vanish without a
word. So what it loads is compared with the file itself on a few texts.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agentgym.errors import BadInput, MissingExtra

FILE = "tokenizer.json"
WORDS = ("vocab.json", "vocab.txt")
"""Older vocabularies, from which transformers makes the same tokenizer."""
UNREAD = ("tokenizer.model*", "*.model", "*.tiktoken", "tekken.json")
"""SentencePiece and tiktoken: a conversion on the fly differs in the spaces that it adds."""
TEXTS = (
    "go  to the hall",
    " go",
    "a\n\nb\n c\td ",
    "if x:\n    y()",
    "0 12 345,60 (7)",
    "l'été, naïve — Ω ж",
    "🐈 漢字 かな",
    "I'm HTTPServer_2; don't: x+=1 // a.b/c?d=e&f!!!",
)
Readings = list[tuple[str, list[int], str]]
"""Each text with its ids, and with what these are decoded to."""


def load_tokenizer(folder: Path | str) -> Any:
    """The tokenizer of a folder; nothing is downloaded.

    Warns if it does not give every text back: what it loses, the model does not read.

    Raises:
        BadInput: it has none, or none that can be read exactly.
        MissingExtra: transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast  # noqa: PLC0415  optional
    except ImportError as error:
        raise MissingExtra("a tokenizer", "vllm") from error
    folder = Path(folder)
    _require_files(folder)
    if (folder / FILE).is_file():
        tokenizer = _as_filed(folder, [AutoTokenizer, PreTrainedTokenizerFast])
    else:
        tokenizer = _loaded(AutoTokenizer, folder)
    if lost := [(text, back) for text, _, back in _readings(tokenizer) if back != text]:
        told = "; ".join(f"{text!r} becomes {back!r}" for text, back in lost)
        warnings.warn(f"the tokenizer in {folder} loses text: {told}", stacklevel=2)
    return tokenizer


def _as_filed(folder: Path, kinds: Sequence[Any]) -> Any:
    """The tokenizer of a class that reads the texts as the file does and adds no tokens to it."""
    size, expected = _expected(folder / FILE)
    fit, problems = [], []
    for kind in kinds:
        try:
            tokenizer = _loaded(kind, folder)
            found = _readings(tokenizer)
        except BadInput as error:
            problems.append(str(error))
            continue
        if found == expected:
            fit.append(tokenizer)
            if len(tokenizer) == size:
                break
        else:
            problems.append(f"{type(tokenizer).__name__} of transformers reads texts otherwise")
    if not fit:
        raise BadInput(f"cannot read texts as {folder / FILE} does: {'; '.join(problems)}")
    return min(fit, key=len)


def _require_files(folder: Path) -> None:
    if any((folder / name).is_file() for name in (FILE, *WORDS)):
        return
    unread = sorted({file.name for form in UNREAD for file in folder.glob(form)})
    if unread:
        raise BadInput(
            f"{folder} has its tokenizer only as {', '.join(unread)} (SentencePiece or tiktoken), "
            f"which is not read here; put the {FILE} of the model beside it"
        )
    if not any(folder.glob("tokenizer*")):
        raise BadInput(
            f"{folder} has no tokenizer (tokenizer.json, tokenizer_config.json); copy those of "
            "the model it was made from"
        )


def _loaded(kind: Any, folder: Path) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # tokenizers raises nothing narrower
        reason = f"{type(error).__name__}: {error}"
        raise BadInput(f"cannot load the tokenizer in {folder}: {reason}") from error


def _expected(file: Path) -> tuple[int, Readings]:
    """How many tokens the file has, and what it makes of the texts."""
    from tokenizers import Tokenizer  # noqa: PLC0415  optional

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # it raises nothing narrower
        raise BadInput(f"cannot read {file}: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = [list(tokenizer.encode(text, add_special_tokens=False).ids) for text in TEXTS]
    texts = [tokenizer.decode(one, skip_special_tokens=False) for one in ids]
    return tokenizer.get_vocab_size(), list(zip(TEXTS, ids, texts, strict=True))


def _readings(tokenizer: Any) -> Readings:
    try:
        ids = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
    except Exception as error:  # tokenizers raises nothing narrower
        raise BadInput(f"{type(tokenizer).__name__} cannot read text: {error}") from error
    texts = [tokenizer.decode(one, clean_up_tokenization_spaces=False) for one in ids]
    return list(zip(TEXTS, ids, texts, strict=True))
