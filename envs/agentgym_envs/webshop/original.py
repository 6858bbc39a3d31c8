"""The original WebShop's data files, for those who have them (they cannot be shipped).

items_shuffle*.json      products
items_ins_v2*.json       attributes of products, and synthetic instructions
items_human_ins*.json    instructions that people wrote; when present, all goals are made of them
"""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice, product as combinations
from pathlib import Path
from typing import Any

from agentgym.env.seeded_random import SeededRandom
from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym_envs.webshop.goals import NO_LIMIT, Goal, number, price_limit
from agentgym_envs.webshop.pages import plain
from agentgym_envs.webshop.product import Product

PRODUCTS, ATTRIBUTES, PEOPLE = "items_shuffle", "items_ins_v2", "items_human_ins"
EXPECTED = f"{PRODUCTS}*.json and {ATTRIBUTES}*.json, and optionally {PEOPLE}*.json"
SHUFFLE = 233  # the published seed of the order of the goals
TEST, VALID = 500, 1000  # the published split: the first goals test, the next validate
UNPRICED = 100.0
MOST = 1000  # synthetic goals of one product; option groups can multiply to millions


def load(
    folder: Path, seed: int, most: int | None = None
) -> tuple[list[Product], dict[str, list[Task]]]:
    """Products (the first ``most`` of the file) and tasks by split.

    Raises:
        BadInput: a file is missing or not in the published format.
    """
    items = read(folder, PRODUCTS, list)
    notes = read(folder, ATTRIBUTES, dict)
    people = read(folder, PEOPLE, dict) if find(folder, PEOPLE) else {}
    try:
        products = read_products(items[:most], notes, seed)
        rng = SeededRandom("goals", seed)
        goals = list(human_goals(products, people, rng)) or synthetic_goals(products, notes, rng)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f"files in {folder} are not as WebShop published them: {error!r}") from error
    if not goals:
        raise BadInput(f"files in {folder} hold no instruction for any of their products")
    random.Random(SHUFFLE).shuffle(goals)
    parts = {
        "train": goals[TEST + VALID :],
        "valid": goals[TEST : TEST + VALID],
        "test": goals[:TEST],
    }
    return products, {name: number(f"original/{name}", name, part) for name, part in parts.items()}


def find(folder: Path, stem: str) -> Path | None:
    """The file of a kind: the full one before ``_1000`` or any other suffix."""
    files = sorted(folder.glob(f"{stem}*.json"), key=lambda path: (len(path.name), path.name))
    return files[0] if files else None


def read(folder: Path, stem: str, shape: type) -> Any:
    """The content of a data file."""
    path = find(folder, stem)
    if path is None:
        raise BadInput(f"no {stem}*.json in {str(folder)!r}; expected {EXPECTED}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as JSON: {error}; expected {EXPECTED}") from error
    if not isinstance(content, shape):
        raise BadInput(f"{path} holds a {type(content).__name__}, not a {shape.__name__}")
    return content


def read_products(
    items: list[dict[str, Any]], notes: Mapping[str, Any], seed: int
) -> list[Product]:
    """The products with a usable number, each number once."""
    products: dict[str, Product] = {}
    for item in items:
        asin = str(item.get("asin", "nan"))
        if asin == "nan" or len(asin) > 10 or plain(asin) in products:
            continue
        bullets = item.get("small_description") or ()
        products[plain(asin)] = Product(
            asin=plain(asin),
            title=str(item["name"]),
            query=str(item.get("query", "")).lower().strip(),
            category=str(item.get("product_category", "")),
            price=read_price(item.get("pricing"), SeededRandom("price", seed, asin)),
            attributes=tuple(map(str, notes.get(asin, {}).get("attributes") or ())),
            options=read_options(item.get("customization_options")),
            description=str(item.get("full_description") or ""),
            bullets=(bullets,) if isinstance(bullets, str) else tuple(map(str, bullets)),
        )
    return list(products.values())


def read_price(pricing: object, rng: SeededRandom) -> float:
    """``"$12.50"``; of ``"$10 to $20"`` a price in between; 100 when there is none."""
    found = re.findall(r"\d[\d,]*(?:\.\d+)?", str(pricing or ""))
    numbers = [float(text.replace(",", "")) for text in found[:2]]
    if not numbers:
        return UNPRICED
    low, high = numbers[0], numbers[-1]
    return round(low + (high - low) * rng.random(), 2)


def read_options(groups: Mapping[str, Any] | None) -> dict[str, tuple[str, ...]]:
    """Option groups with their values as they stand on buttons."""
    options = {}
    for name, values in (groups or {}).items():
        if values:
            options[plain(name)] = tuple(dict.fromkeys(button(v["value"]) for v in values))
    return options


def button(value: object) -> str:
    """A value as one can click it: no slash, as in the original, and no square brackets."""
    text = str(value).replace("/", " | ").replace("[", "(").replace("]", ")")
    return plain(text)


def human_goals(
    products: list[Product], people: Mapping[str, Any], rng: SeededRandom
) -> Iterator[Goal]:
    """One goal for each written instruction that names attributes."""
    by_asin = {plain(asin): said for asin, said in people.items()}
    for product in products:
        for said in by_asin.get(product.asin, ()):
            if not said["instruction_attributes"]:
                continue
            options = said.get("instruction_options") or ()
            values = options.values() if isinstance(options, Mapping) else options
            yield make_goal(
                product,
                said["instruction"],
                said["instruction_attributes"],
                map(button, values),
                rng,
            )


def synthetic_goals(
    products: list[Product], notes: Mapping[str, Any], rng: SeededRandom
) -> list[Goal]:
    """One goal for each combination of option values, weighted by how rare its attributes are."""
    by_asin = {plain(asin): note for asin, note in notes.items()}
    goals = []
    for product in products:
        note = by_asin.get(product.asin, {})
        if not note.get("instruction") or not note.get("instruction_attributes"):
            continue
        for values in islice(combinations(*product.options.values()), MOST):
            pairs = zip(product.options, values, strict=True)
            said = " with " + ", and ".join(f"{name}: {v}" for name, v in pairs) if values else ""
            text = note["instruction"].strip().rstrip(".") + said
            goals.append(make_goal(product, text, note["instruction_attributes"], values, rng))
    counts = Counter(attribute for goal in goals for attribute in goal.attributes)
    return [
        goal.model_copy(
            update={"weight": sum(1 / counts[a] for a in goal.attributes) / len(goal.attributes)}
        )
        for goal in goals
    ]


def make_goal(
    product: Product, instruction: str, attributes: Any, options: Any, rng: SeededRandom
) -> Goal:
    """A goal with its price limit, said at the end of the instruction."""
    limit = price_limit(product.price, rng)
    price = "" if limit == NO_LIMIT else f", and price lower than {limit:.2f} dollars"
    return Goal(
        asin=product.asin,
        instruction=instruction.strip().rstrip(".") + price,
        attributes=tuple(attributes),
        options=tuple(options),
        price_upper=limit,
        search=product.title,
    )
