"""A Hugging Face causal LM in this process, on a CPU or one GPU.

Concurrent requests are answered in batches. A batch leaves when every open session has asked, so
its make-up, and with it every last bit of the numbers, does not depend on timing: the same seed and
weights give the same trajectories. A session whose environment is slower than ``patience`` is left
behind until it asks again, and from then on timing does enter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import anyio
import anyio.from_thread
import anyio.to_thread

from agentgym.errors import BadInput
from agentgym.policy import Completion, Prompt, Sampling
from agentgym.policy.agreement import require_same
from agentgym.policy.architecture import longest_context, require_cache
from agentgym.policy.decoding import KeyValues, Row, recomputed, sample
from agentgym.policy.loading import load_folder
from agentgym.rendering.renderer import ChatTemplate


class _Request:
    """A waiting request."""

    def __init__(self, prompt: Prompt, row: Row) -> None:
        self.prompt, self.row = prompt, row
        self.ended = False
        self.left = False
        """Whoever asked does not wait any more."""
        self.error: BaseException | None = None


class LocalPolicy:
    """Samples from ``model`` in this process."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        max_batch: int = 64,
        patience: float = 1.0,
        template: Mapping[str, Any] | None = None,
    ) -> None:
        """Wrap a model.

        Args:
            model: a Hugging Face causal LM; the learner may train the same object in place and
                then calls :meth:`updated`.
            tokenizer: with a chat template.
            max_batch: most rows in one forward pass.
            patience: seconds that a batch waits for a session that is busy with its environment.
            template: further arguments of :class:`agentgym.rendering.renderer.ChatTemplate`.
        """
        self.model = model
        ends = getattr(model.generation_config, "eos_token_id", None)
        stops = ends if isinstance(ends, list) else [ends]
        self.renderer = ChatTemplate(tokenizer, stops, **template or {})
        require_cache(model)
        self.max_context: int | None = longest_context(model.config)
        self.max_batch, self.patience = max_batch, patience
        self.weight_version = 0
        # open session -> its episode and the cache of that episode's last prompt. Nothing is kept
        # from one episode to the next: which one follows in a session is a matter of timing.
        self._caches: dict[str, tuple[str, KeyValues | None]] = {}
        self._waiting: dict[str, _Request] = {}
        self._left_behind: set[str] = set()
        self._told: list[_Request] = []  # answered; they go on in this order, whoever wakes first
        self._busy = False
        self._changed = anyio.Event()
        self._unchecked = {False: "from a whole prompt", True: "from a prompt in the cache"}

    @classmethod
    def from_folder(cls, folder: str | Path, *, device: str = "cpu", **options: Any) -> Self:
        """Load a model folder as ``save_pretrained`` writes it.

        Raises:
            BadInput: the folder lacks a model or a tokenizer.
        """
        model, tokenizer = load_folder(folder, device=device)
        return cls(model, tokenizer, **options)

    def updated(self, weight_version: int) -> None:
        """The weights have changed: what was cached belongs to the old ones."""
        self.weight_version = weight_version
        self._caches = dict.fromkeys(self._caches, ("", None))

    @asynccontextmanager
    async def session(self, name: str) -> AsyncIterator[None]:
        """See :class:`agentgym.policy.Policy`."""
        if name in self._caches:
            raise BadInput(f"session {name!r} is open already; sessions need names of their own")
        self._caches[name] = ("", None)
        try:
            yield
        finally:
            self._caches.pop(name)
            self._left_behind.discard(name)
            self._wake()

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        """See :class:`agentgym.policy.Policy`."""
        last, cache = self._caches.get(prompt.session, ("", None))
        if last != prompt.episode:
            cache = None
        request = _Request(prompt, Row(list(prompt.ids), sampling, prompt.seed, cache))
        self._waiting[prompt.session] = request
        self._left_behind.discard(prompt.session)
        self._wake()
        try:
            while not (request.ended and self._told[:1] == [request]):
                if not (request.ended or self._busy) and self._all_here():
                    await self._run_batch()
                else:
                    await self._wait()
        finally:
            self._waiting.pop(prompt.session, None)
            request.left = True
            if request in self._told:
                self._told.remove(request)
                self._wake()
        if request.error:
            raise request.error
        row = request.row
        if prompt.session in self._caches:
            self._caches[prompt.session] = (prompt.episode, row.cache)
        return Completion(
            text=self.renderer.decode(row.ids),
            ids=row.ids,
            logprobs=row.logprobs,
            entropies=row.entropies,
            finish_reason=row.finish_reason,
            weight_versions=[self.weight_version] * len(row.ids),
        )

    def _check(self, row: Row) -> None:
        """Compute the first completion of each kind again, from the model's plain forward pass."""
        if how := self._unchecked.get(row.taken > 0):
            precision = str(self.model.dtype).removeprefix("torch.")
            require_same(row.logprobs, recomputed(self.model, row), precision, how)
            del self._unchecked[row.taken > 0]

    def _all_here(self) -> bool:
        return self._caches.keys() - self._left_behind <= self._waiting.keys()

    def _tell(self, request: _Request) -> None:
        request.ended = True
        if not request.left:
            self._told.append(request)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _wait(self) -> None:
        """Wait for a change; when none comes in time, stop waiting for those who are away."""
        with anyio.move_on_after(self.patience) as clock:
            await self._changed.wait()
        if clock.cancelled_caught and not self._busy:
            self._left_behind |= self._caches.keys() - self._waiting.keys()

    async def _run_batch(self) -> None:
        """Answer everyone who waits. The caller does it for all, so no task outlives a request."""
        requests = sorted(self._waiting.values(), key=lambda t: (t.prompt.episode, t.prompt.step))
        for request in requests:
            self._waiting.pop(request.prompt.session)
        by_row = {id(request.row): request for request in requests}
        rows = [request.row for request in requests]

        def deliver(row: Row) -> None:
            self._tell(by_row[id(row)])

        def compute() -> None:
            for start in range(0, len(rows), self.max_batch):
                part = rows[start : start + self.max_batch]
                for row in sample(self.model, part, self.renderer.stop_ids):
                    self._check(row)
                    anyio.from_thread.run_sync(deliver, row)

        self._busy = True
        try:
            # Not cancelled with the caller's episode: the others' completions are made here too.
            await anyio.to_thread.run_sync(compute)
        except Exception as error:  # noqa: BLE001  raised again in every request of the batch
            for request in requests:
                if not request.ended:
                    request.error = error
                    self._tell(request)
        finally:
            self._busy = False
            self._wake()
