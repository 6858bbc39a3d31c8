"""The learning curve of a run as a picture."""

from pathlib import Path

from matplotlib.figure import Figure

from agentgym_trainers.run.metrics import read
from agentgym_trainers.run.whole import whole_file

TRAINING, GREEDY, SAMPLED = "#9bb8d3", "#c44e52", "#1f4e79"


def learning_curve(run_dir: Path, title: str) -> Path:
    """Draw training success and held-out success with its 95% interval; returns the PNG's path."""
    records = read(run_dir / "metrics.jsonl")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    training = [(r["step"], r["train/success"]) for r in records if "train/success" in r]
    if training:
        axes.plot(*zip(*training, strict=True), color=TRAINING, label="training tasks, sampled")
    for kind, colour in (("sampled", SAMPLED), ("greedy", GREEDY)):
        points = [r for r in records if f"eval/{kind}/success" in r]
        if not points:
            continue
        steps = [r["step"] for r in points]
        mean = [r[f"eval/{kind}/success"] for r in points]
        spread = [
            [m - r[f"eval/{kind}/success_low"] for m, r in zip(mean, points, strict=True)],
            [r[f"eval/{kind}/success_high"] - m for m, r in zip(mean, points, strict=True)],
        ]
        axes.errorbar(
            steps, mean, yerr=spread, color=colour, marker="o", capsize=3, label=f"held out, {kind}"
        )
    axes.set(xlabel="training step", ylabel="success", ylim=(-0.02, 1.02), title=title)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    path = run_dir / "curve.png"
    with whole_file(path) as partial:
        figure.savefig(partial, dpi=150)
    return path
