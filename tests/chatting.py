"""Episodes with a chat-completions server as the policy."""

from counter import TASK, Counter

import agentgym
from agentgym.policy import Sampling
from agentgym.rollouts.limits import Limits
from agentgym.tools.tool import tool
from agentgym.trajectory import StopReason

GREEDY = Sampling(temperature=0, max_tokens=6)


@tool
def multiply(a: float, b: float) -> float:
    """The product of two numbers."""
    return a * b


class WithTools(Counter):
    tools = (multiply,)


def play(policy, env=None, *, sampling=GREEDY, steps=1, **limits):
    limits = Limits(max_steps=steps, **limits)
    env = env or Counter()
    return agentgym.run(agentgym.rollout, env, policy, TASK, limits=limits, sampling=sampling)


def failure(policy, env=None, **options):
    """The failure that an episode is recorded with; the policy is to blame."""
    record = play(policy, env, **options)
    assert record.stop_reason is StopReason.ERROR and record.steps == []
    assert record.failure.boundary == "policy"
    return record.failure
