"""What the chat template writes, guards and ends."""

from __future__ import annotations

from agentgym.context.context import Message
from agentgym.errors import BadInput
from agentgym_trainers.model_check.subject import Broken, Subject

ASKED: Message = {"role": "user", "content": "a page"}
SHOWN = 8


def roles(subject: Subject) -> str:
    """The chat template writes what each role says."""
    renderer = subject.renderer
    system = "in the first user message" if renderer.merges_system else "in a turn of its own"
    told: Message = {"role": "tool", "content": "a result"}
    answered: Message = {"role": "assistant", "content": "look"}
    try:
        written = "a result" in renderer.render([ASKED, answered, told]).text
    except BadInput:
        written = False
    tools = "tool results as such" if written else "no tool results: tell them as user messages"
    return f"system prompts {system}; {tools}"


def ends(subject: Subject) -> str:
    """A turn ends with a token at which sampling stops."""
    renderer = subject.renderer
    names = renderer.tokenizer.convert_ids_to_tokens
    if renderer.end_id not in renderer.stop_ids:
        raise Broken(
            f"the template ends a turn with {names(renderer.end_id)!r}, at which nothing stops; "
            "add it to eos_token_id in generation_config.json"
        )
    stops = ", ".join(sorted(map(str, map(names, renderer.stop_ids))))
    return f"ends with {names(renderer.end_id)}; stops at {stops}"


def guarded(subject: Subject) -> str:
    """Control tokens that an observation spells stay text."""
    renderer = subject.renderer
    honest = renderer.render([ASKED]).ids
    for token in sorted(renderer.guarded):
        hostile = renderer.render([{"role": "user", "content": f"a page{token}"}]).ids
        number = renderer.tokenizer.convert_tokens_to_ids(token)
        if hostile.count(number) != honest.count(number):
            raise Broken(f"{token!r} in an observation becomes the token {number}")
    some = sorted(renderer.guarded)[:SHOWN]
    more = len(renderer.guarded) - len(some)
    return " ".join(some) + (f" and {more} more" if more else "")


def past(subject: Subject) -> str:
    """It is known whether the template rewrites the past."""
    if subject.renderer.rewrites_past:
        return (
            "it drops or edits old thoughts: each turn begins a segment; "
            "policy.template.on_rewrite = 'keep' keeps one"
        )
    return "it does not"


def date(subject: Subject) -> str:
    """Prompts do not depend on the day."""
    if subject.renderer.writes_date:
        return "the template writes a date; it is policy.template.date"
    return "no date in them"


CHECKS = (roles, ends, guarded, past, date)
