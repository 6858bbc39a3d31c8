"""Bad input gives one clear error: what was wrong, what exists, what to do next."""

import math
from pathlib import Path
from typing import Any

import pytest

import agentgym
from agentgym import BadInput, TooManyFailures, UnknownName
from agentgym.policy.loading import load_folder
from agentgym_trainers.config import load
from agentgym_trainers.learner.tiny_model import tiny_model, tiny_tokenizer
from agentgym_trainers.run.loop import train

GOOD = '[credit]\nname = "grpo"\n'


def config(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text)
    return file


def test_an_unknown_environment_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'agentgym/WebShop-v0'"):
        agentgym.make("agentgym/WebShp-v0")


def test_an_environment_that_takes_no_such_argument() -> None:
    with pytest.raises(BadInput, match="levle"):
        agentgym.make("agentgym/WebShop-v0", levle="easy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "[rolouts]\ngroups = 2\n", r"unknown key 'rolouts'; did you mean 'rollouts'"),
        (GOOD + "[rollouts]\ngruops = 2\n", r"unknown key 'gruops'; did you mean 'groups'"),
        (GOOD + "[rollouts.sampling]\ntemprature = 1\n", r"did you mean 'temperature'"),
        ('[credit]\nname = "gigpo"\ngama = 0.9\n', r"unknown key 'gama'; did you mean 'gamma'"),
        ('[credit]\nname = "gipgo"\n', r"no credit 'gipgo'; did you mean 'gigpo'"),
        (GOOD + "[rollouts]\ngroup_size = 1\n", r"group_size.*greater than or equal to 2"),
        (GOOD + "[rollouts.sampling]\ntop_p = 0.9\n", r"samples from the whole distribution"),
        ("seed = -1\n" + GOOD, r"seed: .*greater than or equal to 0"),
        (
            GOOD + "[rollouts]\ngroups = 0\n",
            r"groups: .*greater than or equal to 1",
        ),
        ('steps = "many"\n' + GOOD, r"steps: Input should be a valid integer.*'many'"),
        ("steps = 3\n", r"credit: Field required"),
        ("steps = = 3\n", r"is not TOML"),
    ],
)
def test_a_config_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises((BadInput, UnknownName), match=message):
        load(config(tmp_path, text), [])


def test_a_config_that_is_not_there_or_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no config file"):
        load(tmp_path / "missing.toml", [])
    file = tmp_path / "latin.toml"
    file.write_bytes('run_dir = "läufe"'.encode("latin-1"))
    with pytest.raises(BadInput, match="not UTF-8: byte 12"):
        load(file, [])


def test_overrides(tmp_path: Path) -> None:
    file = config(tmp_path, GOOD)
    made = load(file, ["--steps=7", "--credit.name=gigpo", "--env.kwargs.level=easy"])
    assert (made.steps, made.credit.name, made.env.kwargs) == (7, "gigpo", {"level": "easy"})
    with pytest.raises(BadInput, match="overrides look like"):
        load(file, ["steps=7"])
    with pytest.raises(BadInput, match="did you mean 'steps'"):
        load(file, ["--stpes=7"])


def test_a_model_folder_without_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no config\.json"):
        load_folder(tmp_path)
    tokenizer = tiny_tokenizer(["a b"])
    tiny_model(tokenizer, width=32, layers=1, context=64, seed=0).save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="has no tokenizer"):
        load_folder(tmp_path)


def test_a_device_that_is_not_there(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(["a b"])
    tokenizer.save_pretrained(tmp_path)
    tiny_model(tokenizer, width=32, layers=1, context=64, seed=0).save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="cannot use device 'gpu'"):
        load_folder(tmp_path, device="gpu")


class Broken(agentgym.TextEnv):
    """Has no tasks, or rewards that are no numbers."""

    def __init__(self, tasks: int = 1) -> None:
        self.number = tasks

    def tasks(self, split: str) -> list[agentgym.Task]:
        return [agentgym.Task(id=f"{split}-{i}", split=split) for i in range(self.number)]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        self.task(seed, options)
        return "hello", {}

    def step(self, action: str) -> agentgym.StepResult:
        return "hello", math.nan, True, False, {}


agentgym.register("broken/Broken-v0", Broken)


def run_broken(tmp_path: Path, *overrides: str) -> None:
    file = config(tmp_path, GOOD)
    arguments = ["--env.id=broken/Broken-v0", f"--run_dir={tmp_path / 'run'}", "--model.width=32"]
    agentgym.run(train, load(file, [*arguments, *overrides]))


def test_an_empty_task_list(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no tasks in its split 'train'"):
        run_broken(tmp_path, "--env.kwargs={tasks=0}")


def test_a_split_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no split of broken/Broken-v0 'tset'.*'test'"):
        run_broken(tmp_path, "--env.test_split=tset")


def test_a_nan_reward_stops_the_run_and_says_where_it_came_from(tmp_path: Path) -> None:
    with pytest.raises(TooManyFailures, match=r"environment: ValueError: reward nan"):
        run_broken(tmp_path)


def test_an_action_of_100_000_characters_is_an_invalid_step() -> None:
    env = agentgym.make("agentgym/WebShop-v0", level="easy")
    policy = agentgym.ScriptedPolicy(lambda prompt: "x" * 100_000)
    limits = agentgym.Limits(max_steps=2)
    trajectory = agentgym.run(agentgym.rollout, env, policy, env.tasks("test")[0], limits=limits)
    assert [step.valid for step in trajectory.steps] == [False, False]
    assert trajectory.stop_reason == agentgym.StopReason.MAX_STEPS


def test_a_run_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(agentgym.AgentGymError, match="cannot write the run folder"):
        run_broken(tmp_path, f"--run_dir={tmp_path / 'file' / 'run'}")
