"""A server that is ours: started on loopback, restarted when it dies, stopped at the end."""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import anyio
from anyio.abc import Process

from agentgym.errors import MissingExtra, ServerError
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.server import Server
from agentgym.policy.vllm.tokens import SampleRequest, SampleResponse
from agentgym.runtime import supervisor

HEALTH = 0.5  # seconds between two looks
HEALTH_TIMEOUT = 30.0  # seconds; a busy server may take some
SHOWN_LINES = 15
LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM can make room for

Say = Callable[[str], None]


def command(
    model: Path, config: EngineConfig, *, host: str, port: int, arguments: Sequence[str] = ()
) -> list[str]:
    """The command line of a server that has every route we use.

    The module is started rather than ``vllm serve``, which fails on the CPU wheel (0.32.0).
    """
    line = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    line += ["--model", str(model), "--host", host, "--port", str(port)]
    line += ["--dtype", config.dtype, "--max-num-seqs", str(config.max_num_seqs)]
    line += ["--gpu-memory-utilization", str(config.gpu_memory)]
    line += ["--enable-scale-out", "--logprobs-mode", "processed_logprobs"]
    line += ["--uvicorn-log-level", "warning"]
    if config.max_model_len:
        line += ["--max-model-len", str(config.max_model_len)]
    if config.eager:
        line += ["--enforce-eager"]
    if _is_cpu_build():
        line += ["--no-enable-chunked-prefill"]
    return [*line, *arguments, *config.arguments]


def adapter_arguments(rank: int) -> list[str]:
    """What makes room for one LoRA adapter of ``rank``."""
    room = next(r for r in LORA_RANKS if r >= rank)
    return ["--enable-lora", "--max-loras", "1", "--max-lora-rank", str(room)]


def environment(config: EngineConfig) -> dict[str, str]:
    """The environment variables of a server that has every route we use.

    Triton multiplies float32 matrices in TF32 unless it is told otherwise; a float32 engine on
    CUDA would agree with its trainer to three digits only.
    """
    variables = {
        "VLLM_SERVER_DEV_MODE": "1",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_CPU_KVCACHE_SPACE": str(config.cpu_cache),
        "VLLM_NO_USAGE_STATS": "1",
    }
    if config.dtype == "float32":
        variables["TRITON_F32_DEFAULT"] = "ieee"
    if config.eager and _is_cpu_build():  # which compiles a function of its sampler all the same
        variables["TORCHDYNAMO_DISABLE"] = "1"
    return variables


@asynccontextmanager
async def serving(
    model: Path | str,
    config: EngineConfig,
    *,
    log: Path | str,
    say: Say,
    port: int | None = None,
    host: str = "127.0.0.1",
    arguments: Sequence[str] = (),
    variables: dict[str, str] | None = None,
) -> AsyncIterator[OwnServer]:
    """A server of our own for the time of the block; it is healthy at the start.

    Args:
        model: its folder.
        config: how it runs.
        log: the file its output is appended to.
        say: told what happens, for people.
        port: default: a free one.
        host: what it listens on.
        arguments: further ones of the command line.
        variables: further environment variables.

    Raises:
        ServerError: it does not become healthy; the message has the end of its log.
        MissingExtra: vLLM is not installed.
    """
    if importlib.util.find_spec("vllm") is None:
        raise MissingExtra("a vLLM server", "vllm")
    port, model, log = port or _free_port(), Path(model), Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    server = OwnServer(
        f"http://{host}:{port}",
        command(model, config, host=host, port=port, arguments=arguments),
        os.environ | environment(config) | config.variables | (variables or {}),
        config,
        log,
        say,
    )
    try:
        await server.start()
        yield server
    finally:
        with anyio.CancelScope(shield=True):
            await server.stop()


class OwnServer(Server):
    """A server and the process that it is."""

    def __init__(
        self,
        url: str,
        command: Sequence[str],
        variables: Mapping[str, str],
        config: EngineConfig,
        log: Path,
        say: Say,
    ) -> None:
        super().__init__(url, config)
        self.command, self.variables = command, variables
        self.log, self.say = log, say
        self.recover = self.bring_back
        self.on_restart: Callable[[], Awaitable[None]] | None = None
        """Gives a restarted server what the one before had been given, e.g. its weights."""
        self.restarts = 0
        self._process: Process | None = None
        self._lock = anyio.Lock()
        self._is_back = True

    async def start(self) -> None:
        """Start the process and wait until it is healthy."""
        with self.log.open("ab") as output:
            self._process = await anyio.open_process(
                [sys.executable, "-I", "-S", supervisor.__file__, "work", *self.command],
                env=dict(self.variables),
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us; we end the server when we are done
            )
        self.say(f"vLLM starts at {self.url}; its output is in {self.log}")
        with anyio.move_on_after(self.config.start_timeout):
            while not await self._healthy():
                if self._process.returncode is not None:
                    raise ServerError(
                        f"vLLM ended with status {self._process.returncode} before it was "
                        f"healthy; the end of {self.log}:\n{self._last_lines()}"
                    )
                await anyio.sleep(HEALTH)
            return
        await self.stop()
        raise ServerError(
            f"waited {self.config.start_timeout:g} s (start_timeout) for vLLM at {self.url} to be "
            f"healthy; the end of {self.log}:\n{self._last_lines()}"
        )

    async def ended(self) -> None:
        """Wait until the process has ended, by itself or by a kill."""
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """End the process and everything it started."""
        if self._process is None:
            return
        if self._process.returncode is None and self._process.stdin:
            await self._process.stdin.aclose()  # which the supervisor understands
        await self._process.wait()
        await self._process.aclose()
        self._process = None

    async def sample(self, request: SampleRequest) -> SampleResponse:
        """See :meth:`Server.sample`; a server that is not back yet is waited for."""
        if not self._is_back:
            await self.bring_back()
        try:
            return await super().sample(request)
        except ServerError as error:
            if error.status is None and error.pause is None:  # it was silent: does it hang?
                self._is_back = await self._healthy()
            raise

    async def bring_back(self) -> None:
        """Make a lost server answer again, with a new process if need be.

        Whoever loses a request comes here: the first does the work, the others wait for it. When
        it is interrupted, the next one goes on.

        Raises:
            ServerError: it has died too often, or does not start.
        """
        async with self._lock:
            if self._is_back and await self._healthy():
                return
            self._is_back = False
            if not await self._healthy():
                await self._restart()
            if self.on_restart:
                await self.on_restart()
            self._is_back = True

    async def _restart(self) -> None:
        if self.restarts >= self.config.restarts:
            raise ServerError(
                f"vLLM at {self.url} has been restarted {self.restarts} times (restarts) and is "
                f"gone again; the end of {self.log}:\n{self._last_lines()}"
            )
        self.restarts += 1
        self.say(
            f"vLLM at {self.url} is gone; starting it again ({self.restarts} of "
            f"{self.config.restarts} times)"
        )
        await self.stop()
        await self.start()

    async def _healthy(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            return False
        try:
            await self.get("/health", seconds=HEALTH_TIMEOUT, attempts=1)
        except ServerError:
            return False
        return True

    def _last_lines(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-SHOWN_LINES:])


def _is_cpu_build() -> bool:
    """Where a seeded request kills the engine (0.32.0) when its prompt is computed in parts."""
    try:
        distribution("vllm-cpu")
    except PackageNotFoundError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
