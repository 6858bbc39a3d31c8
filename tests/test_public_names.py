"""What users name: a change of one of these is a change for them, and stands in CHANGELOG.md.

`python tests/test_public_names.py > tests/public_names.txt` writes the list anew.
"""

from importlib.metadata import distribution
from pathlib import Path

import typer

import agentgym
from agentgym.cli import application
from agentgym.config import describe
from agentgym.parts import KINDS, part_class, parts
from agentgym_trainers.config import TrainConfig

LIST = Path(__file__).parent / "public_names.txt"


def public_names():
    """A line for each exported name, entry point, command and key of a config."""
    yield from (f"export agentgym.{name}" for name in agentgym.__all__)
    for point in distribution("agentgym-lab").entry_points:
        if point.group.startswith("agentgym.") or point.group == "console_scripts":
            yield f"entry point {point.group} {point.name}"
    yield from (f"command {name}" for name in typer.main.get_command(application()).commands)
    yield from (f"key {name}" for name, _ in describe(TrainConfig) if not _is_of_a_part(name))
    for kind in KINDS:
        for part in parts(kind):
            yield from (f"key {kind}[{part}].{n}" for n, _ in describe(part_class(kind, part)))


def _is_of_a_part(key):
    return key.partition(".")[0] in KINDS


def test_public_names_are_those_of_the_list():
    assert sorted(public_names()) == LIST.read_text().splitlines()


if __name__ == "__main__":
    print("\n".join(sorted(public_names())))
