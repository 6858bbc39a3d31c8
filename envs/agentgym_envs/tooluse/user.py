"""Who the agent serves: one who tells all at once, a script that answers questions, or a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

import anyio

from agentgym.context.context import Message
from agentgym.env.text_env import TextEnv
from agentgym.errors import ServerError
from agentgym.policy import Policy, Prompt, Sampling
from agentgym.seeding import derive_seed
from agentgym_envs.tooluse.case import Case

Exchange = tuple[str, str]
"""What the agent said, and what the user replied."""

CANNOT_SAY = "I cannot say more than that."
GOODBYE = "GOODBYE"

ROLE = """You are a customer who talks to an assistant. Your wish:
{request}
What you know, and tell only when you are asked for it:
{details}
Invent nothing. Answer in one or two sentences. When the assistant says that the matter is settled \
or cannot be settled, answer with the single word {goodbye}."""


def asked_for(case: Case, said: str) -> list[str]:
    """The topics that a question asks for: those of which it holds a word."""
    if "?" not in said:
        return []
    words = set(re.findall(r"\w+", said.casefold()))
    asked = words | {word.removesuffix("s") for word in words}
    return [topic for topic in case.details if asked & set(topic.split())]


def scripted_reply(case: Case, said: str) -> str | None:
    """What a scripted user replies; None: this was no question, so the conversation is over."""
    if "?" not in said:
        return None
    return " ".join(case.details[topic] for topic in asked_for(case, said)) or CANNOT_SAY


class PolicyUser:
    """A user played by a model: any policy, also one that speaks text only."""

    def __init__(
        self,
        policy: Policy,
        *,
        sampling: Sampling | None = None,
        replies: int = 12,
        timeout: float = 120.0,
    ) -> None:
        """Name the model; nothing is asked yet.

        Args:
            policy: answers as the user.
            sampling: how its tokens are drawn; default: temperature 1, at most 64 tokens.
            replies: of an episode; after these the user has left.
            timeout: seconds for one reply.
        """
        self.policy, self.replies, self.timeout = policy, replies, timeout
        self.sampling = sampling or Sampling()

    async def reply(
        self, case: Case, dialogue: Sequence[Exchange], said: str, *, seed: int, env: TextEnv
    ) -> str | None:
        """What the user replies; None: the conversation is over.

        Raises:
            ServerError: the model answered with nothing. A user who falls silent is a failure of
                the episode, not one of the agent.
            TimeoutError: no answer in time.
        """
        if len(dialogue) >= self.replies:
            return None
        messages = conversation(case, dialogue, said)
        renderer, place = self.policy.renderer, len(dialogue)
        prompt = Prompt(
            session=f"user {id(env)}",
            episode=f"user {seed}",
            step=place,
            seed=derive_seed(seed, "user", place),
            messages=messages,
            ids=renderer.render(messages).ids if renderer else (),
            tools=(),
            env=env,
        )
        with anyio.fail_after(self.timeout):
            async with self.policy.session(prompt.session):
                text = (await self.policy.generate(prompt, self.sampling)).text.strip()
        if not text:
            raise ServerError("the simulated user's model answered with an empty text")
        return None if GOODBYE in text else text


def conversation(case: Case, dialogue: Sequence[Exchange], said: str) -> list[Message]:
    """The chat as the user's model sees it: there, the agent is the one who asks."""
    details = "\n".join(f"- {topic}: {told}" for topic, told in case.details.items())
    role = ROLE.format(request=case.request, details=details, goodbye=GOODBYE)
    chat: list[Message] = [{"role": "system", "content": role}]
    for agent, user in dialogue:
        chat += [{"role": "user", "content": agent}, {"role": "assistant", "content": user}]
    return [*chat, {"role": "user", "content": said}]
