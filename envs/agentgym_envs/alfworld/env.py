"""ALFWorld (Shridhar et al., 2021): its own games, played through TextWorld.

The games are ALFWorld's published files, which we may not ship; rules, texts, names and the goal
are theirs. An episode ends with reward 1 when TextWorld says that it is won.
"""

import copy
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Self

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver, MissingExtra, UnknownName
from agentgym.tools.parse import without_thoughts
from agentgym_envs.alfworld.games import FOLDER, data_folder, games

PROMPT = """You are in a house and do what your task says. Write one action a turn, inside \
<action></action>:
go to PLACE, open PLACE, close PLACE, take THING from PLACE, move THING to PLACE,
clean THING with PLACE, heat THING with PLACE, cool THING with PLACE,
use THING, examine THING, examine PLACE, look, inventory.
You carry one thing at a time. Name things and places as they are named, with their number."""
NOTHING = "Nothing happens."
_BANNER = re.compile(r"-= Welcome to TextWorld, ALFRED! =-\s*")
LONGEST = 200
"""Characters of a line that is read as a command."""
_PUT = re.compile(r"put (.+?) (?:in/on|in|on) (.+)")


class ALFWorld(TextEnv):
    """Commands change the house; the reward is 1 when the task is done."""

    system_prompt = PROMPT

    def __init__(self, data_dir: str | None = None, *, show_actions: bool = False) -> None:
        """Find the games.

        Args:
            data_dir: the folder with ``json_2.1.1``; by default what ``ALFWORLD_DATA`` names,
                else ``~/.cache/alfworld``.
            show_actions: whether each observation ends with the admissible commands.

        Raises:
            MissingExtra: ALFWorld, or its data, is not installed; the message says what to do.
        """
        _game_maker()
        self.folder = data_folder(data_dir)
        self.show_actions = show_actions
        self._tasks = games(self.folder)
        self.splits = tuple(self._tasks)
        self._game: Any = None
        self._loaded = ""
        self._state: Any = None
        self._task: Task | None = None
        self._commands: list[str] = []
        self._plan: list[str] = []

    def tasks(self, split: str) -> Sequence[Task]:
        """The games of ``train``, ``valid_seen`` or ``valid_unseen``."""
        if split not in self._tasks:
            raise UnknownName("split", split, self.splits)
        return self._tasks[split]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Begin a game."""
        task = self.task(seed, options)
        file = self.folder / FOLDER / str(task.data.get("game"))
        if not file.is_file():
            raise BadInput(f"task {task.id!r} names the game {str(file)!r}, which does not exist")
        self._start(task)
        return self._tell(_BANNER.sub("", self._state.feedback)), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Give the game a command; one that it does not list changes nothing."""
        self._now()
        command = self._admitted(find_command(action))
        if command is None:
            return self._tell(NOTHING), 0.0, False, False, {"valid": False}
        self._follow(command)
        won = bool(self._state.won)
        info = {"valid": True} | ({"success": True} if won else {})
        return self._tell(self._state.feedback), float(won), won, False, info

    def anchor(self) -> str | None:
        """What holds in the house, as a digest."""
        if self._task is None:
            return None
        # That something was looked at is a fact too, but changes nothing.
        facts = [str(fact) for fact in self._state["_facts"] if fact.name != "checked"]
        return hashlib.sha256("\n".join(sorted(facts)).encode()).hexdigest()[:16]

    def actions(self) -> Sequence[str]:
        """The admissible commands."""
        self._now()
        return [command for command in self._state.admissible_commands if command != "help"]

    def expert(self) -> str | None:
        """The next command of a plan that knows where everything is; None: there is none."""
        self._now()
        if not self._plan:
            # TextWorld makes a plan after every step or never; here only when one is needed.
            inner = self._game.unwrapped
            self._plan = list(inner._pddl_state.replan(inner._entity_infos))
        return self._plan[0] if self._plan else None

    def fork(self) -> Self:
        """A copy that has played the same commands: the planner's memory cannot be shared."""
        twin = type(self)(str(self.folder), show_actions=self.show_actions)
        twin.spec, twin._np_random = self.spec, copy.deepcopy(self._np_random)
        if self._task is not None:
            twin._start(self._task)
            for command in self._commands:
                twin._follow(command)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The planner is a loaded library, which no byte-wise copy can share."""
        return self.fork()

    def close(self) -> None:
        """Leave the planner to another environment; ``reset`` takes one again."""
        if self._game is not None:
            _idle.append((self._game, self._loaded))
        self._game, self._state, self._task = None, None, None

    def _now(self) -> None:
        if self._task is None or self._state.won:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")

    def _start(self, task: Task) -> None:
        if self._game is None:
            self._game, self._loaded = _idle.pop() if _idle else (_game_maker()(), "")
        file = str(self.folder / FOLDER / str(task.data["game"]))
        if file != self._loaded:
            self._game.load(file)
            self._loaded = file
        self._state = self._game.reset()
        self._task, self._commands, self._plan = task, [], []

    def _follow(self, command: str) -> None:
        self._state, *_ = self._game.step(command)
        self._commands.append(command)
        self._plan = self._plan[1:] if self._plan[:1] == [command] else []

    def _admitted(self, command: str) -> str | None:
        """The command as the game lists it; ``put`` is how older versions wrote ``move``."""
        listed = self.actions()
        put = _PUT.fullmatch(command)
        moved = f"move {put[1]} to {put[2]}" if put else command
        return next((each for each in (command, moved) if each in listed), None)

    def _tell(self, feedback: str) -> str:
        text = feedback.strip()
        if self.show_actions and not self._state.won:
            text += f"\npossible: {'; '.join(self.actions())}"
        return text


def find_command(action: str) -> str:
    """The command in a model's text: in the last <action>, else its last line; in small letters."""
    action = without_thoughts(action)
    end = action.rfind("</action>")
    start = action.rfind("<action>", 0, end) if end >= 0 else -1
    text = action[start + len("<action>") : end] if start >= 0 else action
    lines = text.strip().splitlines()
    if not lines or len(lines[-1]) > LONGEST:
        return ""
    return " ".join(lines[-1].strip(" >.!").removeprefix("action:").lower().split())


# Each game has loaded the planner, a library of a megabyte; to unload one while there are others
# crashes the process, so they are used again, each with the file that it has loaded.
_idle: list[tuple[Any, str]] = []


def _game_maker() -> Callable[[], Any]:
    """What makes a TextWorld game of ALFWorld's kind.

    Raises:
        MissingExtra: ALFWorld is not installed.
    """
    try:
        import textworld  # noqa: PLC0415  these are optional
        from alfworld.agents.environment.alfred_tw_env import AlfredDemangler  # noqa: PLC0415
        from textworld.envs import PddlEnv  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("ALFWorld", "alfworld") from error
    wanted = textworld.EnvInfos(won=True, admissible_commands=True)
    return lambda: AlfredDemangler(PddlEnv(wanted))
