"""Tools: the schema a model reads, failures it can act on, a calculator that refuses the rest."""

import asyncio
import copy
import math
import re
import threading
import time
from fractions import Fraction
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import Field

import agentgym
from agentgym.errors import BadInput
from agentgym.tools.tool import Tool, ToolCall, tool
from agentgym_tools.calculator import calculator


@tool
def search(
    query: Annotated[str, Field(description="What to look for.")],
    limit: Annotated[int, Field(ge=1, le=10)] = 3,
    where: Literal["shop", "web"] = "shop",
) -> list[str]:
    """Find pages.

    The best come first.
    """
    return [f"{where}: {query}"] * limit


def call(of: Tool, timeout=30.0, **arguments):
    return agentgym.run(of.call, arguments, timeout=timeout)


def test_the_signature_and_the_docstring_are_the_schema():
    assert search.schema["type"] == "function"
    function = search.schema["function"]
    assert function["name"] == "search"
    assert function["description"] == "Find pages.\n\nThe best come first."
    parameters = function["parameters"]
    assert parameters["required"] == ["query"]
    assert parameters["additionalProperties"] is False
    assert parameters["properties"]["query"]["description"] == "What to look for."
    limit = parameters["properties"]["limit"]
    assert (limit["type"], limit["default"], limit["minimum"], limit["maximum"]) == (
        ("integer", 3, 1, 10)
    )
    assert parameters["properties"]["where"]["enum"] == ["shop", "web"]


def test_a_call_gives_text_or_json():
    assert call(search, query="red", limit=2).content == '["shop: red", "shop: red"]'
    assert call(calculator, expression="1 + 1").content == "2"


def test_arguments_are_read_as_their_types():
    assert call(search, query="a", limit="2").content == call(search, query="a", limit=2).content


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "query: Field required"),
        ({"query": "a", "limit": 11}, "limit: "),
        ({"query": "a", "limit": "many"}, "limit: "),
        ({"query": "a", "where": "here"}, "where: "),
        ({"query": "a", "colour": "red"}, "colour: "),
        ({"query": None, "limit": 0}, "query: .*; limit: "),
    ],
)
def test_wrong_arguments_are_told_to_the_model(arguments, says):
    result = call(search, **arguments)
    assert result.error == "arguments"
    assert result.content.startswith("Bad arguments for search: ")
    assert re.search(says, result.content)


@pytest.mark.parametrize("given", [None, "red", [1], 3])
def test_arguments_that_are_no_object_are_wrong_arguments(given):
    assert agentgym.run(search.call, given).error == "arguments"


def test_an_exception_is_a_result():
    @tool
    def broken(n: int) -> float:
        """Divide by nothing."""
        return n / 0

    result = call(broken, n=1)
    assert (result.error, result.content) == ("exception", "ZeroDivisionError: division by zero")


def test_an_answer_that_is_no_json_is_a_result_too():
    @tool
    def circular(n: int) -> list:
        """Answer something that contains itself."""
        answer = []
        answer.append(answer)
        return answer

    @tool
    def odd(n: int) -> dict:
        """Answer with a key that JSON does not have."""
        return {(n, n): n}

    assert call(circular, n=1).error == "exception"
    assert call(odd, n=1).error == "exception"


def test_a_slow_tool_is_given_up():
    release = threading.Event()

    @tool
    def slow(seconds: float) -> str:
        """Wait."""
        release.wait(seconds)
        return "done"

    @tool
    async def slow_too(seconds: float) -> str:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)
        return "done"

    for of in (slow, slow_too):
        started = time.perf_counter()
        result = call(of, timeout=0.1, seconds=20)
        assert time.perf_counter() - started < 3
        assert (result.error, result.content) == ("timeout", f"{of.name} gave no answer in 0.1 s")
        assert call(of, seconds=0.001).content == "done"
    release.set()


def test_tools_run_at_the_same_time_and_off_the_event_loop():
    @tool
    def thread(n: int) -> int:
        """Say where it runs."""
        time.sleep(0.2)
        return threading.get_ident()

    async def go():
        return await asyncio.gather(*(thread.call({"n": i}) for i in range(4)))

    started = time.perf_counter()
    found = agentgym.run(go)
    assert time.perf_counter() - started < 0.7
    assert str(threading.get_ident()) not in {result.content for result in found}
    assert len({result.content for result in found}) == 4


def test_defaults_are_the_functions_own():
    @tool
    def greet(name: str = "you", times: int = 2) -> str:
        """Greet."""
        return name * times

    assert call(greet).content == "youyou"
    assert "required" not in greet.schema["function"]["parameters"]


def test_a_tool_without_docstring_or_annotation_is_refused():
    with pytest.raises(BadInput, match="'silent' has no docstring"):

        @tool
        def silent(n: int) -> int:
            return n

    with pytest.raises(BadInput, match="argument 'n' of tool 'vague' has no type"):

        @tool
        def vague(n) -> int:
            """Do something."""
            return n


def test_a_tool_whose_arguments_have_no_names_is_refused():
    with pytest.raises(BadInput, match="argument 'words' of tool 'say' cannot be given by name"):

        @tool
        def say(*words: str) -> str:
            """Say words."""
            return " ".join(words)


def test_promises_are_declared():
    @tool(pure=True, version="2")
    def half(n: float) -> float:
        """Half of it."""
        return n / 2

    assert (half.pure, half.repeatable, half.quick, half.version) == (True, False, False, "2")
    assert half.run({"n": 3}).content == "1.5"
    assert half.schema["function"]["name"] == "half"
    assert (search.pure, search.version) == (False, "")


def test_an_async_tool_does_not_run_here_and_now():
    @tool
    async def slow() -> str:
        """Wait."""
        return "done"

    with pytest.raises(BadInput, match="'slow' is asynchronous; await its call"):
        slow.run({})


def test_a_copy_of_a_method_belongs_to_the_copy_of_its_object():
    class Box:
        def __init__(self):
            self.things = []
            self.put = tool(self.place)

        def place(self, thing: str) -> str:
            """Put something in; what is in it."""
            self.things.append(thing)
            return " ".join(self.things)

    box = Box()
    copied = copy.deepcopy(box)
    assert copied.put.run({"thing": "a"}).content == "a"
    assert box.put.run({"thing": "b"}).content == "b"
    assert copied.put.owner is copied and box.put.owner is box
    assert copy.deepcopy(search) is search


def test_a_tool_call_is_json():
    asked = ToolCall(name="search", arguments={"query": "red"}, id="1")
    assert ToolCall.model_validate_json(asked.model_dump_json()) == asked


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("(3 + 4) * 2", "14"),
        ("2 + 3 * 4", "14"),
        ("-2 ** 2", "-4"),
        ("2 ** 3 ** 2", "512"),
        ("7 // 2", "3"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("1 / 4", "0.25"),
        ("0.1 + 0.2", "0.3"),
        ("10 / 5", "2"),
        ("2 ** -1", "0.5"),
        ("2 ** 0.5", f"{math.sqrt(2):.15g}"),
        ("3 ** 40", "12157665459056928801"),
        ("1234567890.55 + 1", "1234567891.55"),
        ("123456789 * 987654321", "121932631112635269"),
        ("1e3", "1000"),
        ("  12  ", "12"),
        ("+5 - -5", "10"),
    ],
)
def test_the_calculator_calculates(expression, value):
    result = call(calculator, expression=expression)
    assert (result.error, result.content) == (None, value)


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "abs(-1)",
        "x",
        "().__class__",
        "[1][0]",
        "'a' * 3",
        "b'a'",
        "True",
        "1 if 1 else 2",
        "1 < 2",
        "lambda: 1",
        "(y := 1)",
        "1j",
        "2 ^ 3",
        "~1",
        "1 << 9",
        "...",
        "f'{1}'",
        "",
        "1 +",
        "1; 2",
        "9 ** 9 ** 9",
        "2 ** 1001",
        "10000000 ** 2",
        "(-8) ** 0.5",
        "0 ** -1",
        "1 / 0",
        "1e308 * 10",
        "1e308 * 10 - 1e308 * 10",
        "(" * 250 + "1" + ")" * 249,
        "(" * 240 + "1" + ")" * 240,
        "1 + " * 200 + "1",
        "1\x00",
    ],
)
def test_the_calculator_refuses(expression):
    started = time.perf_counter()
    result = call(calculator, expression=expression)
    assert result.error == "exception"
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "expression", ["-" * 499 + "1", "(" * 90 + "1" + ")" * 90, "1+" * 249 + "1"]
)
def test_deep_nesting_gives_a_number_or_a_refusal_but_no_crash(expression):
    result = call(calculator, expression=expression)
    assert result.error == "exception" or abs(int(result.content)) in {1, 250}


def test_the_largest_powers_are_done_in_no_time():
    longest = "*".join(["999999**100"] * 40)
    started = time.perf_counter()
    call(calculator, expression=longest)
    assert time.perf_counter() - started < 2


expressions = st.recursive(
    st.integers(0, 99).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({''.join(t)})"),
    max_leaves=8,
)


@given(expressions)
@settings(max_examples=80, deadline=None)
def test_the_calculator_agrees_with_fractions(expression):
    try:
        exact = eval(re.sub(r"(\d+)", r"Fraction(\1)", expression), {"Fraction": Fraction})
    except ZeroDivisionError:
        return
    found = float(calculator.function(expression))
    assert found == pytest.approx(float(exact), rel=1e-9, abs=1e-9)
