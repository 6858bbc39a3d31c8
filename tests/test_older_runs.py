"""Runs that another version of agentgym began: gone on with, or refused in words."""

import json
import shutil

import pytest
import tomli_w
import torch

from agentgym.config import read_toml
from agentgym.errors import AgentGymError, BadInput
from agentgym_trainers.config import load
from agentgym_trainers.run import checkpoint
from agentgym_trainers.run.checkpoint import State, newest, read_optimizer, read_state, save
from agentgym_trainers.run.run_folder import record, require_same

RUN = """
run_dir = "{}"
[env]
kwargs = {{ level = "easy" }}
[model.lora]
rank = 4
[credit]
name = "gigpo"
gamma = 0.9
[rollouts]
name = "arpo"
initial = 4
[[shaping]]
name = "overlong"
max_tokens = 100
buffer = 50
"""


@pytest.fixture
def begun(tmp_path):
    """A config, and a run folder that was begun with it."""
    (tmp_path / "c.toml").write_text(RUN.format(tmp_path / "run"))
    config = load(tmp_path / "c.toml")
    (config.run_dir / "checkpoints/step-000001").mkdir(parents=True)
    record(config)
    return config


def rewritten(config, change):
    """The run folder as another version would have left it."""
    file = config.run_dir / "config.toml"
    tables = read_toml(file)
    change(tables)
    file.write_text(tomli_w.dumps(tables))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["optimizer"].pop("checkpointing"),
        lambda t: t["model"]["lora"].pop("alpha"),
        lambda t: t["policy"]["vllm"].pop("restarts"),
        lambda t: t["policy"].pop("template"),
        lambda t: t.pop("correction"),
        lambda t: t.pop("context"),  # a part by default
        lambda t: t.pop("objective"),
        lambda t: t["objective"].pop("name"),
        lambda t: t["credit"].pop("normalise"),
        lambda t: t["rollouts"].pop("beam"),
        lambda t: t["rollouts"]["sampling"].pop("top_k"),
        lambda t: t["shaping"][0].pop("factor"),
        lambda t: t.update(sampled_tokens=10**6),  # may change
    ],
)
def test_a_key_that_was_not_known_had_its_default(begun, change):
    rewritten(begun, change)
    require_same(begun)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["credit"].pop("gamma"), r"credit.gamma: 0.95 there, 0.9 now"),
        (lambda t: t["rollouts"].pop("initial"), r"rollouts.initial: \d+ there, 4 now"),
        (lambda t: t.pop("rollouts"), r"rollouts.name: 'independent' there, 'arpo' now"),
        (lambda t: t.pop("credit"), r"credit: not set there, \{'name': 'gigpo'"),
        (lambda t: t["model"].pop("lora"), r"model.lora: not set there, \{'rank': 4"),
        (lambda t: t["model"]["lora"].pop("rank"), r"model.lora.rank: 16 there, 4 now"),
        (lambda t: t.pop("shaping"), r"shaping: \[\] there, \[\{'name': 'overlong'"),
        (
            lambda t: t["shaping"][0].update(buffer=20),
            r"shaping\[0\].buffer: 20 there, 50 now",
        ),
        (
            lambda t: t["shaping"][0].update(name="otc_grpo"),
            r"shaping\[0\].name: 'otc_grpo' there, 'overlong' now",
        ),
        (lambda t: t["env"]["kwargs"].pop("level"), r"env.kwargs.level: not set there, 'easy' now"),
        (lambda t: t.update(replay={"kept": 2}), r"replay: \{'kept': 2\} there, not set now"),
    ],
)
def test_other_values_are_refused(begun, change, message):
    rewritten(begun, change)
    with pytest.raises(BadInput, match=message) as refused:
        require_same(begun)
    assert str(refused.value).count(" there, ") == 1
    assert "add --run_dir=" in str(refused.value) and "knows them all" not in str(refused.value)


def test_a_key_that_is_gone_is_named_with_the_version_that_knew_it(begun):
    def older(tables):
        tables["credit"]["lambda"] = 0.5
        tables["scheduler"] = {"kind": "cosine"}

    rewritten(begun, older)
    versions = begun.run_dir / "versions.json"
    versions.write_text(json.dumps({"agentgym-lab": "0.0.7"}))
    with pytest.raises(BadInput) as refused:
        require_same(begun)
    lines = str(refused.value).splitlines()
    assert "  credit.lambda: 0.5 there, unknown to this version" in lines
    assert "  scheduler: {'kind': 'cosine'} there, unknown to this version" in lines
    assert lines[-1].endswith("; agentgym-lab 0.0.7 knows them all")
    versions.unlink()
    with pytest.raises(BadInput, match="agentgym-lab of the version that made it knows them all"):
        require_same(begun)


@pytest.fixture
def saved(tmp_path, model, tokenizer):
    """Two checkpoints."""
    optimizer = torch.optim.AdamW(model.parameters())
    for step in (1, 2):
        save(tmp_path, model, tokenizer, optimizer, None, State(step=step, tasks_drawn=step), 2)
    return tmp_path


def signed(folder, name, content):
    """Replace a file of a checkpoint, as another version would have written it."""
    (folder / name).write_bytes(content)
    sums = json.loads((folder / checkpoint.MANIFEST).read_bytes())
    sums[name] = checkpoint._sha256(folder / name)
    (folder / checkpoint.MANIFEST).write_text(json.dumps(sums))


@pytest.mark.parametrize("field", ["step", "tasks_drawn", "sampled_tokens"])
def test_a_state_that_lacks_a_field(saved, field):
    """It is not guessed: with 0 for it, the run would go on with other tasks."""
    last = newest(saved)
    state = {key: value for key, value in read_state(last).model_dump().items() if key != field}
    signed(last, "state.json", json.dumps(state).encode())
    with pytest.raises(BadInput, match=rf"state.json: it lacks {field}. versions.json of the run"):
        read_state(newest(saved))


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"step": "two"}'])
def test_a_state_that_is_something_else(saved, content):
    signed(newest(saved), "state.json", content)
    with pytest.raises(BadInput, match=r"cannot go on from \S+state.json: "):
        read_state(newest(saved))


def test_moments_of_another_model(saved, model):
    other = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])
    with pytest.raises(BadInput, match=r"cannot go on from \S+optimizer.pt: loaded state dict"):
        read_optimizer(newest(saved), other)
    for content in ({}, {"state": {}}):
        torch.save(content, saved / "o.pt")
        signed(newest(saved), "optimizer.pt", (saved / "o.pt").read_bytes())
        with pytest.raises(BadInput, match=r"optimizer.pt: "):
            read_optimizer(newest(saved), torch.optim.AdamW(model.parameters()))


@pytest.mark.parametrize(
    ("name", "content", "damage"),
    [
        ("manifest.json", b"", "Expecting value"),
        ("manifest.json", b"{}", "does not name optimizer.pt, state.json"),
        ("manifest.json", b"null", "not iterable"),
        ("optimizer.pt", b"PK", "optimizer.pt has changed"),
        ("state.json", b'{"st', "state.json has changed"),
    ],
)
def test_a_checkpoint_that_is_cut_off_is_passed_over(saved, name, content, damage):
    (saved / "step-000002" / name).write_bytes(content)
    with pytest.warns(UserWarning, match=rf"step-000002 is damaged \(.*{damage}"):
        assert newest(saved) == saved / "step-000001"
    shutil.rmtree(saved / "step-000001")
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(AgentGymError, match="every checkpoint in .* is damaged"),
    ):
        newest(saved)
