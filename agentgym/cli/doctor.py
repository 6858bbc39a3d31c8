"""``agentgym doctor``: what is installed, what is missing, and the line that installs it."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator

import typer

DISTRIBUTION = "agentgym-lab"
VERSIONS = (
    *(DISTRIBUTION, "gymnasium", "numpy", "scipy", "pydantic", "tantivy"),
    *("torch", "transformers", "tokenizers", "vllm"),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor() -> None:
    """Show versions, devices, optional parts and environments that failed to load."""
    import warnings

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from agentgym.env.registry import load_plugins, registered

    console = Console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("python", f"{platform.python_version()} ({sys.executable})")
    for name in VERSIONS:
        found = _version(name)
        table.add_row(name, found or Text("not installed", "dim"))
    for name, value in _devices():
        table.add_row(name, value)
    for extra, missing in _extras().items():
        line = f"missing {', '.join(missing)}: pip install '{DISTRIBUTION}[{extra}]'"
        table.add_row(f"extra {extra}", Text(line, "yellow") if missing else Text("ok", "green"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are shown below
        broken = load_plugins()
    table.add_row("environments", f"{len(registered())} registered")
    for name, problem in broken.items():
        table.add_row(Text(f"environments of {name}", "red"), Text(problem, "red"))
    console.print(table)
    if broken:
        raise typer.Exit(1)


def _version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _devices() -> Iterator[tuple[str, str]]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield "CPU cores", str(cores)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        yield "memory", f"{memory / 2**30:.0f} GiB"
    if _version("torch") is None:
        yield "GPU", "unknown: torch is not installed"
        return
    import torch

    if not torch.cuda.is_available():
        yield "GPU", "none that torch can use"
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        size = f"{properties.total_memory / 2**30:.0f} GiB"
        yield f"cuda:{index}", f"{properties.name}, {size}"


def _extras() -> dict[str, list[str]]:
    """Each extra with those of its packages that are missing."""
    from importlib.metadata import metadata, requires

    missing: dict[str, list[str]] = {
        extra: [] for extra in metadata(DISTRIBUTION).get_all("Provides-Extra") or ()
    }
    for line in requires(DISTRIBUTION) or ():
        package = re.match(r"[\w.-]+", line)
        extra = re.search(r"extra == ['\"]([\w-]+)['\"]", line)
        if package and extra and _version(package[0]) is None:
            missing[extra[1]].append(package[0])
    return missing
