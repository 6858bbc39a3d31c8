"""vLLM as the policy engine.

engine.py      the interface that a policy and a weight update use
policy.py      one or many engines as a policy
tokens.py      requests and responses: tokens in, tokens out
server.py      an engine over HTTP: its capabilities and controls
process.py     starts, watches, restarts and stops a server
in_process.py  an engine without a server, which can free its GPU memory
watchdog.py    a process that ends that engine when the trainer dies
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

InFlight = Literal["wait", "keep", "abort"]
"""What happens to unfinished completions when the weights change: ``wait`` finishes them first,
``keep`` pauses them and continues with the new weights, ``abort`` returns what is sampled, and the
policy requests the rest. With ``keep`` and ``abort`` a completion may span two versions."""


class EngineConfig(BaseModel):
    """How vLLM runs and how the policy sends it requests."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    urls: list[str] = []
    """Running servers, e.g. http://127.0.0.1:8000; empty: the run starts and stops one."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Data type of a server the run starts; float32 agrees with a float32 trainer to 1e-4."""
    max_model_len: Annotated[int, Field(ge=1)] | None = None
    """Longest prompt plus completion, in tokens; default: the limit of the model."""
    max_num_seqs: Annotated[int, Field(ge=1)] = 64
    """Concurrent completions on each server."""
    gpu_memory: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Share of GPU memory for weights and KV cache; 0.4 leaves room for a trainer beside it."""
    sleep: bool = True
    """Free the GPU memory for the trainer during an update (vllm-in-process)."""
    cpu_cache: Annotated[int, Field(ge=1)] = 4
    """Size of the KV cache on the CPU build, in GiB."""
    eager: bool = True
    """true starts quickly; false compiles the model and captures CUDA graphs for faster steps."""
    arguments: list[str] = []
    """More arguments for the server, as in `vllm serve --help`."""
    variables: dict[str, str] = {}
    """More environment variables for the server, e.g. CUDA_VISIBLE_DEVICES."""
    entropy_top: Annotated[int, Field(ge=0, le=19)] = 0
    """Number of most likely tokens to estimate entropies from; 0: record no entropies."""
    start_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds within which a started server must be healthy."""
    request_timeout: Annotated[float, Field(gt=0)] = 600.0
    """Seconds that a server may take without any answer to a request."""
    update_timeout: Annotated[float, Field(gt=0)] = 300.0
    """Timeout of each step of a weight update, in seconds."""
    restarts: Annotated[int, Field(ge=0)] = 5
    """How often a server that the run started may die before the run stops."""
