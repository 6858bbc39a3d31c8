"""Memory calls, and episodes of a script whose words are spelled in tokens of chance."""

import random
from itertools import pairwise

from made_rows import TASK
from template_forms import written

import agentgym
from agentgym.context.memory import Memory
from agentgym.env.text_env import TextEnv
from agentgym.policy import Completion
from agentgym.policy.scripted import ScriptedPolicy
from agentgym.rollouts.limits import Limits
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall

QUIET = Memory(instructions="")


def call(name, **arguments):
    return write_tool_call(ToolCall(name=name, arguments=arguments))


def prune(*turns, summary="s"):
    return call("prune", turns=list(turns), summary=summary)


BROKEN = [
    '<tool_call>{"name": "prune", "arguments": {"turns": [2], "summary": "go on: click[x]',
    '<tool_call>{"name": "write", "arguments": {"key": k}}</tool_call>',
    "<function=recall>{</function>",
    '{"name": "prune", "arguments": {"turns": [2',
]


class Talk(TextEnv):
    """Says one of two things, whatever one does; the end comes after so many actions."""

    system_prompt = "Go."

    def __init__(self, length=6):
        self.length = length

    def reset(self, *, seed=None, options=None):
        self.heard = []
        return "hall", {}

    def step(self, action):
        self.heard.append(action)
        done = len(self.heard) == self.length
        return ["hall", "cellar"][len(self.heard) % 3 == 2], float(done), done, False, {}

    def anchor(self):
        return str(len(self.heard))


def spelled(renderer, text, rng):
    """Ids that a model might have sampled as the text: it is cut anywhere, the end may be missing.

    Byte-level tokens join to the same text however it was cut.
    """
    cuts = sorted(rng.sample(range(len(text)), rng.randrange(min(4, len(text)))))
    pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
    ids = [i for piece in pieces for i in written(renderer, piece)]
    return [*ids, *rng.choice([[], [renderer.end_id], [renderer.end_id]])] or [renderer.end_id]


class Speller(ScriptedPolicy):
    """Says what a script says, with made-up logprobs; keeps what it was asked."""

    def __init__(self, script, renderer):
        super().__init__(lambda prompt: script[min(prompt.step, len(script) - 1)])
        self.renderer, self.asked = renderer, []

    async def generate(self, prompt, sampling):
        self.asked.append((list(prompt.messages), list(prompt.ids)))
        rng, text = random.Random(prompt.seed), self.function(prompt)
        ids = spelled(self.renderer, text, rng)
        return Completion(text=text, ids=ids, logprobs=[-rng.random() for _ in ids])


def without_tools(tokenizer):
    """The schemas of the tools are more text than the small tokenizer should have to spell."""
    tokenizer.chat_template = tokenizer.chat_template.partition("{% endif %}")[2]
    return tokenizer


def play(policy, env=None, *, context=QUIET, steps=20, **options):
    record = agentgym.run(
        agentgym.rollout,
        env or Talk(),
        policy,
        TASK,
        context=context,
        limits=Limits(max_steps=steps),
        **options,
    )
    assert record.failure is None, record.failure
    return record
