"""All weights through a folder that lies in memory where there is one (/dev/shm).

The servers read it with vLLM's ``reload_weights``, which every build has, and must see the same
file system. For a model of 135M parameters in float32 that takes 0.3 s on two cores.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import anyio.to_thread
import torch
from safetensors.torch import save_file

from agentgym.errors import AgentGymError
from agentgym.policy.vllm import InFlight
from agentgym.policy.vllm.engine import Engine
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym_trainers.weights.update import update
from agentgym_trainers.weights.whole import checkpoint_weights

MEMORY = Path("/dev/shm")


def memory_folder() -> Path:
    """A new folder in memory, or in the temporary directory where that is not to be had.

    What processes that were killed have left there is removed.
    """
    parent = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    for left in parent.glob("agentgym-weights-*-*"):
        if not _is_alive(int(left.name.split("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"agentgym-weights-{os.getpid()}-", dir=parent))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


class FolderSync:
    """Writes every weight, then lets the servers read them."""

    def __init__(
        self, policy: VLLMPolicy, model: Any, in_flight: InFlight, dtype: torch.dtype | None
    ) -> None:
        """Write in ``dtype``, by default that of the trainer."""
        self.policy, self.model = policy, model
        self.in_flight, self.dtype = in_flight, dtype
        self.folder = memory_folder()
        self.version = 0

    async def send(self, version: int) -> None:
        """See :class:`WeightSync`."""
        await anyio.to_thread.run_sync(self._write)
        await update(
            self.policy.servers, version, self.in_flight, lambda one: one.reload(self.folder)
        )
        self.version = self.policy.weight_version = version

    async def restore(self, server: Engine) -> None:
        """See :class:`WeightSync`."""
        await server.reload(self.folder)
        await server.label(self.version)

    def close(self) -> None:
        """Give the memory back."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self) -> None:
        weights = dict(checkpoint_weights(self.model, self.dtype))
        needed = sum(value.nbytes for value in weights.values())
        file = self.folder / "model.safetensors"
        free = shutil.disk_usage(self.folder).free
        free += file.stat().st_size if file.exists() else 0  # it is written over
        if needed > free:
            raise AgentGymError(
                f"the weights need {needed / 1e9:.1f} GB in {self.folder.parent}, which has "
                f"{free / 1e9:.1f} GB left; make it larger (a container's --shm-size), or send "
                "them another way: policy.weights = 'adapter', 'ipc' or 'nccl'"
            )
        save_file(weights, file)
