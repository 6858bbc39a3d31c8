"""vLLM without a server, for one GPU that trainer and engine share.

What samples is a process that vLLM starts with ``spawn``, so a script that opens an engine needs
the usual ``if __name__ == "__main__":``. Written against vLLM 0.32.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import count
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import anyio
import anyio.to_thread
import vllm
from vllm.exceptions import VLLMClientError
from vllm.inputs import tokens_input
from vllm.lora.request import LoRARequest
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.utils.argparse_utils import FlexibleArgumentParser
from vllm.v1.engine.exceptions import EngineDeadError

from agentgym.errors import BadInput, ServerError
from agentgym.policy.vllm import EngineConfig, InFlight
from agentgym.policy.vllm.process import environment
from agentgym.policy.vllm.server import Capabilities
from agentgym.policy.vllm.tokens import SampleRequest, SampleResponse, entropy, labels, parameters
from agentgym.policy.vllm.watchdog import watched

GRACE = 15.0  # seconds between asking it to end and killing it

Answer = TypeVar("Answer")


@asynccontextmanager
async def in_process(
    model: Path, config: EngineConfig, *, arguments: Sequence[str] = ()
) -> AsyncIterator[InProcessEngine]:
    """An engine for the time of the block, and no longer, however this process ends.

    Args:
        model: its folder.
        config: how it runs.
        arguments: further ones, as the command line of vLLM's engine has them.

    Raises:
        ServerError: it does not start.
        BadInput: an argument that it does not have.
    """
    with watched() as mark:
        llm = await anyio.to_thread.run_sync(_start, model, config, arguments, mark)
        engine = InProcessEngine(llm, model, config)
        try:
            yield engine
        finally:
            if llm.output_handler:  # which takes the end for a failure
                llm.output_handler.cancel()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(llm.shutdown, GRACE)
            del engine.llm  # at the interpreter's end its destructor would fail


class InProcessEngine:
    """An :class:`agentgym.policy.vllm.engine.Engine` that can also lend its memory."""

    url = "vLLM in this process"

    def __init__(self, llm: Any, model: Path, config: EngineConfig) -> None:
        """Take an ``AsyncLLM``; :func:`in_process` makes one."""
        self.llm, self.model, self.config = llm, str(model), config
        self.active = 0
        self._adapters: dict[str, LoRARequest] = {}
        self._names = count()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """See :class:`Engine`; there is nothing to connect to."""
        yield

    async def probe(self) -> Capabilities:
        """See :class:`Engine`; all is known, and nothing is lacking."""
        settings = self.llm.model_config
        return Capabilities(
            version=vllm.__version__,
            model=self.model,
            adapters=tuple(self._adapters),
            root=self.model,
            max_model_len=settings.max_model_len,
            token_route=True,
            dev_routes=True,
            tempered=settings.logprobs_mode.startswith("processed"),
        )

    async def sample(self, request: SampleRequest) -> SampleResponse:
        """See :class:`Engine`."""
        work = self._complete(request, self._adapter(request.model))
        self.active += 1
        try:
            output = await self._ask("answer", work, self.config.request_timeout)
        finally:
            self.active -= 1
        return _sampled(output, request.top)

    async def pause(self, in_flight: InFlight) -> None:
        """See :class:`Engine`."""
        await self._change("pause", self.llm.pause_generation(mode=in_flight))

    async def resume(self) -> None:
        """See :class:`Engine`."""
        await self._change("resume", self.llm.resume_generation())

    async def reload(self, folder: Path) -> None:
        """See :class:`Engine`."""
        weights = {"weights_path": str(folder)}
        call = self.llm.collective_rpc("reload_weights", kwargs=weights)
        await self._change(f"read the weights in {folder}", call)

    async def load_adapter(self, name: str, folder: Path) -> None:
        """See :class:`Engine`."""
        known = self._adapters.get(name)
        number = known.lora_int_id if known else len(self._adapters) + 1
        fresh = LoRARequest(name, number, str(folder), load_inplace=True)
        await self._change(f"read the adapter in {folder}", self.llm.add_lora(fresh))
        self._adapters[name] = LoRARequest(name, number, str(folder))  # it is loaded by now

    async def label(self, version: int) -> None:
        """See :class:`Engine`."""
        await self._change("label its weights", self.llm.update_weight_version(str(version)))

    @asynccontextmanager
    async def asleep(self) -> AsyncIterator[None]:
        """Hold no GPU memory in the block: weights wait in the host's, cached prefixes are gone.

        Nothing happens where vLLM cannot sleep (on a CPU) or is not to (``config.sleep``). It must
        be awake when weights are sent: an update of one that sleeps kills it (0.32).

        Raises:
            ServerError: it cannot wake, e.g. because its memory has not been given back.
        """
        if not self.llm.model_config.enable_sleep_mode:
            yield
            return
        await self._change("sleep", self.llm.sleep(level=1, mode="wait"))
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._change("wake", self.llm.wake_up())

    async def _complete(self, request: SampleRequest, adapter: LoRARequest | None) -> Any:
        answers = self.llm.generate(
            tokens_input(list(request.ids), cache_salt=request.salt),
            SamplingParams(
                **parameters(request),
                detokenize=False,
                output_kind=RequestOutputKind.FINAL_ONLY,
            ),
            request_id=f"agentgym-{next(self._names)}",
            lora_request=adapter,
        )
        (answer,) = [answer async for answer in answers]
        return answer

    def _adapter(self, name: str) -> LoRARequest | None:
        if name in {"", self.model}:
            return None
        if name not in self._adapters:
            served = ", ".join([self.model, *self._adapters])
            raise ServerError(f"{self.url} has no model {name!r}; it has {served}", status=404)
        return self._adapters[name]

    async def _change(self, what: str, work: Coroutine[Any, Any, Any]) -> None:
        await self._ask(what, work, self.config.update_timeout)

    async def _ask(self, what: str, work: Coroutine[Any, Any, Answer], seconds: float) -> Answer:
        """Do ``work`` within a time limit, with one kind of error.

        It is done by a task of its own: when it is cancelled vLLM still awaits, to abort a
        request, which it could not do inside a cancelled scope.
        """
        task = asyncio.create_task(work)
        try:
            with anyio.fail_after(seconds):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise ServerError(f"waited {seconds:g} s for {self.url} to {what}") from error
        except EngineDeadError as error:
            raise ServerError(
                f"{self.url} has died; its output says why. The same command goes on from the "
                "last checkpoint"
            ) from error
        except VLLMClientError as error:
            raise ServerError(f"{self.url} refused to {what}: {error}", status=400) from error
        except Exception as error:
            reason = error.__cause__ or error
            raise ServerError(f"{self.url} could not {what}: {reason}") from error
        finally:
            task.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])


def _sampled(output: Any, top: int) -> SampleResponse:
    """From a ``RequestOutput``."""
    (completion,) = output.outputs
    ids, tokens = list(completion.token_ids), completion.logprobs or []
    likely = ([t.logprob for t in token.values() if t.rank <= top] for token in tokens)
    spans = ((s.version, s.start, s.end) for s in completion.weight_versions or ())
    return SampleResponse(
        ids=ids,
        logprobs=[token[i].logprob for i, token in zip(ids, tokens, strict=True)],
        entropies=[entropy(logprobs) for logprobs in likely] if top else [],
        labels=labels(spans, len(ids)),
        finish_reason=completion.finish_reason or "",
    )


def _start(model: Path, config: EngineConfig, arguments: Sequence[str], mark: str) -> Any:
    own = {
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # threads and CUDA do not survive a fork
        "VLLM_ENGINE_READY_TIMEOUT_S": f"{config.start_timeout:.0f}",
        "SPT_NOENV": "1",  # a title that vLLM gives its processes must not hide the mark
    }
    os.environ |= environment(config) | own | config.variables
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    # Imported late: it reads the environment then.
    from vllm.engine.arg_utils import AsyncEngineArgs  # noqa: PLC0415
    from vllm.v1.engine.async_llm import AsyncLLM  # noqa: PLC0415

    ours = argparse.Namespace(
        model=str(model),
        dtype=config.dtype,
        max_model_len=config.max_model_len,
        max_num_seqs=config.max_num_seqs,
        gpu_memory_utilization=config.gpu_memory,
        enforce_eager=config.eager,
        logprobs_mode="processed_logprobs",
        enable_sleep_mode=config.sleep and current_platform.is_sleep_mode_available(),
        # See process.command: a seeded request whose prompt is computed in parts.
        enable_chunked_prefill=False if current_platform.is_cpu() else None,
        disable_log_stats=True,
    )
    parser = AsyncEngineArgs.add_cli_args(_Parser())  # type: ignore[no-untyped-call]
    settings = parser.parse_args([*arguments, *config.arguments], ours)
    resource_tracker.ensure_running()  # unmarked: it is this process's, not the engine's
    os.environ[mark] = "1"
    try:
        return AsyncLLM.from_engine_args(AsyncEngineArgs.from_cli_args(settings))
    except (OSError, RuntimeError, ValueError) as error:
        raise ServerError(f"vLLM does not start with {model}: {error}") from error
    finally:
        del os.environ[mark]


class _Parser(FlexibleArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadInput(f"policy.vllm.arguments: {message}; see AsyncEngineArgs of vLLM")
