"""Passages of text: what the search tools rank, send and show.

A corpus file has one JSON object a line, in the form that Search-R1 published:

    {"id": "42", "contents": "\\"Peru\\"\\nThe highest point of Peru is Huascarán."}
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from agentgym.errors import BadInput


class Passage(BaseModel):
    """A piece of text that is found and shown as a whole."""

    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)

    id: str
    contents: str
    """The title in double quotes, a line break, the text; or the text alone."""

    @property
    def title(self) -> str:
        """The title; empty where the contents have none."""
        first, line_break, _ = self.contents.partition("\n")
        return first.strip().strip('"') if line_break else ""

    @property
    def text(self) -> str:
        """The contents without the title."""
        return self.contents.partition("\n")[2] or self.contents


def passage(id: str, title: str, text: str) -> Passage:  # noqa: A002  the field's name
    """A passage of its parts."""
    return Passage(id=id, contents=f'"{title}"\n{text}')


def read_corpus(file: Path | str) -> list[Passage]:
    """The passages of a JSON lines file, in its order.

    Raises:
        BadInput: a line is no passage; the message names it.
    """
    passages = []
    with Path(file).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                passages.append(Passage.model_validate_json(line))
            except ValidationError as error:
                what = error.errors()[0]
                raise BadInput(
                    f"{file}, line {number}: {'.'.join(map(str, what['loc']))}: {what['msg']}; a "
                    'line is {"id": "...", "contents": "\\"Title\\"\\nText"}'
                ) from error
    return passages


def shown(passages: Iterable[Passage]) -> str:
    """Passages as a model reads them, one a line, numbered from 1, as in Search-R1."""
    return "\n".join(
        f"Doc {number}(Title: {one.title}) {one.text}"
        for number, one in enumerate(passages, start=1)
    )
