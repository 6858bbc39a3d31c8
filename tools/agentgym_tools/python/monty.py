"""Python by pydantic-monty: an interpreter in Rust that has no way out, in worker processes.

A worker crashes alone and is replaced; its memory is counted; it ends when its pipe does, and so
with the process that owns it, however that one ends.
"""

from __future__ import annotations

import ast
import atexit
import threading
from contextlib import ExitStack
from functools import cache
from typing import Any

from agentgym.errors import MissingExtra
from agentgym.tools.tool import tool
from agentgym_tools.python.limits import Limits, answer, late

WAIT = 60.0  # seconds for one of the workers to be free
STEPS = 10  # of a traceback that are shown
CALLS = 1000  # of a worker, before a new one takes its place

_starting = threading.Lock()


class Monty:
    """The tool ``python``; it keeps no state, and copies share nothing but idle workers."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Raise :class:`~agentgym.errors.MissingExtra` where pydantic-monty is not installed."""
        _imported()
        self.limits = limits or Limits()

    @tool(repeatable=True)
    def python(self, code: str) -> str:
        """Run a Python program: what it prints, and the value of its last line.

        It has classes, functions and the modules math, re, json, datetime, random, itertools and
        collections; no files and no network. Each call starts afresh and remembers nothing.
        """
        monty = _imported()
        limits = self.limits
        printed = ""

        def write(_stream: str, text: str) -> None:
            nonlocal printed
            printed += text
            if len(printed) > limits.output:
                raise BufferError("enough was printed")

        session = _pool().checkout(
            limits={"max_feed_duration_secs": limits.seconds, "max_memory": limits.memory},
            os_policy={"sleep": "zero", "random_start": {"seed": 0}},  # the same each time
        )
        with session as running:
            try:
                value = running.feed_run(_telling(code), print_callback=write)
                end = value if isinstance(value, str) and value != "None" else ""
            except (monty.MontySyntaxError, monty.MontyRuntimeError) as error:
                if "time limit exceeded" in str(error):
                    end = late(limits)
                else:
                    end = "" if len(printed) > limits.output else _traceback(error, code)
            except monty.MontyCrashedError as error:
                end = late(limits) if error.timed_out else "Stopped: the interpreter crashed."
        return answer(printed, end, limits)


def _traceback(error: Any, code: str) -> str:
    """The last steps to an error, with the lines as they were given to us."""
    lines = dict(enumerate(code.splitlines(), start=1))
    frames = [
        f'  File "<program>", line {frame.line}, in {frame.function_name or "<module>"}\n'
        f"    {lines.get(frame.line, '').strip()}\n"
        for frame in error.traceback()[-STEPS:]
    ]
    return f"Traceback (most recent call last):\n{''.join(frames)}{error.display('type-msg')}"


def _telling(code: str) -> str:
    """The program with ``repr`` around its last expression, on the same lines.

    The sandbox writes the value down within its limits; out here a small object that refers to
    itself many times would be written as a huge one.
    """
    code = code.encode("utf-8", "replace").decode()
    try:
        *_, last = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return code  # the interpreter says better what is wrong
    if not isinstance(last, ast.Expr) or last.end_lineno is None or last.end_col_offset is None:
        return code
    lines = code.encode().splitlines(keepends=True)
    start = sum(map(len, lines[: last.lineno - 1])) + last.col_offset
    end = sum(map(len, lines[: last.end_lineno - 1])) + last.end_col_offset
    source = b"".join(lines)
    return b"".join([source[:start], b"repr((", source[start:end], b"))", source[end:]]).decode()


def _imported() -> Any:
    try:
        import pydantic_monty  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("Python for agents", "python") from error
    return pydantic_monty


def _pool() -> Any:
    """The workers of this process, as many as it has processors."""
    with _starting:
        return _started()


@cache
def _started() -> Any:
    stack = ExitStack()
    pool = _imported().Monty(checkout_timeout=WAIT, max_checkouts_per_worker=CALLS)
    atexit.register(stack.close)
    return stack.enter_context(pool)
