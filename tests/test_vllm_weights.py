"""New weights in a running server: what it samples then is what transformers says, and labelled."""

import os
import signal
from copy import deepcopy
from types import SimpleNamespace

import anyio
import pytest
import torch
from anyio.from_thread import start_blocking_portal
from conftest import missing_vllm
from vllm_asking import ask, logprobs, reference
from vllm_processes import processes

from agentgym.errors import AgentGymError
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import adapter_arguments, serving
from agentgym_trainers.learner.lora import LoRA, add_adapters
from agentgym_trainers.weights.adapter import AdapterSync
from agentgym_trainers.weights.folder import FolderSync
from agentgym_trainers.weights.update import Probe, update
from agentgym_trainers.weights.whole import checkpoint_weights

pytestmark = pytest.mark.timeout(600)  # engines start, some of them twice
EXACT = 1e-4


@pytest.fixture(scope="module")
def running(smollm2, tmp_path_factory):
    """A server that takes adapters, and how to call what uses it."""
    missing_vllm()
    config = EngineConfig(dtype="float32", max_model_len=1024, cpu_cache=1)
    log = tmp_path_factory.mktemp("weights") / "vllm.log"
    server = serving(smollm2, config, log=log, say=print, arguments=adapter_arguments(8))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(server) as own:
        policy = portal.call(VLLMPolicy.connect, [own], config)
        yield SimpleNamespace(server=own, policy=policy, call=portal.call)


@pytest.fixture
def changed(smollm2):
    """The model with other weights everywhere, its tied head too."""
    model = deepcopy(reference(smollm2))
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=random)
            parameter.mul_(1 + 0.05 * noise)
    return model


def agreement(running, model):
    """Largest |ln p| between the server and a model, and the labels, on one completion."""

    async def use():
        async with running.policy.session("s"):
            return await ask(running.policy, max_tokens=16)

    ids, answer = running.call(use)
    own, _ = logprobs(model, ids, answer.ids)
    return float((own - torch.tensor(answer.logprobs)).abs().max()), set(answer.weight_versions)


def test_all_weights_through_a_folder(running, changed, smollm2):
    sync = FolderSync(running.policy, changed, "keep", None)
    before, _ = agreement(running, changed)
    running.call(sync.send, 7)
    after, labels = agreement(running, changed)
    assert before > 0.1 and after < EXACT and labels == {7}
    sync.model = reference(smollm2)
    running.call(sync.send, 8)
    assert agreement(running, reference(smollm2)) == (pytest.approx(0, abs=EXACT), {8})
    sync.close()
    assert not sync.folder.exists()


def test_a_head_that_stayed_old_is_found(running, changed, smollm2, monkeypatch):
    """What a checkpoint of a tied model leaves out, an engine with a head of its own keeps."""
    sync = FolderSync(running.policy, reference(smollm2), "keep", None)
    probe = Probe(running.policy, sync.model, [1, 4093, 198, 57], temperature=1.0)
    running.call(sync.send, 1)
    assert running.call(probe.difference, 1) < EXACT
    sync.model = probe.model = changed
    monkeypatch.setattr(
        "agentgym_trainers.weights.folder.checkpoint_weights",
        lambda *given: (pair for pair in checkpoint_weights(*given) if pair[0] != "lm_head.weight"),
    )
    running.call(sync.send, 2)
    with pytest.raises(AgentGymError, match="the engine has not all of the new weights"):
        running.call(probe.difference, 2)
    sync.model = reference(smollm2)
    monkeypatch.undo()
    running.call(sync.send, 3)
    sync.close()


def test_a_server_of_another_model_is_found_before_any_training(running, changed, smollm2):
    sync = FolderSync(running.policy, reference(smollm2), "keep", None)
    running.call(sync.send, 9)
    sync.close()
    probe = Probe(running.policy, changed, [1, 4093, 198, 57], temperature=1.0)
    with pytest.raises(AgentGymError, match="do the servers serve the model that is trained"):
        running.call(probe.difference, 9)


def test_an_adapter_in_place_of_the_one_before(running, smollm2):
    model = deepcopy(reference(smollm2))
    add_adapters(model, LoRA(rank=4), seed=1)
    sync = AdapterSync(running.policy, model, "keep")
    served = running.policy.model
    for version in (4, 5):
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    random = torch.Generator().manual_seed(version)
                    parameter.add_(torch.randn(parameter.shape, generator=random), alpha=0.02)
        stale, _ = agreement(running, model)
        running.call(sync.send, version)
        fresh, labels = agreement(running, model)
        assert stale > 0.05 and fresh < EXACT and labels == {version}
    sync.close()
    running.policy.model = served


def test_merged_adapters_are_the_adapted_model(smollm2):
    model = deepcopy(reference(smollm2))
    add_adapters(model, LoRA(rank=4), seed=1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.fill_(0.01)
    merged = deepcopy(reference(smollm2))
    merged.load_state_dict(dict(checkpoint_weights(model)))
    ids = torch.tensor([[1, 4093, 198, 57, 1250]])
    with torch.no_grad():
        assert (model(ids).logits - merged(ids).logits).abs().max() < 1e-3
        assert (model(ids).logits - reference(smollm2)(ids).logits).abs().max() > 0.1


@pytest.mark.parametrize("in_flight", ["keep", "abort", "wait"])
def test_a_completion_in_the_making(running, smollm2, in_flight):
    """It spans two versions, or waits for its end; with the same weights it is the same text."""
    sync = FolderSync(running.policy, reference(smollm2), in_flight, None)
    servers = [running.server]

    async def use():
        await sync.send(10)
        found = []

        async def complete():
            async with running.policy.session("s"):
                found.append(await ask(running.policy, "Tell a story.", max_tokens=120, seed=3))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(complete)
            await anyio.sleep(1.0)
            await update(servers, 11, in_flight, lambda server: server.reload(sync.folder))
        return found[0]

    ids, answer = running.call(use)
    sync.close()
    versions = list(answer.weight_versions)
    assert versions == sorted(versions) and len(versions) == len(answer.ids) > 40
    assert set(versions) == ({10} if in_flight == "wait" else {10, 11})
    own, _ = logprobs(reference(smollm2), ids, answer.ids)
    assert (own - torch.tensor(answer.logprobs)).abs().max() < EXACT


def test_a_restarted_server_gets_its_weights_back(running, changed):
    sync = FolderSync(running.policy, changed, "keep", None)
    running.call(sync.send, 20)

    async def restore():
        await sync.restore(running.server)

    running.server.on_restart = restore
    for pid in processes(running.server.url):
        os.kill(pid, signal.SIGKILL)
    found, labels = agreement(running, changed)
    assert found < EXACT and labels == {20} and running.server.restarts == 1
    sync.close()


@pytest.mark.parametrize("backend", ["nccl", "ipc"])
def test_transfers_between_gpus_need_one(running, smollm2, backend, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    from agentgym_trainers.weights.native import NativeSync

    with pytest.raises(AgentGymError, match=f"'{backend}' moves weights between CUDA devices"):
        NativeSync(running.policy, reference(smollm2), "keep", backend, None)
