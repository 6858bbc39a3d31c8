"""A product, wherever it comes from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """What the shop knows of one product."""

    asin: str
    title: str
    query: str
    """The kind of product: what a shopper types to find its like."""
    category: str
    """A path, its parts separated by ``›``."""
    price: float
    attributes: tuple[str, ...]
    options: dict[str, tuple[str, ...]]
    """Option group -> its values."""
    description: str
    bullets: tuple[str, ...]
    """The Features page; only the first one is searchable, as in the original."""
    reviews: tuple[str, ...] = ()
