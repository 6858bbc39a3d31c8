"""Demonstrations of memory as action: an expert who tidies its context up, or does not.

    python benchmarks/tidying.py runs/tidying.jsonl

In an untidy episode nothing is ever pruned: flawed demonstrations, which training shall correct.
"""

import argparse
import random
import re
from functools import partial
from pathlib import Path

from pydantic import JsonValue

import agentgym
from agentgym.context.memory import Memory
from agentgym.policy import Prompt
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall
from agentgym.trajectory import write_jsonl
from agentgym_trainers.config import TrainConfig, load

VISIBLE = 4
"""Turns that a tidy expert has in view before it prunes."""
MEMORY = Memory(offers=("prune",), instructions="")


def tidy(prompt: Prompt, *, untidy: float) -> str:
    """The next action: prune, or do what the expert does."""
    shown = [message["content"] for message in prompt.messages if message["role"] == "user"]
    tidies = random.Random(f"{prompt.episode}/tidies").random() >= untidy
    if tidies and len(shown) > VISIBLE:
        numbers = (re.match(r"\[(\d+)\]", text) for text in shown[1:-1])
        turns: JsonValue = [int(number[1]) for number in numbers if number]
        call = ToolCall(name="prune", arguments={"turns": turns, "summary": ""})
        return write_tool_call(call)
    return prompt.env.expert() or ""


def write(file: Path, config: TrainConfig, untidy: float = 0.6) -> None:
    """Play as many episodes as ``config.warm_start`` says into a file.

    And three times as many without clutter, which show the same in fewer tokens.
    """
    episodes = []
    for more, share in (({}, 1), ({"clutter": 0.0}, 3)):
        env = agentgym.make(config.env.id, **config.env.kwargs | more)
        groups = agentgym.run(
            agentgym.collect,
            env.fork,
            agentgym.ScriptedPolicy(partial(tidy, untidy=untidy)),
            env.tasks("train")[: share * config.warm_start.demonstrations],
            context=MEMORY,
            limits=config.rollouts.limits,
            seed=config.seed,
        )
        episodes += [trajectory for group in groups for trajectory in group.trajectories]
    write_jsonl(file, episodes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path, help="trajectories, as JSONL")
    write(parser.parse_args().file, load(Path(__file__).parent / "algorithms/overflow.toml", []))
