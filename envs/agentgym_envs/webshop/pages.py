"""Pages: which clicks a place in the shop offers, and the text that the model reads there.

A value in [brackets] can be clicked. The instruction stands on every page.
"""

from typing import Literal, NamedTuple

from agentgym_envs.webshop.product import Product

DETAILS = ("description", "features", "reviews")
SEARCH = "write search[words]"
THANKS = "thank you for shopping"
BUY, BACK, PREVIOUS, NEXT = "buy now", "back to search", "< prev", "next >"


class Place(NamedTuple):
    """Where an episode is: all that decides what can happen next."""

    page: Literal["search", "results", "item", "description", "features", "reviews", "done"]
    query: str = ""
    number: int = 1
    """Which page of the results."""
    asin: str = ""
    chosen: tuple[tuple[str, str], ...] = ()
    """Option groups with the value chosen, in the order of the product's groups."""


def plain(value: str) -> str:
    """A button's value as it is compared: lower-case, single spaces."""
    return " ".join(value.lower().split())


def result_clicks(place: Place, found: tuple[str, ...], per_page: int) -> dict[str, Place]:
    """The buttons of a results page and where they lead."""
    first = (place.number - 1) * per_page
    clicks = {
        asin: Place("item", place.query, place.number, asin)
        for asin in found[first : first + per_page]
    }
    clicks[BACK] = Place("search")
    if place.number > 1:
        clicks[PREVIOUS] = place._replace(number=place.number - 1)
    if first + per_page < len(found):
        clicks[NEXT] = place._replace(number=place.number + 1)
    return clicks


def item_clicks(place: Place, product: Product) -> dict[str, Place]:
    """The buttons of an item page and where they lead."""
    clicks: dict[str, Place] = {}
    chosen = dict(place.chosen)
    for name, values in product.options.items():
        for value in values:
            picked = {**chosen, name: value}
            order = tuple((n, picked[n]) for n in product.options if n in picked)
            # A value of two groups is chosen in the first one where it is not chosen yet.
            if clicks.get(value, place) == place:
                clicks[value] = place._replace(chosen=order)
    for detail in DETAILS:
        clicks[detail] = Place(detail, *place[1:])  # type: ignore[arg-type]
    clicks[BUY] = place._replace(page="done")
    clicks[BACK] = Place("search")
    clicks[PREVIOUS] = Place("results", place.query, place.number)
    return clicks


def detail_clicks(place: Place) -> dict[str, Place]:
    """The buttons of a Description, Features or Reviews page."""
    return {BACK: Place("search"), PREVIOUS: place._replace(page="item")}


def money(price: float) -> str:
    """``$15`` or ``$15.90``."""
    return f"${price:.2f}".removesuffix(".00")


def note(place: Place) -> str:
    """What is said below a page after an action that was not possible on it."""
    if place.page == "search":
        return f"nothing happened: {SEARCH}"
    return "nothing happened: write click[value] with a value in [brackets]"


def results_text(place: Place, shown: list[Product], total: int, clicks: dict[str, Place]) -> str:
    """A results page."""
    lines = [f"page {place.number}, {total} results"]
    lines += [f"[{product.asin}] {product.title}, {money(product.price)}" for product in shown]
    lines.append(buttons(clicks, after=len(shown)))
    return "\n".join(lines)


def item_text(place: Place, product: Product) -> str:
    """An item page; what was chosen is said after its group."""
    chosen = dict(place.chosen)
    lines = [f"{product.title}, {money(product.price)}"]
    for name, values in product.options.items():
        mark = f" chosen: {chosen[name]}" if name in chosen else ""
        lines.append(f"{name}: {' '.join(f'[{value}]' for value in values)}{mark}")
    lines.append(" ".join(f"[{word}]" for word in (*DETAILS, BUY, BACK, PREVIOUS)))
    return "\n".join(lines)


def detail_text(place: Place, product: Product) -> str:
    """A Description, Features or Reviews page."""
    match place.page:
        case "description":
            lines = [product.description]
        case "features":
            lines = list(product.bullets)
        case _:
            lines = list(product.reviews)
    body = "\n".join(line for line in lines if line) or "nothing here"
    return f"{place.page} of {product.title}\n{body}\n[{BACK}] [{PREVIOUS}]"


def buttons(clicks: dict[str, Place], after: int = 0) -> str:
    """Buttons in brackets, without the first few."""
    return " ".join(f"[{value}]" for value in list(clicks)[after:])
