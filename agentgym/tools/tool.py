"""Tools: a typed function whose signature and docstring are the schema that the model reads.

@tool
def multiply(a: float, b: float) -> float:
    "The product of two numbers."
    return a * b

multiply.schema                                # what the model is offered
result = await multiply.call({"a": 2, "b": 3}) # ToolResult(content="6.0")

Methods are tools of an object, with state of its own:

class Bank:
    @tool
    def balance(self, account: str) -> float:
        "The money in an account."
        return self.accounts[account]

tools_of(Bank())                               # (Tool(name="balance"),)
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from threading import Thread
from typing import Any, get_type_hints, overload

import anyio
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model
from pydantic_core import to_jsonable_python

from agentgym.errors import BadInput


class ToolCall(BaseModel):
    """A call that the model made."""

    name: str
    arguments: dict[str, JsonValue] = {}
    id: str = ""


class ToolResult(BaseModel):
    """The result of a call. A failure is a result too: the model reads it and can act on it."""

    content: str
    error: str | None = None
    """None, or what failed: ``arguments``, ``timeout``, ``exception``, ``cancelled`` (by the tool
    itself); from a caller also ``unknown`` (no such tool), ``busy`` and ``budget``."""


class Transient(Exception):
    """A tool raises it when the same call may succeed a little later; a caller retries."""

    def __init__(self, message: str = "", *, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause
        """Smallest number of seconds before the retry."""


class TooSlow(TimeoutError):
    """A tool did not return within its timeout."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"{name} gave no answer in {seconds:g} s")


Outcome = ToolResult | BaseException
"""What a function returned, as a result, or what it raised."""


@dataclass(frozen=True)
class Tool:
    """A named function with a JSON schema; make one with :func:`tool`."""

    name: str
    description: str
    function: Callable[..., Any]
    arguments: type[BaseModel] = field(repr=False)
    """The pydantic model of the signature: validates what the model wrote."""
    pure: bool = False
    """No side effects, and the result depends only on arguments and version."""
    repeatable: bool = False
    """Idempotent: running it twice does the same as once, so a caller may retry a timeout."""
    quick: bool = False
    """Takes microseconds and never waits, so it runs in the calling thread, without a timeout."""
    version: str = ""
    """Names the code and data that a pure tool's results depend on; without it, no caching."""
    owner: object | None = field(default=None, repr=False, compare=False)
    """The object whose method it is."""

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The function schema in the form that chat templates and OpenAI-style APIs take."""
        parameters = self.arguments.model_json_schema()
        parameters.pop("title", None)
        return {
            "type": "function",
            "function": {
                "name": self.name,
                "description": self.description,
                "parameters": parameters,
            },
        }

    @cached_property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)

    def __get__(self, instance: object | None, owner: type | None = None) -> Tool:
        """Bind a tool that is a method to its object, as Python binds functions.

        An attribute ``version`` of the object becomes the version of its tools.
        """
        if instance is None:
            return self
        version = str(getattr(instance, "version", self.version))
        bound = partial(self.function, instance)
        return replace(self, function=bound, owner=instance, version=version)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tool:
        """A method goes with the copy of its object; a function has no state to copy."""
        if self.owner is None:
            return self
        owner, function = copy.deepcopy((self.owner, self.function), memo)
        return replace(self, owner=owner, function=function)

    def check(self, arguments: Mapping[str, Any]) -> BaseModel | ToolResult:
        """The validated arguments, or a result that says what is wrong with them."""
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            content = _readable(f"Bad arguments for {self.name}: {wrong}")
            return ToolResult(content=content, error="arguments")

    def run(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Run a sync function in this thread; for functions that never wait."""
        if self.is_async:
            raise BadInput(f"tool {self.name!r} is asynchronous; await its call() instead of run()")
        given = self.check(arguments)
        return given if isinstance(given, ToolResult) else result_of(self.answer(given))

    async def call(self, arguments: Mapping[str, Any], timeout: float = 30.0) -> ToolResult:  # noqa: ASYNC109
        """Run it off the event loop (async functions on it) and turn every failure into a result.

        Args:
            arguments: as parsed from the model's JSON.
            timeout: seconds. A thread cannot be ended from outside: that of a sync function which
                hangs stays, but it does not keep the process from ending.
        """
        given = self.check(arguments)
        if isinstance(given, ToolResult):
            return given
        with anyio.move_on_after(timeout):
            if self.is_async:
                return result_of(await self.aanswer(given))
            return result_of(await asyncio.wrap_future(self.start(given)))
        return result_of(TooSlow(self.name, timeout))

    def answer(self, given: BaseModel) -> Outcome:
        """Run the sync function with checked arguments."""
        try:
            return _result(self.function(**dict(given)))
        except (Exception, SystemExit) as error:  # noqa: BLE001  the model's to read
            return error

    async def aanswer(self, given: BaseModel) -> Outcome:
        """Run the async function with checked arguments."""
        try:
            return _result(await self.function(**dict(given)))
        except (Exception, SystemExit) as error:  # noqa: BLE001  the model's to read
            return error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return error  # nobody cancelled us: the tool's own doing

    def start(self, given: BaseModel) -> Future[Outcome]:
        """Run the sync function in its own thread, which lives as long as the call."""
        running: Future[Outcome] = Future()
        running.set_running_or_notify_cancel()  # from here on nobody can cancel it
        context = copy_context()

        def work() -> None:
            try:
                outcome = context.run(self.answer, given)
            except BaseException as error:  # noqa: BLE001  whoever waits would wait for ever
                outcome = error
            running.set_result(outcome)

        Thread(target=work, name=f"tool {self.name}", daemon=True).start()
        return running


def result_of(outcome: Outcome) -> ToolResult:
    """The result that the model reads."""
    if isinstance(outcome, ToolResult):
        return outcome
    if isinstance(outcome, TooSlow):
        return ToolResult(content=str(outcome), error="timeout")
    kind = "cancelled" if isinstance(outcome, asyncio.CancelledError) else "exception"
    text = f"{type(outcome).__name__}: {outcome}"
    return ToolResult(content=_readable(text.removesuffix(": ")), error=kind)


def _result(value: Any) -> ToolResult:
    if isinstance(value, ToolResult):
        return value
    if not isinstance(value, str):
        plain = partial(to_jsonable_python, fallback=str)
        value = json.dumps(value, default=plain, ensure_ascii=False)
    return ToolResult(content=_readable(value))


def _readable(text: str) -> str:
    """Halves of a character, which UTF-8 cannot write, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *, pure: bool = False, repeatable: bool = False, quick: bool = False, version: str = ""
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None, /, **declared: Any
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a :class:`Tool` of a function with annotated arguments and a docstring.

    ``@tool`` alone, or with what the function promises: ``@tool(pure=True, version="2")``. See the
    attributes of :class:`Tool` for the promises.

    Raises:
        BadInput: an argument has no annotation or cannot be given by name, there is no docstring
            for the model to read, or an async function is declared quick.
    """
    if function is None:
        return partial(_tool, **declared)
    return _tool(function)


def _tool(function: Callable[..., Any], **declared: Any) -> Tool:
    name = function.__name__
    description = inspect.getdoc(function)
    if not description:
        raise BadInput(f"tool {name!r} has no docstring; the model reads it to know when to call")
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        what = f"argument {parameter.name!r} of tool {name!r}"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise BadInput(f"{what} cannot be given by name, as a model gives all arguments")
        if parameter.name not in hints:
            raise BadInput(f"{what} has no type annotation")
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], Field(default=default))
    arguments = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
    owner = getattr(function, "__self__", None)
    made = Tool(name, description, function, arguments, owner=owner, **declared)
    if made.quick and made.is_async:
        raise BadInput(f"tool {name!r} is asynchronous and cannot be quick; leave `quick` out")
    return made


def tools_of(instance: object) -> tuple[Tool, ...]:
    """The tools among an object's methods, bound to it, in the order of their definition."""
    names: dict[str, None] = {}
    for owner in reversed(type(instance).__mro__):
        names |= {name: None for name, value in vars(owner).items() if isinstance(value, Tool)}
    return tuple(getattr(instance, name) for name in names)
