"""The full level's language: products and requests that read like a real shop's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.webshop.product import Product
from agentgym_envs.webshop.words import DEPARTMENTS, ENDINGS, OPTIONS, SYLLABLES, Department


def split(words: str) -> tuple[str, ...]:
    """The parts of a ``|`` list that may run over several lines."""
    return tuple(" ".join(part.split()) for part in words.split("|"))


@dataclass(frozen=True)
class Shelf:
    """One kind of product with everything that may be said of it, ready to draw from."""

    kind: str
    category: str
    department: Department
    attributes: tuple[str, ...]
    materials: tuple[str, ...]
    audiences: tuple[str, ...]
    uses: tuple[str, ...]


SHELVES = tuple(
    Shelf(
        kind,
        f"{d.name} › {shelf} › {kind}",
        d,
        *map(split, (d.attributes, d.materials, d.audiences, d.uses)),
    )
    for d in DEPARTMENTS
    for shelf, kinds in d.shelves.items()
    for kind in split(kinds)
)
VALUES = {name: split(values) for name, values in OPTIONS.items()}
STARTS, ENDS = split(SYLLABLES), split(ENDINGS)

TITLES = (
    "{brand} {kind} for {audience}, {a} and {b}, {material}, for {use}",
    "{brand} {a} {material} {kind}, {b}, for {audience}",
    "{material} {kind} by {brand} - {a}, {b} - for {use}",
    "{brand} {material} {kind} for {audience} with {a}, {b}, for {use}",
    "{a} {kind} for {use}, {b}, {material}, {brand}",
)
DESCRIPTIONS = (
    "Designed by {brand} with {audience} in mind. We chose {material} because it keeps its "
    "quality year after year. At its best for {use}.",
    "Looking for {noun} to keep? {brand} uses {material} throughout. Customers choose it for "
    "{use}, and many of them come back for more.",
    "From the workshop of {brand}: {noun} like no other. The character comes from {material}, "
    "the rest is care for detail. A good choice for {use}.",
    "Made for {audience}, with {material}, checked by hand, and packed without waste. Many of "
    "our customers think of it first for {use}.",
)
BULLETS = (
    "{A}: tested for a whole year before it came into the shop.",
    "{A} - one of the reasons why our customers stay with us.",
    "Known for: {a}. It is what reviewers mention first.",
    "{A}. Please read the label for details.",
    "{A}, in every color, size and version.",
)
CLOSING = (
    "Write to us at any time: {brand} answers within a day.",
    "A thoughtful gift for {audience}.",
    "Colors may differ slightly from the pictures.",
    "Comes in a box of recycled paper.",
)
REVIEWS = {
    "Bought for {use}, and I have no complaints.": 5,
    "The {material} is better than I expected for the price.": 5,
    "Arrived late, but just what was described.": 4,
    "Bought for {use}; my sister now wants the same.": 5,
    "Fine, though I would choose another version next time.": 3,
    "The picture promised more. I sent it back.": 2,
    "Does what it should. Nothing special.": 3,
}
REQUESTS = (
    "i am looking for {noun} with these features: {attributes}{options}{price}",
    "i need {noun}, {attributes}{options}{price}",
    "find me {noun} described as {attributes}{options}{price}",
    "could you get me {noun}, {attributes}{options}{price}?",
    "i would like to buy {noun}; what matters to me is {attributes}{options}{price}",
    "time to replace my old {kind}. the new one has to be {attributes}{options}{price}",
)


def describe(rng: SeededRandom) -> dict[str, Any]:
    """Everything about a random product but its number, as arguments of ``Product``."""
    shelf = rng.pick(SHELVES)
    attributes = rng.some(shelf.attributes, 4 + rng.below(3))
    words: dict[str, Any] = {
        "brand": brand(rng),
        "kind": shelf.kind,
        "noun": with_article(shelf.kind),
        "audience": rng.pick(shelf.audiences),
        "material": rng.pick(shelf.materials),
        "use": rng.pick(shelf.uses),
        "a": attributes[0],
        "b": attributes[1],
    }
    bullets = [
        rng.pick(BULLETS).format(a=attribute, A=attribute.capitalize())
        for attribute in attributes[1:]
    ]
    bullets.append(rng.pick(CLOSING).format(**words))
    low, high = shelf.department.prices
    return {
        "title": rng.pick(TITLES).format(**words),
        "query": shelf.kind,
        "category": shelf.category,
        "price": round(low + (high - low) * rng.random() ** 2, 2),
        "attributes": tuple(attributes),
        "options": draw_options(shelf.department, rng),
        "description": rng.pick(DESCRIPTIONS).format(**words),
        "bullets": tuple(bullets),
        "reviews": tuple(
            f"{REVIEWS[text]} stars. {text.format(**words)}"
            for text in rng.some(tuple(REVIEWS), 1 + rng.below(3))
        ),
    }


def brand(rng: SeededRandom) -> str:
    """A made-up name."""
    middle = rng.pick(STARTS) if rng.random() < 0.4 else ""
    return (rng.pick(STARTS) + middle + rng.pick(ENDS)).capitalize()


def with_article(noun: str) -> str:
    """``an eye cream``, ``a shirt``; plurals stand alone."""
    if noun.endswith("s") and not noun.endswith("ss"):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), words[-1]])


def draw_options(department: Department, rng: SeededRandom) -> dict[str, tuple[str, ...]]:
    """The first option group of a department and up to two others, with some of their values."""
    first, *others = department.options
    names = {first, *rng.some(others, rng.below(min(len(others), 2) + 1))}
    drawn = {}
    for name in department.options:
        if name in names:
            values = rng.some(VALUES[name], 2 + rng.below(5))
            drawn[name] = tuple(value for value in VALUES[name] if value in values)
    return drawn


def request(
    wanted: "Product", options: Sequence[str], limit: float | None, rng: SeededRandom
) -> dict[str, Any]:
    """What a shopper says to get a product, and the words they would search for."""
    attributes = tuple(rng.some(wanted.attributes, 1 + rng.below(3)))
    pairs = [
        value if name in value else f"{name} {value}"
        for name, value in zip(wanted.options, options, strict=True)
    ]
    price = "" if limit is None else f", and price lower than {limit:.2f} dollars"
    instruction = rng.pick(REQUESTS).format(
        kind=wanted.query,
        noun=with_article(wanted.query),
        attributes=listed(attributes),
        options=", with " + ", ".join(pairs),
        price=price,
    )
    return {
        "instruction": instruction,
        "attributes": attributes,
        "search": " ".join([*attributes, wanted.query, *options]),
    }
