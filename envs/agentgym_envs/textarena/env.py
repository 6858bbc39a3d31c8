"""A game of textarena 0.7: its text and rules as they are, the reward when the game ends.

    env = agentgym.make("agentgym/TextArena-v0", game="GuessTheNumber-v0-raw")

Ids that end in ``-raw`` tell at each turn what is new, which is what a chat wants; the others
repeat the whole game in every observation. Textarena draws from Python's global generator; here
every episode has a generator of its own, so that episodes played at once do not disturb each other
and the same seed is the same episode.
"""

from __future__ import annotations

import copy
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Self

import gymnasium

from agentgym.env.gymnasium_env import GymnasiumText
from agentgym.env.text_env import FreeText, StepResult
from agentgym.errors import BadInput, MissingExtra, UnknownName

Opponent = Callable[[str], str]
"""What another player answers to what it is shown."""

_global_generator = threading.Lock()


class Game(gymnasium.Env[str, str]):
    """Textarena's game, seen from one seat, with Gymnasium's doors."""

    observation_space = FreeText()
    action_space = FreeText()

    def __init__(
        self,
        game: str,
        players: int,
        seat: int,
        opponent: Opponent | None,
        settings: dict[str, Any],
    ) -> None:
        self.game, self.players, self.seat, self.opponent = game, players, seat, opponent
        self.settings = settings
        self._dice = random.getstate()
        with self._own_dice():
            self.arena = _make(game, settings)  # a bad id is the maker's error
        self.seed: int | None = None
        self.played: list[str] = []

    @contextmanager
    def _own_dice(self) -> Iterator[None]:
        """Lend the global generator to this episode, and give it back as it was."""
        with _global_generator:
            outside = random.getstate()
            random.setstate(self._dice)
            try:
                yield
            finally:
                self._dice = random.getstate()
                random.setstate(outside)

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002  Gymnasium's signature
    ) -> tuple[str, dict[str, Any]]:
        """A new game of a seed, up to this seat's first turn."""
        super().reset(seed=seed)
        self.seed, self.played = seed, []
        with self._own_dice():
            self.arena = _make(self.game, self.settings)  # its wrappers remember the last game
            try:
                self.arena.reset(num_players=self.players, seed=seed)
            except AssertionError as error:  # its way to say how many may play
                raise BadInput(f"{self.game}: {error}; give players=") from error
        observation, over = self._until_our_turn(over=False)
        if over:
            raise BadInput(f"{self.game} of seed {seed} was over before seat {self.seat} could act")
        return observation, {}

    def step(self, action: str) -> StepResult:
        """Our move, then the moves of the others until it is our turn again."""
        self.played.append(action)
        errors = getattr(self.arena.state, "error_count", 0)
        over = self._move(action)
        valid = getattr(self.arena.state, "error_count", 0) <= errors
        observation, over = self._until_our_turn(over)
        if not over:
            return observation, 0.0, False, False, {"valid": valid}
        rewards, infos = self.arena.close()
        reward, info = float(rewards[self.seat]), dict(infos[self.seat])
        info["valid"] = valid and not info.get("invalid_move", False)
        info["success"] = reward >= 1
        return str(info.get("reason", "")), reward, True, False, info

    def _move(self, action: str) -> bool:
        with self._own_dice():
            over, _ = self.arena.step(action=action)
        return bool(over)

    def _until_our_turn(self, over: bool) -> tuple[str, bool]:
        """What our seat is shown, and whether the game is over."""
        while not over:
            player, shown = self.arena.get_observation()
            if player == self.seat:
                return _text(shown, player), False
            if self.opponent is None:
                raise BadInput(f"player {player} of {self.game} has nobody to play it: opponent=")
            over = self._move(self.opponent(_text(shown, player)))
        return "", True

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy that has played the same actions, against an opponent that plays the same."""
        settings = copy.deepcopy(self.settings)
        twin = type(self)(self.game, self.players, self.seat, self.opponent, settings)
        if self.seed is not None:
            twin.reset(seed=self.seed)
            for action in self.played:
                twin.step(action)
        return twin


class TextArena(GymnasiumText):
    """Tasks are seeds, as of every adapted environment."""

    def __init__(
        self,
        game: str = "GuessTheNumber-v0-raw",
        *,
        players: int = 1,
        seat: int = 0,
        opponent: Opponent | None = None,
        **settings: Any,
    ) -> None:
        """Make textarena's game.

        Args:
            game: textarena's id.
            players: how many play.
            seat: which of them is the agent, from 0.
            opponent: plays the other seats. A copy of the environment asks it again for the moves
                it made, so its answer must depend on the text alone.
            settings: arguments for textarena, such as ``max_turns``.

        Raises:
            MissingExtra: textarena is not installed.
            UnknownName: textarena has no game of this id.
            BadInput: it needs data or packages that are not there, or there is no such seat.
        """
        if not 0 <= seat < players:
            raise BadInput(f"seat {seat} is not among {players} players, counted from 0")
        if players > 1 and opponent is None:
            raise BadInput(f"{players} play, so somebody must play the others: give opponent=")
        self.opponent = opponent
        super().__init__(Game(game, players, seat, opponent, settings))

    async def areset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """``reset`` at once when nobody else plays; an opponent may take its time, in a thread."""
        if self.opponent is None:
            return self.reset(seed=seed, options=options)
        return await super().areset(seed=seed, options=options)

    async def astep(self, action: str) -> StepResult:
        """``step`` at once when nobody else plays; an opponent may take its time, in a thread."""
        return self.step(action) if self.opponent is None else await super().astep(action)


def _make(game: str, settings: dict[str, Any]) -> Any:
    try:
        arena = import_module("textarena")
        registry = import_module("textarena.envs.registration").ENV_REGISTRY
    except ImportError as error:
        raise MissingExtra("textarena", "textarena") from error
    if game not in registry:
        raise UnknownName("game of textarena", game, registry)
    try:
        return arena.make(game, **settings)
    except (ImportError, LookupError, TypeError) as error:  # nltk's missing data is a LookupError
        reason = " ".join(str(error).split())[:300]
        raise BadInput(f"textarena cannot make {game!r} here: {reason}") from error


def _text(shown: Any, player: int) -> str:
    """What a player is shown: text from a wrapped game, new messages from a raw one."""
    if isinstance(shown, str):
        return shown.strip()
    messages = [
        message if sender < 0 else f"[Player {sender}] {message}"
        for sender, message, _ in shown
        if sender != player  # it knows what it said
    ]
    return "\n".join(messages).strip()
