"""The published reward of WebShop (Yao et al., 2022), as plain functions.

    score = type * (attributes + options + price) / (wanted attributes + wanted options + 1)

One deviation: the published type term compares the nouns of the two titles, found by a spaCy
model that cannot be installed from PyPI. Here the nouns are the words that are left without
stop words and the usual describing words (styles, materials); see :data:`STOP_WORDS`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rapidfuzz.fuzz import token_set_ratio

from agentgym_envs.webshop.product import Product

CLOSE = 85  # of 100: above it two strings name the same thing
_COLOR_NAMES = """
    beige black blue brown burgundy charcoal coral cream cyan gold gray green grey ivory khaki
    lavender lilac magenta maroon mint mustard navy olive orange peach pink plum purple red rose
    rust sage silver tan taupe teal turquoise violet white wine yellow
"""
_EMPTY_WORDS = """
    a about all an and any are as at be best by can do each extra for from great has have high in
    into is it its made more most new no not of on one only or other our out over perfect per
    quality so such super than that the their these this to top two ultra up use very was we with
    without you your
"""
_DESCRIBING_WORDS = """
    adjustable big casual classic comfortable compact cozy deep durable easy elegant fashion
    fashionable fine fit handmade heavy huge large lightweight light long loose low luxury mini
    modern natural portable premium professional pure quick short simple slim small smooth soft
    solid stylish thick thin vintage warm wide
    bamboo cotton denim fleece leather linen polyester silk velvet wool
"""
COLORS = frozenset(_COLOR_NAMES.split())
STOP_WORDS = frozenset((_EMPTY_WORDS + _DESCRIBING_WORDS).split())
WORD = re.compile(r"[a-z]{2,}")


@dataclass(frozen=True)
class Verdict:
    """The score of a purchase and its parts, each from 0 to 1."""

    score: float
    attributes: float
    """Share of the wanted attributes that the product has (1 when none is wanted)."""
    options: float
    """Share of the wanted options that were chosen (1 when none is wanted)."""
    price: float
    """1 when the price is within the limit."""
    type: float
    """1, 0.5, 0.1 or 0: is it the kind of product that was asked for?"""


def judge(
    product: Product,
    chosen: Iterable[str],
    *,
    target: Product,
    attributes: Iterable[str],
    options: Mapping[str, str] | Iterable[str],
    price_upper: float,
) -> Verdict:
    """Score the purchase of ``product`` with the ``chosen`` option values against a goal.

    Args:
        product: what was bought.
        chosen: the values chosen, of any option group.
        target: the product that the goal was made from.
        attributes: wanted attributes.
        options: wanted option values, or a dict of them, of which only the values count (the
            original compares (name, value) pairs when it is given a dict, an accident).
        price_upper: the highest price that is right.
    """
    wanted = list(attributes)
    values = list(options.values() if isinstance(options, Mapping) else options)
    chosen = list(chosen)
    has = sum(attribute_matches(attribute, product) for attribute in wanted)
    took = sum(any(same_option(value, other) for other in chosen) for value in values)
    cheap = float(product.price <= price_upper)
    kind = type_score(product, target)
    return Verdict(
        score=kind * ((has + took + cheap) / (len(wanted) + len(values) + 1)),
        attributes=has / len(wanted) if wanted else 1.0,
        options=took / len(values) if values else 1.0,
        price=cheap,
        type=kind,
    )


def attribute_matches(attribute: str, product: Product) -> bool:
    """Whether a product has an attribute: by its list, or literally anywhere in its text."""
    attribute = attribute.lower()
    if any(token_set_ratio(attribute, own.lower()) > CLOSE for own in product.attributes):
        return True
    texts = (product.title, *product.bullets, product.description)
    return any(attribute in text.lower() for text in texts)


def same_option(one: str, other: str) -> bool:
    """Whether two option values mean the same, shades of a color included."""
    return token_set_ratio(normal_color(one.lower()), normal_color(other.lower())) > CLOSE


def normal_color(value: str) -> str:
    """The first known color in a value (``dark navy blue`` is ``navy``), or the value itself."""
    return next((word for word in WORD.findall(value) if word in COLORS), value)


def type_score(product: Product, target: Product) -> float:
    """How far a product is the kind of thing that the target is: 1, 0.5, 0.1 or 0.

    The two rules on the title come last, so that they override an equal query or category.
    """
    title = title_score(product.title, target.title)
    shared = category_parts(product) & category_parts(target)
    if title == 0:
        return 0.0
    if title < 0.1:
        return 0.1
    alike = product.query == target.query or len(shared) >= 2 or title > 0.2
    return 1.0 if alike else 0.5


def title_score(title: str, wanted: str) -> float:
    """Share of the wanted title's content words in a title; 0.2 when it has none."""
    words = content_words(wanted)
    return len(words & content_words(title)) / len(words) if words else 0.2


def content_words(text: str) -> frozenset[str]:
    """The words of a text without stop words and describing words."""
    return frozenset(WORD.findall(text.lower())) - STOP_WORDS


def category_parts(product: Product) -> frozenset[str]:
    """The parts of a product's category path."""
    return frozenset(part.strip() for part in product.category.split("›") if part.strip())
