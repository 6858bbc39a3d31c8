"""From a blueprint to a game: generated and compiled once, kept in a folder, and opened.

TextWorld's own generators do the work, and the Inform 7 compiler that its wheel brings. A game
takes half a second to two seconds to make and 0.4 MB to keep.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from agentgym.errors import MissingExtra
from agentgym.paths import cache_folder
from agentgym_envs.textworld.blueprints import Blueprint, Coin, Cooking, Quest, Walk
from agentgym_envs.textworld.levels import OPPOSITE

EDITION = 1  # of this file: a change of the games it makes needs a new folder
_one_at_a_time = threading.Lock()  # making and loading games share one parser, a global


def textworld() -> ModuleType:
    """The package, imported when it is needed: that takes a second.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return import_module("textworld")
    except ImportError as error:
        raise MissingExtra("TextWorld", "textworld") from error


def games_folder() -> Path:
    """Where games are kept: one folder for each version of what makes them."""
    return cache_folder() / f"textworld-{textworld().__version__}-{EDITION}"


def game_file(blueprint: Blueprint) -> Path:
    """The compiled game (.z8; a .json of what it knows lies beside it); made if it is not there.

    Several processes may ask for the same game: each makes it apart and moves it into place.
    """
    folder = games_folder()
    compiled = folder / f"{blueprint.name}.z8"
    with _one_at_a_time:
        if not compiled.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _make(blueprint, compiled)
    return compiled


def open_game(file: str, wanted: Iterable[str]) -> Any:
    """An interpreter with a game loaded; ``wanted`` names what it reports, as EnvInfos does."""
    infos = textworld().EnvInfos(**dict.fromkeys(wanted, True))
    with _one_at_a_time:
        return textworld().start(file, infos)


def _make(blueprint: Blueprint, compiled: Path) -> None:
    with tempfile.TemporaryDirectory(dir=compiled.parent) as apart:
        options = textworld().GameOptions()
        options.path = str(Path(apart) / compiled.name)
        options.file_ext = ".z8"
        game = _generate(blueprint, options)
        made = Path(import_module("textworld.generator").compile_game(game, options))
        made.with_suffix(".json").replace(compiled.with_suffix(".json"))
        made.replace(compiled)  # last: it says that both are there


def _generate(blueprint: Blueprint, options: Any) -> Any:
    """TextWorld's game; ``options`` are its GameOptions."""
    if isinstance(blueprint, Walk):
        options.seeds = 0
        return _walk(blueprint, options)
    options.seeds = blueprint.seed
    match blueprint:
        case Coin():
            options.grammar.only_last_action = True  # else the first text tells the way
            coins = import_module("textworld.challenges.tw_coin_collector.coin_collector")
            return coins.make({"level": blueprint.level}, options)
        case Quest():
            options.nb_rooms = blueprint.rooms
            options.nb_objects = blueprint.objects
            options.quest_length = blueprint.length
            return import_module("textworld.generator").make_game(options)
        case Cooking():
            meals = import_module("textworld.challenges.tw_cooking.cooking")
            skills = {skill: skill in blueprint.skills for skill in ("cook", "cut", "open")}
            numbers = {name: getattr(blueprint, name) for name in ("recipe", "take", "go")}
            other = {"drop": False, "recipe_seed": 0, "split": blueprint.foods}
            return meals.make(skills | numbers | other, options)


def _walk(walk: Walk, options: Any) -> Any:
    """Rooms in a row, described in few words."""
    game_module = import_module("textworld.generator.game")
    maker = textworld().GameMaker(options)
    exits: list[list[str]] = [[] for _ in walk.rooms]
    for place, move in enumerate(walk.moves):
        exits[place].append(move)
        exits[place + 1].append(OPPOSITE[move])
    rooms = [
        maker.new_room(name, desc=f"You can go {' or '.join(sorted(ways))}.")
        for name, ways in zip(walk.rooms, exits, strict=True)
    ]
    for here, there, move in zip(rooms, rooms[1:], walk.moves, strict=False):
        maker.connect(here.exits[move], there.exits[OPPOSITE[move]])
    maker.set_player(rooms[0])
    thing = maker.new(type="o", name=walk.thing)
    rooms[-1].add(thing)
    taken = maker.new_fact("in", thing, maker.inventory)
    won = game_module.Event(conditions={taken})
    maker.quests = [game_module.Quest(win_events=[won])]
    commands = [*(f"go {move}" for move in walk.moves), f"take {walk.thing}"]
    won.actions, won.commands = _actions_of(commands, maker.build()), commands
    game = maker.build()
    game.objective = f"Go {', then '.join(walk.moves)}. Then take the {walk.thing}."
    return game


def _actions_of(commands: list[str], game: Any) -> list[Any]:
    """The actions behind commands, by logic alone; TextWorld's own way compiles a second game."""
    spoken = textworld().generator.inform7.Inform7Game(game)
    progress = textworld().generator.game.GameProgression(game, track_quests=False)
    actions = []
    for command in commands:
        possible = progress.valid_actions
        actions.append(possible[spoken.gen_commands_from_actions(possible).index(command)])
        progress.update(actions[-1])
    return actions
