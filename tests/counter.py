"""An environment that does what it is told, and short ways to play it."""

import math
import time

import agentgym
from agentgym.env.text_env import Task, TextEnv
from agentgym.policy.scripted import ScriptedPolicy
from agentgym.rollouts.limits import Limits

TASK = Task(id="t", split="train")


TASKS = [Task(id=f"t{i}", split="train", data={"i": i}) for i in range(5)]


class Counter(TextEnv):
    """Counts steps; an action is a command to the environment itself."""

    def __init__(self):
        self.count = 0

    def reset(self, *, seed=None, options=None):
        self.seed, self.options, self.count = seed, options, 0
        return f"seed {seed}", {}

    def step(self, action):  # noqa: PLR0911
        self.count += 1
        command, _, value = action.partition(" ")
        match command:
            case "win" | "lose":
                reward = float(value or command == "win")
                return "end", reward, True, False, {}
            case "cut":
                return "end", 0.0, False, True, {"success": True}
            case "raise":
                raise KeyError(value)
            case "sleep":
                time.sleep(float(value))
            case "reward":
                return "on", float(value), False, False, {}
            case "say":
                return {"text": value}, 0.0, False, False, {}
            case "info":
                return "on", 0.0, False, False, {"array": math.nan, "object": object, "valid": 0}
            case "tuple":
                return "on", 0.0, False, {}
        return f"step {self.count}", 0.5, False, False, {"valid": command != "nonsense"}

    def anchor(self):
        return f"state {self.count}"


class BrokenReset(Counter):
    def reset(self, *, seed=None, options=None):
        raise ConnectionError("the database is away")


def says(*actions):
    """Says one thing after the other, then the last one again."""

    def act(prompt):
        return actions[min(prompt.step, len(actions) - 1)]

    return ScriptedPolicy(act)


def play(*actions, env=None, policy=None, **options):
    limits = options.pop("limits", Limits(max_steps=6))
    policy = policy or says(*actions)
    return agentgym.run(agentgym.rollout, env or Counter(), policy, TASK, limits=limits, **options)


def collect(policy, make_env=Counter, tasks=TASKS, **options):
    options = {"limits": Limits(max_steps=6)} | options
    return agentgym.run(agentgym.collect, make_env, policy, tasks, **options)
