"""Every architecture is exact here or refused by name, and `check --model` finds out which."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from architectures import ARCHITECTURES, REFUSED, SMALL, model, save
from made_rows import some_rows
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from agentgym.errors import BadInput
from agentgym.policy import Sampling
from agentgym.policy.decoding import Row, _RoomyLayer, recomputed, sample
from agentgym.policy.loading import load_folder
from agentgym.policy.local import LocalPolicy
from agentgym_trainers.learner.critic import Critic, CriticConfig
from agentgym_trainers.model_check import exact, weights
from agentgym_trainers.model_check.findings import findings_of
from agentgym_trainers.weights.whole import checkpoint_weights, whole_weights

QUANTISED = ("bitsandbytes", "gptq", "awq", "fp8", "mxfp4", "a-new-one")


def rule(check):
    return " ".join(check.__doc__.split())


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    """A folder of a small model, not to be changed."""
    return save("llama", tmp_path_factory.mktemp("llama"))


def copy(folder, tmp_path, **config):
    """The folder with other keys in its config."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    written = json.loads((folder / "config.json").read_text()) | config
    (tmp_path / "config.json").write_text(json.dumps(written))
    return tmp_path


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_it_passes_every_check(name, tmp_path):
    found = list(findings_of(str(save(name, tmp_path))))
    assert [(f.rule, f.found) for f in found if not f.holds] == []
    assert len(found) > 12
    numbers = [float(n) for f in found for n in re.findall(r"(\S+) nats", f.found)]
    assert len(numbers) >= 6 and max(numbers) < 2e-5  # in nats, not only in proportion to ln p


@pytest.mark.parametrize("name", REFUSED)
def test_a_past_that_is_no_keys_and_values_is_refused_by_the_local_policy(name, tmp_path):
    folder = save(name, tmp_path)
    model, tokenizer = load_folder(folder)
    with pytest.raises(BadInput, match=r"layers, whose past is a state .* policy.engine = 'vllm'"):
        LocalPolicy(model, tokenizer)
    holds = {f.rule: f.holds for f in findings_of(str(folder))}
    assert not holds[rule(exact.sampling)] and holds[rule(exact.learner)]


@pytest.mark.parametrize("kind", QUANTISED)
def test_a_quantised_folder_is_refused_by_name(kind, llama, tmp_path):
    folder = copy(llama, tmp_path, quantization_config={"quant_method": kind, "bits": 4})
    with pytest.raises(BadInput, match=rf"is quantised \({kind}\).*vLLM evaluates it"):
        load_folder(folder)


def test_an_encoder_decoder_is_refused_by_name(llama, tmp_path):
    folder = copy(llama, tmp_path, model_type="t5", is_encoder_decoder=True)
    with pytest.raises(BadInput, match=r"is an encoder-decoder \(t5\)"):
        load_folder(folder)


def test_a_config_that_nobody_knows_is_refused(llama, tmp_path):
    with pytest.raises(BadInput, match="cannot read the config"):
        load_folder(copy(llama, tmp_path, model_type="never-heard-of"))


def test_a_model_that_looks_ahead_does_not_pass(tmp_path):
    """BERT as a causal model, which it is only with is_decoder."""
    AutoModelForCausalLM.from_config(transformers_config("bert", is_decoder=False)).save_pretrained(
        tmp_path
    )
    save_tokenizer(tmp_path)
    found = {f.rule: f for f in findings_of(str(tmp_path))}
    assert "it looks ahead" in found[rule(exact.causal)].found
    assert not found[rule(exact.sampling)].holds


def transformers_config(kind, **more):
    from transformers import AutoConfig

    return AutoConfig.for_model(kind, **SMALL | more)


def save_tokenizer(folder):
    from agentgym_trainers.learner.tiny_model import tiny_tokenizer

    tiny_tokenizer(["go hall"], 320).save_pretrained(folder)


def test_missing_and_unexpected_weights_are_named(llama, tmp_path):
    folder = copy(llama, tmp_path)
    file = folder / "model.safetensors"
    every = load_file(file)

    def write(names):
        save_file(names, file, metadata={"format": "pt"})

    write({k: v for k, v in every.items() if ".layers.1.mlp" not in k})
    with pytest.raises(BadInput, match=r"lacks model.layers.1.mlp.down_proj.weight, .* at random"):
        load_folder(folder)
    write(every | {"model.layers.9.mlp.up_proj.weight": torch.zeros(2, 2)})
    with pytest.raises(BadInput, match=r"has model.layers.9.mlp.up_proj.weight, .* left out"):
        load_folder(folder)
    write(every | {"model.embed_tokens.weight": torch.zeros(310, 64)})
    with pytest.raises(BadInput, match=r"embed_tokens.weight of shape \(310, 64\)"):
        load_folder(folder)
    write(every)
    load_folder(folder)


def test_positions_of_a_text_model_inside_another_are_found(tokenizer):
    """Gemma 3 from 4B up, Mistral 3, Qwen 3.5 keep them in text_config."""
    nested = model("gemma3, images")
    assert LocalPolicy(nested, tokenizer).max_context == 512
    critic = Critic(nested, CriticConfig(), 1024)
    assert critic.head.in_features == 64
    rows = some_rows(3)
    values = critic.values(rows, [len(a.advantages[0]) for row in rows for a in row.actions])
    assert len(values) and not values.any()  # zero before it has learnt


def test_a_type_that_goes_on_with_no_text_is_named(llama, tmp_path):
    with pytest.raises(BadInput, match="no causal language model of type 'clip'"):
        load_folder(copy(llama, tmp_path, model_type="clip"))


@pytest.mark.parametrize("name", ["mistral", "gemma3", "gpt-oss", "llama4"])
def test_windows_see_the_same_in_rows_of_unequal_length(name):
    """Tails of 2, 15 and 7 tokens behind cached prompts, a window of 8."""
    found = model(name)
    rows = [Row(list(range(10, 22)), Sampling(max_tokens=6), n) for n in range(3)]
    list(sample(found, rows, frozenset()))
    tails = [range(30, 30 + length) for length in (2, 15, 7)]
    rows = [
        Row([*row.prompt, *row.ids, *tail], Sampling(max_tokens=6), 9 + n, row.cache)
        for n, (row, tail) in enumerate(zip(rows, tails, strict=True))
    ]
    list(sample(found, rows, frozenset()))
    for row in rows:
        assert row.logprobs == pytest.approx(recomputed(found, row), abs=2e-5)


def test_a_rotary_table_does_not_change_with_the_longest_row():
    """The table of phi3 changes at 24 tokens: alone, beside a long row and across that length."""
    found = model("phi3, longrope")
    alone, short = (Row(list(range(10, 20)), Sampling(max_tokens=6), 0) for _ in range(2))
    long = Row(list(range(20, 60)), Sampling(max_tokens=6), 1)
    across = Row(list(range(60, 80)), Sampling(max_tokens=12), 2)
    for rows in ([alone], [short, long], [across]):
        list(sample(found, rows, frozenset()))
    assert alone.ids == short.ids
    assert alone.logprobs == pytest.approx(short.logprobs, abs=2e-5)
    assert across.logprobs == pytest.approx(recomputed(found, across), abs=2e-5)


def test_the_cache_is_as_large_as_what_is_in_it(monkeypatch):
    """Not as large as max_tokens allows."""
    sizes = []
    update = _RoomyLayer.update

    def watched(layer, *arguments, **more):
        found = update(layer, *arguments, **more)
        sizes.append((layer.key_buffer.nbytes, layer.keys.nbytes))
        return found

    monkeypatch.setattr(_RoomyLayer, "update", watched)
    rows = [Row([5] * 20, Sampling(max_tokens=32_768), n) for n in range(8)]
    list(sample(model("llama"), rows, frozenset(range(SMALL["vocab_size"]))))
    assert all(reserved <= 2 * used for reserved, used in sizes)


@pytest.mark.parametrize("name", ["mixtral", "qwen3-moe", "gpt-oss", "deepseek-v3", "llama, tied"])
def test_weights_are_sent_by_the_names_of_their_files(name, tmp_path):
    found = model(name)
    found.save_pretrained(tmp_path)
    there = load_file(tmp_path / "model.safetensors")
    sent = dict(checkpoint_weights(found))
    tied = set(found.all_tied_weights_keys)
    assert sent.keys() - tied == there.keys() - tied
    assert all(torch.equal(sent[key], there[key]) for key in there.keys() - tied)
    assert tied <= sent.keys()  # vLLM keeps a head of its own
    assert {key for key, _ in whole_weights(found)} == found.state_dict().keys() - tied


def test_an_engine_without_a_head_is_sent_none():
    assert "lm_head.weight" not in dict(checkpoint_weights(model("gemma2")))


def test_which_engines_have_no_head_is_what_vllm_s_source_says():
    from conftest import missing_vllm

    from agentgym_trainers.weights.whole import HEADLESS

    missing_vllm()
    from vllm.model_executor import models

    files = {"gemma2": "gemma2", "cohere": "commandr", "cohere2": "commandr"}
    files |= {"cohere2_moe": "cohere2_moe", "gemma3n": "gemma3n", "gemma3n_text": "gemma3n"}
    assert files.keys() == HEADLESS
    folder = Path(models.__file__).parent
    headless = {
        file.stem
        for file in folder.glob("*.py")
        if "mtp" not in file.stem
        and ("self.logits_processor(self.model.embed_tokens" in file.read_text())
    }
    assert headless <= set(files.values())
    for name in ("llama", "qwen2", "qwen3", "gemma3", "mixtral", "granite"):
        assert "self.lm_head = ParallelLMHead(" in (folder / f"{name}.py").read_text()


def test_float32_adapters_are_merged_before_the_cast():
    """bfloat16 of the sum, not the sum of two numbers in bfloat16."""
    from agentgym_trainers.config import LoRA
    from agentgym_trainers.learner.lora import add_adapters, products

    found = model("llama").bfloat16()
    add_adapters(found, LoRA(rank=2, targets=["q_proj"]), seed=0)
    for name, weight in found.named_parameters():
        if ".lora_B." in name:
            weight.data.fill_(1e-3)
    name = "model.layers.0.self_attn.q_proj.weight"
    plain = found.get_parameter("model.layers.0.self_attn.q_proj.base_layer.weight")
    wanted = (plain.float() + products(found)[name]).bfloat16()
    assert torch.equal(dict(whole_weights(found))[name], wanted)
    assert not torch.equal(plain + products(found)[name].bfloat16(), wanted)


def check(*arguments):
    command = [sys.executable, "-m", "agentgym", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_says_what_it_found(llama, tmp_path):
    good = check("--model", str(llama))
    assert good.returncode == 0, good.stderr
    assert rule(weights.saving) in " ".join(good.stdout.split())
    bad = check("--model", str(copy(llama, tmp_path, vocab_size=300)))
    assert bad.returncode == 1
    assert "config.json and the weights are of different models" in " ".join(bad.stdout.split())
    assert "1 checks failed" in bad.stdout  # nothing else is tried


def test_the_command_wants_one_thing_to_check():
    both = check("agentgym/WebShop-v0", "--model", "smollm2")
    assert both.returncode == 2 and "name one environment" in both.stderr


def test_a_tokenizer_larger_than_the_model_is_found(tmp_path):
    found = model("llama", vocab_size=270)
    found.save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    tokenizer.add_tokens([f"word{n}" for n in range(50)])
    tokenizer.save_pretrained(tmp_path)
    told = [f.found for f in findings_of(str(tmp_path)) if not f.holds]
    assert len(told) == 1 and "resize_token_embeddings" in told[0]


def test_a_model_that_makes_its_logits_without_its_head_is_refused(tmp_path, monkeypatch):
    found = model("gpt2")

    def headless(self, input_ids, **more):
        hidden = self.transformer(input_ids=input_ids).last_hidden_state
        return type("Output", (), {"logits": hidden @ self.lm_head.weight.T})()

    from agentgym_trainers.config import OptimizerConfig
    from agentgym_trainers.learner.learner import Learner

    monkeypatch.setattr(GPT2LMHeadModel, "forward", headless)
    with pytest.raises(BadInput, match=r"GPT2LMHeadModel makes its logits without its output head"):
        Learner(found, OptimizerConfig()).logprobs(some_rows(2))
