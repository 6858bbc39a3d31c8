"""vLLM as the policy engine.

engine.py      what a policy and a weight update need of vLLM
policy.py      one or many engines as a policy
tokens.py      what is asked and answered: tokens in, tokens out
server.py      an engine over HTTP: what it can do, its controls
process.py     a server that is ours: started, watched, restarted, stopped
in_process.py  an engine without a server, which can lend its GPU memory
watchdog.py    the process beside that engine, so that it never outlives us
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

InFlight = Literal["wait", "keep", "abort"]
"""What becomes of unfinished completions when the weights change: ``wait`` finishes them first,
``keep`` freezes them and goes on with the new weights, ``abort`` gives back what there is, and the
policy asks for the rest. With ``keep`` and ``abort`` a completion may span two versions."""


class EngineConfig(BaseModel):
    """How vLLM runs and how it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    urls: list[str] = []
    """Servers that run already, e.g. http://127.0.0.1:8000; none: one is started and stopped."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Of a server we start; float32 agrees with a float32 trainer to 1e-4."""
    max_model_len: Annotated[int, Field(ge=1)] | None = None
    """Longest prompt plus completion, in tokens; default: the model's own limit."""
    max_num_seqs: Annotated[int, Field(ge=1)] = 64
    """Completions in the making at once, on each server."""
    gpu_memory: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of the GPU's memory for weights and KV cache; 0.4 leaves room for a trainer on it."""
    sleep: bool = True
    """Give the GPU's memory to the trainer during an update (in-process engine)."""
    cpu_cache: Annotated[int, Field(ge=1)] = 4
    """GiB of KV cache on the CPU build."""
    eager: bool = True
    """False compiles the model and captures CUDA graphs: a slow start, then faster steps."""
    arguments: list[str] = []
    """Further arguments of the server, as its --help names them."""
    variables: dict[str, str] = {}
    """Further environment variables of the server, e.g. CUDA_VISIBLE_DEVICES."""
    entropy_top: Annotated[int, Field(ge=0, le=19)] = 0
    """Most likely tokens from which entropies are estimated; 0: none are recorded."""
    start_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds from starting a server until it must be healthy."""
    request_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds that a server may be silent about one request."""
    update_timeout: Annotated[float, Field(gt=0)] = 300.0
    """Seconds for each step of a weight update."""
    restarts: Annotated[int, Field(ge=0)] = 5
    """How often a server of ours may die in a run before the run stops."""
