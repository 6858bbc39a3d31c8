"""How fast pages in the browser are, one browser and one episode at a time.

python benchmarks/browser_speed.py

Prints, of ten windows of two seconds, the median and the best: one-step episodes a second (reset,
read, click, reward) of a page of one button and of one of several, the same where each episode
loads the page anew, and steps a second of an app.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable

import agentgym
from agentgym.env.text_env import TextEnv
from agentgym_tools.browser.host import executable

WINDOWS = 10
SECONDS = 2.0


def rates(work: Callable[[], int]) -> list[float]:
    """How much of its work is done a second, in each window."""
    work()  # the first loads the page
    measured = []
    for _ in range(WINDOWS):
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < SECONDS:
            done += work()
        measured.append(done / (time.perf_counter() - start))
    return measured


def episodes(env: TextEnv) -> Callable[[], int]:
    """Plays an expert's episode; counts episodes."""
    tasks = iter(list(env.tasks("train")) * 1000)

    def play() -> int:
        env.reset(options={"task": next(tasks)})
        done = False
        while not done:
            _, _, done, _, info = env.step(env.expert() or "")
        assert info["success"]
        return 1

    return play


def steps(env: TextEnv) -> Callable[[], int]:
    """Goes from page to page of an app; counts steps."""
    env.reset(seed=0)

    def walk() -> int:
        for page in ("compose", "inbox"):
            env.step(f'goto("{page}")')
        return 2

    return walk


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{executable()}; load {os.getloadavg()[0]:.1f}")
    measured = {
        "click-test, episodes/s": episodes(agentgym.make("agentgym/MiniWoB-click-test-v0")),
        "click-button, episodes/s": episodes(agentgym.make("agentgym/MiniWoB-click-button-v0")),
        "focus-text-2, loaded anew, episodes/s": episodes(
            agentgym.make("agentgym/MiniWoB-focus-text-2-v0")
        ),
        "GUI-Mail, steps/s": steps(agentgym.make("agentgym/GUI-Mail-v0", level="easy")),
        "GUI-Mail, episodes/s": episodes(agentgym.make("agentgym/GUI-Mail-v0", level="easy")),
    }
    for name, work in measured.items():
        found = rates(work)
        print(f"{name:40} median {statistics.median(found):6.0f}   best {max(found):6.0f}")


if __name__ == "__main__":
    main()
