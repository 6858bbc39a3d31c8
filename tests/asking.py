"""A prompt, and a request made of it."""

from agentgym.policy import Prompt, Sampling

HALL = "You are in the hall. Doors lead to the kitchen and the cellar."


async def ask(policy, session, *, text=HALL, seed=0, max_tokens=5, episode=None):
    ids = policy.renderer.encode_action(text)
    prompt = Prompt(session, episode or session, 0, seed, [], ids, tools=(), env=None)
    return await policy.generate(prompt, Sampling(max_tokens=max_tokens))
