"""`~` means the home folder wherever a path is written, and nothing else needs a home folder."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

import agentgym
from agentgym.cli import main
from agentgym.errors import BadInput
from agentgym.evaluation.suite import suite
from agentgym.paths import cache_folder, expanded
from agentgym.policy.folder import named_folder
from agentgym.policy.spec import policy_of
from agentgym_trainers.config import load
from agentgym_trainers.run.run_folder import locked, versions

GOOD = '[credit]\nname = "grpo"\n'
SUITE = '[[entry]]\nenv = "agentgym/WebShop-v0"\ntasks = 1\n'


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder; in the working folder beside it nothing is ever named `~`."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    yield tmp_path / "home"
    assert not list(Path().glob("~*"))


def ended(*arguments):
    """The exit code of a command."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


def test_in_a_config(home):
    Path("c.toml").write_text(
        f'run_dir = "~/runs/a"\n{GOOD}[model]\npath = "~/models/q"\n[env]\ntasks = "~/t.txt"\n'
        'kwargs = { data_dir = "~/data" }\n[warm_start]\ntrajectories = ["~/e.jsonl"]\n'
    )
    config = load("c.toml")
    assert config.run_dir == home / "runs/a"
    assert config.env.tasks == home / "t.txt"
    assert config.warm_start.trajectories == [home / "e.jsonl"]
    assert named_folder(config.model.path) == home / "models/q"
    assert config.env.kwargs == {"data_dir": "~/data"}  # the environment's own
    with locked(config.run_dir):
        assert (home / "runs/a").is_dir()
    (home / "c.toml").write_text(GOOD)
    assert load("c.toml", ["--run_dir=~/runs/b"]).run_dir == home / "runs/b"


def test_on_the_command_line(home, capsys):
    shop = ("agentgym/WebShop-v0", "--set=level=easy", "--tasks=1", "--policy=random")
    assert ended("eval", *shop, "--out=~/e.jsonl") == 0
    assert ended("eval", "--from=~/e.jsonl") == 0
    assert ended("select", "~/e.jsonl", "--least=0", "--out=~/t.txt") == 0
    assert ended("replay", "~/e.jsonl", "--png=~/r.png") == 0
    assert ended("tree", "~/e.jsonl", "--png=~/t.png") == 0
    (home / "c.toml").write_text(GOOD)
    assert ended("train", "~/c.toml", "--dry-run") == 0
    written = sorted(file.name for file in home.iterdir())
    assert written == ["c.toml", "e.jsonl", "r.png", "t.png", "t.txt"]


def test_a_suite_and_a_policy(home):
    (home / "s.toml").write_text(SUITE)
    assert suite("~/s.toml").entry[0].tasks == 1
    model = home / "run" / "checkpoints" / "step-000001" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    for spec in ("~/run", "local:~/run", "vllm:~/run"):
        assert policy_of(spec).label == spec
    with pytest.raises(BadInput, match="no policy or folder '~/gone'"):
        policy_of("~/gone")


def test_the_cache(home, monkeypatch):
    monkeypatch.delenv("AGENTGYM_CACHE", raising=False)
    assert cache_folder() == home / ".cache/agentgym"
    monkeypatch.setenv("AGENTGYM_CACHE", "~/kept")
    assert cache_folder() == home / "kept"


def test_a_home_that_is_not_known(monkeypatch):
    with pytest.raises(BadInput, match="'~no-such-user/x' begins with a home folder that is not"):
        expanded("~no-such-user/x")
    monkeypatch.delenv("HOME")
    assert expanded("~/x") == Path(pwd.getpwuid(os.getuid()).pw_dir) / "x"


def test_a_run_needs_neither_git_nor_a_home(tmp_path):
    """As in a slim container: no git on the path, a home folder that is not there."""
    (tmp_path / "c.toml").write_text(
        f'steps = 1\n[env]\nkwargs = {{ level = "easy", products = 60 }}\n{GOOD}'
        "[model]\nwidth = 32\nlayers = 1\nvocabulary = 300\n[evaluation]\ntasks = 1\n"
        "[rollouts]\ngroups = 1\ngroup_size = 2\nsampling = { max_tokens = 4 }\n"
        "limits = { max_steps = 2 }\n"
    )
    for home in (None, tmp_path / "c.toml" / "home"):
        bare = {name: value for name, value in os.environ.items() if name != "HOME"}
        bare |= {"PATH": str(tmp_path / "empty")} | ({"HOME": str(home)} if home else {})
        done = subprocess.run(
            [sys.executable, "-m", "agentgym", "train", "c.toml", f"--run_dir={home is None}"],
            env=bare,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "everything is in" in done.stdout.splitlines()[-1]


def test_the_versions_of_a_run_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert "git" not in versions() and versions()["torch"]


def test_a_config_that_may_not_be_read(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        agentgym.BadInput, match=r"cannot read the config file \S+: Not a directory"
    ):
        load(tmp_path / "file" / "config.toml")
