"""How fast WebShop is: seconds to open the full shop, and steps a second of a random shopper.

python benchmarks/webshop_speed.py
"""

import os
import platform
import random
import time

import agentgym
from agentgym_envs.webshop.env import WebShop
from agentgym_envs.webshop.levels import LEVELS

STEPS = 50_000
SEARCHES = 3_000
LONGEST_EPISODE = 30


def random_steps(env: WebShop, steps: int) -> float:
    """Seconds that ``step`` takes for a random walk over possible actions."""
    rng = random.Random(0)
    env.reset(seed=0)
    spent, length = 0.0, 0
    for _ in range(steps):
        action = rng.choice(env.actions())
        start = time.perf_counter()
        _, _, done, _, _ = env.step(action)
        spent += time.perf_counter() - start
        length += 1
        if done or length == LONGEST_EPISODE:
            env.reset()
            length = 0
    return spent


def new_searches(env: WebShop, count: int) -> float:
    """Seconds for as many different searches, none of them remembered."""
    queries = [str(task.data["search"]) for task in env.tasks("train")[:count]]
    env.shop.index.search.cache_clear()
    start = time.perf_counter()
    for query in queries:
        env.reset()
        env.step(f"search[{query}]")
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for level in LEVELS:
        start = time.perf_counter()
        env = agentgym.make("agentgym/WebShop-v0", level=level)
        opened = time.perf_counter() - start
        assert isinstance(env, WebShop)
        rate = STEPS / random_steps(env, STEPS)
        count = min(SEARCHES, len(env.tasks("train")))
        search = new_searches(env, count) / count * 1000
        print(
            f"{level:7}{len(env.shop.products):6} products opened in {opened:5.2f} s;"
            f" {rate:7.0f} steps/s; reset + new search {search:.2f} ms"
        )


if __name__ == "__main__":
    main()
