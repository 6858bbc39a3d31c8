"""The folder of an adapter as model.path, with and without a table [model.lora]."""

from io import StringIO

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import agentgym
from agentgym.errors import BadInput
from agentgym_trainers.config import LoRA, load
from agentgym_trainers.display import Display
from agentgym_trainers.run.adapter_folder import adapter, require_agreement
from agentgym_trainers.run.loop import train
from agentgym_trainers.run.metrics import read
from agentgym_trainers.run.ready import require_ready

SMALL = """
steps = 1
[env]
kwargs = { level = "easy", products = 60 }
[model]
width = 32
layers = 1
vocabulary = 300
[rollouts]
groups = 2
group_size = 2
sampling = { max_tokens = 6 }
limits = { max_steps = 2 }
[credit]
name = "grpo"
[objective]
entropy_coef = 0.01
[evaluation]
tasks = 1
"""
TABLE = ["--model.lora.rank=4", "--model.lora.alpha=8", '--model.lora.targets=["q_proj", "v_proj"]']
WORDS = "rank 4, alpha 8 and targets q_proj, v_proj"


def run(file, folder, *overrides):
    said = StringIO()
    config = load(file, [f"--run_dir={folder}", *overrides])
    agentgym.run(train, config, Display(Console(file=said)))
    return said.getvalue()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "small.toml"
    config.write_text(SMALL)
    return config


@pytest.fixture(scope="module")
def trained(file, tmp_path_factory):
    """The folder of an adapter that a run has trained."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    run(file, folder, *TABLE)
    return folder / "checkpoints/step-000001/model"


def weights(folder):
    return load_file(folder / "adapter_model.safetensors")


@pytest.mark.parametrize(
    "table",
    [[], ["--model.lora={}"], ["--model.lora.rank=4"], TABLE],
    ids=["none", "empty", "rank", "all"],
)
def test_training_goes_on_with_it(file, trained, tmp_path, table):
    said = run(file, tmp_path, f"--model.path={trained}", *table, "--steps=2")
    assert f"training goes on with the adapter in {trained}: {WORDS}" in " ".join(said.split())
    begun, before = weights(tmp_path / "start"), weights(trained)
    assert begun.keys() == before.keys()
    assert all(torch.equal(begun[name], before[name]) for name in before)
    ended = weights(tmp_path / "checkpoints/step-000002/model")
    assert ended.keys() == before.keys()
    assert any(not torch.equal(ended[name], before[name]) for name in before)
    assert adapter(tmp_path / "checkpoints/step-000002/model") == adapter(trained)
    run(file, tmp_path, f"--model.path={trained}", *table, "--steps=3")  # it resumes


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (["--model.lora.rank=8"], "asks for rank 8, alpha 32 and targets all-linear"),
        (["--model.lora.alpha=16"], "asks for rank 16, alpha 16"),
        (['--model.lora.targets=["q_proj"]'], "and targets q_proj, and the adapter in"),
    ],
)
def test_another_adapter_is_refused(file, trained, tmp_path, table, words):
    config = load(file, [f"--run_dir={tmp_path}", f"--model.path={trained}", *table])
    for check in (require_ready, lambda config: agentgym.run(train, config)):
        with pytest.raises(BadInput) as refused:
            check(config)
        assert words in str(refused.value)
        assert f"the adapter in {trained} has {WORDS}" in str(refused.value)
        assert "model.path must be the folder of its base model" in str(refused.value)


def test_all_linear_is_what_has_an_adapter_on_every_linear_layer(file, trained, tmp_path):
    asked = "--model.lora.targets=all-linear"
    with pytest.raises(BadInput, match="targets all-linear, and the adapter in .* q_proj, v_proj"):
        run(file, tmp_path / "no", f"--model.path={trained}", asked)
    run(file, tmp_path / "first", "--model.lora.rank=4")
    every = tmp_path / "first/checkpoints/step-000001/model"
    said = run(file, tmp_path / "yes", f"--model.path={every}", asked, "--model.lora.rank=4")
    assert "training goes on with the adapter" in said


def test_the_reference_is_where_reinforcement_began(file, trained, tmp_path):
    """Not the base model: the adapter has learnt something already."""
    with_kl = ["--objective.kl_coef=0.1", "--optimizer.lr=1e-9"]
    run(file, tmp_path, f"--model.path={trained}", "--model.lora={}", *with_kl)
    (kl,) = [r["update/reference_kl"] for r in read(tmp_path / "metrics.jsonl") if _has_kl(r)]
    assert kl == 0
    run(file, tmp_path / "new", *TABLE, *with_kl)  # adapters that change nothing yet
    (kl,) = [r["update/reference_kl"] for r in read(tmp_path / "new/metrics.jsonl") if _has_kl(r)]
    assert kl == 0


def _has_kl(record):
    return "update/reference_kl" in record


def test_an_adapter_of_another_kind(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "IA3"}')
    with pytest.raises(BadInput, match="is of type IA3; only LORA can be trained"):
        require_agreement(tmp_path, LoRA())


def test_a_pattern_as_targets(tmp_path):
    config = '{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ".*_proj"}'
    (tmp_path / "adapter_config.json").write_text(config)
    assert adapter(tmp_path) == LoRA(rank=4, alpha=8, targets=[".*_proj"])
    require_agreement(tmp_path, LoRA(rank=4))
