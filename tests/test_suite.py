"""Suites: the same tasks everywhere, one table, a mean with honest limits."""

import json
from math import sqrt

import pytest
from typer.testing import CliRunner

from agentgym.cli import application
from agentgym.cli.suite import rounds_of
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, UnknownName
from agentgym.evaluation.statistics import Interval, mean_of
from agentgym.evaluation.suite import checksum, suite, suites


@pytest.fixture
def write(tmp_path):
    def written(text):
        file = tmp_path / "mine.toml"
        file.write_text(text)
        return str(file)

    return written


SHOPPING = """
summary = "Shopping."
[[entry]]
env = "agentgym/WebShop-v0"
kwargs = {{ level = "easy" }}
tasks = 3
checksum = "{}"
[[entry]]
env = "agentgym/WebShop-v0"
kwargs = {{ level = "long" }}
split = "valid"
tasks = 2
"""


@pytest.mark.parametrize("name", list(suites()))
def test_every_suite_names_its_tasks_by_checksum(name):
    entries = suite(name).entry
    assert len({(e.env, json.dumps(e.kwargs), e.split) for e in entries}) == len(entries)
    assert all(entry.checksum for entry in entries)
    rounds_of(suite(name))  # raises where a checksum differs


def test_a_checksum_is_of_all_that_a_task_is():
    tasks = [Task(id="a", split="test", data={"n": 1}), Task(id="b", split="test")]
    changed = tasks[0].model_copy(update={"data": {"n": 2}})
    found = {checksum(t) for t in (tasks, tasks[::-1], tasks[:1], [changed, tasks[1]], [])}
    assert len(found) == 5 and all(len(one) == 16 for one in found)


def test_other_tasks_are_refused(write):
    (first, _) = suite(write(SHOPPING.format(""))).entry
    tasks = first.chosen(first.make())
    assert len(tasks) == 3
    (same, _) = suite(write(SHOPPING.format(checksum(tasks)))).entry
    assert same.chosen(same.make()) == tasks
    (other, _) = suite(write(SHOPPING.format("0" * 16))).entry
    with pytest.raises(BadInput, match=checksum(tasks)):
        other.chosen(other.make())
    with pytest.raises(BadInput, match="has 300 test tasks; the suite wants 301"):
        first.model_copy(update={"tasks": 301}).chosen(first.make())


def test_bad_suites(write):
    with pytest.raises(UnknownName, match="agentgym/smoke"):
        suite("agentgym/smok")
    with pytest.raises(BadInput, match=r"unknown key 'entry.0.task'; did you mean 'tasks'"):
        suite(write('[[entry]]\nenv = "a/B-v0"\ntask = 3'))
    with pytest.raises(BadInput, match="entry"):
        suite(write('summary = "none"'))


def test_the_mean_of_rates():
    one = Interval(mean=0.5, low=0.3, high=0.6)
    other = Interval(mean=1.0, low=0.6, high=1.0)
    mean = mean_of([one, other])
    assert mean.mean == 0.75
    assert mean.low == pytest.approx(0.75 - sqrt(0.2**2 + 0.4**2) / 2)
    assert mean.high == pytest.approx(0.75 + 0.1 / 2)
    assert mean_of([one]) == one
    with pytest.raises(BadInput):
        mean_of([])


def test_eval_of_a_suite(write, tmp_path):
    out = tmp_path / "episodes.jsonl"
    found = CliRunner().invoke(
        application(),
        ["eval", "--suite", write(SHOPPING.format("")), "--policy", "expert", "--policy",
         "random", "--out", str(out)],
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "WebShop-v0 (easy)" in found.output and "mean of 2" in found.output
    assert "1.00 [0.29, 1.00]" in found.output  # 3 of 3: 0.025 ** (1 / 3)
    for number in (1, 2):
        assert len((tmp_path / f"episodes-{number}.jsonl").read_text().splitlines()) == 5


def test_what_is_not_installed_is_left_out_and_said(monkeypatch, write, capsys):
    from agentgym.errors import MissingExtra
    from agentgym.evaluation.suite import Entry

    made = Entry.make

    def make(entry):
        if entry.kwargs["level"] == "long":
            raise MissingExtra("the long shop", "long")
        return made(entry)

    monkeypatch.setattr(Entry, "make", make)
    rounds = rounds_of(suite(write(SHOPPING.format(""))))
    assert [one.label for one in rounds] == ["WebShop-v0 (easy)"]
    assert "left out: WebShop-v0 (long)" in capsys.readouterr().err


def test_a_suite_says_what_cannot_go_with_it(write):
    for arguments in (["agentgym/WebShop-v0"], ["--tasks", "3"], ["--set", "level=easy"]):
        found = CliRunner().invoke(
            application(),
            ["eval", "--suite", "agentgym/smoke", "--policy", "random", *arguments],
        )
        assert found.exit_code == 2
