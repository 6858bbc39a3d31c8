"""TextWorld (Côté et al., 2018): text adventures, generated and played offline.

Go east, then north. Then take the lamp.
-= Hall =-
You can go east.
> go east
-= Study =-
You can go north or west.
> go north
-= Porch =-
You can go south.
There is a lamp on the floor.
> take lamp
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import ValidationError

from agentgym.env.text_env import StepResult, Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym_envs.textworld import prose
from agentgym_envs.textworld.blueprints import BLUEPRINT, Walk
from agentgym_envs.textworld.building import game_file, open_game, textworld
from agentgym_envs.textworld.levels import LEVELS, OPPOSITE, SPLITS, tasks_of

WANTED = ("admissible_commands", "policy_commands", "facts", "won", "lost", "score", "max_score")
READ = "examine cookbook"


class TextWorld(TextEnv):
    """Commands change the world; the reward is the share of the game's points that they earn."""

    splits = SPLITS

    def __init__(self, level: str = "cooking", *, hurry: float = 0.0) -> None:
        """Choose the games.

        Args:
            level: easy, coin, quest or cooking (see ``levels.py``).
            hurry: probability that an episode's :meth:`expert` turns back once for nothing, which
                costs the success: flawed demonstrations. Level easy alone has such a mistake.

        Raises:
            MissingExtra: TextWorld is not installed.
            UnknownName: no such level.
            BadInput: ``hurry`` is no probability, or the level has no such mistake.
        """
        self.level, self.hurry = level, hurry
        self._tasks = tasks_of(level)
        if not 0 <= hurry <= 1:
            raise BadInput(f"hurry is a probability, from 0 to 1, not {hurry}")
        if hurry and LEVELS[level].patience is None:
            raise BadInput(f"level {level!r} has time for detours: hurry is for level 'easy'")
        self.system_prompt = prose.SHORT_PROMPT if level == "easy" else prose.FULL_PROMPT
        textworld()  # that it is missing is the maker's error
        self._game: Any = None
        self._file = ""
        self._task: Task | None = None
        self._over = True

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``; a game is made when it is first played."""
        if split not in self._tasks:
            raise UnknownName("split", split, self.splits)
        return self._tasks[split]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Start the game of a task."""
        task = self.task(seed, options)
        try:
            blueprint = BLUEPRINT.validate_python(task.data)
        except ValidationError as error:
            raise BadInput(
                f"task {task.id!r} has no TextWorld game in its data: {error}"
            ) from error
        self._task = task
        self._slip: tuple[str, ...] = ()
        if self.np_random.random() < self.hurry and isinstance(blueprint, Walk):
            self._slip = (f"go {blueprint.moves[0]}", f"go {OPPOSITE[blueprint.moves[0]]}")
        observation = self._start(str(game_file(blueprint)))
        return observation, {"task": task.id}

    def _start(self, file: str) -> str:
        if file != self._file:
            if self._game is not None:
                self._game.close()
            self._game, self._file = open_game(file, WANTED), file
        self._state = self._game.reset()
        self._commands: list[str] = []
        self._score, self._over = 0, False
        patience = LEVELS[self.level].patience
        self._most = None if patience is None else len(self._state.policy_commands) + patience
        return prose.opening(self._state.feedback)

    def step(self, action: str) -> StepResult:
        """Give the game a command that it lists as possible; any other changes nothing."""
        self._now()
        possible = {prose.plain(command): command for command in self._state.admissible_commands}
        command = possible.get(prose.find_command(action))
        self._commands.append(command or "")
        observation, reward = prose.NOTHING_HAPPENS, 0.0
        if command is not None:
            self._state, score, _ = self._game.step(command)
            observation = prose.told(self._state.feedback)
            reward = (score - self._score) / self._state.max_score
            self._score = score
        info: dict[str, Any] = {"valid": command is not None, "score": self._score}
        terminated = bool(self._state.won or self._state.lost)
        truncated = not terminated and len(self._commands) == self._most
        self._over = terminated or truncated
        if self._over:
            info["success"] = bool(self._state.won)
        return observation, reward, terminated, truncated, info

    def anchor(self) -> str | None:
        """What holds in the world, as a digest, and the points."""
        if self._task is None:
            return None
        facts = "\n".join(sorted(map(str, self._state.facts)))
        return f"{self._score} {hashlib.sha256(facts.encode()).hexdigest()[:16]}"

    def actions(self) -> Sequence[str]:
        """Every command that the game lists as possible, in alphabetical order."""
        self._now()
        return list(self._state.admissible_commands)

    def expert(self) -> str | None:
        """The next command of the game's own walkthrough from here; None when there is none.

        The walkthrough knows the recipe without a look at it; this expert looks.
        """
        self._now()
        if READ in self._state.admissible_commands and READ not in self._commands:
            return READ
        if self._slip and self._commands == [self._slip[0]]:
            return self._slip[1]
        commands = self._state.policy_commands
        return str(commands[0]) if commands else None

    def _now(self) -> None:
        if self._over:
            raise EpisodeOver("the episode has ended or not begun; call reset() first")

    def fork(self) -> Self:
        """A copy that has played the same commands: the interpreter's memory is not shared."""
        twin = type(self)(self.level, hurry=self.hurry)
        twin.spec, twin._np_random = self.spec, copy.deepcopy(self._np_random)
        if self._task is not None:
            twin._task, twin._slip = self._task, self._slip
            twin._start(self._file)
            for command in self._commands:
                twin.step(command)
        return twin

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Self:
        """The interpreter is a loaded library, which no byte-wise copy can share."""
        return self.fork()

    def close(self) -> None:
        """Unload the interpreter; ``reset`` loads it again."""
        if self._game is not None:
            self._game.close()
        self._game, self._file, self._task, self._over = None, "", None, True
