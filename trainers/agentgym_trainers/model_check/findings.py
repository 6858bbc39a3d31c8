"""All checks of a model, in order; the docstring of a check is the rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from traceback import extract_tb
from typing import NamedTuple

from agentgym.errors import AgentGymError
from agentgym.policy.folder import model_folder, named_folder
from agentgym_trainers.model_check import (
    adapters,
    engine,
    exact,
    folder,
    template,
    tokenizer,
    weights,
)
from agentgym_trainers.model_check.subject import Broken, Subject

Check = Callable[[Subject], str]

FIRST = folder.CHECKS
"""Where one of these fails, there is nothing to try."""
HERE: tuple[Check, ...] = (
    *tokenizer.CHECKS,
    *template.CHECKS,
    exact.causal,
    exact.transforms,
    exact.sampling,
    exact.learner,
    exact.positions,
    adapters.adapters,
    weights.names,
    weights.saving,
    folder.generation,
)
ENGINE: tuple[Check, ...] = (engine.weights, engine.adapter)


class Finding(NamedTuple):
    """What one check found."""

    rule: str
    found: str
    """A measure or a remark; of a broken rule, what is wrong and what to do."""
    holds: bool


def findings_of(name: str, *, vllm: bool = False, device: str = "cpu") -> Iterator[Finding]:
    """The finding of each check of a model folder, as soon as it is made.

    Args:
        name: a model, adapter, checkpoint or run folder, or ``smollm2``.
        vllm: start vLLM too, and compare.
        device: where the model runs.

    Raises:
        BadInput: there is no such folder.
    """
    subject = Subject(model_folder(named_folder(name)), device)
    for check in (*FIRST, *HERE, *(ENGINE if vllm else ())):
        finding = _try(check, subject)
        yield finding
        if check in FIRST and not finding.holds:
            return


def _try(check: Check, subject: Subject) -> Finding:
    rule = " ".join((check.__doc__ or "").split())
    try:
        return Finding(rule, check(subject), holds=True)
    except (Broken, AgentGymError) as error:
        return Finding(rule, str(error), holds=False)
    except Exception as error:  # noqa: BLE001  whatever a model raises is a finding
        where = extract_tb(error.__traceback__)[-1]
        raised = f"raised {type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        return Finding(rule, raised, holds=False)
