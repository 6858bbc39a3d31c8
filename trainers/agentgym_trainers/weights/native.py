"""vLLM's own weight transfer: NCCL broadcast to servers on other GPUs, CUDA IPC on the same one.

Both sides meet inside a collective, so one that fails leaves the other waiting: the transfer runs
in a thread of its own with a time limit, and a run in which it passed is over.
"""

from __future__ import annotations

import json
import math
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal

import anyio
import anyio.from_thread
import anyio.lowlevel
import torch
from vllm.distributed.weight_transfer.base import ParamMeta, WeightSource
from vllm.distributed.weight_transfer.clients import HTTPVLLMWeightSyncClient
from vllm.distributed.weight_transfer.factory import WeightTransferTrainerFactory
from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo
from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

from agentgym.errors import AgentGymError
from agentgym.policy.vllm import InFlight
from agentgym.policy.vllm.engine import Engine
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.server import Server
from agentgym_trainers.weights.whole import checkpoint_weights

Backend = Literal["nccl", "ipc"]


def server_arguments(backend: Backend) -> list[str]:
    """What a server must be started with."""
    return ["--weight-transfer-config", json.dumps({"backend": backend})]


def server_variables(backend: Backend) -> dict[str, str]:
    """IPC handles travel pickled, which a server must allow; it listens on loopback only."""
    return {"VLLM_ALLOW_INSECURE_SERIALIZATION": "1"} if backend == "ipc" else {}


class NativeSync:
    """Sends every weight from GPU to GPU, to one server."""

    def __init__(
        self,
        policy: VLLMPolicy,
        model: Any,
        in_flight: InFlight,
        backend: Backend,
        dtype: torch.dtype | None,
    ) -> None:
        """Choose the way; the connection is made with the first weights.

        Raises:
            AgentGymError: no CUDA device, or more than one server.
        """
        if not torch.cuda.is_available():
            raise AgentGymError(
                f"policy.weights = {backend!r} moves weights between CUDA devices, and there is "
                "none; 'folder' and 'adapter' work everywhere"
            )
        (server, *more) = policy.servers
        if more or not isinstance(server, Server):
            raise AgentGymError(f"policy.weights = {backend!r} serves one server, not several")
        self.server = server
        self.policy, self.in_flight, self.backend = policy, in_flight, backend
        self.source = _Source(model, dtype)
        self.engine: Any = None

    async def send(self, version: int) -> None:
        """See :class:`WeightSync`.

        Raises:
            AgentGymError: the transfer failed or passed the time limit.
        """
        server = self.server
        seconds = server.config.update_timeout
        async with server.open():
            world = 1 + int((await server.get("/get_world_size"))["world_size"])
            await server.pause(self.in_flight)
            try:
                await _in_daemon(
                    lambda: self._transfer(server, world),
                    seconds,
                    f"{self.backend} transfer of the weights to {server.url}",
                )
                await server.label(version)
            finally:
                with anyio.CancelScope(shield=True):
                    await server.resume()
        self.policy.weight_version = version

    async def restore(self, server: Engine) -> None:
        """See :class:`WeightSync`.

        Raises:
            AgentGymError: always: the trainer may be in the middle of an update.
        """
        raise AgentGymError(
            f"{server.url} died, and with it the {self.backend} connection; the same command goes "
            "on from the last checkpoint"
        )

    def close(self) -> None:
        """Let go of the connection."""
        if self.engine is not None:
            self.engine.shutdown()

    def _transfer(self, server: Server, world: int) -> None:
        torch.cuda.set_device(self.source.model.device)  # a new thread begins on device 0
        torch.cuda.synchronize()  # the optimiser's stream; the weights are merged on others
        if self.engine is None:
            self.engine = self._connect(server, world)
        self.engine.send_weights()

    def _connect(self, server: Server, world: int) -> Any:
        where: Any
        if self.backend == "nccl":
            where = NCCLTrainerInitInfo(
                rank=0, master_address="127.0.0.1", master_port=_free_port(), world_size=world
            )
        else:
            largest = max(
                math.prod(one.shape) * one.dtype.itemsize for one in self.source.metadata()
            )
            room = max(largest, IPCTrainerInitInfo.packed_buffer_size_bytes)
            where = IPCTrainerInitInfo(rank=0, packed=True, packed_buffer_size_bytes=room)
        client = HTTPVLLMWeightSyncClient(server.url, timeout=server.config.update_timeout)
        return WeightTransferTrainerFactory.trainer_init(where, client=client, source=self.source)


class _Source(WeightSource):
    """The weights in the form in which vLLM's sender takes them."""

    def __init__(self, model: Any, dtype: torch.dtype | None) -> None:
        self.model, self.dtype = model, dtype

    def metadata(self) -> list[Any]:
        return [ParamMeta(name, value.dtype, tuple(value.shape)) for name, value in self]

    def __iter__(self) -> Iterator[tuple[str, torch.Tensor]]:
        return checkpoint_weights(self.model, self.dtype)


async def _in_daemon(work: Callable[[], None], seconds: float, what: str) -> None:
    """Run ``work`` in a thread that nobody joins: one that hangs must not hold the process."""
    ended = anyio.Event()
    errors: list[Exception] = []
    loop = anyio.lowlevel.current_token()

    def body() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  raised again below
            errors.append(error)
        anyio.from_thread.run_sync(ended.set, token=loop)

    threading.Thread(target=body, daemon=True).start()
    with anyio.move_on_after(seconds) as clock:
        await ended.wait()
    if clock.cancelled_caught:
        raise AgentGymError(
            f"the {what} has not ended in {seconds:g} s (update_timeout): trainer and server wait "
            "for each other. See the server's log; the same command goes on from the last "
            "checkpoint"
        )
    if errors:
        raise AgentGymError(f"the {what} failed: {errors[0]}") from errors[0]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
