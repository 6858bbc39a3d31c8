"""What an episode may cost."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Limits(BaseModel):
    """What an episode may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Decisions; default: the environment's registered limit, else 50."""
    max_context: Annotated[int, Field(ge=1)] | None = None
    """Tokens of a prompt and its completion; default: what the model allows."""
    env_timeout: Annotated[float, Field(gt=0)] = 120.0
    """Seconds for one reset or step of the environment."""
    policy_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds for one completion."""
    episode_timeout: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds for the whole episode."""
