"""Calling tools: many at once, each within its limits, every failure a result."""

from agentgym.tools.caller.cache import ResultCache as ResultCache
from agentgym.tools.caller.caller import ToolCaller as ToolCaller
from agentgym.tools.caller.limits import CallLimits as CallLimits, Ledger as Ledger
from agentgym.tools.caller.recording import Recorder as Recorder, Replay as Replay
from agentgym.tools.caller.redaction import Secrets as Secrets
