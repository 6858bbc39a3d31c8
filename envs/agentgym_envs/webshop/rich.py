"""Realistic product text (stub)."""

from typing import Any

from agentgym_envs.webshop.dice import Dice


def describe(dice: Dice) -> dict[str, Any]:
    """A product."""
    raise NotImplementedError
