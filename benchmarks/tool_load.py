"""Many tool calls at once, some of which fail or hang: is anything lost, delayed or leaked?

    python benchmarks/tool_load.py           about 20 seconds, on Linux
    python benchmarks/tool_load.py --help

Episodes call two tools that take 0.2 s (median), one synchronous in threads and one asynchronous:
first without faults, then with. Faults are exceptions, unknown tools, wrong arguments and refusals
that pass when tried again; hanging calls hang for good. Each call must have the one right result,
no call without a fault may wait for those that hang, and afterwards there must be no task, thread,
open file or memory more than before. Draws docs/tool_load.png; ends with 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
from matplotlib.figure import Figure

import agentgym
from agentgym.tools.caller import CallLimits, Ledger, ToolCaller
from agentgym.tools.tool import Tool, ToolCall, ToolResult, Transient, tool

ROOT = Path(__file__).parent.parent
MEDIAN, SPREAD, LONGEST = 0.2, 0.5, 1.0  # seconds of a tool: log-normal, cut
FAULTS = {"raises": "exception", "refuses once": None, "unknown": "unknown", "wrong": "arguments"}
KINDS = {"works": None, "hangs": "timeout"} | FAULTS
MEMORY = 32  # MB more than before, beyond which memory is leaked


def tools(release: threading.Event) -> tuple[Tool, Tool]:
    """A tool of each kind, which do what their arguments say; some hang until ``release``."""
    refused: set[int] = set()

    def answer(number: int, fate: str) -> str:
        if fate == "raises":
            raise RuntimeError("as it was told to")
        if fate == "refuses once" and number not in refused:
            refused.add(number)
            raise Transient("ask again")
        return str(number)

    @tool
    def look_up(number: int, seconds: float, fate: str) -> str:
        """Take a while in a thread."""
        time.sleep(seconds)
        if fate == "hangs":
            release.wait()
        return answer(number, fate)

    @tool
    async def fetch(number: int, seconds: float, fate: str) -> str:
        """Take a while on the event loop."""
        await anyio.sleep(seconds)
        if fate == "hangs":
            await anyio.sleep_forever()
        return answer(number, fate)

    return look_up, fetch


@dataclass
class Done:
    """What came of a call."""

    number: int
    fate: str
    name: str
    result: ToolResult
    began: float
    seconds: float

    @property
    def right(self) -> bool:
        """Whether it is the result that this call had to have."""
        answered = self.result.error is not None or self.result.content == str(self.number)
        return self.result.error == KINDS[self.fate] and answered


@dataclass
class Held:
    """What the process holds."""

    tasks: int
    threads: int
    files: int
    memory: float

    @classmethod
    def now(cls) -> Held:
        """Count it; memory in MB."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
            files=len(list(Path("/proc/self/fd").iterdir())),
            memory=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
        )


def drawn(calls: int, faults: float, hangs: float) -> Iterator[tuple[int, str, ToolCall]]:
    """Calls in a random order, with exact shares of faults and hangs."""
    random = np.random.default_rng(0)
    bad, stuck = round(calls * faults), round(calls * hangs)
    fates = [list(FAULTS)[n % len(FAULTS)] for n in range(bad)] + ["hangs"] * stuck
    fates += ["works"] * (calls - len(fates))
    for number, place in enumerate(random.permutation(calls)):
        fate = fates[place]
        seconds = min(LONGEST, MEDIAN * float(random.lognormal(0, SPREAD)))
        name = "nothing" if fate == "unknown" else ("look_up", "fetch")[number % 2]
        arguments = {"number": number, "seconds": seconds, "fate": fate}
        if fate == "wrong":
            arguments["number"] = "first"
        yield number, fate, ToolCall(name=name, arguments=arguments)


async def load(
    offered: Sequence[Tool],
    caller: ToolCaller,
    waiting: Iterator[tuple[int, str, ToolCall]],
    episodes: int,
) -> tuple[list[Done], Counter[str]]:
    """Episodes that call one tool after another until no call is left; and what they counted."""
    done: list[Done] = []
    ledgers = [Ledger() for _ in range(episodes)]

    async def episode(ledger: Ledger) -> None:
        for number, fate, call in waiting:
            began = time.perf_counter()
            for result in await caller.call(offered, [call], ledger):
                seconds = time.perf_counter() - began
                done.append(Done(number, fate, call.name, result, began, seconds))

    async with anyio.create_task_group() as group:
        for ledger in ledgers:
            group.start_soon(episode, ledger)
    return done, sum((ledger.outcomes for ledger in ledgers), Counter[str]())


def overhead(done: list[Done], name: str, calls: dict[int, ToolCall]) -> list[float]:
    """Seconds of calls that work beyond those which the tool itself takes."""
    return [
        one.seconds - float(str(calls[one.number].arguments["seconds"]))
        for one in done
        if one.fate == "works" and one.name == name
    ]


def draw(runs: dict[str, list[Done]], timeout: float, path: Path) -> None:
    """How long calls took, and how many had ended when."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (label, done), colour in zip(runs.items(), ("tab:grey", "tab:blue"), strict=True):
        for name, style in (("look_up", "-"), ("fetch", "--")):
            works = sorted(one.seconds for one in done if one.fate == "works" and one.name == name)
            share = np.linspace(0, 1, len(works))
            where = "in threads" if name == "look_up" else "on the loop"
            left.plot(works, share, style, color=colour, label=f"{label}, {where}")
        start = min(one.began for one in done)
        ends = sorted(one.began + one.seconds - start for one in done)
        right.plot(ends, range(1, len(ends) + 1), color=colour, label=label)
    hung = [one.began + one.seconds - start for one in done if one.fate == "hangs"]
    right.plot(hung, np.zeros(len(hung)), "|", color="tab:red", label="hanging calls given up")
    left.set(xlabel="seconds of a call that works", ylabel="share of calls", xscale="log")
    left.axvline(timeout, color="tab:red", linestyle=":", label="timeout of hanging calls")
    right.set(xlabel="seconds", ylabel="calls that have ended")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


async def measure(arguments: argparse.Namespace) -> bool:
    """Run both loads, print the table; whether all is well."""
    limits = CallLimits(timeout=arguments.timeout, pause=0.05, concurrency=2 * arguments.in_flight)
    caller, release, well = ToolCaller(limits), threading.Event(), True
    offered, runs = tools(release), dict[str, list[Done]]()
    print(f"{'':14}{'calls/s':>9}{'p50':>8}{'p99':>8}{'max':>8}   beyond the tool's own time")
    for label, faults, hangs in (
        ("no faults", 0.0, 0.0),
        ("with faults", arguments.faults, arguments.hangs),
    ):
        planned = list(drawn(arguments.calls, faults, hangs))
        calls = {number: call for number, _, call in planned}
        before = Held.now()
        began = time.perf_counter()
        done, counted = await load(offered, caller, iter(planned), arguments.in_flight)
        rate = len(done) / (time.perf_counter() - began)
        runs[label] = done
        for name in ("look_up", "fetch"):
            own = np.percentile(overhead(done, name, calls), [50, 99, 100])
            shown = "".join(f"{second * 1000:5.0f} ms" for second in own)
            print(f"{label:14}{rate:9.0f}{shown}   {name}")
        well &= complete(planned, done, counted)
    during = Held.now()
    release.set()
    for _ in range(200):
        if threading.active_count() == before.threads:
            break
        await anyio.sleep(0.05)
    after = Held.now()
    print(f"{'':14}{'before':>9}{'after':>9}{'with hanging threads released':>32}")
    for what in ("tasks", "threads", "files", "memory"):
        values = (getattr(held, what) for held in (before, during, after))
        print(f"{what:14}{{:9.0f}}{{:9.0f}}{{:32.0f}}".format(*values))
    leaked = (
        after.tasks > before.tasks
        or after.threads > before.threads
        or after.files > before.files
        or after.memory > before.memory + MEMORY
    )
    print("something is leaked" if leaked else "nothing leaked")
    draw(runs, arguments.timeout, arguments.figure)
    return well and not leaked


def complete(
    planned: list[tuple[int, str, ToolCall]], done: list[Done], counted: Counter[str]
) -> bool:
    """Whether each call has its one right result and is counted; says so."""
    wrong = [one for one in done if not one.right]
    for one in wrong[:5]:
        print(f"call {one.number}, which {one.fate}: {one.result}")
    once = sorted(one.number for one in done) == sorted(number for number, _, _ in planned)
    same = counted == Counter(KINDS[fate] or "ok" for _, fate, _ in planned)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))
    print(f"{len(done)} results: {kinds}; {len(wrong)} wrong")
    print("nothing lost" if once and same and not wrong else "something is lost")
    return once and same and not wrong


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=10_000, help="of each run")
    parser.add_argument("--in-flight", type=int, default=512, help="calls at a time")
    parser.add_argument("--faults", type=float, default=0.05, help="share of calls that fail")
    parser.add_argument("--hangs", type=float, default=0.01, help="share of calls that hang")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds of a call")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "tool_load.png")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{arguments.calls} calls, {arguments.in_flight} at a time", end="; ")
    print(
        f"{arguments.faults:.0%} faults, {arguments.hangs:.0%} hang, {arguments.timeout:g} s each"
    )
    sys.exit(0 if agentgym.run(measure, arguments) else 1)


if __name__ == "__main__":
    main()
