"""Blackjack: draw cards to come closer to 21 than the dealer, but not above.

Your cards: 10, 4. Sum: 14. The dealer shows 10.
> hit
Your cards: 10, 4, 6. Sum: 20. The dealer shows 10.
> stick
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import gymnasium
from gymnasium.envs.toy_text.blackjack import BlackjackEnv

from agentgym.env.text_env import Task
from agentgym.errors import UnknownName
from agentgym_envs.toytext.game import SPLITS, ToyText, number_in

SIZES = {"train": 1000, "valid": 100, "test": 200}
DECKS = ("won", "all")


class Blackjack(ToyText):
    """Gymnasium's rewards: 1 for a win, 0 for a draw, -1 for a loss."""

    moves = {"stick": 0, "hit": 1}  # noqa: RUF012  read-only by its type
    system_prompt = (
        "You play blackjack. Come closer to 21 than the dealer, but not above. An ace counts 1 or "
        "11, the dealer draws below 17. Write hit, to take a card, or stick, to stop, inside "
        "<action></action>."
    )

    def __init__(self, decks: str = "won", *, render_mode: str | None = "ansi") -> None:
        """Shuffle the decks.

        Args:
            decks: ``won``: only those that playing by the book wins, about two in five, so that
                the expert always succeeds; ``all``: as they come.
            render_mode: ``ansi``: :meth:`render` gives the state in words.
        """
        super().__init__(render_mode)
        if decks not in DECKS:
            raise UnknownName("choice of decks", decks, DECKS)
        self.decks = decks

    def tasks(self, split: str) -> Sequence[Task]:
        """The decks of ``train``, ``valid`` or ``test``: each a seed of Gymnasium's."""
        if split not in SPLITS:
            raise UnknownName("split", split, SPLITS)
        return deals(self.decks)[split]

    def begin(self, task: Task) -> gymnasium.Env[Any, Any]:
        """A deal from the task's ``deck``."""
        game: gymnasium.Env[Any, Any] = deal(number_in(task, "deck", 2**31))
        return game

    def tell(self) -> str:
        """The cards that one sees; after the end all of them."""
        total, soft = count_up(self.inner.player)
        ace = " (an ace counts 11)" if soft else ""
        first = f"Your cards: {in_words(self.inner.player)}. Sum: {total}{ace}."
        if not self._over:
            return f"{first} The dealer shows {name(self.inner.dealer[0])}."
        total, _ = count_up(self.inner.dealer)
        return f"{first} The dealer has {in_words(self.inner.dealer)}. Sum: {total}."

    def anchor(self) -> str | None:
        """All cards on the table, and whether it is over."""
        if self.inner is None:
            return None
        return f"{self.inner.player} {self.inner.dealer}{' over' * self._over}"

    def expert(self) -> str:
        """What the book says."""
        self._now()
        return by_the_book(self.inner)


def by_the_book(game: Any) -> str:
    """The best move for who does not know the deck: the basic strategy of hit and stick."""
    (total, soft), dealer = count_up(game.player), game.dealer[0]
    if soft:
        enough = 18 if 2 <= dealer <= 8 else 19
    elif 4 <= dealer <= 6:
        enough = 12
    else:
        enough = 13 if dealer in (2, 3) else 17
    return "stick" if total >= enough else "hit"


def deal(deck: int) -> BlackjackEnv:
    """Gymnasium's game, with the cards of a seed."""
    game = BlackjackEnv(sab=True)
    game.reset(seed=deck)
    return game


@lru_cache(maxsize=2)
def deals(decks: str) -> dict[str, tuple[Task, ...]]:
    """Tasks by split; no deck is in two."""
    numbers = (number for number in count() if decks == "all" or book_wins(number))
    return {
        split: tuple(
            Task(id=f"{decks}/{split}/{n:05d}", split=split, data={"deck": next(numbers)})
            for n in range(SIZES[split])
        )
        for split in SPLITS
    }


def book_wins(deck: int) -> bool:
    """Whether playing by the book wins with this deck."""
    game: Any = deal(deck)  # Gymnasium has no types for its steps
    while True:
        _, reward, over, _, _ = game.step(Blackjack.moves[by_the_book(game)])
        if over:
            return float(reward) > 0


def count_up(hand: Sequence[int]) -> tuple[int, bool]:
    """The sum of a hand, and whether an ace counts 11 in it."""
    soft = 1 in hand and sum(hand) <= 11
    return sum(hand) + 10 * soft, soft


def in_words(hand: Sequence[int]) -> str:
    """The cards of a hand."""
    return ", ".join(map(name, hand))


def name(card: int) -> str:
    """``ace``, or the number."""
    return "ace" if card == 1 else str(card)
