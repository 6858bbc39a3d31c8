"""Checks for an environment of one's own: what training relies on, tried out.

from agentgym.testing import check_env

def test_my_env():
    check_env(MyEnv)
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from traceback import extract_tb
from typing import NamedTuple

from agentgym.env.checks import CHECKS, Broken, Subject
from agentgym.env.registry import make as make_by_name
from agentgym.env.text_env import TextEnv
from agentgym.errors import BadInput


class Finding(NamedTuple):
    """What one check found."""

    rule: str
    problem: str | None
    """None when the rule holds."""


def check_env(
    make: Callable[[], TextEnv] | str | TextEnv, *, episodes: int = 3, seed: int = 0
) -> list[Finding]:
    """Try an environment out.

    Args:
        make: its class, any function that makes one, its registered name, or an instance, of
            which copies are tested.
        episodes: how many tasks of each split to play.
        seed: of tasks and actions.

    Raises:
        BadInput: checks failed; the message lists every one.
    """
    findings = list(findings_of(make, episodes=episodes, seed=seed))
    broken = [f"- {rule}\n    {problem}" for rule, problem in findings if problem]
    if broken:
        raise BadInput(f"{len(broken)} of {len(findings)} checks failed:\n" + "\n".join(broken))
    return findings


def findings_of(
    make: Callable[[], TextEnv] | str | TextEnv, *, episodes: int = 3, seed: int = 0
) -> Iterator[Finding]:
    """The finding of each check, as soon as it is made; raises only what making it raises."""
    if isinstance(make, str):
        name = make
        subject = Subject(lambda: make_by_name(name), episodes, seed)
    elif isinstance(make, TextEnv):
        original = make
        subject = Subject(lambda: copy.deepcopy(original), episodes, seed, fresh=False)
    else:
        subject = Subject(make, episodes, seed)
    subject.make().close()
    for check in CHECKS:
        problem = None
        try:
            check(subject)
        except Broken as broken:
            problem = str(broken)
        except Exception as error:  # noqa: BLE001  whatever an environment raises is a finding
            where = extract_tb(error.__traceback__)[-1]
            problem = f"raised {type(error).__name__}: {error} ({where.filename}:{where.lineno})"
        yield Finding(" ".join((check.__doc__ or "").split()), problem)
