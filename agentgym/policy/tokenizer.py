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
Encodings = list[tuple[str, tuple[list[int], str]]]
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
    kinds = (
        [AutoTokenizer, PreTrainedTokenizerFast] if (folder / FILE).is_file() else [AutoTokenizer]
    )
    tokenizer = _exact(folder, kinds)
    if lost := [(text, back) for text, (_, back) in _encodings(tokenizer) if back != text]:
        told = "; ".join(f"{text!r} becomes {back!r}" for text, back in lost)
        warnings.warn(f"the tokenizer in {folder} loses text: {told}", stacklevel=2)
    return tokenizer


def _exact(folder: Path, kinds: Sequence[Any]) -> Any:
    """The tokenizer by the first class that reads the texts as the file does."""
    file, problems = folder / FILE, []
    expected = _expected(file) if file.is_file() else None
    for kind in kinds:
        try:
            tokenizer = kind.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # noqa: BLE001  tokenizers raises nothing narrower
            problems.append(f"{type(error).__name__}: {error}")
            continue
        if expected is None or _encodings(tokenizer) == expected:
            return tokenizer
        problems.append(
            f"{type(tokenizer).__name__} of transformers reads texts otherwise than {file}"
        )
    raise BadInput(f"cannot load the tokenizer in {folder}: {'; '.join(problems)}")


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


def _expected(file: Path) -> Encodings:
    """What the file itself makes of the texts."""
    from tokenizers import Tokenizer  # noqa: PLC0415  optional

    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # it raises nothing narrower
        raise BadInput(f"cannot read {file}: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    ids = [list(tokenizer.encode(text, add_special_tokens=False).ids) for text in TEXTS]
    return [
        (text, (one, tokenizer.decode(one, skip_special_tokens=False)))
        for text, one in zip(TEXTS, ids, strict=True)
    ]


def _encodings(tokenizer: Any) -> Encodings:
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
    return [
        (text, (one, tokenizer.decode(one, clean_up_tokenization_spaces=False)))
        for text, one in zip(TEXTS, ids, strict=True)
    ]
