"""Model folders that cannot be used."""

import pytest
from asking import ask

import agentgym
from agentgym.errors import BadInput
from agentgym.policy.local import LocalPolicy


def test_a_folder_without_tokenizer_or_template_is_refused(model, tokenizer, tmp_path):
    with pytest.raises(BadInput, match=r"no config\.json"):
        LocalPolicy.from_folder(tmp_path)
    model.save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="has no tokenizer"):
        LocalPolicy.from_folder(tmp_path)
    template, tokenizer.chat_template = tokenizer.chat_template, None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(BadInput, match="no chat template"):
        LocalPolicy.from_folder(tmp_path)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(tmp_path)
    policy = LocalPolicy.from_folder(tmp_path)
    mine = agentgym.run(ask, LocalPolicy(model, tokenizer), "a")
    assert agentgym.run(ask, policy, "a").ids == mine.ids


def test_a_folder_whose_weights_are_missing_or_cut_is_refused(model, tokenizer, tmp_path):
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    (weights,) = tmp_path.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(BadInput, match="cannot load the model"):
        LocalPolicy.from_folder(tmp_path)
    weights.unlink()
    with pytest.raises(BadInput, match="cannot load the model"):
        LocalPolicy.from_folder(tmp_path)
