"""The tokenizer of a folder reads texts as its tokenizer.json does, or is refused."""

import json

import pytest
from template_forms import sentencepiece_tokenizer, user

from agentgym.errors import BadInput
from agentgym.policy.folder import chat_template
from agentgym.policy.tokenizer import TEXTS, load_tokenizer


def save(tokenizer, folder, model_type=None, **config):
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | config))
    if model_type:
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))


@pytest.mark.parametrize("model_type", [None, "llama", "qwen2", "deepseek_v3", "gemma2", "mistral"])
@pytest.mark.parametrize(
    "name",
    ["LlamaTokenizerFast", "LlamaTokenizer", "GemmaTokenizerFast", "T5TokenizerFast", "Nobodys"],
)
def test_a_class_that_is_not_its_own_loses_nothing(tokenizer, tmp_path, model_type, name):
    template = tokenizer.chat_template
    save(tokenizer, tmp_path, model_type, tokenizer_class=name, legacy=True)
    loaded = load_tokenizer(tmp_path)
    for text in TEXTS:
        assert loaded.encode(text, add_special_tokens=False) == tokenizer.encode(text)
        assert loaded.decode(loaded.encode(text, add_special_tokens=False)) == text
    assert loaded.get_vocab() == tokenizer.get_vocab()
    assert loaded.chat_template == template
    assert (loaded.eos_token, loaded.pad_token) == (tokenizer.eos_token, tokenizer.pad_token)
    renderer = chat_template(tmp_path)
    assert renderer.decode(renderer.encode_action("go to  the hall\nnow")) == "go to  the hall\nnow"


def test_a_sentencepiece_tokenizer_keeps_what_is_said(tokenizer, tmp_path, recwarn):
    own = sentencepiece_tokenizer()
    own.add_special_tokens({"eos_token": "</s>"})
    own.chat_template = tokenizer.chat_template.replace("<|end|>", "</s>")
    save(own, tmp_path, "llama", tokenizer_class="LlamaTokenizerFast")
    renderer = chat_template(tmp_path)
    assert not [w for w in recwarn if "loses text" in str(w.message)]
    text = "go  hall\n\n  l'été 🐈"
    assert text in renderer.tokenizer.decode(renderer.render([user(text)]).ids)


def test_a_folder_without_a_generation_config_ends_as_its_config_says(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama", "eos_token_id": [1, 7]}')
    assert chat_template(tmp_path).stop_ids == {tokenizer.eos_token_id, 1, 7}
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 8}')
    assert chat_template(tmp_path).stop_ids == {tokenizer.eos_token_id, 8}


def test_what_a_tokenizer_loses_is_told(tokenizer, tmp_path):
    from tokenizers import normalizers

    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("\n", " ")
    tokenizer.save_pretrained(tmp_path)
    with pytest.warns(
        UserWarning, match=r"loses text: 'a\\n\\nb\\n c\\td ' becomes 'a  b  c\\td '"
    ):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    "name", ["tokenizer.model", "qwen.tiktoken", "tekken.json", "tokenizer.model.v3"]
)
def test_forms_that_are_not_read_are_named(tmp_path, name):
    (tmp_path / name).write_text("{}")
    (tmp_path / "tokenizer_config.json").write_text("{}")
    with pytest.raises(BadInput, match=rf"only as {name} .*put the tokenizer\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "{}", '{"model": {"type": "BPE"}}'])
def test_a_broken_file_is_named(tokenizer, tmp_path, text):
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text(text)
    with pytest.raises(BadInput, match=r"cannot read .*tokenizer\.json"):
        load_tokenizer(tmp_path)
