"""The settings of a chat template, as a run's config has them in [policy.template]."""

from __future__ import annotations

import datetime
from typing import Any

from pydantic import BaseModel

from agentgym.config import SETTINGS
from agentgym.rendering.drift import OnRewrite
from agentgym.rendering.template import DATE, System


class TemplateConfig(BaseModel):
    """How the chat template turns messages into prompts."""

    model_config = SETTINGS

    on_rewrite: OnRewrite = "fork"
    """If the chat template rewrites earlier messages: fork (render the prompt again and begin a new
    segment), keep (keep the earlier tokens and append the new messages) or error."""
    system: System = "auto"
    """Where the system prompt stands: turn (in a turn of its own; an error if the template has no
    such turn), merge (at the head of the first user message) or auto (merge if it must be)."""
    date: datetime.date = DATE
    """The day that a template writes as today's: the same seed gives the same prompt on any day."""
    chat_template_kwargs: dict[str, Any] = {}
    """Extra variables for the template, e.g. enable_thinking = false."""
