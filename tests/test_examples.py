"""Every example runs, and a stranger's package works without a line changed here."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from made_steps import steps_of

ROOT = Path(__file__).parent.parent
AGENTGYM = Path(sys.executable).parent / "agentgym"


def call(*command: object, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"} | (env or {}),
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which examples/guess_number is pip-installed."""
    target = tmp_path_factory.mktemp("site")
    call(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--target", target, ROOT / "examples/guess_number"),
    )
    return {"PYTHONPATH": str(target)}


def test_a_package_of_ones_own_is_found_checked_and_trained(
    stranger: dict[str, str], tmp_path: Path
) -> None:
    assert "guess/GuessNumber-v0" in call(AGENTGYM, "list", env=stranger)
    call(AGENTGYM, "check", "guess/GuessNumber-v0", env=stranger)
    said = call(
        *(AGENTGYM, "train", ROOT / "examples/quickstart.toml", f"--run_dir={tmp_path / 'run'}"),
        *("--env.id=guess/GuessNumber-v0", "--env.kwargs={}", "--warm_start.env_kwargs={}"),
        *("--warm_start.demonstrations=60", "--warm_start.epochs=3", "--model.width=64"),
        *("--steps=2", "--rollouts.groups=2", "--rollouts.sampling.max_tokens=4"),
        env=stranger,
    )
    assert "greedy" in said
    assert (tmp_path / "run" / "curve.png").exists()


def test_the_ten_lines() -> None:
    said = call(sys.executable, ROOT / "examples/rollout.py")
    assert "terminated, success True" in said
    assert "success False" in said


def test_the_python_api() -> None:
    said = call(sys.executable, ROOT / "examples/python_api.py", env={"OMP_NUM_THREADS": "1"})
    assert "expert: success 1.00" in said
    assert "over 16 episodes" in said.splitlines()[-1]


def test_examples_are_short() -> None:
    for file in (ROOT / "examples").rglob("*.py"):
        assert len(file.read_text().splitlines()) < 60, file


def test_the_readme_shows_the_ten_lines_that_run() -> None:
    code = (ROOT / "examples/rollout.py").read_text().split('"""\n', 1)[1].strip()
    assert code in (ROOT / "README.md").read_text()


def test_gymnasium_alone_makes_our_environments() -> None:
    program = (
        "import gymnasium; env = gymnasium.make('agentgym_envs:agentgym/WebShop-v0', level='easy');"
        "observation, info = env.reset(seed=0); print(observation); "
        "print(env.step('search[red shirt]')[0])"
    )
    assert "page 1" in call(sys.executable, "-c", program)


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.toml")), ids=lambda f: f.name)
def test_example_configs_are_valid(file: Path) -> None:
    from agentgym_trainers.config import load

    assert load(file, []).env.id in tomllib.loads(file.read_text())["env"]["id"]


def test_the_algorithm_in_the_docs_works() -> None:
    docs = (ROOT / "docs/algorithms.md").read_text()
    code = next(block for block in docs.split("```python\n") if "class BestOfGroup" in block)
    names: dict[str, Any] = {"__name__": "docs"}
    exec(code.split("```")[0], names)
    steps = steps_of("ggghh", "aabcd", [0.0, 1.0, 0.5, 0.0, 0.05])
    advantages = names["BestOfGroup"](margin=0.1).advantages(steps)
    assert advantages.tolist() == [1.0, 1.0, 0.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="margni"):
        names["BestOfGroup"](margni=1)
