"""Names and shapes of weights, saving and loading."""

from __future__ import annotations

import tempfile
from pathlib import Path

from safetensors import safe_open

from agentgym.policy.folder import base_folder
from agentgym_trainers.model_check.subject import Broken, Subject, load, plain_logits
from agentgym_trainers.weights.whole import checkpoint_weights

SHOWN = 4


def names(subject: Subject) -> str:
    """What is sent to an engine has the names and shapes of the folder's own files."""
    base = base_folder(subject.folder)
    files = sorted(base.glob("*.safetensors"))
    if not files:
        return "not compared: the folder has no safetensors files"
    there: dict[str, tuple[int, ...]] = {}
    for file in files:
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118  it is no dict
                there[name] = tuple(weights.get_slice(name).get_shape())
    sent = {name: tuple(value.shape) for name, value in checkpoint_weights(subject.model)}
    tied = set(subject.model.all_tied_weights_keys)
    wrong = [name for name, shape in sent.items() if there.get(name) != shape and name not in tied]
    if wrong:
        shown = ", ".join(wrong[:SHOWN])
        raise Broken(
            f"{len(wrong)} weights have other names or shapes than in the files ({shown}), and an "
            "engine would not find them: use adapters (policy.weights = 'adapter')"
        )
    left = [name for name in there.keys() - sent.keys() if name not in tied]
    more = f"; {len(left)} of the files are not trained ({left[0]}, ...)" if left else ""
    return f"{len(sent)} weights{more}"


def saving(subject: Subject) -> str:
    """Saved and loaded again, it is the same model."""
    ids = subject.plain_ids[:24]
    with tempfile.TemporaryDirectory() as top:
        subject.model.save_pretrained(top)
        subject.loaded[1].save_pretrained(top)
        again, _ = load(Path(top), subject.device)
    gap = float((plain_logits(subject.fresh(), ids) - plain_logits(again, ids)).abs().max())
    if gap:
        raise Broken(f"its logits differ by {gap:.1e}: checkpoints of a run would be another model")
    return "to the last bit"
