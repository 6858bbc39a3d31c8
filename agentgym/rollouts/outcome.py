"""What an environment answered, checked and written into the record."""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic_core import to_jsonable_python

from agentgym.env.text_env import StepResult
from agentgym.numbers import number
from agentgym.trajectory import Step


def outcome(step: Step, result: StepResult) -> tuple[str, dict[str, Any]]:
    """Check what the environment answered and write it into ``step``."""
    observation, reward, terminated, truncated, info = result
    earned = number(reward, "reward")
    if not math.isfinite(earned):
        raise ValueError(f"reward {earned} is not finite")
    step.reward = earned
    step.valid = bool(info.get("valid", True))
    step.terminated, step.truncated = bool(terminated), bool(truncated)
    step.info = _json(info | _parts(info))
    return text(observation), info


def _parts(info: dict[str, Any]) -> dict[str, Any]:
    """The parts of the reward as numbers; NaN where a part is None: it does not apply."""
    parts = info.get("parts")
    if not isinstance(parts, dict):
        return {}
    return {"parts": {name: _part(name, value) for name, value in parts.items()}}


def _part(name: str, value: Any) -> float:
    return math.nan if value is None else number(value, f"part {name!r} of the reward")


def text(value: Any) -> str:
    """``value`` as text that can be written down: halves of a character become question marks."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got a {type(value).__name__}: {value!r:.80}")
    return value.encode("utf-8", "replace").decode("utf-8")


def _json(value: Any) -> Any:
    """``value`` as JSON has it; what JSON lacks (objects, NaN) becomes text."""
    written = json.dumps(to_jsonable_python(value, fallback=repr), ensure_ascii=False)
    return json.loads(text(written), parse_constant=str)
