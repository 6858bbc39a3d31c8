"""A run from its config to its folder, killed, damaged and resumed."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from transformers import AutoTokenizer, Gemma2Config, Gemma2ForCausalLM

import agentgym
from agentgym.errors import AgentGymError, BadInput
from agentgym_trainers.config import load
from agentgym_trainers.display import Display
from agentgym_trainers.run.loop import train
from agentgym_trainers.run.metrics import read
from agentgym_trainers.run.run_folder import locked
from agentgym_trainers.sampling.experience import TaskOrder

SMALL = """
steps = 4
[env]
kwargs = { level = "easy", products = 60 }
[model]
width = 32
layers = 1
[warm_start]
demonstrations = 60
epochs = 3
batch_tokens = 768
[credit]
name = "gigpo"
[objective]
entropy_coef = 0.01
[rollouts]
group_size = 4
groups = 2
sampling = { max_tokens = 8 }
limits = { max_steps = 3 }
[evaluation]
tasks = 4
[checkpoint]
every = 1
keep = 3
"""
TRAIN = (
    "import sys; from pathlib import Path; import agentgym; "
    "from agentgym_trainers.config import load; from agentgym_trainers.run.loop import train; "
    "agentgym.run(train, load(Path(sys.argv[1]), sys.argv[2:]))"
)


@pytest.fixture(scope="module")
def config_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("config") / "small.toml"
    file.write_text(SMALL)
    return file


def run(config_file: Path, folder: Path, *overrides: str) -> str:
    said = StringIO()
    display = Display(Console(file=said, width=200))
    agentgym.run(train, load(config_file, [f"--run_dir={folder}", *overrides]), display)
    return said.getvalue()


@pytest.fixture(scope="module")
def whole(config_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run(config_file, folder)
    return folder


def outcome(folder: Path) -> dict[str, object]:
    """Everything of a run that must not depend on how often it was interrupted."""
    records = read(folder / "metrics.jsonl")
    timed = ("seconds", "tokens_per_second")
    return {
        "weights": {
            name: tensor.numpy().tobytes()
            for name, tensor in load_file(
                folder / "checkpoints/step-000004/model/model.safetensors"
            ).items()
        },
        "metrics": [
            {k: v for k, v in r.items() if not any(t in k for t in timed)} for r in records
        ],
        "episodes": [
            [
                (t.id, [(s.ids, s.logprobs, s.reward) for s in t.steps])
                for t in agentgym.read_jsonl(file)
            ]
            for file in sorted((folder / "trajectories").iterdir())
        ],
    }


def test_a_run_leaves_what_it_promises(whole: Path) -> None:
    for name in ("config.toml", "versions.json", "curve.png", "start/model.safetensors"):
        assert (whole / name).stat().st_size > 0
    assert list((whole / "tensorboard").iterdir())
    assert sorted(f.name for f in (whole / "trajectories").iterdir()) == [
        f"step-{step:06d}.jsonl" for step in (1, 2, 3, 4)
    ]
    assert len(list((whole / "checkpoints").iterdir())) == 3
    assert len(list((whole / "evaluations").iterdir())) == 4
    assert json.loads((whole / "versions.json").read_text())["torch"] == torch.__version__
    trajectory = next(agentgym.read_jsonl(whole / "trajectories/step-000001.jsonl"))
    step = trajectory.steps[0]
    assert len(step.ids) == len(step.logprobs) == len(step.entropies) > 0
    assert step.prompt_ids and step.anchor and step.seconds["policy"] > 0


def test_the_weights_change_and_sampling_agrees_with_training(whole: Path) -> None:
    start = load_file(whole / "start/model.safetensors")
    end = load_file(whole / "checkpoints/step-000004/model/model.safetensors")
    assert any(not torch.equal(start[name], end[name]) for name in start)
    records = [r for r in read(whole / "metrics.jsonl") if "update/mismatch" in r]
    assert max(r["update/mismatch"] for r in records) < 1e-5
    assert max(r["update/advantage_abs"] for r in records) > 0


def test_the_same_seed_gives_the_same_run_and_another_another(
    config_file: Path, whole: Path, tmp_path: Path
) -> None:
    run(config_file, tmp_path / "again")
    assert outcome(tmp_path / "again") == outcome(whole)
    run(config_file, tmp_path / "other", "--seed=1")
    assert outcome(tmp_path / "other") != outcome(whole)


@pytest.mark.parametrize("after", ["checkpoints/step-000001", "trajectories/step-000003.jsonl"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(
    config_file: Path, whole: Path, tmp_path: Path, after: str
) -> None:
    folder = tmp_path / "killed"
    victim = subprocess.Popen(
        [sys.executable, "-c", TRAIN, str(config_file), f"--run_dir={folder}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not (folder / after).exists():
        assert victim.poll() is None, "the run ended before it could be killed"
        time.sleep(0.005)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    assert not (folder / "checkpoints/step-000004").exists()
    assert "going on from" in run(config_file, folder)
    assert outcome(folder) == outcome(whole)


def test_a_damaged_checkpoint_is_passed_over(
    config_file: Path, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    weights = folder / "checkpoints/step-000004/model/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.warns(UserWarning, match=r"step-000004 is damaged \(model/model.safetensors"):
        said = run(config_file, folder)
    assert "going on from" in said and "step-000003" in said
    assert outcome(folder) == outcome(whole)


def test_a_run_that_has_ended_is_read_and_can_be_lengthened(
    config_file: Path, whole: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "longer"
    shutil.copytree(whole, folder)
    before = (folder / "metrics.jsonl").read_text()
    run(config_file, folder)
    assert (folder / "metrics.jsonl").read_text() == before
    run(config_file, folder, "--steps=5")
    assert read(folder / "metrics.jsonl")[-1]["step"] == 5


def test_other_settings_are_refused_and_named(config_file: Path, whole: Path) -> None:
    with pytest.raises(BadInput, match=r"credit.gamma: 0.95 there, 0.5 now"):
        run(config_file, whole, "--credit.gamma=0.5")


def test_dynamic_sampling_drops_groups_without_a_difference(
    config_file: Path, tmp_path: Path
) -> None:
    run(
        config_file,
        tmp_path / "dynamic",
        "--rollouts.dynamic=true",
        "--rollouts.dynamic_batches=2",
        "--steps=1",
    )
    record = next(r for r in read(tmp_path / "dynamic/metrics.jsonl") if "train/episodes" in r)
    # Nothing succeeds in three steps, so the first batch is dropped and the last taken as it is.
    assert record["train/episodes"] == 16 and record["train/left_out"] == 8


def test_every_task_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    tasks = [agentgym.Task(id=str(i), split="train") for i in range(10)]
    order = TaskOrder(tasks, seed=3)
    first, second = order.draw(0, 10), order.draw(10, 10)
    assert {t.id for t in first} == {t.id for t in second} == {t.id for t in tasks}
    assert first != second
    assert order.draw(4, 10) == first[4:] + second[:4]


def test_a_local_folder_takes_the_place_of_the_tiny_model(
    config_file: Path, whole: Path, tmp_path: Path
) -> None:
    run(
        config_file,
        tmp_path / "from-folder",
        f"--model.path={whole / 'start'}",
        "--warm_start.demonstrations=0",
        "--steps=1",
        "--objective.kl_coef=0.1",
        "--optimizer.minibatches=2",
    )
    record = next(
        r for r in read(tmp_path / "from-folder/metrics.jsonl") if "update/reference_kl" in r
    )
    assert record["update/reference_kl"] < 1e-3
    start = load_file(tmp_path / "from-folder/start/model.safetensors")
    for name, tensor in load_file(whole / "start/model.safetensors").items():
        assert torch.equal(start[name], tensor)


def test_it_trains_with_a_window_of_the_past(config_file: Path, tmp_path: Path) -> None:
    run(config_file, tmp_path / "window", "--context.name=window", "--context.turns=0", "--steps=1")
    trajectory = next(agentgym.read_jsonl(tmp_path / "window/trajectories/step-000001.jsonl"))
    assert [step.segment for step in trajectory.steps] == list(range(len(trajectory.steps)))


def test_a_model_that_squashes_its_logits_is_trained_as_it_is(
    config_file: Path, whole: Path, tmp_path: Path
) -> None:
    """Gemma 2 caps its logits behind the head; the learner's forward pass is the model's own."""
    tokenizer = AutoTokenizer.from_pretrained(whole / "start")
    squashed = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=32,
        final_logit_softcapping=0.1,
        eos_token_id=tokenizer.eos_token_id,
    )
    Gemma2ForCausalLM(squashed).save_pretrained(tmp_path / "gemma")
    tokenizer.save_pretrained(tmp_path / "gemma")
    run(
        config_file,
        tmp_path / "run",
        f"--model.path={tmp_path / 'gemma'}",
        "--warm_start.demonstrations=0",
        "--steps=1",
    )
    (step,) = [r for r in read(tmp_path / "run/metrics.jsonl") if "update/mismatch_max" in r]
    assert step["update/mismatch_max"] < 1e-5


def test_a_prompt_that_never_fits_stops_the_run(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(AgentGymError, match="leaves no room to answer in 16 tokens"):
        run(
            config_file,
            tmp_path / "run",
            "--model.context=16",
            "--warm_start.demonstrations=0",
            "--steps=1",
        )


def test_two_processes_do_not_train_in_one_folder(config_file: Path, tmp_path: Path) -> None:
    with (
        locked(tmp_path / "run"),
        pytest.raises(BadInput, match="another process is training"),
    ):
        run(config_file, tmp_path / "run")


def test_it_imitates_any_file_of_trajectories(
    config_file: Path, whole: Path, tmp_path: Path
) -> None:
    file = whole / "evaluations/step-000000-sampled.jsonl"
    said = run(
        config_file,
        tmp_path / "file",
        f'--warm_start.trajectories=["{file}"]',
        "--warm_start.demonstrations=0",
        "--steps=0",
    )
    assert "imitating 4 demonstrations" in said


def test_a_config_travels_to_another_process(config_file: Path) -> None:
    made = load(config_file, ["--context.name=window"])
    assert pickle.loads(pickle.dumps(made)) == made
