"""Goals: what a shopper wants, and the tasks made of them."""

from collections.abc import Sequence
from itertools import product as combinations
from math import isfinite

from pydantic import BaseModel, ConfigDict

from agentgym.env.seeded_random import SeededRandom
from agentgym.env.text_env import Task
from agentgym_envs.webshop import rich
from agentgym_envs.webshop.levels import Level
from agentgym_envs.webshop.product import Product

SPLITS = ("train", "valid", "test")
NO_LIMIT = 1_000_000.0
"""The price limit of a goal that names none."""


class Goal(BaseModel):
    """One wish. A task's data is this model's dump, enough to play it on the same catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    asin: str
    """The product that the goal was made from."""
    instruction: str
    attributes: tuple[str, ...]
    options: tuple[str, ...]
    """Wanted values; the original compares them without their group's name, and so do we."""
    price_upper: float = NO_LIMIT
    search: str
    """What a careful shopper types first; the expert's."""
    weight: float = 1.0
    """How often the task is drawn, compared with others of its split."""


def price_limit(price: float, rng: SeededRandom) -> float:
    """Two of the next four $10 steps above the price (up to $990), and of them the larger."""
    first = int(price // 10) + 1
    steps = [10.0 * step for step in range(first, first + 4) if step < 100]
    return max(rng.some(steps, 2)) if len(steps) >= 2 and isfinite(price) else NO_LIMIT


def generated_tasks(
    name: str, level: Level, products: Sequence[Product], seed: int
) -> dict[str, list[Task]]:
    """The tasks of a generated shop by split; no product is wanted in two splits."""
    rng = SeededRandom("goals", seed)
    mixed = rng.some(products, len(products))
    cut = {split: round(len(mixed) * share) for split, share in (("test", 0.15), ("valid", 0.1))}
    pools = {
        "test": mixed[: cut["test"]],
        "valid": mixed[cut["test"] : cut["test"] + cut["valid"]],
        "train": mixed[cut["test"] + cut["valid"] :],
    }
    sizes = {"train": level.train, "valid": level.valid, "test": level.test}
    return {
        split: number(f"{name}/{split}", split, wishes(level, pools[split], sizes[split], rng))
        for split in SPLITS
    }


def wishes(level: Level, pool: Sequence[Product], count: int, rng: SeededRandom) -> list[Goal]:
    """``count`` goals for the products of a pool in turn, no two alike."""
    orders = [rng.some(list(combinations(*p.options.values())), count) for p in pool]
    goals: list[Goal] = []
    turn = 0
    while len(goals) < count and any(turn < len(order) for order in orders):
        for wanted, order in zip(pool, orders, strict=True):
            if turn < len(order) and len(goals) < count:
                goals.append(wish(level, wanted, order[turn], rng))
        turn += 1
    return goals


def wish(level: Level, wanted: Product, options: tuple[str, ...], rng: SeededRandom) -> Goal:
    """A goal for a product with these option values."""
    limit = price_limit(wanted.price, rng)
    named = None if limit == NO_LIMIT else limit
    if not level.compact:
        said = rich.request(wanted, options, named, rng)
        return Goal(asin=wanted.asin, options=options, price_upper=limit, **said)
    # Where the color tells siblings apart it stands with the options, not with the search words.
    first = 0 if level.own_colors else 1
    search = " ".join([*options[:first], wanted.title])
    hidden = f" that is {wanted.attributes[-1]}" if level.hidden else ""
    rest = zip(level.options[first:], options[first:], strict=True)
    parts = [f"i want a {search}{hidden}", *(f"{name} {value}" for name, value in rest)]
    return Goal(
        asin=wanted.asin,
        instruction=", ".join([*parts, f"price lower than {limit:.0f} dollars"]),
        attributes=wanted.attributes,
        options=options,
        price_upper=limit,
        search=search,
    )


def number(prefix: str, split: str, goals: Sequence[Goal]) -> list[Task]:
    """Goals as tasks with the ids ``prefix/00000``, ``prefix/00001``, ..."""
    return [
        Task(id=f"{prefix}/{place:05d}", split=split, data=goal.model_dump(mode="json"))
        for place, goal in enumerate(goals)
    ]
