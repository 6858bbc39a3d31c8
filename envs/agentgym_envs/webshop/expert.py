"""A scripted shopper that solves every generated task.

It knows the target but looks before it buys: products that the results page cannot tell from
the target are opened in turn, and their Features page is read where it decides. ``seen`` is
its memory: the item and Features pages that the episode has shown.
"""

from agentgym_envs.webshop.goals import Goal
from agentgym_envs.webshop.pages import BACK, BUY, NEXT, PREVIOUS, Place
from agentgym_envs.webshop.product import Product
from agentgym_envs.webshop.reward import attribute_matches, same_option
from agentgym_envs.webshop.search import clean
from agentgym_envs.webshop.shop import Shop


def next_action(
    shop: Shop, goal: Goal, place: Place, seen: frozenset[tuple[str, str]], *, hurried: bool
) -> str:
    """The expert's action at a place; a hurried one buys with the last option not chosen."""
    match place.page:
        case "search":
            return f"search[{best_query(shop, goal)}]"
        case "results":
            click = on_results(shop, goal, place, seen)
        case "item":
            click = on_item(shop, goal, place, seen, hurried)
        case _:
            click = PREVIOUS
    return f"click[{click}]"


def best_query(shop: Shop, goal: Goal) -> str:
    """The goal's own search words, or the target's title when they do not find it."""
    found = shop.index.search(clean(goal.search))
    return goal.search if goal.asin in found else shop.products[goal.asin].title


def on_results(shop: Shop, goal: Goal, place: Place, seen: frozenset[tuple[str, str]]) -> str:
    """Open the first product that may be the right one, leafing to its page."""
    found = shop.index.search(place.query)
    for rank, asin in enumerate(found):
        if may_be_right(shop.products[asin], shop.products[goal.asin], goal, seen):
            page = rank // shop.level.per_page + 1
            if page == place.number:
                return asin
            return NEXT if page > place.number else PREVIOUS
    return BACK


def on_item(
    shop: Shop, goal: Goal, place: Place, seen: frozenset[tuple[str, str]], hurried: bool
) -> str:
    """Read on, leave, choose the next option, or buy."""
    product = shop.products[place.asin]
    if not may_be_right(product, shop.products[goal.asin], goal, seen):
        return PREVIOUS
    unread = ("features", product.asin) not in seen
    if unread and not all(shows(product, attribute) for attribute in goal.attributes):
        return "features"
    chosen = dict(place.chosen)
    options = best_options(product, goal)
    for name, value in options[:-1] if hurried else options:
        if chosen.get(name) != value:
            return value
    return BUY


def may_be_right(
    product: Product, target: Product, goal: Goal, seen: frozenset[tuple[str, str]]
) -> bool:
    """Whether nothing that was seen of a product so far speaks against it."""
    if product.title != target.title or product.price > goal.price_upper:
        return False
    if product.asin == target.asin:
        return True
    if ("item", product.asin) in seen and len(best_options(product, goal)) < len(goal.options):
        return False
    if ("features", product.asin) in seen:
        return all(attribute_matches(attribute, product) for attribute in goal.attributes)
    return True


def shows(product: Product, attribute: str) -> bool:
    """Whether an attribute can be read off the item page."""
    return attribute in product.title.lower()


def best_options(product: Product, goal: Goal) -> list[tuple[str, str]]:
    """For each wanted value, the group and value of the product that count as it."""
    pairs: dict[str, str] = {}
    for wanted in goal.options:
        left = {n: values for n, values in product.options.items() if n not in pairs}
        offers = [(n, v) for n, values in left.items() for v in values]
        exact = [offer for offer in offers if offer[1] == wanted]
        close = exact or [offer for offer in offers if same_option(wanted, offer[1])]
        pairs |= dict(close[:1])
    return list(pairs.items())
