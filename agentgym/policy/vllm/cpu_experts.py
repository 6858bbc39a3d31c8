"""A plug-in of vLLM's CPU build: experts of new weights are packed as those of the first were.

The CPU kernels read experts in a packed layout. vLLM 0.32.0 packs them when a model is loaded, but
not when its weights are loaded again, and then samples from weights that it misreads, with no
error (Qwen3-MoE: 1.4 nats). vLLM calls :func:`mend` in each of its processes, because it is named
in the entry-point group ``vllm.general_plugins``.
"""

from __future__ import annotations

from typing import Any


def mend() -> None:
    """Let experts be packed at every load. Does nothing where vLLM does not run on the CPU."""
    from vllm.platforms import current_platform  # noqa: PLC0415  optional

    if not current_platform.is_cpu():
        return
    from vllm.model_executor.layers.fused_moe import (  # noqa: PLC0415
        unquantized_fused_moe_method as experts,
    )

    kind: Any = experts.UnquantizedFusedMoEMethod
    packed_once = kind.process_weights_after_loading

    def packed_anew(method: Any, layer: Any) -> None:
        method.moe_kernel = None  # with a kernel, they count as packed
        packed_once(method, layer)

    kind.process_weights_after_loading = packed_anew
