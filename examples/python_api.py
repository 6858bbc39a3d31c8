"""The Python API in one file: roll out, collect, evaluate, train, evaluate the checkpoint."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import agentgym
import agentgym_trainers
from agentgym.policy.spec import policy_of

CONFIG = Path(__file__).parent / "quickstart.toml"
make_env = partial(agentgym.make, "agentgym/WebShop-v0", level="easy")


async def evaluate_run(
    config: agentgym_trainers.TrainConfig, tasks: Sequence[agentgym.Task]
) -> agentgym.Report:
    """Evaluate the newest checkpoint of a run in the context it was trained in."""
    named, sampling = policy_of(str(config.run_dir)), config.rollouts.sampling
    async with named.open() as policy:
        episodes = await agentgym.evaluate(
            make_env, policy, tasks, samples=2, context=named.context, sampling=sampling
        )
    return agentgym.Report.of(episodes)


def main() -> None:
    env = make_env()
    train, test = env.tasks("train"), env.tasks("test")[:8]

    one = agentgym.run(agentgym.rollout, env, agentgym.random_policy(), train[0], seed=1)
    print(f"one episode: {one.stop_reason}, {len(one.steps)} steps, return {one.reward:.2f}")

    (group,) = agentgym.run(
        agentgym.collect, make_env, agentgym.random_policy(), train[:1], group_size=4
    )
    print(f"a group: returns {[round(t.reward, 2) for t in group.trajectories]}")

    episodes = agentgym.run(agentgym.evaluate, make_env, agentgym.expert_policy(), test)
    print(f"expert: success {agentgym.Report.of(episodes).success}")

    with tempfile.TemporaryDirectory() as folder:
        tiny = [
            *(f"--run_dir={folder}", "--steps=2", "--evaluation.tasks=8", "--model.width=32"),
            *("--warm_start.demonstrations=20", "--rollouts.groups=2", "--rollouts.group_size=4"),
            *("--rollouts.sampling.max_tokens=8", "--warm_start.epochs=1"),
        ]
        config = agentgym_trainers.load(CONFIG, tiny)
        before, after = agentgym.run(agentgym_trainers.train, config)
        print(f"held out before: {agentgym.Report.of(before['sampled']).success}")
        print(f"held out after:  {agentgym.Report.of(after['sampled']).success}")
        report = agentgym.run(evaluate_run, config, test)
        print(f"checkpoint: success {report.success} over {report.episodes} episodes")


if __name__ == "__main__":
    main()
