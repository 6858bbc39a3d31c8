"""Where a person names a file or a folder, text does as well as a Path."""

import pytest

import agentgym
from agentgym.config import read_toml
from agentgym.evaluation.selection import chosen, read_selection, write_selection
from agentgym.evaluation.suite import register_suites, suite
from agentgym.policy.folder import model_folder
from agentgym_tools.passages import read_corpus
from agentgym_tools.sql import Database
from agentgym_trainers.config import TrainConfig, load
from agentgym_trainers.credit.grpo import GRPO

EPISODE = agentgym.Trajectory(
    id="g/0", group="g", task=agentgym.Task(id="t", split="train"), stop_reason="terminated"
)


def test_episodes(tmp_path):
    file = f"{tmp_path}/new/episodes.jsonl"
    agentgym.write_jsonl(file, [EPISODE])
    (episode,) = agentgym.read_jsonl(file)
    assert episode == EPISODE
    with pytest.raises(agentgym.BadInput, match=r"no trajectory file \S+/none.jsonl"):
        next(agentgym.read_jsonl(f"{tmp_path}/none.jsonl"))


def test_configs(tmp_path):
    file = f"{tmp_path}/config.toml"
    (tmp_path / "config.toml").write_text('run_dir = "runs/a"\n[credit]\nname = "grpo"\n')
    assert read_toml(file) == {"run_dir": "runs/a", "credit": {"name": "grpo"}}
    made = TrainConfig(run_dir="runs/a", credit=GRPO())
    assert load(file) == made and made.run_dir.name == "a"
    tables = {"env": {"tasks": "t.txt"}, "warm_start": {"trajectories": ["e.jsonl"]}}
    made = TrainConfig(credit=GRPO(), **tables)
    assert (made.env.tasks.name, made.warm_start.trajectories[0].name) == ("t.txt", "e.jsonl")
    with pytest.raises(agentgym.BadInput, match=r"no config file \S+/none.toml"):
        load(f"{tmp_path}/none.toml")


def test_selections(tmp_path):
    file = f"{tmp_path}/tasks.txt"
    write_selection(file, ["t"])
    assert read_selection(file) == {"t"}
    assert chosen([EPISODE.task], file) == [EPISODE.task]


def test_suites(tmp_path):
    text = 'summary = "One."\n[[entry]]\nenv = "agentgym/WebShop-v0"\ntasks = 1\n'
    (tmp_path / "mine.toml").write_text(text)
    register_suites("tests", f"{tmp_path}")
    assert suite("tests/mine") == suite(f"{tmp_path}/mine.toml") == suite(tmp_path / "mine.toml")


def test_recordings_and_caches(tmp_path):
    recorder = agentgym.Recorder(f"{tmp_path}/new/calls.jsonl")
    recorder.write([])
    assert agentgym.Replay(f"{tmp_path}/new/calls.jsonl").path == recorder.path
    agentgym.ResultCache(f"{tmp_path}/cache/results.db")
    assert (tmp_path / "cache" / "results.db").is_file()


def test_models(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    assert model_folder(f"{tmp_path}") == tmp_path / "model"


def test_what_tools_read(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "contents": "\\"A\\"\\nB"}\n')
    assert [one.id for one in read_corpus(f"{tmp_path}/corpus.jsonl")] == ["1"]
    (tmp_path / "data.db").touch()
    assert isinstance(Database.of_file(f"{tmp_path}/data.db"), Database)
