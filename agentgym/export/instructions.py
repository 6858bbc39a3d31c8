"""What a model is told about an environment by a framework that knows neither of our parts."""

from __future__ import annotations

import json

from agentgym.env.text_env import TextEnv
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall


def instructions(env: TextEnv) -> str:
    """The system prompt, and the tools with the form of a call where the environment has any."""
    if not env.tools:
        return env.system_prompt
    schemas = "\n".join(json.dumps(tool.schema["function"]) for tool in env.tools)
    example = write_tool_call(ToolCall(name="NAME", arguments={"ARGUMENT": "VALUE"}))
    tools = f"You have these tools:\n{schemas}\nTo call one, write\n{example}"
    return "\n\n".join(part for part in (env.system_prompt, tools) if part)
