"""Each framework in a virtual environment of its own, with the versions that its extra names.

Their pins exclude each other, so no environment can hold them all. The environments are kept in a
cache folder; making all seven takes minutes and 3 GB, so a person has to ask for it (CI=1).
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from conftest import missing
from counter import TASK, Counter

import agentgym
from agentgym.errors import MissingExtra
from agentgym.export.endpoint import serving
from agentgym.export.instructions import instructions
from agentgym.policy import Sampling
from agentgym.policy.chat import ChatPolicy
from agentgym.policy.scripted import ScriptedPolicy
from agentgym.tools.parse import parse_tool_calls
from agentgym.tools.tool import ToolCall, tool

ROOT = Path(__file__).parent.parent
EXTRAS = {
    "gem": "gem",
    "textarena": "textarena",
    "skyrl": "skyrl",
    "openenv": "openenv",
    "tau2": "tau2,test",
    "verifiers": "verifiers",
    "trl": "trl,train",
}
BY_ID = {
    "agentgym/Gem-v0": ("gem", "gem"),
    "agentgym/TextArena-v0": ("textarena", "textarena"),
    "agentgym/SkyRL-v0": ("skyrl_gym", "skyrl"),
    "agentgym/OpenEnv-v0": ("openenv", "openenv"),
    "agentgym/Tau2-v0": ("tau2.registry", "tau2"),
}


def environment(framework):
    """The interpreter of an environment with us and the framework; made anew when pins change."""
    cache = Path(os.environ.get("AGENTGYM_CACHE", Path.home() / ".cache" / "agentgym"))
    wanted = (ROOT / "pyproject.toml").read_bytes() + f"{sys.version} {ROOT}".encode()
    folder = cache / "adapters" / f"{framework}-{hashlib.sha256(wanted).hexdigest()[:12]}"
    python, installed = folder / "bin" / "python", folder / "installed"
    if not installed.exists():
        for old in folder.parent.glob(f"{framework}-*"):
            shutil.rmtree(old)
        # What pip is told to find wheels in, uv should find them in too.
        wheels = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
        for arguments in (
            ["venv", "--python", sys.executable, str(folder)],
            ["pip", "install", "--python", str(python), "-e", f"{ROOT}[{EXTRAS[framework]}]"],
        ):
            uv = [sys.executable, "-m", "uv", *arguments, "--quiet"]
            done = subprocess.run(
                uv,
                env=os.environ | wheels,
                capture_output=True,
                text=True,
                timeout=1200,
                check=False,
            )
            assert done.returncode == 0, done.stderr[-3000:]
        installed.touch()
    return python


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("framework", EXTRAS)
def test_it_works_with_the_real_package(framework, tmp_path):
    if "CI" not in os.environ:
        pytest.skip(f"it installs {framework} anew: CI=1 pytest {Path(__file__).name}")
    if importlib.util.find_spec("uv") is None:
        missing("uv", "test")
    check = ROOT / "tests" / "adapters" / f"check_{framework}.py"
    how = ["-m", "pytest", "-p", "no:cacheprovider"] if framework == "tau2" else []
    done = subprocess.run(
        [environment(framework), *how, check],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("name", BY_ID)
def test_without_its_package_it_is_listed_and_says_what_to_install(name, monkeypatch):
    package, extra = BY_ID[name]
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    assert agentgym.registered()[name]
    with pytest.raises(MissingExtra, match=rf"agentgym-lab\[{extra}\]"):
        agentgym.make(name)


def test_the_exports_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "verifiers", None)
    monkeypatch.delitem(sys.modules, "agentgym.export.verifiers", raising=False)
    with pytest.raises(MissingExtra, match=r"agentgym-lab\[verifiers\]"):
        importlib.import_module("agentgym.export.verifiers")
    from agentgym.export.trl import dataset

    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"agentgym-lab\[trl\]"):
        dataset("agentgym/WebShop-v0", level="easy")


def play(policy, **options):
    return agentgym.run(agentgym.rollout, Counter(), policy, TASK, **options)


def test_a_model_behind_the_endpoint_says_what_it_says_itself(model, tokenizer):
    from agentgym.policy.local import LocalPolicy

    greedy = Sampling(temperature=0, max_tokens=6)
    once = agentgym.Limits(max_steps=1)  # words that come back are tokenised anew
    own = LocalPolicy(model, tokenizer)
    (itself,) = play(own, sampling=greedy, limits=once).steps
    with serving(own, name="tiny") as url:
        (asked,) = play(ChatPolicy(url, "tiny"), sampling=greedy, limits=once).steps
    assert asked.action == itself.action
    assert asked.usage.prompt_tokens == len(itself.prompt_ids)
    assert asked.usage.completion_tokens == len(itself.ids) == 6


def test_what_the_endpoint_refuses_says_why():
    def act(prompt):
        if prompt.step:
            raise KeyError("lost")
        return f"{len(prompt.messages)} {prompt.messages[-1]['content']}"

    said = [
        {
            "role": "user",
            "content": [{"type": "text", "text": "go "}, {"type": "text", "text": "on"}],
        }
    ]
    with serving(ScriptedPolicy(act)) as url:
        ask = f"{url}/chat/completions"
        answer = httpx.post(ask, json={"messages": said}).json()
        assert answer["choices"][0]["message"] == {"role": "assistant", "content": "1 go on"}
        assert httpx.get(f"{url}/models").json()["data"][0]["id"] == "agentgym"
        for body, words in (
            ({"messages": []}, "at least 1 item"),
            ({"messages": said, "n": 2}, "n"),
            ({"messages": said, "tools": [{"type": "function"}]}, "tools"),
            ({"messages": said, "temperature": -1}, "temperature"),
        ):
            refused = httpx.post(ask, json=body)
            assert refused.status_code == 400 and words in refused.json()["error"]["message"]
        assert httpx.post(f"{url}/completions", json={}).status_code == 404
        broken = httpx.post(ask, json={"messages": [*said, {"role": "assistant"}]})
        assert broken.status_code == 500 and "lost" in broken.json()["error"]["message"]
        streamed = httpx.post(ask, json={"messages": said, "stream": True})
        assert streamed.headers["content-type"] == "text/event-stream"
        assert "1 go on" in streamed.text and streamed.text.endswith("data: [DONE]\n\n")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/models")


@tool
def multiply(a: float, b: float) -> float:
    """The product of two numbers."""
    return a * b


def test_instructions_describe_the_tools_and_how_to_call_them():
    env = Counter()
    env.system_prompt = "Count."
    assert instructions(env) == "Count."
    env.tools = (multiply,)
    told = instructions(env)
    assert told.startswith("Count.\n") and "The product of two numbers." in told
    assert parse_tool_calls(told).calls == [ToolCall(name="NAME", arguments={"ARGUMENT": "VALUE"})]
