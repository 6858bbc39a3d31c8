"""How many tokens branching saves: groups of as many leaves, branched and played one by one.

    python benchmarks/branching.py
    python benchmarks/branching.py --setting states --probability 0.1

A model imitates demonstrations first, unless there is one, so that its entropies are those of a
policy. Prints, for each way to gather a group, the leaves, the tokens that were sampled for them,
and the tokens that the same leaves hold.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import agentgym
from agentgym.policy.loading import load_folder
from agentgym.policy.local import LocalPolicy
from agentgym.trajectory import Group
from agentgym_trainers.config import TrainConfig, load
from agentgym_trainers.rollouts.aepo import AEPO
from agentgym_trainers.rollouts.arpo import ARPO
from agentgym_trainers.rollouts.independent import Independent
from agentgym_trainers.rollouts.rollouts import Rollouts
from agentgym_trainers.run.loop import train

SETTINGS = Path(__file__).parent / "algorithms"


def gathered(rollouts: Rollouts, config: TrainConfig, folder: Path, tasks: int) -> list[Group]:
    """Groups of the first training tasks."""
    env = agentgym.make(config.env.id, **config.env.kwargs)
    chosen = env.tasks(config.env.train_split)[:tasks]
    policy = LocalPolicy(*load_folder(folder))

    async def gather() -> list[Group]:
        return await rollouts.gather(
            lambda: agentgym.make(config.env.id, **config.env.kwargs),
            policy,
            chosen,
            seed=0,
            context=config.context,
        )

    return agentgym.run(gather)


def main() -> None:
    """Imitate, gather, count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--setting", default="tools", help="a file of benchmarks/algorithms")
    parser.add_argument("--model", type=Path, help="a folder of weights; default: imitate now")
    parser.add_argument(
        "--probability", type=float, default=0.5, help="to branch, at equal entropy"
    )
    parser.add_argument("--tasks", type=int, default=16, help="groups of each way")
    parser.add_argument("--leaves", type=int, default=16, help="of each group")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        short = [f"--run_dir={folder}", "--steps=0", "--evaluation.tasks=2"]
        config = load(SETTINGS / f"{arguments.setting}.toml", short)
        if arguments.model is None:
            agentgym.run(train, config)
        model = arguments.model or Path(folder) / "start"
        shared = {
            "group_size": arguments.leaves,
            "sampling": config.rollouts.sampling,
            "limits": config.rollouts.limits,
        }
        branching = shared | {"probability": arguments.probability}
        ways: dict[str, Rollouts] = {
            "one by one": Independent(**shared),
            "ARPO, half of them initial": ARPO(**branching, initial=arguments.leaves // 2),
            "ARPO, a quarter initial": ARPO(**branching, initial=arguments.leaves // 4),
            "ARPO, an eighth initial": ARPO(**branching, initial=arguments.leaves // 8),
            "AEPO": AEPO(**branching),
        }
        for name, way in ways.items():
            groups = gathered(way, config, model, arguments.tasks)
            leaves = [leaf for group in groups for leaf in group.trajectories]
            sampled = sum(leaf.tokens for leaf in leaves)
            held = sum(len(step.ids) for leaf in leaves for step in leaf.steps)
            roots = sum(not leaf.parent for leaf in leaves)
            won = sum(leaf.success for leaf in leaves) / len(leaves)
            print(
                f"{name:28} {len(leaves)} leaves, {roots} from the beginning, success {won:.2f}: "
                f"{sampled} tokens sampled for {held}, {1 - sampled / held:.0%} saved",
                flush=True,
            )


if __name__ == "__main__":
    main()
