"""Every command line in the documents runs, or is checked in the way that a table here gives."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import agentgym
from agentgym.cli import application, main
from agentgym.cli.options import table_of
from agentgym.env.registry import require
from agentgym.evaluation.suite import suite
from agentgym_trainers.config import load
from agentgym_trainers.run.run_folder import record

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("envs/agentgym_envs/*/README.md")),
]
START = re.compile(r"(agentgym|make) [a-z-]|python (-m agentgym|examples/|benchmarks/)")
ROWS = {"agentgym rollout, recorded"}
"""Of a table of results in docs/benchmarks.md, which begin like commands."""


def command_of(line):
    """The command that a line begins with, less a comment and what stands two spaces behind it."""
    command = re.split(r"\s{2,}|\s#", line.strip())[0].removeprefix(".venv/bin/")
    return command if START.match(command) and command not in ROWS else None


def commands_of(text):
    """The commands of a page: lines of code blocks, and code spans that are whole commands."""
    text = re.sub(r"\\\n\s*", "", text)
    blocks, prose = [], []
    for place, part in enumerate(re.split(r"^```.*$", text, flags=re.MULTILINE)):
        (blocks if place % 2 else prose).append(part)
    for part in prose:
        blocks += re.findall(r"^ {4,}(\S.*)$", part, flags=re.MULTILINE)
        blocks += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", part)]
    lines = (line for block in blocks for line in block.splitlines())
    return [command for line in lines if (command := command_of(line))]


DOCUMENTED = list(dict.fromkeys(c for page in PAGES for c in commands_of(page.read_text("utf-8"))))


def starting(*starts):
    return pytest.mark.parametrize("command", [c for c in DOCUMENTED if c.startswith(starts)])


def test_commands_are_found_in_blocks_and_in_spans():
    text = (
        "Type `agentgym list`, not `agentgym/parts.py`, or `make\ncheck`:\n```\nagentgym a --b \\\n"
        "    --c   which does c\n.venv/bin/python benchmarks/d.py # e\n```\n"
        "- so\n\n      agentgym f\n"
    )
    found = ["agentgym a --b --c", "python benchmarks/d.py", "agentgym f"]
    assert sorted(commands_of(text)) == sorted([*found, "agentgym list", "make check"])
    assert len(DOCUMENTED) > 40


# The commands of agentgym itself. Words in capitals are the reader's.

MODEL = "runs/quickstart/checkpoints/step-000001/model"
READERS = {"RUN": "runs/quickstart", "F": "tree.png", "FOLDER": MODEL}
EASY = ("agentgym/WebShop-v0", "--set", "level=easy")


def as_written(words):
    """Run the command."""
    main(words)


def with_help(words):
    """Only its help: the words name a command without saying what to do."""
    main([*words, "--help"])


def dry(words):
    """Check and print what would be trained."""
    main([*words, "--dry-run"])


def short(words):
    """Play two tasks, for two steps."""
    main([*words, "--tasks", "2", "--max-steps", "2"])


def parsed(words):
    """Only read the options, and look the environment or the suite up."""
    command = typer.main.get_command(application()).commands[words[0]]
    given = command.make_context(words[0], list(words[1:])).params
    assert words[0] != "eval" or given["policy"], "an evaluation names its policies"
    if given.get("env"):
        require(given["env"], **table_of(given["settings"]))
    if given.get("suite"):
        suite(given["suite"])
    sys.exit(0)


INSTEAD = {
    r"(check|eval|mcp|play|replay|select|serve|train|tree)$": with_help,
    r"train (?!--help)": dry,  # minutes
    r"serve ": parsed,  # needs vLLM and does not end
    r"mcp (?!--help)": parsed,  # does not end
    r"check .*--engine vllm": parsed,  # starts servers
    r"eval .*--policy (vllm|chat):": parsed,  # needs a server
    r"eval .*--policy smollm2": parsed,  # a real model, minutes
    r"eval --suite ": parsed,  # minutes
    r"eval agentgym/Gem-v0 ": parsed,  # needs the extra gem
    r"eval .*--out episodes": parsed,  # the fixture writes that file for `select`
    r"eval ": short,
}
"""How commands are checked that would take long, or need what a machine may lack; the first that
fits. All others run as they are."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, _tiny):
    """A folder in which the quickstart has been run and episodes have been saved."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "examples").symlink_to(ROOT / "examples")
    episodes = folder / "episodes.jsonl"
    size = ("--tasks", "4", "--samples", "4", "--policy", "expert")
    with pytest.raises(SystemExit) as ended:
        main(["eval", *EASY, *size, "--out", str(episodes)])
    assert not ended.value.code
    run = folder / "runs" / "quickstart"
    for model_or_tokenizer in _tiny:
        model_or_tokenizer.save_pretrained(folder / MODEL)
    record(load(ROOT / "examples/quickstart.toml", [f"--run_dir={run}"]))
    for name in ("quickstart", "branching"):
        (folder / "runs" / name / "trajectories").mkdir(parents=True)
        os.link(episodes, folder / "runs" / name / "trajectories" / "step-000001.jsonl")
    return folder


@pytest.fixture(scope="module")
def _environments_of_a_reader():
    """The environment of examples/guess_number, under each name that the documents give one."""
    agentgym.env.registry.load_plugins()
    sys.path.insert(0, str(ROOT / "examples" / "guess_number"))
    from guess_number import GuessNumber

    agentgym.register("my/Env-v0", GuessNumber)


@pytest.mark.usefixtures("_environments_of_a_reader")
@starting("agentgym ")
def test_a_command_of_agentgym(command, workspace, monkeypatch, capsys):
    monkeypatch.chdir(workspace)
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))  # leaves `agentgym play`
    _, *words = [READERS.get(word, word) for word in shlex.split(command)]
    rest = " ".join(words)
    check = next((how for form, how in INSTEAD.items() if re.match(form, rest)), as_written)
    with pytest.raises(SystemExit) as ended:
        check(words)
    assert not ended.value.code, capsys.readouterr().err


# Everything else.


@starting("make ")
def test_a_target_of_make(command):
    _, *words = shlex.split(command)
    subprocess.run(["make", "-n", *words], cwd=ROOT, check=True, capture_output=True)


@starting("python examples/", "python -m agentgym")
def test_a_script(command):
    """An example runs; of a module only the help is asked, which has every option of the line."""
    _, *words = shlex.split(command)
    line = words if words[0] != "-m" else [*words[:2], "--help"]
    done = subprocess.run(
        [sys.executable, *line], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if words[0] == "-m":
        assert [word for word in words[2:] if word[:2] == "--" and word not in done.stdout] == []


OF_OTHERS = {"benchmarks/adapter_speed.py", "benchmarks/env_overhead.py"}
"""Benchmarks of packages that cannot be installed beside each other: these are only compiled."""

HELP = """
import contextlib, io, json, runpy, sys
said = {}
for file in sys.argv[1:]:
    sys.argv, out = [file, "--help"], io.StringIO()
    sys.path[0] = "benchmarks"
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        runpy.run_path(file, run_name="__main__")
    said[file] = out.getvalue()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def helps():
    """Benchmark -> its help, of those that have one; from one process, which imports torch once."""
    files = {c.split()[1] for c in DOCUMENTED if c.startswith("python benchmarks/")} - OF_OTHERS
    asked = [file for file in sorted(files) if "argparse" in (ROOT / file).read_text("utf-8")]
    line = [sys.executable, "-c", HELP, *asked]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@starting("python benchmarks/")
def test_a_benchmark(command, helps):
    _, file, *words = shlex.split(command)
    compile((ROOT / file).read_text("utf-8"), file, "exec")
    if file in helps:
        assert helps[file].startswith("usage: ")
    options = [word for word in words if word.startswith("--")]
    assert [word for word in options if word not in helps.get(file, "")] == []
