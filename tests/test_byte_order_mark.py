"""Files that an editor began with a byte-order mark read as those without."""

from codecs import BOM_UTF8

import pytest

import agentgym
from agentgym.errors import BadInput
from agentgym.evaluation.selection import read_selection
from agentgym.evaluation.suite import suite
from agentgym_trainers.config import load


@pytest.fixture
def marked(tmp_path):
    """Writes such a file."""

    def write(name, text):
        file = tmp_path / name
        file.write_bytes(BOM_UTF8 + text.encode())
        return file

    return write


def test_a_config(marked):
    assert load(marked("c.toml", 'steps = 3\r\n[credit]\r\nname = "grpo"\r\n')).steps == 3


def test_a_suite(marked):
    assert suite(marked("s.toml", '[[entry]]\nenv = "agentgym/WebShop-v0"\ntasks = 2\n')).entry


def test_a_selection_of_tasks(marked):
    assert read_selection(marked("t.txt", "one\r\ntwo\r\n")) == {"one", "two"}
    with pytest.raises(BadInput, match="names no tasks"):
        read_selection(marked("empty.txt", ""))


def test_trajectories(marked, tmp_path):
    task = agentgym.Task(id="t", split="train")
    episode = agentgym.Trajectory(id="e", group="e", task=task, stop_reason="terminated")
    line = episode.model_dump_json() + "\n"
    assert list(agentgym.read_jsonl(marked("e.jsonl", line))) == [episode]
    two = marked("a.jsonl", line).read_bytes() + marked("b.jsonl", line).read_bytes()
    (tmp_path / "ab.jsonl").write_bytes(two)  # as `cat a b` writes it
    assert list(agentgym.read_jsonl(tmp_path / "ab.jsonl")) == [episode, episode]


def test_another_encoding_is_said(tmp_path):
    for name, read in (("c.toml", load), ("t.txt", read_selection)):
        file = tmp_path / name
        file.write_bytes("steps = 3\n".encode("utf-16"))
        with pytest.raises(BadInput, match=rf"{name}\b.*(UTF-8|utf-8)"):
            read(file)
