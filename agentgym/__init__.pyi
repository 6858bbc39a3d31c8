from .context.context import (
    Context as Context,
    FullHistory as FullHistory,
    Message as Message,
    Turn as Turn,
    Window as Window,
)
from .env.registry import make as make, register as register, registered as registered
from .env.text_env import (
    FreeText as FreeText,
    StepResult as StepResult,
    Task as Task,
    TextEnv as TextEnv,
)
from .env.tool_env import ToolEnv as ToolEnv
from .errors import (
    AgentGymError as AgentGymError,
    BadInput as BadInput,
    EpisodeOver as EpisodeOver,
    MissingExtra as MissingExtra,
    TooManyFailures as TooManyFailures,
    UnknownName as UnknownName,
)
from .evaluation.evaluation import Report as Report, evaluate as evaluate
from .policy import (
    Completion as Completion,
    Policy as Policy,
    Prompt as Prompt,
    Sampling as Sampling,
)
from .policy.scripted import (
    ScriptedPolicy as ScriptedPolicy,
    expert_policy as expert_policy,
    random_policy as random_policy,
)
from .rendering.protocol import Renderer as Renderer
from .rendering.renderer import ChatTemplate as ChatTemplate
from .rollouts.collection import collect as collect
from .rollouts.episode import rollout as rollout
from .rollouts.limits import Limits as Limits
from .runtime.sync import run as run
from .tools.caller import (
    CallLimits as CallLimits,
    Ledger as Ledger,
    Recorder as Recorder,
    Replay as Replay,
    ResultCache as ResultCache,
    Secrets as Secrets,
    ToolCaller as ToolCaller,
)
from .tools.tool import (
    Tool as Tool,
    ToolCall as ToolCall,
    ToolResult as ToolResult,
    Transient as Transient,
    tool as tool,
    tools_of as tools_of,
)
from .trajectory import (
    Failure as Failure,
    Group as Group,
    Step as Step,
    StopReason as StopReason,
    Trajectory as Trajectory,
    read_jsonl as read_jsonl,
    write_jsonl as write_jsonl,
)

__version__: str
