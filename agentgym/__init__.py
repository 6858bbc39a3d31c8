"""agentgym: multi-turn text environments, exact rollouts, step-level credit.

    import agentgym
    env = agentgym.make("agentgym/WebShop-v0", level="easy")
    policy = agentgym.random_policy()
    trajectory = agentgym.run(agentgym.rollout, env, policy, env.tasks("test")[0])

Importing it costs no torch and no gymnasium: names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOMES = {
    "agentgym.collection": ["collect"],
    "agentgym.context": ["Context", "FullHistory", "Message", "Turn", "Window"],
    "agentgym.door": ["run"],
    "agentgym.env": ["FreeText", "StepResult", "Task", "TextEnv"],
    "agentgym.errors": [
        "AgentGymError",
        "BadInput",
        "EpisodeOver",
        "MissingExtra",
        "TooManyFailures",
        "UnknownName",
    ],
    "agentgym.policy": ["Completion", "Policy", "Prompt", "Sampling"],
    "agentgym.policy.scripted": ["ScriptedPolicy", "expert_policy", "random_policy"],
    "agentgym.renderer": ["ChatTemplate", "Renderer"],
    "agentgym.episode": ["rollout"],
    "agentgym.limits": ["Limits"],
    "agentgym.trajectory": [
        "Failure",
        "Group",
        "Step",
        "StopReason",
        "Trajectory",
        "read_jsonl",
        "write_jsonl",
    ],
    "agentgym.evaluation": ["Report", "evaluate"],
    "agentgym.registry": ["make", "register", "registered"],
    "agentgym.calling": [
        "CallLimits",
        "Ledger",
        "Recorder",
        "Replay",
        "ResultCache",
        "Secrets",
        "ToolCaller",
    ],
    "agentgym.tool_env": ["ToolEnv"],
    "agentgym.tooling": ["Tool", "ToolCall", "ToolResult", "Transient", "tool", "tools_of"],
}
_home_of = {name: home for home, names in _HOMES.items() for name in names}

__version__ = "0.1.0"
__all__ = list(_home_of)  # pyright: ignore[reportUnsupportedDunderAll]

if TYPE_CHECKING:
    from agentgym.calling import (
        CallLimits as CallLimits,
    )
    from agentgym.calling import (
        Ledger as Ledger,
    )
    from agentgym.calling import (
        Recorder as Recorder,
    )
    from agentgym.calling import (
        Replay as Replay,
    )
    from agentgym.calling import (
        ResultCache as ResultCache,
    )
    from agentgym.calling import (
        Secrets as Secrets,
    )
    from agentgym.calling import (
        ToolCaller as ToolCaller,
    )
    from agentgym.collection import (
        collect as collect,
    )
    from agentgym.context import (
        Context as Context,
    )
    from agentgym.context import (
        FullHistory as FullHistory,
    )
    from agentgym.context import (
        Message as Message,
    )
    from agentgym.context import (
        Turn as Turn,
    )
    from agentgym.context import (
        Window as Window,
    )
    from agentgym.door import (
        run as run,
    )
    from agentgym.env import (
        FreeText as FreeText,
    )
    from agentgym.env import (
        StepResult as StepResult,
    )
    from agentgym.env import (
        Task as Task,
    )
    from agentgym.env import (
        TextEnv as TextEnv,
    )
    from agentgym.episode import (
        rollout as rollout,
    )
    from agentgym.errors import (
        AgentGymError as AgentGymError,
    )
    from agentgym.errors import (
        BadInput as BadInput,
    )
    from agentgym.errors import (
        EpisodeOver as EpisodeOver,
    )
    from agentgym.errors import (
        MissingExtra as MissingExtra,
    )
    from agentgym.errors import (
        TooManyFailures as TooManyFailures,
    )
    from agentgym.errors import (
        UnknownName as UnknownName,
    )
    from agentgym.evaluation import (
        Report as Report,
    )
    from agentgym.evaluation import (
        evaluate as evaluate,
    )
    from agentgym.limits import (
        Limits as Limits,
    )
    from agentgym.policy import (
        Completion as Completion,
    )
    from agentgym.policy import (
        Policy as Policy,
    )
    from agentgym.policy import (
        Prompt as Prompt,
    )
    from agentgym.policy import (
        Sampling as Sampling,
    )
    from agentgym.policy.scripted import (
        ScriptedPolicy as ScriptedPolicy,
    )
    from agentgym.policy.scripted import (
        expert_policy as expert_policy,
    )
    from agentgym.policy.scripted import (
        random_policy as random_policy,
    )
    from agentgym.registry import (
        make as make,
    )
    from agentgym.registry import (
        register as register,
    )
    from agentgym.registry import (
        registered as registered,
    )
    from agentgym.renderer import (
        ChatTemplate as ChatTemplate,
    )
    from agentgym.renderer import (
        Renderer as Renderer,
    )
    from agentgym.tool_env import (
        ToolEnv as ToolEnv,
    )
    from agentgym.tooling import (
        Tool as Tool,
    )
    from agentgym.tooling import (
        ToolCall as ToolCall,
    )
    from agentgym.tooling import (
        ToolResult as ToolResult,
    )
    from agentgym.tooling import (
        Transient as Transient,
    )
    from agentgym.tooling import (
        tool as tool,
    )
    from agentgym.tooling import (
        tools_of as tools_of,
    )
    from agentgym.trajectory import (
        Failure as Failure,
    )
    from agentgym.trajectory import (
        Group as Group,
    )
    from agentgym.trajectory import (
        Step as Step,
    )
    from agentgym.trajectory import (
        StopReason as StopReason,
    )
    from agentgym.trajectory import (
        Trajectory as Trajectory,
    )
    from agentgym.trajectory import (
        read_jsonl as read_jsonl,
    )
    from agentgym.trajectory import (
        write_jsonl as write_jsonl,
    )


def __getattr__(name: str) -> Any:
    if name not in _home_of:
        raise AttributeError(f"module 'agentgym' has no attribute {name!r}")
    return getattr(import_module(_home_of[name]), name)
