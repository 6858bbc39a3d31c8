"""What an environment answered, checked and written into the record."""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic_core import to_jsonable_python

from agentgym.env.text_env import StepResult
from agentgym.trajectory import Step


def outcome(step: Step, result: StepResult) -> tuple[str, dict[str, Any]]:
    """Check what the environment answered and write it into ``step``."""
    observation, reward, terminated, truncated, info = result
    if not math.isfinite(reward):
        raise ValueError(f"reward {reward} is not finite")
    step.reward = float(reward)
    step.valid = bool(info.get("valid", True))
    step.terminated, step.truncated = bool(terminated), bool(truncated)
    step.info = _json(info)
    return text(observation), info


def text(value: Any) -> str:
    """``value`` as text that can be written down: halves of a character become question marks."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, got a {type(value).__name__}: {value!r:.80}")
    return value.encode("utf-8", "replace").decode("utf-8")


def _json(value: Any) -> Any:
    """``value`` as JSON has it; what JSON lacks (objects, NaN) becomes text."""
    written = json.dumps(to_jsonable_python(value, fallback=repr), ensure_ascii=False)
    return json.loads(text(written), parse_constant=str)
