"""WebShop: buy what the instruction asks for, after "WebShop" (Yao et al., 2022).

    instruction: i want a green soft wool shoe, size large, price lower than 70 dollars
    write search[words]
    > search[green soft wool shoe]
    page 1, 50 results
    [b145093] soft wool shoe, $30
    [b562470] light wool shoe, $15
    [b304978] classic wool shoe, $30
    [back to search] [next >]
    > click[b145093]
    soft wool shoe, $30
    color: [red] [blue] [green] [pink]
    size: [small] [medium] [large] [huge]
    [description] [features] [reviews] [buy now] [back to search] [< prev]
    > click[green] ... click[large] ... click[buy now]

The first line, the instruction, stands on every page.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, Self

import gymnasium
from pydantic import ValidationError

from agentgym.env.text_env import InstantEnv, StepResult, Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym_envs.webshop import expert, pages
from agentgym_envs.webshop.command import FULL_PROMPT, SHORT_PROMPT, find_command
from agentgym_envs.webshop.goals import SPLITS, Goal
from agentgym_envs.webshop.pages import Place, plain
from agentgym_envs.webshop.reward import STOP_WORDS, judge
from agentgym_envs.webshop.search import clean
from agentgym_envs.webshop.shop import Shop, Source, open_shop


class WebShop(InstantEnv):
    """Search, read, choose and buy. The reward comes with the purchase, from 0 to 1."""

    metadata = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012  Gymnasium's own idiom
    splits = SPLITS

    def __init__(
        self,
        level: str = "full",
        *,
        seed: int = 0,
        products: int | None = None,
        data_dir: str | None = None,
        hurry: float = 0.0,
        render_mode: str | None = "ansi",
    ) -> None:
        """Open the shop.

        Args:
            level: easy, long, medium, hard or full (see ``levels.py``).
            seed: of the generated products and tasks.
            products: how many of them, instead of the level's own number.
            data_dir: folder of the original WebShop's files, used instead of generated products.
            hurry: probability that an episode's :meth:`expert` forgets the last option:
                flawed demonstrations, for training that shall correct a habit.
            render_mode: ``ansi``: :meth:`render` gives the current page's text.
        """
        if not 0 <= hurry <= 1:
            raise BadInput(f"hurry is a probability, from 0 to 1, not {hurry}")
        self._source = Source(level, seed, products, data_dir)
        self.hurry = hurry
        self.render_mode = render_mode
        compact = self._source.rung().compact and data_dir is None
        self.system_prompt = SHORT_PROMPT if compact else FULL_PROMPT
        self._place: Place | None = None
        self._goal: Goal | None = None
        self._seen: frozenset[tuple[str, str]] = frozenset()
        self._hurried = False
        _ = self.shop  # a bad source is the maker's error, not that of the first reset

    @cached_property
    def shop(self) -> Shop:
        """Products, index and tasks: shared, read-only."""
        return open_shop(self._source)

    def __getstate__(self) -> dict[str, Any]:
        """Without the shop, which the copy opens anew from its source."""
        return {name: value for name, value in self.__dict__.items() if name != "shop"}

    def fork(self) -> Self:
        """A copy that shares the shop and nothing that changes."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._np_random = copy.deepcopy(self._np_random)
        return twin

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        if split not in self.shop.tasks:
            raise UnknownName("split", split, self.splits)
        return self.shop.tasks[split]

    def task(self, seed: int | None, options: Mapping[str, Any] | None) -> Task:
        """As the base class, with a look-up by id, and a draw that heeds the tasks' weights."""
        wanted = (options or {}).get("task")
        if isinstance(wanted, str) and wanted in self.shop.by_id:
            gymnasium.Env.reset(self, seed=seed)
            return self.shop.by_id[wanted]
        if wanted is None and self.shop.tasks["train"]:
            gymnasium.Env.reset(self, seed=seed)
            return self.shop.draw(float(self.np_random.random()))
        return super().task(seed, options)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Open the search page of a task."""
        task = self.task(seed, options)
        try:
            goal = Goal.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} has no WebShop goal in its data: {error}") from error
        if goal.asin not in self.shop.products:
            raise BadInput(f"task {task.id!r} wants {goal.asin!r}, which this shop does not sell")
        self._goal = goal
        self._place = Place("search")
        self._seen = frozenset()
        self._hurried = bool(self.np_random.random() < self.hurry)
        return self._text(self._place, goal), {"task": task.id}

    def step(self, action: str) -> StepResult:
        """Follow the last command in the action; an impossible one leaves everything as it is."""
        goal, place = self._now()
        target = self._follow(place, action)
        if target is None:
            return (
                f"{self._text(place, goal)}\n{pages.note(place)}",
                0.0,
                False,
                False,
                {"valid": False},
            )
        self._place = target
        if target.page in ("item", "features"):
            self._seen |= {(target.page, target.asin)}
        info: dict[str, Any] = {"valid": True}
        if target.page != "done":
            return self._text(target, goal), 0.0, False, False, info
        verdict = judge(
            self.shop.products[target.asin],
            [value for _, value in target.chosen],
            target=self.shop.products[goal.asin],
            attributes=goal.attributes,
            options=goal.options,
            price_upper=goal.price_upper,
        )
        info |= {"success": verdict.score == 1.0, **asdict(verdict)}
        return self._text(target, goal), verdict.score, True, False, info

    def render(self) -> Any:
        """The text of the current page; None without a render mode or before ``reset``."""
        if self.render_mode is None or self._place is None or self._goal is None:
            return None
        return self._text(self._place, self._goal)

    def anchor(self) -> str | None:
        """The page with its query, product and chosen options."""
        if self._place is None:
            return None
        page, query, number, asin, chosen = self._place
        options = [f"{name}={value}" for name, value in chosen]
        return "|".join([page, query, str(number), asin, *options])

    def actions(self) -> Sequence[str]:
        """Every click that is possible, or searches made of the instruction's words."""
        goal, place = self._now()
        if place.page != "search":
            return [f"click[{value}]" for value in self.shop.clicks(place)]
        words = [word for word in clean(goal.instruction).split() if word not in STOP_WORDS]
        parts = (words, words[:4], words[-4:])
        return list(dict.fromkeys(f"search[{' '.join(part)}]" for part in parts))

    def expert(self) -> str:
        """The next action of a shopper who ends with a score of 1."""
        goal, place = self._now()
        return expert.next_action(self.shop, goal, place, self._seen, hurried=self._hurried)

    def _now(self) -> tuple[Goal, Place]:
        if self._goal is None or self._place is None or self._place.page == "done":
            raise EpisodeOver("the episode has ended or not begun; call reset() first")
        return self._goal, self._place

    def _follow(self, place: Place, action: str) -> Place | None:
        command = find_command(action)
        if command is None:
            return None
        verb, value = command
        if verb == "click":
            return self.shop.clicks(place).get(plain(value))
        query = clean(value)
        return Place("results", query) if query and place.page == "search" else None

    def _text(self, place: Place, goal: Goal) -> str:
        return f"instruction: {goal.instruction}\n{self._body(place)}"

    def _body(self, place: Place) -> str:
        match place.page:
            case "search":
                return pages.SEARCH
            case "results":
                clicks = self.shop.clicks(place)
                shown = [self.shop.products[a] for a in clicks if a in self.shop.products]
                total = len(self.shop.index.search(place.query))
                return pages.results_text(place, shown, total, clicks)
            case "item":
                return pages.item_text(place, self.shop.products[place.asin])
            case "done":
                return pages.THANKS
            case _:
                return pages.detail_text(place, self.shop.products[place.asin])
