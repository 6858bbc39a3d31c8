"""`agentgym train --dry-run`, and a config that is wrong: answered before torch is imported."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agentgym import BadInput, UnknownName
from agentgym.cli import main
from agentgym_trainers.command.resolved import resolved, toml
from agentgym_trainers.config import load
from agentgym_trainers.run.ready import require_ready

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
CONFIGS = [EXAMPLES / "quickstart.toml", EXAMPLES / "smollm2.toml"]
GOOD = '[env]\nid = "agentgym/WebShop-v0"\n[credit]\nname = "grpo"\n'
each_config = pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    """Runs a command in an empty folder; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


@each_config
def test_a_config_is_read_and_checked_without_torch(file):
    code = (
        "import sys; from agentgym_trainers.config import load;"
        "from agentgym_trainers.run.ready import require_ready;"
        "from agentgym_trainers.command.keys import keys;"
        f"require_ready(load({str(file)!r})); keys();"
        "print([m for m in ('torch', 'transformers', 'vllm') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=EXAMPLES
    )
    assert done.stdout == "[]\n"


@each_config
def test_what_is_printed_is_the_whole_config_and_reads_as_it(command, file, tmp_path):
    code, out, err = command("train", file, "--dry-run", "--steps=7")
    assert (code, err) == (0, "")
    (tmp_path / "printed.toml").write_text(out)
    printed, meant = load(tmp_path / "printed.toml"), load(file, ["--steps=7"])
    assert printed == meant
    tables = tomllib.loads(out)
    assert tables["optimizer"]["betas"] == [0.9, 0.95]  # defaults, too
    assert tables["policy"]["vllm"]["restarts"] == 5


def test_what_differs_from_a_default_has_it_beside_it(command):
    arpo = ("--rollouts.name=arpo", "--rollouts.initial=4")
    _, out, _ = command("train", CONFIGS[0], "--dry-run", *arpo)
    lines = dict(line.split("  # default: ") for line in out.splitlines() if "# default: " in line)
    marked = {text.strip(): default for text, default in lines.items()}
    assert marked["steps = 20"] == "100"
    assert marked["clip_high = 0.28"] == "0.2"
    assert marked['kwargs = { level = "easy" }'] == "{}"
    assert marked["[rollouts]"] == 'name = "independent"'
    assert marked["[credit]"] == "none, it must be set"
    assert marked["max_tokens = 32"] == "64"
    assert "seed = 0\n" in out and "\n# sampled_tokens is not set\n" in out


def test_a_dry_run_leaves_no_files(command, tmp_path):
    assert command("train", CONFIGS[0], "--dry-run")[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_table_in_a_list_is_printed_on_one_line(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(GOOD + '[[shaping]]\nname = "overlong"\nmax_tokens = 100\nbuffer = 50\n')
    text = "\n".join(line.text for line in resolved(load(file)))
    assert 'shaping = [{ name = "overlong"' in text
    again = tmp_path / "again.toml"
    again.write_text(text)
    assert load(again) == load(file)


@pytest.mark.parametrize(
    "value",
    [True, 3, 1e-05, 2.5, 'say "hé"\\\n', ["a", 1], {"a b": {"c": []}, "d": {}}],
)
def test_a_value_reads_as_what_it_was(value):
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env.id=agentgym/WebShp-v0"], "did you mean 'agentgym/WebShop-v0'"),
        (["--env.kwargs.levle=easy"], "unexpected keyword argument 'levle'"),
        (["--warm_start.env_kwargs.hury=1"], "unexpected keyword argument 'hury'"),
        (["--env.tasks=tasks.txt"], "cannot read the selection of tasks tasks.txt"),
        (["--warm_start.trajectories=['e.jsonl']"], "no trajectory file e.jsonl"),
        (["--model.path=mode"], "mode is not a model folder"),
        (["--stpes=3"], "did you mean 'steps'"),
    ],
)
def test_what_is_not_there_is_said(command, tmp_path, arguments, message):
    (tmp_path / "config.toml").write_text(GOOD)
    for more in ([], ["--dry-run"]):
        code, out, err = command("train", "config.toml", *arguments, *more)
        assert (code, out) == (1, "")
        assert err.startswith("error: ") and message in err


def test_a_run_that_has_begun_needs_no_warm_start_any_more(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(GOOD)
    run = tmp_path / "run"
    settings = load(file, [f"--run_dir={run}", "--model.path=gone"])
    with pytest.raises(BadInput, match="not a model folder"):
        require_ready(settings)
    (run / "checkpoints" / "step-000001").mkdir(parents=True)
    with pytest.raises(BadInput, match="no config file"):
        require_ready(settings)
    command_line = ["train", str(file), f"--run_dir={run}", "--model.path=gone", "--dry-run"]
    (run / "config.toml").write_text(printed(settings))
    with pytest.raises(SystemExit) as ended:
        main(command_line)
    assert not ended.value.code


def printed(settings):
    return "\n".join(line.text for line in resolved(settings))


def test_an_unknown_environment_is_an_unknown_name(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(GOOD.replace("WebShop", "Webshop"))
    with pytest.raises(UnknownName):
        require_ready(load(file))


@pytest.mark.parametrize(
    "arguments",
    [["gone.toml"], ["quickstart.toml", "--stpes=3"], ["quickstart.toml", "--dryrun"]],
    ids=" ".join,
)
def test_a_mistake_is_answered_at_once(arguments):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "agentgym", "train", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=EXAMPLES,
    )
    assert done.returncode == 1 and "error: " in done.stderr
    assert "| torch" not in done.stderr
