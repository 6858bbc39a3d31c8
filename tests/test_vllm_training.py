"""Training while vLLM plays: the whole loop on a real model and a real server."""

import json
from pathlib import Path

import pytest
import tomli_w
from conftest import missing_vllm
from vllm_asking import differences, reference

import agentgym
from agentgym.config import read_toml
from agentgym.errors import BadInput
from agentgym.policy.loading import load_folder
from agentgym.policy.spec import Options, policy_of
from agentgym.policy.vllm import EngineConfig
from agentgym_trainers.config import load
from agentgym_trainers.run.loop import train

EXACT = 1e-4
pytestmark = pytest.mark.timeout(900)  # two servers start, and a model of 135M parameters trains
ROOT = Path(__file__).parent.parent

SMALL = {
    "steps": 1,
    "seed": 0,
    "env": {"id": "agentgym/WebShop-v0", "kwargs": {"level": "easy"}},
    "model": {"path": "smollm2", "lora": {"rank": 4}},
    "policy": {
        "engine": "vllm",
        "weights": "folder",
        "vllm": {"dtype": "float32", "max_model_len": 1024, "cpu_cache": 1},
    },
    "warm_start": {"demonstrations": 4, "epochs": 2, "batch_tokens": 1024, "lr": 1e-3},
    "credit": {"name": "grpo"},
    "rollouts": {
        "group_size": 3,
        "groups": 1,
        "sampling": {"max_tokens": 12, "temperature": 0.9},
        "limits": {"max_steps": 2},
    },
    "optimizer": {"lr": 1e-3, "micro_tokens": 2048},
    "evaluation": {"tasks": 1},
    "checkpoint": {"every": 1},
}


def trained(run_dir, **changes):
    tables = json.loads(json.dumps(SMALL)) | {"run_dir": str(run_dir)}
    for key, value in changes.items():
        *path, last = key.split("__")
        table = tables
        for name in path:
            table = table[name]
        table[last] = value
    file = run_dir.parent / f"{run_dir.name}.toml"
    file.write_text(tomli_w.dumps(tables))
    agentgym.run(train, load(file, []))
    lines = (run_dir / "metrics.jsonl").read_text().splitlines()
    return [step for step in map(json.loads, lines) if "train/tokens" in step]


@pytest.fixture(scope="module")
def run(smollm2, tmp_path_factory):
    """A run of one step that went on for a second one, sampling ahead; and its steps' metrics."""
    missing_vllm()
    folder = tmp_path_factory.mktemp("training") / "run"
    trained(folder)
    return folder, trained(folder, steps=3)


def episodes(folder, step):
    return list(agentgym.read_jsonl(folder / "trajectories" / f"step-{step:06d}.jsonl"))


def test_what_vllm_sampled_has_the_trainer_s_logprobs(run):
    _, steps = run
    assert [step["step"] for step in steps] == [1, 2, 3]
    for step in steps:
        assert step["update/mismatch"] <= step["update/mismatch_p99"] <= step["update/mismatch_max"]
        assert step["update/mismatch_max"] < EXACT and step["update/probe"] < EXACT
        assert step["train/staleness"] == 0 and step["seconds/send_weights"] > 0


def test_every_token_says_which_weights_sampled_it(run):
    folder, _ = run
    for number in (1, 2, 3):
        found = [v for t in episodes(folder, number) for s in t.steps for v in s.weight_versions]
        assert found and set(found) == {number - 1}


def test_the_weights_have_moved_and_the_engine_follows(run, smollm2):
    """The last episodes are those of the trained adapters, and not of the model before them."""
    folder, _ = run
    played = episodes(folder, 3)
    assert differences(reference(smollm2), played, 0.9).max() > 0.01
    checkpoint = folder / "checkpoints" / "step-000002" / "model"
    assert (checkpoint / "adapter_model.safetensors").is_file()
    assert not (checkpoint / "model.safetensors").exists()
    model, _ = load_folder(checkpoint)
    assert differences(model, played, 0.9).max() < EXACT


@pytest.mark.parametrize("engine", ["", "vllm:"])
def test_a_run_of_adapters_is_a_policy_by_its_folder(run, engine):
    folder, _ = run
    config = EngineConfig(**SMALL["policy"]["vllm"])

    async def use():
        async with policy_of(f"{engine}{folder}", Options(engine=config)).open() as policy:
            env = agentgym.make("agentgym/WebShop-v0", level="easy")
            limits = agentgym.Limits(max_steps=2)
            return await agentgym.rollout(env, policy, env.tasks("test")[0], limits=limits)

    record = agentgym.run(use)
    model, _ = load_folder(folder / "checkpoints" / "step-000003" / "model")
    assert record.failure is None and differences(model, [record]).max() < EXACT


def test_sampling_ahead_of_training(smollm2, tmp_path):
    """The next batch is played with the weights of before; the token says so, nothing is lost."""
    steps = trained(
        tmp_path / "ahead",
        steps=3,
        rollouts__max_staleness=1,
        policy__in_flight="keep",
        warm_start__demonstrations=0,
    )
    assert [step["train/failed"] for step in steps] == [0, 0, 0]
    assert steps[0]["train/staleness"] == 0
    assert all(0 < step["train/staleness"] <= 1 for step in steps[1:])


def test_a_server_that_cannot_be_trained_with(server, tmp_path):
    """One that answers, but whose control routes are closed."""
    from faulty import answers, faulty

    routes = [lambda request: request.forward()] * 5 + [answers(404)]
    lacks = pytest.raises(BadInput, match="it lacks\n  VLLM_SERVER_DEV_MODE=1 ")
    with faulty(server.url, *routes) as line, lacks as raised:
        urls = {"urls": [line.url]}
        trained(tmp_path / "closed", policy__vllm=urls, warm_start__demonstrations=0)
    assert "`agentgym serve MODEL`" in str(raised.value)


def test_the_example_s_config_is_whole():
    config = load(ROOT / "examples" / "smollm2.toml", [])
    assert config.policy.engine == "vllm" and config.model.lora
    assert set(read_toml(ROOT / "examples" / "smollm2.toml")) > {"model", "policy", "rollouts"}
