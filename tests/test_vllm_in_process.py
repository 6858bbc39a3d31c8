"""vLLM in this process: what a server would answer, and nothing of it is left behind."""

import json
import multiprocessing
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest
import torch
from anyio.from_thread import start_blocking_portal
from conftest import missing_vllm
from pydantic import ValidationError
from vllm_asking import ask, logprobs, reference
from vllm_processes import gone

from agentgym.errors import BadInput, ServerError
from agentgym.policy import Sampling
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.policy import VLLMPolicy
from agentgym.policy.vllm.process import adapter_arguments
from agentgym.policy.vllm.tokens import SampleRequest
from agentgym_trainers.config import TrainConfig
from agentgym_trainers.credit.grpo import GRPO
from agentgym_trainers.learner.lora import LoRA, add_adapters
from agentgym_trainers.rollouts.independent import Independent
from agentgym_trainers.weights.adapter import AdapterSync
from agentgym_trainers.weights.folder import FolderSync
from agentgym_trainers.weights.update import Probe

pytestmark = pytest.mark.timeout(600)  # engines start, some of them twice
EXACT = 1e-4
TOP = 8
SMALL = """
run_dir = "{folder}/run"
steps = 1000
credit = {{ name = "grpo" }}
env = {{ id = "agentgym/WebShop-v0", kwargs = {{ level = "easy" }} }}
warm_start = {{ demonstrations = 4, epochs = 1 }}
evaluation = {{ tasks = 2 }}

[policy]
engine = "vllm-in-process"
vllm = {{ dtype = "float32", cpu_cache = 1 }}

[rollouts]
group_size = 2
groups = 2
limits = {{ max_steps = 2 }}
sampling = {{ max_tokens = 4 }}
"""


@pytest.fixture(scope="module")
def running(smollm2):
    """An engine that takes adapters, a copy of its model, and how to call what uses them."""
    missing_vllm()
    from agentgym.policy.vllm.in_process import in_process

    config = EngineConfig(dtype="float32", max_model_len=1024, cpu_cache=1, entropy_top=TOP)
    opening = in_process(smollm2, config, arguments=adapter_arguments(8))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(opening) as engine:
        yield SimpleNamespace(
            engine=engine, config=config, model=deepcopy(reference(smollm2)), call=portal.call
        )


@pytest.fixture
def policy(running):
    return running.call(VLLMPolicy.connect, [running.engine], running.config)


def asked(running, policy, **sampling):
    """The ids of a prompt and a completion of it."""

    async def use():
        async with policy.session("s"):
            return await ask(policy, **sampling)

    return running.call(use)


def agreement(running, policy, model):
    """Largest |ln p| between the engine and a model, and the labels, on one completion."""
    ids, answer = asked(running, policy, max_tokens=12)
    own, _ = logprobs(model, ids, answer.ids)
    return float((own - torch.tensor(answer.logprobs)).abs().max()), set(answer.weight_versions)


def test_a_completion_is_what_transformers_says(running, policy):
    ids, answer = asked(running, policy, seed=5, temperature=0.7)
    own, whole = logprobs(running.model, ids, answer.ids, 0.7)
    assert (own - torch.tensor(answer.logprobs)).abs().max() < EXACT
    likely = whole.topk(TOP).values.exp()
    kinds = torch.cat([likely, 1 - likely.sum(dim=-1, keepdim=True)], dim=-1)
    entropies = torch.special.entr(kinds).sum(dim=-1)
    assert answer.entropies == pytest.approx(entropies.tolist(), abs=1e-3)
    assert answer == asked(running, policy, seed=5, temperature=0.7)[1]
    assert answer.ids != asked(running, policy, seed=6, temperature=0.7)[1].ids


def test_all_weights_through_a_folder(running, policy):
    sync = FolderSync(policy, running.model, "keep", None)
    probe = Probe(policy, running.model, [1, 4093, 198, 57], temperature=1.0)
    running.call(sync.send, 6)
    assert running.call(probe.difference, 6) < EXACT
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in running.model.parameters():
            parameter.mul_(1 + 0.05 * torch.randn(parameter.shape, generator=random))
    before, labels = agreement(running, policy, running.model)
    assert before > 0.1 and labels == {6}
    running.call(sync.send, 7)
    after, labels = agreement(running, policy, running.model)
    assert after < EXACT and labels == {7}
    assert running.call(probe.difference, 7) < EXACT
    sync.close()


def test_an_adapter_in_place_of_the_one_before(running, policy):
    model = deepcopy(running.model)
    add_adapters(model, LoRA(rank=4), seed=1)
    sync = AdapterSync(policy, model, "keep")
    for version in (8, 9):
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "lora_B" in name:
                    parameter.add_(0.02 * torch.randn_like(parameter))
        stale, _ = agreement(running, policy, model)
        running.call(sync.send, version)
        fresh, labels = agreement(running, policy, model)
        assert stale > 0.05 and fresh < EXACT and labels == {version}
    sync.close()


def test_a_cancelled_completion_is_not_gone_on_with(running, policy):
    async def cancelled():
        async with policy.session("s"):
            with anyio.move_on_after(1) as clock:
                await ask(policy, max_tokens=900, temperature=2.0)
        assert clock.cancelled_caught and running.engine.active == 0
        with anyio.fail_after(10):  # it takes a minute, and this would wait for it
            await running.engine.pause("wait")
        await running.engine.resume()

    running.call(cancelled)


@pytest.mark.parametrize(
    ("ids", "name", "says"),
    [
        ([10**6], "", "Token id 1000000 is out of vocabulary"),
        ([-1], "", "Token id -1 is out of vocabulary"),
        ([5] * 2000, "", "length 2000.* is longer than the maximum model length of 1024"),
        ([], "", "cannot be empty"),
        ([5], "nobody", "no model 'nobody'; it has"),
    ],
)
def test_what_it_refuses(running, ids, name, says):
    request = SampleRequest(ids, Sampling(max_tokens=2), seed=0, model=name)
    with pytest.raises(ServerError, match=says):
        running.call(running.engine.sample, request)


def test_without_a_gpu_it_stays_awake(running, policy):
    async def asleep():
        async with running.engine.asleep(), policy.session("s"):
            return await ask(policy, max_tokens=2)

    _, answer = running.call(asleep)
    assert answer.ids


def test_a_dead_engine_says_so(running, policy):
    """The last one that uses the engine."""
    for process in multiprocessing.active_children():
        process.kill()
    with pytest.raises(ServerError, match="vLLM in this process has died"):
        asked(running, policy, max_tokens=500)
    with pytest.raises(ServerError, match="vLLM in this process has died"):
        running.call(running.engine.pause, "keep")


def test_an_unknown_argument():
    missing_vllm()
    from agentgym.policy.vllm.in_process import in_process

    async def start():
        async with in_process(Path("nowhere"), EngineConfig(arguments=["--no-such-thing"])):
            pass

    with pytest.raises(BadInput, match="unrecognized arguments: --no-such-thing"):
        anyio.run(start)


def test_a_killed_run_leaves_no_engine_behind(tmp_path):
    """A whole run, whose updates arrive; then its process is killed, and its children end."""
    missing_vllm()
    import psutil

    config, log = tmp_path / "small.toml", tmp_path / "log"
    metrics = tmp_path / "run" / "metrics.jsonl"
    config.write_text(SMALL.format(folder=tmp_path))
    command = [sys.executable, "-m", "agentgym", "train", str(config)]
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as run:
        until = time.monotonic() + 200
        while time.monotonic() < until and run.poll() is None and len(steps(metrics)) < 2:
            time.sleep(0.5)
        assert run.poll() is None, log.read_text()
        children = [child.pid for child in psutil.Process(run.pid).children(recursive=True)]
        run.kill()
    assert len(steps(metrics)) >= 2, log.read_text()
    assert all(step["update/probe"] < EXACT for step in steps(metrics))
    assert len(children) >= 3 and gone(children, seconds=20)  # watchdog, engine, its worker


def steps(metrics):
    """The training steps of a metrics file."""
    lines = metrics.read_text().splitlines() if metrics.is_file() else []
    return [numbers for numbers in map(json.loads, lines) if "update/probe" in numbers]


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ({"rollouts": Independent(max_staleness=1)}, "rollouts.max_staleness must be 0"),
        ({"policy": {"weights": "ipc"}}, "needs a server"),
        ({"policy": {"vllm": {"urls": ["http://127.0.0.1:8000"]}}}, "urls need policy.engine"),
    ],
)
def test_settings_that_do_not_fit(tables, says):
    policy = {"engine": "vllm-in-process"} | tables.pop("policy", {})
    with pytest.raises(ValidationError, match=says):
        TrainConfig(credit=GRPO(), policy=policy, **tables)


def test_who_stays_awake_may_run_ahead():
    policy = {"engine": "vllm-in-process", "vllm": {"sleep": False}}
    config = TrainConfig(credit=GRPO(), policy=policy, rollouts=Independent(max_staleness=1))
    assert config.rollouts.max_staleness == 1
