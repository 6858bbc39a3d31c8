"""Which layers LoRA may adapt: those whose product can be merged exactly; the others are named."""

import json

import pytest
import torch
from architectures import model, save
from safetensors.torch import load_file, save_file

from agentgym.errors import BadInput
from agentgym.policy.loading import load_folder
from agentgym_trainers.config import LoRA
from agentgym_trainers.learner.lora import adapted, add_adapters, plain, train_adapters
from agentgym_trainers.weights.adapter import AdapterSync
from agentgym_trainers.weights.rounding import unseen, warning
from agentgym_trainers.weights.whole import checkpoint_weights, whole_weights

IDS = torch.tensor([[3, 4, 5, 6]])


def adapters_on(found, targets):
    add_adapters(found, LoRA(rank=4, targets=targets), seed=0)
    draw = torch.Generator().manual_seed(0)
    for name, weight in found.named_parameters():
        if ".lora_" in name:
            weight.data.copy_(0.1 * torch.randn(weight.shape, generator=draw))
    return {plain(name).split(".")[-1] for name, _ in adapted(found)}


@pytest.mark.parametrize(
    ("name", "targets", "there"),
    [
        ("qwen3", ["q_proj"], {"q_proj"}),
        ("qwen3", ["q_proj", "embed_tokens"], {"q_proj", "embed_tokens"}),
        ("qwen3", ["q_proj", "lm_head"], {"q_proj", "lm_head"}),
        ("qwen3-moe", "all-linear", {"q_proj", "k_proj", "v_proj", "o_proj", "gate", "experts"}),
        ("gpt2", "all-linear", {"c_attn", "c_proj", "c_fc"}),
    ],
)
def test_what_is_adapted_is_what_is_sent(name, targets, there):
    """Embeddings, the head and fused experts too."""
    found, untouched = model(name), model(name)
    assert adapters_on(found, targets) == there
    names = [weight for weight, _ in whole_weights(found)]
    assert len(names) == len(set(names))
    untouched.load_state_dict(dict(whole_weights(found)), strict=False)
    with torch.no_grad():
        gap = (untouched(IDS).logits - found(IDS).logits).abs().max()
        assert gap < 1e-4 < (model(name)(IDS).logits - found(IDS).logits).abs().max()


@pytest.mark.parametrize(
    ("name", "targets", "message"),
    [
        ("qwen3", ["q_proj", "nope"], "no module of Qwen3ForCausalLM is called 'nope'; there are"),
        ("llama, tied", ["embed_tokens"], "embed_tokens shares its weight with the other end"),
        ("llama, tied", ["lm_head"], "lm_head shares its weight with the other end"),
        ("phimoe", ["router"], r"router \(PhimoeTopKRouter\) cannot be merged exactly"),
        ("qwen3", ["input_layernorm"], "targets = .'input_layernorm'"),
    ],
)
def test_what_cannot_be_adapted_is_named(name, targets, message):
    with pytest.raises(BadInput, match=message):
        add_adapters(model(name), LoRA(rank=4, targets=targets), seed=0)


@pytest.mark.parametrize("name", ["phimoe", "llama4"])
def test_all_linear_leaves_out_routers_that_return_more_than_a_product(name):
    assert "router" not in adapters_on(model(name), "all-linear")


def test_all_linear_leaves_out_what_reads_images():
    found = model("llava")
    adapters_on(found, "all-linear")
    assert not [name for name, _ in adapted(found) if "language_model" not in name]


@pytest.fixture
def adapter(tmp_path):
    """The folder of an adapter whose B matrices are 0.5."""
    base = save("llama", tmp_path / "base")
    found, tokenizer = load_folder(base)
    add_adapters(found, LoRA(rank=4), seed=0)
    for name, weight in found.named_parameters():
        if ".lora_B." in name:
            weight.data.fill_(0.5)
    found.save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_under_other_names_is_refused(adapter):
    found, _ = load_folder(adapter)
    assert max(float(w.max()) for n, w in found.named_parameters() if ".lora_B." in n) == 0.5
    file = adapter / "adapter_model.safetensors"
    every = load_file(file)
    save_file({k.replace("model.model.", "model.other."): v for k, v in every.items()}, file)
    with pytest.raises(BadInput, match=r"the adapter in .* lacks .*lora_A.* at random"):
        load_folder(adapter)


@pytest.mark.parametrize("name", ["llama", "qwen3-moe"])
def test_a_loaded_adapter_is_sent_and_saved_by_the_names_of_its_base(name, tmp_path):
    base = save(name, tmp_path / "base")
    first, tokenizer = load_folder(base)
    plain_names = {weight for weight, _ in checkpoint_weights(first)}
    adapters_on(first, "all-linear")
    folder = tmp_path
    for turn in ("once", "again"):  # a checkpoint of a run that was resumed
        folder = tmp_path / turn
        first.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        loaded, _ = load_folder(folder)
        assert {weight for weight, _ in checkpoint_weights(loaded)} == plain_names
        with torch.no_grad():
            assert torch.allclose(loaded(IDS).logits, first(IDS).logits, atol=1e-5)
        first = loaded


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"use_dora": True}, "is LORA with use_dora"),
        ({"modules_to_save": ["lm_head"]}, "is LORA with modules_to_save"),
        ({"bias": "all"}, "is LORA with bias"),
        ({"peft_type": "IA3"}, "is IA3"),
    ],
)
def test_an_adapter_that_is_more_than_a_product_is_refused(adapter, setting, said):
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | setting))
    with pytest.raises(BadInput, match=rf"{said}; only plain LoRA can be merged exactly"):
        load_folder(adapter)


@pytest.mark.parametrize("targets", [["embed_tokens"], ["lm_head"], ["experts"]])
def test_vllm_is_not_sent_adapters_that_it_cannot_load(targets):
    found = model("qwen3-moe")
    adapters_on(found, "all-linear" if targets == ["experts"] else targets)
    with pytest.raises(BadInput, match=r"vLLM loads adapters of linear layers .* is none"):
        AdapterSync(None, found, "keep")


def test_how_much_of_an_update_an_engine_does_not_see():
    """bfloat16 has 8 bits: next to 1 is 1 + 2^-7, and half of that is rounded away."""
    layer = torch.nn.Linear(8, 8, bias=False)
    torch.nn.init.ones_(layer.weight)
    assert unseen(layer, 2**-9, torch.bfloat16) == 1.0
    assert unseen(layer, 2**-7, torch.bfloat16) == 0.0
    assert unseen(layer, 2**-9, torch.float32) == 0.0
    assert warning(layer, 2**-7, torch.bfloat16) is None
    assert "leaves 100% of the weights as they are" in warning(layer, 1e-5, torch.bfloat16)


def test_only_what_is_trained_counts():
    found = model("llama")
    for weight in found.parameters():
        weight.requires_grad_(False)
    assert unseen(found, 1e-5, torch.bfloat16) == 0.0
    train_adapters(found)  # there are none
