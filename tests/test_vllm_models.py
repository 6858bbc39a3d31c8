"""vLLM serves small models of many families as the learner computes them, and takes new weights."""

import pytest
from architectures import CPU_SERVES, SERVED, save
from conftest import missing_vllm

from agentgym_trainers.model_check import engine
from agentgym_trainers.model_check.subject import Subject

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.mark.parametrize("name", CPU_SERVES)
def test_weights_sent_unchanged_change_nothing_and_new_ones_arrive(name, tmp_path):
    missing_vllm()
    subject = Subject(save(name, tmp_path, **SERVED))
    assert engine.weights(subject).startswith("loaded ")


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_an_adapter_that_is_sent_is_sampled_from(name, tmp_path):
    missing_vllm()
    assert "q_proj" in engine.adapter(Subject(save(name, tmp_path, **SERVED)))
