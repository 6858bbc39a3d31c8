"""Search QA: find the answer to a question by searching, after "Search-R1" (Jin et al., 2025).

    question: who does the mayor of red bay work for?
    > <search>red bay</search>
    <information>
    Doc 1(Title: red bay) red bay has the mayor tom cole and a road to old mill
    </information>
    > <search>tom cole</search>
    <information>
    Doc 1(Title: tom cole) tom cole lives in old mill and works for ann reed
    </information>
    > <answer>ann reed</answer>

With ``form="calls"`` the same by calls of a ``search`` tool.
"""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, Literal, Self

import gymnasium
from pydantic import ValidationError

from agentgym.env.text_env import StepResult, Task
from agentgym.env.tool_env import ToolEnv
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.evaluation.judge import Judge, judge_of
from agentgym.runtime import background
from agentgym.tools.parse import Parsed
from agentgym.tools.tool import Tool, ToolCall, ToolResult, tools_of
from agentgym_envs.searchqa import expert
from agentgym_envs.searchqa.forms import FORMS
from agentgym_envs.searchqa.levels import LEVELS
from agentgym_envs.searchqa.library import SPLITS, Library, Source, open_library
from agentgym_envs.searchqa.question import Question
from agentgym_envs.searchqa.reward import Answered, checked, parts_of, total
from agentgym_envs.searchqa.searching import LocalSearch, remote


class SearchQA(ToolEnv):
    """Search, read and answer. The reward comes with the answer."""

    def __init__(
        self,
        level: str = "full",
        *,
        form: Literal["tags", "calls"] = "tags",
        seed: int = 0,
        k: int | None = None,
        searches: int | None = None,
        reward: Mapping[str, float] | None = None,
        judge: Judge | str | None = None,
        hurry: float = 0.0,
        dataset: str | None = None,
        files: Mapping[str, str] | None = None,
        corpus: str | None = None,
        retriever: str | None = None,
    ) -> None:
        """Open the library.

        Args:
            level: easy, one-hop, multi-hop or full (see ``levels.py``); all but easy need the
                extra ``searchqa``.
            form: ``tags`` of Search-R1, or native tool ``calls``.
            seed: of the questions and of their splits.
            k: passages that a search finds; default: the level's, and 3 for published data.
            searches: searches that an episode may make; 0 asks for what the model knows by heart.
            reward: part -> weight (see ``reward.py``); default: ``{"em": 1}``.
            judge: who gives the part ``judge`` of the reward: a
                :class:`agentgym.evaluation.judge.Judge`, or the name of an endpoint, ``chat:MODEL@http://HOST/v1``.
            hurry: probability that an episode's :meth:`expert` answers a search too early:
                flawed demonstrations, for training that shall correct a habit.
            dataset: questions that others published, instead of a level (see ``published.py``).
            files: their files: split -> path.
            corpus: file of passages to search, where the dataset brings none.
            retriever: address of a retriever with Search-R1's ``/retrieve``, used instead of
                the own index.
        """
        if form not in FORMS:
            raise UnknownName("form", form, FORMS)
        if not 0 <= hurry <= 1:
            raise BadInput(f"hurry is a probability, from 0 to 1, not {hurry}")
        if k is not None and k < 1:
            raise BadInput(f"a search finds k passages, 1 or more, not {k}")
        if searches is not None and searches < 0:
            raise BadInput(f"an episode may make 0 searches or more, not {searches}")
        self._source = Source(level, seed, dataset, tuple((files or {}).items()), corpus)
        self.form, self.hurry, self.budget = FORMS[form], hurry, searches
        self.judge = judge_of(judge) if isinstance(judge, str) else judge
        self.weights = checked(reward or {"em": 1.0}, judged=self.judge is not None)
        self.splits = [split for split in SPLITS if self.library.tasks.get(split)]
        if not (self.library.passages or retriever or searches == 0):
            raise BadInput(f"{dataset!r} brings no passages: give a corpus file or a retriever")
        rung = LEVELS[level] if dataset is None else None
        self.system_prompt = self.form.short if rung and rung.invented else self.form.rules
        if searches == 0:
            self.system_prompt = self.form.closed
        self._k, self._retriever = k or (rung.k if rung else 3), retriever
        self.tools = self._searching()
        self._question: Question | None = None
        self._found: tuple[str, ...] = ()
        self._asked: frozenset[str] = frozenset()
        self._hurried = False

    @cached_property
    def library(self) -> Library:
        """Passages, index and tasks: shared, read-only."""
        return open_library(self._source)

    def _searching(self) -> tuple[Tool, ...]:
        """The search tool, where the episode may search."""
        if self.budget == 0:
            return ()
        if self._retriever is not None:
            return tools_of(remote(self._retriever, self._k))
        return tools_of(LocalSearch(self.library, self._k))

    def __getstate__(self) -> dict[str, Any]:
        """Without the library and the tool on it, which the copy opens anew."""
        shared = ("library", "tools")
        return {name: value for name, value in self.__dict__.items() if name not in shared}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open them."""
        self.__dict__.update(state)
        self.tools = self._searching()

    def fork(self) -> Self:
        """A copy that shares the library and nothing that changes."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._np_random = copy.deepcopy(self._np_random)
        if self._question is not None:
            twin.ledger = self.ledger.model_copy(deep=True)
        return twin

    def tasks(self, split: str) -> Sequence[Task]:
        """The tasks of ``train``, ``valid`` or ``test``."""
        if split not in self.splits:
            raise UnknownName("split", split, self.splits)
        return self.library.tasks[split]

    def task(self, seed: int | None, options: Mapping[str, Any] | None) -> Task:
        """As the base class, with a look-up by id."""
        wanted = (options or {}).get("task")
        if isinstance(wanted, str) and wanted in self.library.by_id:
            gymnasium.Env.reset(self, seed=seed)
            return self.library.by_id[wanted]
        return super().task(seed, options)

    def begin(self, task: Task) -> str:
        """Ask the question."""
        try:
            self._question = Question.model_validate(task.data)
        except ValidationError as error:
            raise BadInput(f"task {task.id!r} has no question in its data: {error}") from error
        self._found, self._asked = (), frozenset()
        self._hurried = bool(self.np_random.random() < self.hurry)
        return f"question: {self._question.question}"

    def read(self, action: str) -> Parsed:
        """The searches or the answer in an action."""
        return self.form.read(action, self.tools)

    def called(self, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> StepResult:
        """Show what was found."""
        text, reward, terminated, truncated, info = super().called(calls, results)
        self._asked |= {str(call.arguments.get("query")) for call in calls}
        new = dict.fromkeys(result.content for result in results if result.error is None)
        self._found += tuple(text for text in new if text not in self._found)
        return self.form.show(text), reward, terminated, truncated, info

    def said(self, text: str) -> StepResult:
        """What an answer earns by the rules; a judge's part comes on top."""
        question = self._now()
        slips = self.ledger.outcomes["malformed"]
        gold = self.library.gold(question)
        parts = parts_of(Answered(text, question.answers, self._found, gold, slips))
        info = {"valid": True, "success": parts["em"] == 1.0, "answer": text, "parts": parts}
        return "", total(self.weights, parts), True, False, info

    def step(self, action: str) -> StepResult:
        """Search or answer."""
        outcome = super().step(action)
        ended = outcome[2] and self.judge is not None
        return background.call(self._judged, outcome) if ended else outcome

    async def astep(self, action: str) -> StepResult:
        """:meth:`step`, with the judge on this event loop."""
        outcome = await super().astep(action)
        ended = outcome[2] and self.judge is not None
        return await self._judged(outcome) if ended else outcome

    async def _judged(self, outcome: StepResult) -> StepResult:
        """The outcome of an answer, with the judge's part."""
        assert self.judge is not None
        observation, _, terminated, truncated, info = outcome
        question = self._now()
        verdict = await self.judge.verdict(question.question, question.answers, info["answer"])
        parts = info["parts"] | {"judge": float(verdict.correct is True)}
        info |= {"parts": parts, "verdict": verdict.correct}
        return observation, total(self.weights, parts), terminated, truncated, info

    def anchor(self) -> str | None:
        """What has been found so far; the order and the words of the searches do not matter."""
        if self._question is None:
            return None
        known = {line.partition("(")[2] for text in self._found for line in text.splitlines()}
        digest = blake2b("\n".join(sorted(known)).encode(errors="replace"), digest_size=8)
        return f"{self._question.question}|{len(known)}|{digest.hexdigest()}"

    def actions(self) -> Sequence[str]:
        """Searches for parts of the question, and answers with the titles of what was found."""
        question = self._now().question
        words = question.rstrip("?").split()
        queries = (question, *(" ".join(words[at : at + 2]) for at in range(len(words) - 1)))
        titles = dict.fromkeys(
            line.partition("(Title: ")[2].partition(")")[0]
            for text in self._found
            for line in text.splitlines()
        )
        answers = [title for title in titles if title] or ["yes"]
        searches = [self.form.search(query) for query in queries] if self.tools else []
        return [*searches, *map(self.form.answer, answers)]

    def expert(self) -> str:
        """The next action of a searcher who ends with the answer."""
        question = self._now()
        left = self.budget is None or self.ledger.spent < self.budget
        searches = question.hops if left else ()
        query = expert.next_query(searches, self._asked, hurried=self._hurried)
        if query is not None:
            return self.form.search(query)
        return self.form.answer(expert.answer(question, hurried=self._hurried))

    def _now(self) -> Question:
        """The question of the episode under way, or of the one that has just ended."""
        if self._question is None:
            raise EpisodeOver("no episode has begun; call reset() first")
        return self._question
