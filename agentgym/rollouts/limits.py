"""Limits of an episode: steps, tokens, seconds."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """Limits of an episode; one that exceeds them ends, with a stop reason."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Steps of an episode; default: the environment's registered limit, else 50."""
    max_context: Annotated[int, Field(ge=1)] | None = None
    """Tokens of a prompt plus its completion; default: the limit of the model."""
    env_timeout: Annotated[float, Field(gt=0)] = 120.0
    """Timeout of one reset or step of the environment, in seconds."""
    policy_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Timeout of one completion, in seconds."""
    episode_timeout: Annotated[float, Field(gt=0)] = 3600.0
    """Timeout of the whole episode, in seconds."""
