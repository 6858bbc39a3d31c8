"""A chat template, filled in so that every message is told, and with the same words on any day.

Templates differ in what they accept. Some know no system turn (Gemma 2, Mistral 7B v0.1): there the
system prompt opens the first user message. Some want content in parts (SmolVLM) and leave out plain
text without a word. Some write today's date (Llama 3.1, SmolLM3): theirs is always the same.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from jinja2 import TemplateError

from agentgym.context.context import Message
from agentgym.errors import BadInput, option
from agentgym.rendering.guard import HOLE

System = Literal["auto", "turn", "merge"]
DATE = datetime.date(2026, 1, 1)
REFUSALS = (TemplateError, TypeError, ValueError, LookupError, AttributeError)
"""What the code in a template may raise about messages that it does not expect."""

ASKED: Message = {"role": "user", "content": "?"}
ANSWERED: Message = {"role": "assistant", "content": "?"}
AROUND: dict[str, tuple[list[Message], list[Message]]] = {
    "user": ([], []),
    "assistant": ([ASKED], [ASKED]),
    "system": ([], [ASKED]),
    "tool": ([ASKED, ANSWERED], []),
}
"""What stands before and after a message of a role in a short conversation."""


class Template:
    """The chat template of a tokenizer, with what is known of the roles that it tells."""

    def __init__(
        self,
        tokenizer: Any,
        *,
        system: System = "auto",
        date: datetime.date = DATE,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        """Find out which form of each message the template tells.

        Raises:
            BadInput: there is no template, several have no default, or it leaves out what users or
                assistants say, or the system prompt where ``system`` is ``turn``.
        """
        option("way of a system prompt", system, System)
        self._tokenizer, self._given = tokenizer, dict(variables or {})
        self.sources = _sources(tokenizer)
        self._name = next(iter(self.sources)) if len(self.sources) == 1 else None
        self._variables = self._on(date)
        self.in_parts: frozenset[str] = frozenset()
        """Roles whose content is a list of parts."""
        for role in ("user", "assistant"):
            if problem := self._learn(role):
                raise BadInput(f"{problem}; no episode can be told with it, take another template")
        problem = self._learn("system") if system != "merge" else None
        if problem and system == "turn":
            raise BadInput(
                f"{problem}; with system = 'merge' or 'auto' the system prompt opens the first "
                "user message"
            )
        self.merges_system = system == "merge" or problem is not None
        another_day = self._on(datetime.date(1999, 9, 9))
        self.writes_date = self._write([ASKED]) != self._write([ASKED], variables=another_day)

    def fill(self, messages: Sequence[Message], tools: Sequence[Any] = ()) -> str:
        """The prompt of messages, up to where the assistant begins to write.

        Raises:
            BadInput: the template refuses them or would leave one out.
        """
        text = self._told(messages, tools)
        if any(message["role"] == "tool" for message in messages) and self._tool_problem:
            raise BadInput(f"{self._tool_problem}; tell tool results as user messages")
        return text

    def finished(self, messages: Sequence[Message]) -> str:
        """A conversation that is over: nobody is asked to write."""
        return self._told(messages, (), prompted=False)

    def _told(self, messages: Sequence[Message], tools: Sequence[Any], **how: Any) -> str:
        if self.merges_system:
            messages = merged(messages)
        try:
            return self._write(messages, tools, **how)
        except REFUSALS as error:
            roles = ", ".join(message["role"] for message in messages)
            raise BadInput(
                f"the chat template refuses messages of {roles}: {error}; every template takes "
                "user and assistant in turns, the user first, with tool results as user messages: "
                "use a context that tells the past so (`full` and `window` do)"
            ) from error

    def _write(
        self,
        messages: Sequence[Message],
        tools: Sequence[Any] = (),
        *,
        prompted: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        text = self._tokenizer.apply_chat_template(
            [self._message(message) for message in messages],
            tools=list(tools) or None,
            chat_template=self._name and self.sources[self._name],
            add_generation_prompt=prompted,
            tokenize=False,
            **(self._variables if variables is None else variables),
        )
        return str(text)

    def _on(self, date: datetime.date) -> dict[str, Any]:
        """The variables of a day; what a template calls the present is its midnight."""
        midnight = datetime.datetime.combine(date, datetime.time())
        return {"strftime_now": midnight.strftime, **self._given}

    def _message(self, message: Message) -> dict[str, Any]:
        if message["role"] not in self.in_parts:
            return dict(message)
        return {"role": message["role"], "content": [{"type": "text", "text": message["content"]}]}

    def _learn(self, role: str) -> str | None:
        """Find the form in which a role's text is told; returns what is wrong if there is none."""
        before, after = AROUND[role]
        conversation = [*before, {"role": role, "content": HOLE}, *after]
        plain, problem = self.in_parts, ""
        for form in (plain, plain | {role}):
            self.in_parts = form
            try:
                head, told, _ = self._write(conversation).partition(HOLE)  # type: ignore[arg-type]
            except REFUSALS as error:
                problem = problem or f"the chat template refuses a message of role {role}: {error}"
                continue
            if told and not head.endswith(("'text': '", '"text": "')):  # a list, printed
                return None
            problem = problem or f"the chat template leaves out what role {role} says"
        self.in_parts = plain
        return problem

    @cached_property
    def _tool_problem(self) -> str | None:
        return self._learn("tool")


def merged(messages: Sequence[Message]) -> list[Message]:
    """The messages with the system prompt at the head of the first that a user says."""
    if not messages or messages[0]["role"] != "system":
        return list(messages)
    system, *rest = messages
    for place, message in enumerate(rest):
        if message["role"] == "user":
            both = f"{system['content']}\n\n{message['content']}"
            return [*rest[:place], {"role": "user", "content": both}, *rest[place + 1 :]]
    return [{"role": "user", "content": system["content"]}, *rest]


def _sources(tokenizer: Any) -> dict[str, str]:
    """The templates of a tokenizer by name; one without a name is the default."""
    template = getattr(tokenizer, "chat_template", None)
    if not template:
        raise BadInput(
            f"the tokenizer of {tokenizer.name_or_path!r} has no chat template; save one in "
            "the model folder as chat_template.jinja"
        )
    named = template if isinstance(template, dict) else {"default": template}
    if len(named) > 1 and "default" not in named:
        raise BadInput(
            f"the tokenizer of {tokenizer.name_or_path!r} has several chat templates and no "
            f"default: {', '.join(sorted(named))}; save the one to use as chat_template.jinja"
        )
    return dict(named)
