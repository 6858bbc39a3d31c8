"""Which model families are exact here? `agentgym check --model` on a small random model of each.

    python benchmarks/models.py             every architecture, in this process
    python benchmarks/models.py --vllm      those that vLLM's CPU build serves, with vLLM too

Prints the table of docs/models.md; exit code 1 if a check fails.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import torch
from architectures import ARCHITECTURES, CPU_SERVES, NO_ADAPTERS, REFUSED, SERVED, save
from rich.console import Console

from agentgym_trainers.model_check import adapters, engine, exact, weights
from agentgym_trainers.model_check.findings import Finding, findings_of

HERE = {
    "sampling": exact.sampling,
    "learner": exact.learner,
    "with LoRA, merged": adapters.adapters,
    "logits are the head's with": exact.transforms,
    "names": weights.names,
    "saved": weights.saving,
}
VLLM = {"vLLM: loaded, unchanged, new weights": engine.weights, "adapter": engine.adapter}


def rule(check: object) -> str:
    """The sentence that a check tries."""
    return " ".join((check.__doc__ or "").split())


MAY_REFUSE = {rule(exact.sampling), rule(adapters.adapters)}
"""Rules that the architectures of REFUSED need not keep: the message names the reason."""
NUMBER = re.compile(r"\d\.\de[-+]\d+")


def main() -> None:
    """Check, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vllm", action="store_true", help="start vLLM for each")
    parser.add_argument("names", nargs="*", help="of architectures; default: all")
    given = parser.parse_args()
    torch.set_num_threads(1)
    columns = HERE | VLLM if given.vllm else HERE
    everything = CPU_SERVES if given.vllm else (*ARCHITECTURES, *REFUSED)
    print("| architecture | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 1) + "|")
    wrong: list[str] = []
    for name in given.names or everything:
        with tempfile.TemporaryDirectory() as top:
            folder = save(name, Path(top), **(SERVED if given.vllm else {}))
            found = {f.rule: f for f in findings_of(str(folder), vllm=given.vllm)}
        may_fail = MAY_REFUSE if name in REFUSED else set[str]()
        may_fail = may_fail | ({rule(engine.adapter)} if name in NO_ADAPTERS else set())
        cells = [cell(found.get(rule(check)), may_fail) for check in columns.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
        wrong += [
            f"{name}: {f.rule} {f.found}"
            for f in found.values()
            if not f.holds and f.rule not in may_fail
        ]
    for one in wrong:
        Console(stderr=True).print(one, style="red", markup=False)
    sys.exit(bool(wrong))


def cell(finding: Finding | None, may_fail: set[str]) -> str:
    """A finding in a table: its numbers, or its first words."""
    if finding is None:
        return "-"
    if not finding.holds:
        return "refused" if finding.rule in may_fail else "**wrong**"
    return ", ".join(NUMBER.findall(finding.found)) or finding.found.partition(";")[0]


if __name__ == "__main__":
    main()
