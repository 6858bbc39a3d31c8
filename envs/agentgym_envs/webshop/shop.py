"""A shop: products, search index and tasks, built once and shared by every environment on it."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

from agentgym.env.text_env import Task
from agentgym.errors import UnknownName
from agentgym_envs.webshop.catalogue import generate
from agentgym_envs.webshop.goals import generated_tasks
from agentgym_envs.webshop.levels import LEVELS, Level
from agentgym_envs.webshop.original import load
from agentgym_envs.webshop.pages import (
    Place,
    detail_clicks,
    item_clicks,
    result_clicks,
)
from agentgym_envs.webshop.product import Product
from agentgym_envs.webshop.search import Index


@dataclass(frozen=True)
class Source:
    """What a shop is made of. Small, so that it travels instead of the shop."""

    level: str = "full"
    seed: int = 0
    products: int | None = None
    data_dir: str | None = None

    def rung(self) -> Level:
        """The level, with the number of products that was asked for.

        Raises:
            UnknownName: no such level.
        """
        if self.level not in LEVELS:
            raise UnknownName("level", self.level, LEVELS)
        level = LEVELS[self.level]
        return level if self.products is None else replace(level, products=self.products)


class Shop:
    """Read-only: what is possible at a place, and the tasks."""

    def __init__(
        self, level: Level, products: Sequence[Product], tasks: dict[str, list[Task]]
    ) -> None:
        self.level = level
        self.products = {product.asin: product for product in products}
        self.index = Index(products)
        self.tasks = tasks
        self.by_id = {task.id: task for split in tasks.values() for task in split}
        weights = [float(str(task.data["weight"])) for task in tasks["train"]]
        self._cumulative = list(accumulate(weights))

    def draw(self, share: float) -> Task:
        """The train task at a share (0 to 1) of the total weight."""
        train = self.tasks["train"]
        place = bisect_right(self._cumulative, share * self._cumulative[-1])
        return train[min(place, len(train) - 1)]

    def clicks(self, place: Place) -> dict[str, Place]:
        """Button -> the place that it leads to, in the order of the page."""
        match place.page:
            case "results":
                return result_clicks(place, self.index.search(place.query), self.level.per_page)
            case "item":
                return item_clicks(place, self.products[place.asin])
            case "search" | "done":
                return {}
            case _:
                return detail_clicks(place)


@lru_cache(maxsize=8)
def open_shop(source: Source) -> Shop:
    """The shop of a source, built at most once in a process while it is in use."""
    level = source.rung()
    if source.data_dir is not None:
        products, tasks = load(Path(source.data_dir), source.seed, source.products)
        return Shop(level, products, tasks)
    made = generate(level, source.seed)
    return Shop(level, made, generated_tasks(source.level, level, made, source.seed))
