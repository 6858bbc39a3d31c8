"""Products, and shops of generated products that are a function of a seed."""

from itertools import product as combinations

from agentgym.env.seeded_random import SeededRandom
from agentgym.errors import BadInput
from agentgym_envs.webshop import rich
from agentgym_envs.webshop.levels import Level
from agentgym_envs.webshop.product import Product

KINDS = (
    *("shirt", "dress", "jacket", "hat", "bag", "rug", "lamp", "mug", "chair", "shoe"),
    *("scarf", "skirt", "coat", "belt", "blanket", "pillow", "bowl", "table", "clock", "curtain"),
)
MATERIALS = ("cotton", "wool", "linen", "silk", "leather", "bamboo", "velvet", "denim")
STYLES = ("soft", "warm", "light", "classic", "modern", "simple")
USES = ("travel", "home", "office", "summer")
FEATURES = (
    *("washable", "waterproof", "foldable", "handmade"),
    *("padded", "recycled", "reversible", "fireproof"),
)
COLORS = (
    *("red", "blue", "green", "black", "white", "yellow", "pink", "brown"),
    *("gray", "purple"),
)
VALUES = {
    "size": ("small", "medium", "large", "huge"),
    "pattern": ("plain", "striped", "dotted", "checked"),
    "pack": ("single", "double", "family"),
    "finish": ("matte", "glossy", "raw"),
}
ASINS = 10 * 9 * 8 * 7 * 6 * 5  # of six different digits: a copied digit has only one successor


def generate(level: Level, seed: int) -> list[Product]:
    """The shop of a level: the same products on every machine.

    Raises:
        BadInput: more products are asked for than there are product numbers.
    """
    if not 1 <= level.products <= ASINS // 2:
        raise BadInput(f"products must be from 1 to {ASINS // 2}, not {level.products}")
    rng = SeededRandom("catalogue", seed)
    asins = product_numbers(level.products, rng)
    if level.compact:
        return compact_products(level, asins, rng)
    return [Product(asin, **rich.describe(rng)) for asin in asins]


def product_numbers(n: int, rng: SeededRandom) -> list[str]:
    """``b`` and six different digits, spread so that the first digits tell products apart."""
    step = ASINS // n
    numbers = []
    for place in range(n):
        rank = place * step + rng.below(step)
        left = list("0123456789")
        digits = []
        for size in (9 * 8 * 7 * 6 * 5, 8 * 7 * 6 * 5, 7 * 6 * 5, 6 * 5, 5, 1):
            digits.append(left.pop(rank // size))
            rank %= size
        numbers.append("b" + "".join(digits))
    return rng.some(numbers, n)


def compact_products(level: Level, asins: list[str], rng: SeededRandom) -> list[Product]:
    """Families of siblings: one title, told apart by price, colors or a hidden feature."""
    pools = (
        STYLES[: level.styles],
        MATERIALS[: level.materials],
        KINDS[: level.kinds],
        USES if level.uses else ("",),
    )
    families = rng.some(list(combinations(*pools)), -(-level.products // level.siblings))
    if len(families) * level.siblings < level.products:
        raise BadInput(
            f"this level's words make at most {len(families) * level.siblings} products; "
            f"{level.products} were asked for"
        )
    made = []
    for style, material, kind, use in families:
        shared = {name: in_order(VALUES[name], level, rng) for name in level.options[1:]}
        colors = rng.some(COLORS[: 8 if level.siblings == 1 else 10], 10)
        features = rng.some(FEATURES, level.siblings)
        for sibling in range(level.siblings):
            first = sibling * level.values if level.own_colors else 0
            own = colors[first : first + level.values]
            hidden = (features[sibling],) if level.hidden else ()
            made.append(
                (
                    f"{style} {material} {kind}{' for ' + use if use else ''}",
                    kind,
                    f"shop › {kind}",
                    15.0 + 5 * rng.below(13),
                    (style, material, *((use,) if use else ()), *hidden),
                    {"color": tuple(c for c in COLORS if c in own), **shared},
                    f"a {kind} made of {material}",
                    (f"it is {style}", *(f"it is {word}" for word in hidden)),
                    (f"{2 + rng.below(4)} stars",),
                )
            )
    # Siblings tie in the search engine, which then keeps this order.
    mixed = rng.some(made, level.products)
    return [Product(asin, *rest) for asin, rest in zip(asins, mixed, strict=True)]


def in_order(values: tuple[str, ...], level: Level, rng: SeededRandom) -> tuple[str, ...]:
    """Some of the values, in the order of the list."""
    chosen = rng.some(values, level.values)
    return tuple(value for value in values if value in chosen)
