"""Python for agents: what a program's answer looks like, with either interpreter."""

import shutil
import sys
from copy import deepcopy

import anyio
import pytest
from conftest import missing

import agentgym
from agentgym.errors import MissingExtra
from agentgym.tools.tool import tools_of
from agentgym_tools.python import Limits, python
from agentgym_tools.python.bubblewrap import Bubblewrap
from agentgym_tools.python.monty import Monty

LIMITS = Limits(seconds=2, output=600)


@pytest.fixture(scope="module", params=[Monty, Bubblewrap])
def tool(request):
    try:
        (made,) = tools_of(request.param(LIMITS))
    except MissingExtra:
        missing(request.param.__name__, "python")
    return made


def run(tool, code):
    result = tool.run({"code": code})
    assert result.error is None
    return result.content


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 + 1", "2"),
        ("print('a')\n'b'", "a\n'b'"),
        ("x = 1", "(the program printed nothing)"),
        ("None", "(the program printed nothing)"),
        ("", "(the program printed nothing)"),
        ("print()", "(the program printed nothing)"),
        ("1, 2", "(1, 2)"),
        ("a = 2; a * 3  # six", "6"),
        ("(1 +\n 2)", "3"),
        ("'é' * 2 + 'ü'", "'ééü'"),
        ("'é'; 'ü'", "'ü'"),
        ("def f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)\nf(15)", "610"),
        ("import math, re, json\njson.dumps(math.floor(2.5))", "'2'"),
        ("x = [1]\nx.append(x)\nlen(x)", "2"),
        ("if True:\n    print(5)", "5"),
        ("repr(1)", "'1'"),
        ("print('no line break', end='')", "no line break"),
    ],
)
def test_what_a_program_says(tool, code, said):
    assert run(tool, code) == said


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("x = 1\n1 / 0", ["line 2", "1 / 0", "ZeroDivisionError: division by zero"]),
        ("def f():\n    return y\nf()", ["line 3", "in f", "NameError: name 'y' is not defined"]),
        ("print('so far')\nraise ValueError('no')", ["so far", "line 2", "ValueError: no"]),
        ("def f(:", ["line 1", "SyntaxError"]),
        ("import numpy", ["ModuleNotFoundError"]),
        ("\ud800", ["Error"]),
        ("\tprint(1)", ["line 1", "Error"]),
    ],
)
def test_an_error_is_told_with_its_place(tool, code, lines):
    answer = run(tool, code)
    place = 0
    for line in lines:
        place = answer.index(line, place)
    assert "repr((" not in answer


def test_what_is_too_long_is_cut_with_a_note(tool):
    assert run(tool, "print('x' * 601)") == "x" * 600 + "\n[cut off after 600 characters]"
    assert run(tool, "print('é' * 599)") == "é" * 599
    deep = run(tool, "def f(n):\n    return f(n + 1)\nf(0)")
    assert len(deep) < 1500 and "RecursionError" in deep


def test_too_slow_is_told(tool):
    assert run(tool, "print('begun', flush=True)\nwhile True:\n    pass") == (
        "begun\nStopped: it ran longer than 2 s."
    )


def test_each_call_starts_afresh(tool):
    run(tool, "x = 1")
    assert "NameError" in run(tool, "x")
    assert run(tool, "import json\njson.x = 1") is not None
    assert "AttributeError" in run(tool, "import json\njson.x")


def test_calls_of_one_turn_and_copies(tool):
    answers = {}

    async def one(made, number):
        answers[number] = await made.call({"code": f"{number} * {number}"})

    async def go():
        async with anyio.create_task_group() as group:
            for number, made in enumerate([tool, deepcopy(tool)] * 5):
                group.start_soon(one, made, number)

    agentgym.run(go)
    assert {number: one.content for number, one in answers.items()} == {
        number: str(number * number) for number in range(10)
    }


def test_a_bad_argument_is_the_callers_mistake(tool):
    assert tool.run({"code": 3}).error == "arguments"
    assert tool.schema["function"]["parameters"]["required"] == ["code"]


def test_the_interpreter_that_is_there_is_taken(monkeypatch):
    try:
        Monty()
    except MissingExtra:
        missing("Monty", "python")
    assert isinstance(python(LIMITS).owner, Monty)
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    if shutil.which("bwrap"):
        assert isinstance(python(LIMITS).owner, Bubblewrap)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtra, match=r"pip install 'agentgym-lab\[python\]'"):
        python()
    with pytest.raises(MissingExtra, match="apt-get install bubblewrap"):
        Bubblewrap()
