"""What `agentgym train` and its dry run check before anything is made."""

import json
import os
import shutil
from collections import namedtuple

import pytest

from agentgym.cli import main
from agentgym.errors import AgentGymError, BadInput, UnknownName
from agentgym_trainers.config import load
from agentgym_trainers.run.ready import require_ready
from agentgym_trainers.run.room import require_room, require_writable

GOOD = '[env]\nkwargs = { level = "easy" }\n[credit]\nname = "grpo"\n'
Disk = namedtuple("Disk", "total used free")


@pytest.fixture
def config(tmp_path):
    """A config with overrides."""
    file = tmp_path / "c.toml"
    file.write_text(GOOD)
    return lambda *overrides: load(file, [f"--run_dir={tmp_path / 'run'}", *overrides])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("--env.kwargs.level=esay", "no level 'esay'; did you mean 'easy'"),
        (
            "--env.train_split=trian",
            "no split of agentgym/WebShop-v0 'trian'; did you mean 'train'",
        ),
        ("--env.test_split=dev", "no split of agentgym/WebShop-v0 'dev'"),
        ("--warm_start={demonstrations=1, env_kwargs={level='hrad'}}", "no level 'hrad'"),
    ],
)
def test_the_environment_is_asked(config, override, message):
    with pytest.raises(UnknownName, match=message):
        require_ready(config(override))


def test_tasks_that_are_not_there(config, tmp_path):
    (tmp_path / "tasks.txt").write_text("nowhere\n")
    with pytest.raises(BadInput, match="names 'nowhere' and 0 others that are not among"):
        require_ready(config(f"--env.tasks={tmp_path / 'tasks.txt'}"))


def test_a_dry_run_says_it_too(tmp_path, capsys):
    (tmp_path / "c.toml").write_text(GOOD)
    (tmp_path / "file").write_text("")
    for override in ("--env.kwargs.level=esay", f"--run_dir={tmp_path / 'file' / 'run'}"):
        with pytest.raises(SystemExit) as ended:
            main(["train", str(tmp_path / "c.toml"), override, "--dry-run"])
        assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "error: no level 'esay'" in said
    assert f"cannot write the run folder {tmp_path}/file/run: {tmp_path}/file is no folder" in said


def test_a_folder_that_may_not_be_written(tmp_path, monkeypatch):
    require_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as for others than root
    with pytest.raises(AgentGymError, match=rf"run folder \S+b: {tmp_path} may not be written"):
        require_writable(tmp_path / "a" / "b")


def test_room_for_a_checkpoint(config, model, tokenizer, tmp_path, monkeypatch):
    """Four times the weights in float32: the start, and a checkpoint with two moments."""
    folder = tmp_path / "model"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    weights = {id(one): one.numel() for one in model.parameters()}
    needed = 16 * sum(weights.values())
    disk = Disk(0, 0, needed)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)
    require_ready(config(f"--model.path={folder}"))
    disk = Disk(0, 0, needed - 1)
    with pytest.raises(AgentGymError, match=r"has 0.0 GB left, and a run of \S+model needs 0.0 GB"):
        require_ready(config(f"--model.path={folder}"))
    require_ready(config(f"--model.path={folder}", "--model.lora={}"))  # adapters are small
    require_ready(config())  # so is the tiny model
    (tmp_path / "run/checkpoints/step-000001").mkdir(parents=True)
    shutil.copy(tmp_path / "c.toml", tmp_path / "run/config.toml")
    require_ready(config("--model.path=tiny"))  # it has begun


def test_the_files_of_a_model_that_is_not_whole(tmp_path):
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    header = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    whole = len(header).to_bytes(8, "little") + header
    (tmp_path / "model-1.safetensors").write_bytes(whole)
    with pytest.raises(BadInput, match=r"No such file .*model-2.*has the folder been copied whole"):
        require_room(tmp_path, tmp_path)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    for content in (b"", whole[:20], pointer):
        (tmp_path / "model-2.safetensors").write_bytes(content)
        with pytest.raises(BadInput, match="cannot read the weights in"):
            require_room(tmp_path, tmp_path)
    (tmp_path / "model-2.safetensors").write_bytes(whole)
    require_room(tmp_path, tmp_path)
