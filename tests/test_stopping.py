"""A run that is stopped: by a signal, by Ctrl-C, by a full disk, by whoever called it.

It says where it goes on, and the same command ends as one that was never stopped.
"""

import http.server
import os
import pty
import select
import signal
import subprocess
import sys
import time
from io import StringIO
from threading import Thread

import pytest
from rich.console import Console

import agentgym
from agentgym.policy.vllm import EngineConfig
from agentgym.policy.vllm.process import OwnServer
from agentgym_trainers.command.signals import first_signal
from agentgym_trainers.config import load
from agentgym_trainers.display import Display
from agentgym_trainers.run import loop
from agentgym_trainers.run.loop import train
from agentgym_trainers.run.metrics import read
from agentgym_trainers.run.run_folder import begun
from agentgym_trainers.run.stopping import Stop, Stopped

SMALL = """
seed = 3
steps = 4
[env]
kwargs = { level = "easy", products = 60 }
[model]
width = 32
layers = 1
vocabulary = 300
[warm_start]
demonstrations = 10
epochs = 1
[rollouts]
groups = 2
group_size = 2
sampling = { max_tokens = 6 }
limits = { max_steps = 2 }
[credit]
name = "grpo"
[objective]
entropy_coef = 0.01
[evaluation]
tasks = 1
[checkpoint]
every = 3
"""
A_MINUTE = 60.0


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "small.toml"
    config.write_text(SMALL)
    return config


def command(file, folder, *overrides):
    return [sys.executable, "-m", "agentgym", "train", file, f"--run_dir={folder}", *overrides]


def started(*arguments, **options):
    """A training command, as in a terminal of its own."""
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Tests that run in the background have Ctrl-C ignored, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        **options,
    )


def numbers(folder):
    """What training gave, whatever it was interrupted by."""
    timed = ("seconds", "tokens_per_second")
    return [
        {name: one for name, one in record.items() if not any(word in name for word in timed)}
        for record in read(folder / "metrics.jsonl")
    ]


def comes(path, process):
    end = time.monotonic() + A_MINUTE
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, "it ended, or does not come"
        time.sleep(0.005)


def run_here(file, folder, *overrides):
    """Train in this process; what is said of it."""
    said = StringIO()
    config = load(file, [f"--run_dir={folder}", *overrides])
    agentgym.run(train, config, Display(Console(file=said)))
    return said.getvalue()


@pytest.fixture(scope="module")
def whole(file, tmp_path_factory):
    """The numbers of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run_here(file, folder)
    return numbers(folder)


@pytest.mark.parametrize(
    ("number", "code", "word", "steps"),
    [
        (signal.SIGTERM, 143, "stopped by SIGTERM", (1, 2)),
        (signal.SIGINT, 130, "interrupted", (0,)),
    ],
    ids=["SIGTERM", "Ctrl-C"],
)
def test_a_signal_to_all_of_it(file, whole, tmp_path, number, code, word, steps):
    folder = tmp_path / "run"
    with started(file, folder) as run:
        comes(folder / "trajectories/step-000001.jsonl", run)
        os.killpg(run.pid, number)
        out = run.communicate()[0]
    assert run.returncode == code and "Traceback" not in out
    (last,) = (step for step in steps if (folder / f"checkpoints/step-{step:06d}").exists())
    saved = folder / f"checkpoints/step-{last:06d}"
    assert out.splitlines()[-1] == f"{word}: {saved} is saved; the same command goes on from it"
    assert f"going on from {saved}" in run_here(file, folder)
    assert numbers(folder) == whole


def test_a_second_signal_stops_it_at_once(file, tmp_path):
    with started(file, tmp_path / "run", "--rollouts.groups=400") as run:
        comes(tmp_path / "run/evaluations/step-000000-sampled.jsonl", run)
        run.terminate()
        while "a second one stops it at once" not in run.stdout.readline():
            assert run.poll() is None
        run.terminate()
        assert run.wait(5) == -signal.SIGTERM
    assert not (tmp_path / "run/trajectories/step-000001.jsonl").exists()


def test_a_terminal_that_hangs_up(file, tmp_path):
    """What is shown is lost, and the training step is saved all the same."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, command(file, tmp_path / "run", "--steps=100"))
    while not (tmp_path / "run/trajectories/step-000001.jsonl").exists():
        if select.select([terminal], [], [], 0.005)[0]:
            os.read(terminal, 4096)
    os.close(terminal)  # a thread that reads would put the end off
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert len(list((tmp_path / "run/checkpoints").iterdir())) == 2


def test_ignored_signals_stay_ignored():
    """As nohup wants it."""
    heard = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with first_signal(heard.append):
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN and heard == []
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard == [signal.SIGTERM]
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def stopped(config, when):
    """Train until ``when`` says, of the names of the stages, that it is time to stop."""
    stop, display = Stop(), Display(Console(file=StringIO()))
    signals = []

    def ask():
        while not when([stage.name for stage in display.stages]):
            time.sleep(0.002)
        signals.extend(signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP))
        stop.ask()

    asking = Thread(target=ask, daemon=True)
    asking.start()
    with pytest.raises(Stopped):
        agentgym.run(train, config, display, stop)
    asking.join(A_MINUTE)
    assert signals == [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)]
    return display


def test_an_evaluation_is_cut_short_and_played_again(file, tmp_path):
    folder = tmp_path / "run"
    more = ["--evaluation.every=1", "--evaluation.tasks=40", "--steps=2"]
    config = load(file, [f"--run_dir={folder}", *more])

    def when(stages):
        return (folder / "trajectories/step-000001.jsonl").exists() and "eval greedy" in stages

    stopped(config, when)
    assert not (folder / "evaluations/step-000001-sampled.jsonl").exists()
    assert (folder / "checkpoints/step-000001").exists()  # though every = 3
    run_here(file, folder, *more)
    evaluated = [record["step"] for record in read(folder / "metrics.jsonl") if _is_eval(record)]
    assert evaluated == [0, 1, 2]


def _is_eval(record):
    return "eval/sampled/success" in record


def test_a_warm_start_is_given_some_seconds(file, tmp_path, monkeypatch):
    config = load(file, [f"--run_dir={tmp_path}", "--warm_start.epochs=100000"])
    monkeypatch.setattr(loop, "GRACE", 0.3)
    asked = []

    def when(stages):
        if "warm start" in stages:
            asked.append(time.monotonic())
        return asked

    stopped(config, when)
    assert 0.3 <= time.monotonic() - asked[0] < 20
    assert not begun(tmp_path) and not (tmp_path / "start").exists()


def test_a_warm_start_that_is_done_in_time_is_saved(file, tmp_path):
    config = load(file, [f"--run_dir={tmp_path}"])
    stopped(config, lambda stages: "playing demonstrations" in stages)
    assert begun(tmp_path) and not list((tmp_path / "evaluations").glob("*"))


def test_who_asks_before_it_begins(file, tmp_path):
    stop = Stop()
    stop.ask()
    with pytest.raises(Stopped):
        agentgym.run(train, load(file, [f"--run_dir={tmp_path}"]), None, stop)
    assert [one.name for one in tmp_path.iterdir()] == [".lock"]


SERVER = """
import http.server, os, sys
print("its supervisor leads a session:", os.getsid(os.getppid()) == os.getppid(), flush=True)
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy).serve_forever()
"""


def test_ctrl_c_in_the_terminal_does_not_reach_a_server_of_ours(tmp_path):
    """The kernel sends it to the terminal's processes; the trainer ends its servers itself."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as free:
        port = free.server_port
    line = [sys.executable, "-c", SERVER, str(port)]
    log = tmp_path / "log"
    server = OwnServer(f"http://127.0.0.1:{port}", line, os.environ, EngineConfig(), log, print)

    async def use():
        async with server.open():
            await server.start()
            await server.stop()

    agentgym.run(use)
    assert "its supervisor leads a session: True" in log.read_text()


@pytest.mark.parametrize(
    ("limit", "part"), [(60_000, "start"), (150_000, "checkpoints/step-000003")]
)
def test_a_full_disk(file, whole, tmp_path, limit, part):
    """The kernel refuses to let a file grow, as it does when the disk is full."""
    folder = tmp_path / "run"
    (folder / "start").mkdir(parents=True)
    (folder / "start/model.safetensors").write_bytes(b"half of it")
    limited = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        "from agentgym.cli import main; main(sys.argv[1:])"
    )
    arguments = [str(argument) for argument in command(file, folder)[3:]]
    done = subprocess.run(
        [sys.executable, "-c", limited, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: cannot save {folder / part}: ")
    assert line.endswith("free some space, and the same command goes on from it")
    assert not list(folder.rglob(".partial*"))
    run_here(file, folder)
    assert numbers(folder) == whole
    assert (folder / "start/model.safetensors").stat().st_size > limit / 2
