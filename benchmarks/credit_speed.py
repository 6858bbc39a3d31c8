"""How fast credit is: seconds of one core for a batch of 100,000 steps, rule by rule.

python benchmarks/credit_speed.py
"""

import platform
import random
import time
from collections.abc import Callable

import numpy as np

from agentgym.credit import Credit, Steps
from agentgym_trainers.credit.aepo import AEPO
from agentgym_trainers.credit.dr_mas import DrMAS
from agentgym_trainers.credit.flow_grpo import FlowGRPO
from agentgym_trainers.credit.gae import GAE, TurnGAE
from agentgym_trainers.credit.gdpo import GDPO
from agentgym_trainers.credit.gigpo import GiGPO
from agentgym_trainers.credit.gpg import GPG
from agentgym_trainers.credit.grpo import GRPO
from agentgym_trainers.credit.hgpo import HGPO
from agentgym_trainers.credit.opo import OPO
from agentgym_trainers.credit.pass_at_k import PassAtK
from agentgym_trainers.credit.reinforce_pp import ReinforcePP, ReinforcePPBaseline
from agentgym_trainers.credit.remax import ReMax
from agentgym_trainers.credit.rloo import RLOO

STEPS = 100_000
STEPS_OF_AN_EPISODE = 50
EPISODES_OF_A_GROUP = 8
TOKENS_OF_A_STEP = 30
STATES = 2_000
ROUNDS = 3

RULES: list[Credit] = [
    GRPO(),
    GiGPO(),
    HGPO(),
    HGPO(history=4, base=True),
    RLOO(),
    ReinforcePP(),
    ReinforcePPBaseline(),
    ReMax(),
    OPO(),
    GPG(),
    PassAtK(),
    GDPO(),
    DrMAS(),
    FlowGRPO(),
    GAE(),
    TurnGAE(),
    AEPO(),
]


def batch() -> Steps:
    """Steps with anchors of about 200 characters, each a text of its own."""
    rng, numbers = random.Random(0), np.random.default_rng(0)
    episodes = [i // STEPS_OF_AN_EPISODE for i in range(STEPS)]
    tokens = numbers.integers(1, 2 * TOKENS_OF_A_STEP, STEPS)
    reward = numbers.random(STEPS)
    return Steps(
        group=[f"task {episode // EPISODES_OF_A_GROUP}" for episode in episodes],
        trajectory=[f"episode {episode}" for episode in episodes],
        anchor=[f"the page of item {rng.randrange(STATES):4} " * 9 for _ in episodes],
        reward=reward,
        valid=numbers.random(STEPS) < 0.95,
        role=[("planner", "executor", "verifier")[i % 3] for i in range(STEPS)],
        success=reward > 0.5,
        stop=["terminated"] * STEPS,
        calls=np.ones(STEPS, dtype=np.int64),
        parts={"right": reward, "short": numbers.random(STEPS)},
        tokens=tokens,
        entropy=numbers.random(tokens.sum()),
        values=numbers.random(tokens.sum()),
        greedy=np.full(STEPS, 25.0),
    )


def seconds(rule: Callable[[Steps], object], steps: Steps) -> float:
    """The best of a few rounds, in time of the processor."""
    spent = []
    for _ in range(ROUNDS):
        start = time.process_time()
        rule(steps)
        spent.append(time.process_time() - start)
    return min(spent)


def main() -> None:
    """Measure and print."""
    steps = batch()
    print(
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}; "
        f"{STEPS:,} steps, {steps.tokens.sum():,} tokens, anchors of {len(steps.anchor[0])} "
        "characters"
    )
    times = [seconds(rule.advantages, steps) for rule in RULES]
    for rule, took in zip(RULES, times, strict=True):
        changed = rule.model_dump(exclude_defaults=True, exclude={"name"})
        title = " ".join([rule.name, *(f"{key}={value}" for key, value in changed.items())])
        print(f"{title:28}{took:7.3f} s   {took / times[0]:5.1f} x grpo")


if __name__ == "__main__":
    main()
