"""What a person sees while a run goes on: something at once, and never nothing for long."""

import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from agentgym_trainers.display import LONGEST_SILENCE, Display

ROOT = Path(__file__).parent.parent
A_MINUTE = 60.0  # to wait for what takes a hundredth of a second


@pytest.fixture
def said():
    return StringIO()


@pytest.fixture(params=[False, True], ids=["log", "terminal"])
def display(said, request):
    return Display(Console(file=said, force_terminal=request.param, width=80))


def wait_for(text, said):
    end = time.monotonic() + A_MINUTE
    while text not in said.getvalue():
        assert time.monotonic() < end, said.getvalue()
        time.sleep(0.01)


def test_silence_is_short_enough():
    assert LONGEST_SILENCE < 10


def test_a_silent_stage_says_how_far_it_is(said):
    display = Display(Console(file=said))
    with display.heartbeat(0.01), display.stage("evaluation", 200) as stage:
        wait_for("evaluation 0/200 (", said)
        stage.advance()
        wait_for("evaluation 1/200", said)


def test_what_is_no_stage_is_work_too(said, display):
    with display.heartbeat(0.01):
        wait_for("working", said)


def test_a_live_bar_is_a_sign_of_life_by_itself(said):
    display = Display(Console(file=said, force_terminal=True, width=80))
    with display.heartbeat(0.01), display.stage("evaluation", 200):
        before = display.last_said
        while display.last_said == before:
            time.sleep(0.01)
    assert "evaluation" in said.getvalue()
    assert "working" not in said.getvalue()


def test_nothing_is_said_while_there_is_news_or_afterwards(said, display):
    with display.heartbeat(A_MINUTE):
        display.say("news")
    with display.heartbeat(0.01):
        wait_for("working", said)
    over = said.getvalue()
    time.sleep(0.05)
    assert said.getvalue() == over
    assert over.startswith("news\n")


def test_training_speaks_before_it_loads_pytorch(tmp_path):
    (tmp_path / "torch.py").write_text("raise SystemExit('PyTorch is being loaded')")
    paths = [str(tmp_path), *sys.path]
    done = subprocess.run(
        [sys.executable, "-m", "agentgym", "train", ROOT / "examples/quickstart.toml"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert "PyTorch is being loaded" in done.stderr
    assert "loading PyTorch" in done.stdout
