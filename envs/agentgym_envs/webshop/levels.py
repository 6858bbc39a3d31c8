"""The ladder of difficulty: what each level's shop and tasks look like."""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Level:
    """One rung. The compact levels use the small word lists of ``catalogue``; full does not."""

    products: int
    """Products in the shop."""
    train: int
    """Training tasks; fewer when the shop is made smaller."""
    valid: int
    """Validation tasks."""
    test: int
    """Test tasks. No product is the target of tasks in two splits."""
    per_page: int
    """Results on a page."""
    compact: bool = True
    """Few words and short pages, or realistic language."""
    kinds: int = 10
    """Kinds of product that exist (compact levels)."""
    materials: int = 6
    """Materials that exist (compact levels)."""
    styles: int = 5
    """Styles that exist (compact levels)."""
    uses: bool = False
    """Titles also say what the product is for (compact levels)."""
    siblings: int = 1
    """Products that share a title, so that the results page cannot tell them apart."""
    options: tuple[str, ...] = ("color", "size")
    """Option groups of every product (compact levels)."""
    values: int = 4
    """Values in an option group (compact levels)."""
    own_colors: bool = False
    """Siblings offer different colors: only the item page shows which one is wanted."""
    hidden: bool = False
    """A wanted attribute shows on the Features page only, and tells siblings apart."""


LEVELS = MappingProxyType(
    {
        "easy": Level(
            products=900,
            train=2000,
            valid=200,
            test=300,
            per_page=3,
            kinds=20,
            materials=8,
            styles=6,
        ),
        "long": Level(
            products=900,
            train=2000,
            valid=200,
            test=300,
            per_page=3,
            kinds=20,
            materials=8,
            styles=6,
            options=("color", "size", "pattern", "pack", "finish"),
            values=3,
        ),
        "medium": Level(
            products=900,
            train=2000,
            valid=200,
            test=300,
            per_page=4,
            kinds=20,
            materials=8,
            styles=6,
            uses=True,
            siblings=3,
            options=("color", "size", "pattern"),
            values=3,
            own_colors=True,
        ),
        "hard": Level(
            products=800,
            train=2000,
            valid=200,
            test=300,
            per_page=3,
            kinds=20,
            materials=8,
            styles=6,
            siblings=4,
            options=("color", "size", "pattern", "pack"),
            values=3,
            hidden=True,
        ),
        "full": Level(products=10_000, train=6000, valid=500, test=500, per_page=10, compact=False),
    }
)
