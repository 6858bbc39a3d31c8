"""The process between us and a server of ours: nothing that it runs outlives its client."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mcp_servers import comes, sleeping

from agentgym.runtime import supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
SUPERVISOR = [sys.executable, "-I", "-S", supervisor.__file__]
SECONDS = 200_000 + os.getpid()  # of sleep, to know it by
FAMILY = ["sh", "-c", f"sleep {SECONDS} & exec sleep {SECONDS}"]
CLIENT = """
import subprocess, sys, time
guarded = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
time.sleep(600)
"""


def guarded(*words, **pipes):
    return subprocess.Popen(
        [*SUPERVISOR, *map(str, words)], stdin=subprocess.PIPE, text=True, **pipes
    )


@pytest.fixture
def owner_file(tmp_path):
    """An owner file in its folder."""
    folder = tmp_path / "home"
    (folder / "files").mkdir(parents=True)
    owner_file = folder / "owner_file-0"
    owner_file.touch()
    return owner_file


def test_a_worker_s_status_is_ours_and_its_descendants_end_with_it():
    with guarded("work", "sh", "-c", f"sleep {SECONDS} & exit 3") as process:
        assert process.wait(30) == 3
    assert comes(lambda: not sleeping(SECONDS))


def test_a_worker_reads_nothing_and_is_asked_to_end():
    polite = f"trap 'echo asked; exit 0' TERM; cat; echo ready; sleep {SECONDS} & wait"
    with guarded("work", "sh", "-c", polite, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "ready\n"
        process.stdin.close()
        assert process.stdout.readline() == "asked\n"
        assert process.wait(30) == 0
    assert comes(lambda: not sleeping(SECONDS))


SHARING = """
import time
from multiprocessing.shared_memory import SharedMemory
print(SharedMemory(create=True, size=64).name, flush=True)
time.sleep(600)
"""


def test_what_clears_up_behind_a_worker_may_do_so():
    with guarded("work", sys.executable, "-c", SHARING, stdout=subprocess.PIPE) as process:
        shared = Path("/dev/shm") / process.stdout.readline().strip()
        assert shared.is_file()
        process.stdin.close()
        process.wait(30)
    assert not shared.exists()


@pytest.mark.parametrize("manner", ["work", "talk"])
def test_a_killed_client_takes_everything_with_it(manner, owner_file):
    words = [manner, *([str(owner_file)] if manner == "talk" else []), *FAMILY]
    client = subprocess.Popen([sys.executable, "-c", CLIENT, *SUPERVISOR, *words])
    assert comes(lambda: len(sleeping(SECONDS)) == 2)
    client.kill()
    client.wait()
    assert comes(lambda: not sleeping(SECONDS))
    assert comes(lambda: owner_file.exists() == (manner == "work"))


@pytest.mark.parametrize("manner", ["work", "talk"])
def test_a_killed_guardian_takes_the_command_with_it(manner, owner_file):
    words = [manner, *([owner_file] if manner == "talk" else []), "sleep", SECONDS]
    with guarded(*words) as process:
        assert comes(lambda: sleeping(SECONDS))
        process.kill()
    assert comes(lambda: not sleeping(SECONDS))


def test_a_talker_has_our_input_and_output(owner_file):
    with guarded("talk", owner_file, "cat", stdout=subprocess.PIPE) as process:
        process.stdin.write("hello\n")
        process.stdin.flush()
        assert process.stdout.readline() == "hello\n"
        process.stdin.close()
        process.wait(30)
    assert not owner_file.parent.exists()


def test_a_talker_that_dies_is_heard_and_keeps_its_folder_while_we_are_there(owner_file):
    dying = ["sh", "-c", f"sleep {SECONDS} & exit 1"]  # the sleeper holds the output open
    with guarded("talk", owner_file, *dying, stdout=subprocess.PIPE) as process:
        assert process.stdout.read() == ""
        assert comes(lambda: not sleeping(SECONDS))
        assert process.poll() is None and owner_file.exists()
        process.stdin.close()
        process.wait(30)
    assert not owner_file.parent.exists()


def test_a_folder_that_belongs_to_another_supervisor_stays(owner_file):
    with guarded("talk", owner_file, "cat", stdout=subprocess.PIPE) as process:
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "\n"
        other = owner_file.rename(owner_file.with_name("owner_file-1"))
        process.stdin.close()
        process.wait(30)
    assert other.exists()


def test_a_talker_that_ignores_every_request_is_killed(owner_file):
    stubborn = f"trap '' TERM; cat; echo deaf; while true; do sleep {SECONDS}; done"
    with guarded("talk", owner_file, "sh", "-c", stubborn, stdout=subprocess.PIPE) as process:
        process.stdin.close()
        assert process.wait(30) is not None
    assert not sleeping(SECONDS) and not owner_file.parent.exists()


def test_sigterm_ends_the_command_too(owner_file):
    with guarded("talk", owner_file, *FAMILY) as process:
        assert comes(lambda: len(sleeping(SECONDS)) == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert not sleeping(SECONDS) and not owner_file.parent.exists()


def test_a_command_that_is_not_there(owner_file):
    done = subprocess.run(
        [*SUPERVISOR, "talk", str(owner_file), "no-such-program"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and "cannot start it" in done.stderr
    assert "no-such-program" in done.stderr and not owner_file.parent.exists()
