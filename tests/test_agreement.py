"""A run whose policy is not what is trained stops before its first update, and says why."""

import json

import pytest
import tomli_w
import torch
from architectures import SERVED, model, save
from conftest import missing_vllm
from transformers import LlamaForCausalLM, Qwen3ForCausalLM

import agentgym
from agentgym.errors import AgentGymError, Disagreement
from agentgym.policy import Sampling
from agentgym.policy.agreement import LIMITS, mean_difference
from agentgym.policy.decoding import Row, sample
from agentgym.policy.local import LocalPolicy
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import Step, StopReason, Trajectory
from agentgym_trainers.config import OptimizerConfig, load
from agentgym_trainers.learner.learner import Learner
from agentgym_trainers.run.loop import train
from agentgym_trainers.sampling.agreement import Agreement, limit

TABLES = {
    "steps": 1,
    "env": {"id": "agentgym/WebShop-v0", "kwargs": {"level": "easy"}},
    "credit": {"name": "grpo"},
    "model": {"width": 32, "layers": 1, "vocabulary": 300},
    "rollouts": {
        "group_size": 2,
        "groups": 1,
        "sampling": {"max_tokens": 8},
        "limits": {"max_steps": 2},
    },
    "evaluation": {"tasks": 1},
}


def config(tmp_path, **tables):
    file = tmp_path / "c.toml"
    file.write_text(tomli_w.dumps(TABLES | {"run_dir": str(tmp_path / "run")} | tables))
    return load(file)


def updates(tmp_path):
    file = tmp_path / "run/metrics.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [line for line in map(json.loads, lines) if "update/loss" in line]


def scaled(kind, factor, monkeypatch):
    """A transform of the logits that only this process knows."""
    plain = kind.forward

    def forward(self, *arguments, **more):
        output = plain(self, *arguments, **more)
        output.logits = output.logits * factor
        return output

    monkeypatch.setattr(kind, "forward", forward)


def played(tmp_path, *, length=40, temperature=1.0, sampler=None):
    """An episode of one step that ``sampler`` sampled, as a trajectory."""
    row = Row(list(range(10, 20)), Sampling(max_tokens=length, temperature=temperature), seed=3)
    list(sample(sampler, [row], frozenset()))
    step = Step(
        observation="o",
        action="a",
        anchor="o",
        prompt_ids=row.prompt,
        ids=row.ids,
        logprobs=row.logprobs,
    )
    task = agentgym.Task(id="t", split="train")
    return Trajectory(
        id="t/0", group="t", task=task, stop_reason=StopReason.TERMINATED, steps=[step]
    )


def agreement(tmp_path, trained, said=print, **tables):
    return Agreement(config(tmp_path, **tables), Learner(trained, OptimizerConfig()), said)


def test_what_the_model_itself_sampled_agrees(tmp_path):
    found = agreement(tmp_path, model("granite"))
    found.require([played(tmp_path, sampler=model("granite"))])
    assert found.checked


def test_a_scale_that_one_side_lacks_is_named(tmp_path):
    """The engine divides its logits by 8, as Granite does, and the learner has a plain Llama."""
    sampler, trained = model("llama"), model("llama")
    with torch.no_grad():
        sampler.lm_head.weight.div_(8)
    with pytest.raises(Disagreement, match=r"before the first update.* the learner's divided by 8"):
        agreement(tmp_path, trained).require([played(tmp_path, sampler=sampler)])


def test_logprobs_before_temperature_are_named(tmp_path):
    trajectory = played(tmp_path, sampler=model("llama"))  # at temperature 1
    sampling = TABLES["rollouts"] | {"sampling": {"temperature": 0.5}}
    found = agreement(tmp_path, model("llama"), rollouts=sampling)
    with pytest.raises(Disagreement, match=r"before temperature; .*processed_logprobs"):
        found.require([trajectory])


def test_a_length_from_which_they_differ_is_named(tmp_path):
    """The engine knows no window; the learner's is 24 tokens."""
    found = agreement(tmp_path, model("mistral", sliding_window=24))
    trajectory = played(tmp_path, sampler=model("mistral", sliding_window=512))
    with pytest.raises(Disagreement, match=r"agree up to token (2[4-9]|3\d) of a sequence"):
        found.require([trajectory])


def test_other_weights_are_said_to_be_others(tmp_path):
    sampler = model("llama")
    with torch.no_grad():
        for weight in sampler.parameters():
            weight.mul_(1 + 0.3 * torch.randn(weight.shape, generator=torch.Generator()))
    with pytest.raises(Disagreement, match="the engine serves other weights"):
        agreement(tmp_path, model("llama")).require([played(tmp_path, sampler=sampler)])


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({}, 1e-4),
        ({"model": {"path": "x", "dtype": "bfloat16", "lora": {}}}, 0.1),
        ({"policy": {"engine": "vllm", "vllm": {"dtype": "float32"}}}, 1e-4),
        ({"policy": {"engine": "vllm", "vllm": {"dtype": "float16"}}}, 0.1),
        ({"policy": {"engine": "vllm"}}, 0.1),
        (
            {
                "policy": {"engine": "vllm", "vllm": {"dtype": "float32"}},
                "optimizer": {"precision": "bfloat16"},
            },
            0.1,
        ),
    ],
)
def test_the_limit_follows_precision_and_engine(tmp_path, tables, expected):
    assert limit(config(tmp_path, **tables)) == expected


def test_a_mismatch_that_grows_is_a_warning_and_then_an_error(tmp_path):
    said = []
    found = agreement(tmp_path, model("llama"), said.append)
    found.watch(1, 5e-5)
    assert not said
    found.watch(2, 3e-4)
    found.watch(3, 3.1e-4)  # hardly more than was said
    assert len(said) == 1 and "step 2: warning: update/mismatch is 0.0003 nats" in said[0]
    with pytest.raises(Disagreement, match=r"of step 4: .* differ by 0.002 nats"):
        found.watch(4, 0.002)
    with pytest.raises(Disagreement, match="of step 5"):
        found.watch(5, float("nan"))


def test_older_weights_may_differ_by_more(tmp_path):
    tables = {"policy": {"engine": "vllm", "vllm": {"dtype": "float32"}}}
    stale = TABLES["rollouts"] | {"max_staleness": 1}
    agreement(tmp_path, model("llama"), rollouts=stale, **tables).watch(3, 0.05)


def test_differences_of_nothing_and_of_no_numbers():
    assert mean_difference([], []) == 0
    assert mean_difference([0.0, -1.0], [0.5, -1.0]) == 0.25
    assert mean_difference([0.0], [float("nan")]) > max(LIMITS.values())


def test_an_evaluation_of_a_model_that_is_sampled_wrongly_ends(tokenizer, monkeypatch):
    """A cache changes what this model says; no episode of it may count."""
    found = model("llama", max_position_embeddings=2048)
    plain = LlamaForCausalLM.forward

    def forward(self, *arguments, use_cache=None, **more):
        output = plain(self, *arguments, use_cache=use_cache, **more)
        output.logits = output.logits * (3.0 if use_cache else 1.0)
        return output

    monkeypatch.setattr(LlamaForCausalLM, "forward", forward)
    env = agentgym.make("agentgym/WebShop-v0", level="easy")
    with pytest.raises(Disagreement, match="sampled from a whole prompt, tokens have other"):
        agentgym.run(
            agentgym.evaluate,
            lambda: agentgym.make("agentgym/WebShop-v0", level="easy"),
            LocalPolicy(found, tokenizer),
            env.tasks("test")[:2],
            sampling=Sampling(max_tokens=4),
            limits=Limits(max_steps=2),
        )


def test_a_local_run_of_a_wrong_model_makes_no_update(tmp_path, monkeypatch):
    """Its logits depend on what else is in a row, which the learner leaves out."""
    plain = Qwen3ForCausalLM.forward

    def forward(self, *arguments, **more):
        output = plain(self, *arguments, **more)
        output.logits = output.logits * output.logits.shape[1]
        return output

    monkeypatch.setattr(Qwen3ForCausalLM, "forward", forward)
    with pytest.raises(Disagreement, match="tokens have other logprobs"):
        agentgym.run(train, config(tmp_path))
    assert not updates(tmp_path)


@pytest.mark.integration
@pytest.mark.timeout(900)
@pytest.mark.parametrize("engine", ["vllm", "vllm-in-process"])
def test_a_vllm_run_of_a_wrong_model_makes_no_update(engine, tmp_path, monkeypatch):
    """The trainer's process scales its logits by 8, and vLLM knows nothing of it."""
    missing_vllm()
    folder = save("llama", tmp_path / "base", **SERVED, max_position_embeddings=2048)
    scaled(LlamaForCausalLM, 8.0, monkeypatch)
    vllm = {"dtype": "float32", "cpu_cache": 1, "max_num_seqs": 4}
    wrong = config(
        tmp_path,
        model={"path": str(folder)},
        policy={"engine": engine, "vllm": vllm},
    )
    with pytest.raises(AgentGymError, match=r"differ by .* nats"):
        agentgym.run(train, wrong)
    assert not updates(tmp_path)
