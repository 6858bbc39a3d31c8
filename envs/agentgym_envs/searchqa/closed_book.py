"""What can be answered without a search: the baseline that a searching agent has to beat."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from agentgym.env.text_env import Task
from agentgym_envs.searchqa.question import Question
from agentgym_envs.searchqa.score import exact_match


def prior_guess(known: Iterable[Task], asked: Iterable[Task]) -> float:
    """The share of exact matches of who answers what is most frequent for the kind of question.

    Args:
        known: the tasks that the frequencies are taken from: the train split.
        asked: the tasks to answer; not empty.
    """
    frequent: dict[str, Counter[str]] = defaultdict(Counter)
    for task in known:
        question = Question.model_validate(task.data)
        frequent[question.kind][question.answers[0]] += 1
    right = []
    for task in asked:
        question = Question.model_validate(task.data)
        ((guess, _),) = frequent[question.kind].most_common(1) or [("", 0)]
        right.append(exact_match(guess, question.answers))
    return sum(right) / len(right)
