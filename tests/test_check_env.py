"""What check_env accepts, and what it says of environments with one thing wrong."""

import random

import gymnasium
import pytest

import agentgym
from agentgym.env.gymnasium_env import GymnasiumText
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env, findings_of
from agentgym_envs.webshop.env import WebShop


class Guess(TextEnv):
    """Find a number from 0 to 99 by higher and lower: a good environment in thirty lines."""

    system_prompt = "Guess a number from 0 to 99."

    def __init__(self):
        self.left = 0

    def tasks(self, split):
        numbers = {"train": range(0, 100, 2), "test": range(1, 100, 2)}[split]
        return [Task(id=f"{split}/{n}", split=split, data={"number": n}) for n in numbers]

    def reset(self, *, seed=None, options=None):
        task = self.task(seed, options)
        self.number, self.left = int(task.data["number"]), 8
        self.low, self.high = 0, 99
        return "a number from 0 to 99", {}

    def step(self, action):
        if not self.left:
            raise EpisodeOver("call reset() first")
        self.left -= 1
        digits = action.strip()
        valid = digits.isascii() and digits.isdigit() and len(digits) < 3
        guess = int(digits) if valid else None
        if guess == self.number:
            self.left = 0
            return "right", 1.0, True, False, {"valid": True, "success": True}
        if valid and guess < self.number:
            self.low = max(self.low, guess + 1)
        elif valid:
            self.high = min(self.high, guess - 1)
        hint = f"between {self.low} and {self.high}" if valid else "write a number"
        return hint, 0.0, False, not self.left, {"valid": valid}

    def anchor(self):
        return f"{self.low}-{self.high}"

    def actions(self):
        return [str(n) for n in range(self.low, self.high + 1)]

    def expert(self):
        return str((self.low + self.high) // 2)


class SameIds(Guess):
    def tasks(self, split):
        return [Task(id="one", split=split, data={"number": n}) for n in (1, 2)]


class NoTest(Guess):
    def tasks(self, split):
        return super().tasks("train") if split == "train" else []


class RandomTasks(Guess):
    def tasks(self, split):
        return random.sample(super().tasks(split), 5)


class IdsOnly(Guess):
    def reset(self, *, seed=None, options=None):
        given = (options or {}).get("task")
        first, info = super().reset(seed=seed, options=options)
        return (first if given is None or isinstance(given, str) else "welcome"), info


class NaNReward(Guess):
    def step(self, action):
        observation, _, *rest = super().step(action)
        return (observation, float("nan"), *rest)


class WordyValid(Guess):
    def step(self, action):
        *answer, info = super().step(action)
        return (*answer, info | {"valid": "yes"})


class NotPossible(Guess):
    def actions(self):
        return ["a hundred"]


class ListAnchor(Guess):
    def anchor(self):
        return [self.low, self.high]


class CountingAnchor(Guess):
    asked = 0

    def anchor(self):
        self.asked += 1
        return str(self.asked)


class Unseeded(Guess):
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed, options=options)
        return f"a number, and noise {random.random()}", {}


class SharedFork(Guess):
    def fork(self):
        twin = type(self)()
        twin.__dict__ = self.__dict__
        return twin


class OwnFork(Guess):
    def fork(self):
        return self


class ForgetfulFork(Guess):
    def fork(self):
        twin = type(self)()
        twin.__dict__ |= self.__dict__ | {"number": 50}
        return twin


class Raises(Guess):
    def step(self, action):
        action.encode()  # a lone surrogate has no UTF-8
        return super().step(action)


class NeverOver(Guess):
    def step(self, action):
        if hasattr(self, "number"):
            self.left = self.left or 1
        return super().step(action)


class WrongError(Guess):
    def step(self, action):
        if not self.left:
            raise RuntimeError("over")
        return super().step(action)


class Hopeless(Guess):
    def expert(self):
        return "0"


class NoSeeding(Guess):
    def reset(self, *, seed=None, options=None):
        self.number, self.left, self.low, self.high = 3, 8, 0, 99
        return "a number from 0 to 99", {}


class Crashes(Guess):
    def tasks(self, split):
        raise KeyError(split)


def test_a_good_environment_passes():
    findings = check_env(Guess)
    assert len(findings) >= 10
    assert not any(problem for _, problem in findings)


def test_it_takes_a_name_a_function_or_an_instance():
    check_env("agentgym/WebShop-v0", episodes=1)
    check_env(lambda: agentgym.make("agentgym/WebShop-v0", level="hard"))
    env = WebShop("easy")
    env.reset(seed=0)
    state = env.anchor()
    check_env(env)
    assert env.anchor() == state  # copies are tested


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (SameIds, "two tasks have the id 'one'"),
        (NoTest, "split 'test' is empty"),
        (RandomTasks, "they must not be random"),
        (IdsOnly, "but 'welcome' as a Task"),
        (NaNReward, "the reward is nan; it must be a finite number"),
        (WordyValid, "info['valid'] is 'yes'"),
        (NotPossible, "actions() lists 'a hundred', but step() says it is not valid"),
        (ListAnchor, "anchor() is a list; use text"),
        (CountingAnchor, "anchor() gave '1', then '2'"),
        (Unseeded, "but in a second one"),
        (SharedFork, "stepping a fork changed the anchor of the original"),
        (OwnFork, "return a copy"),
        (ForgetfulFork, "in the original, after its fork had played"),
        (Raises, "a lone surrogate, raised UnicodeEncodeError"),
        (NeverOver, "step() after the end of an episode answered as if nothing were wrong"),
        (WrongError, "raised RuntimeError: over; raise agentgym.EpisodeOver there"),
        (Hopeless, "without success (return 0)"),
        (NoSeeding, "Gymnasium's own checker"),
        (Crashes, "raised KeyError: 'train'"),
    ],
)
def test_what_is_wrong_is_said(broken, message):
    with pytest.raises(BadInput) as caught:
        check_env(broken)
    assert message in str(caught.value)


def test_every_failed_check_is_listed():
    with pytest.raises(BadInput, match=r"2 of \d+ checks failed") as caught:
        check_env(type("Both", (WrongError, Hopeless), {}))
    assert "EpisodeOver" in str(caught.value) and "without success" in str(caught.value)


def test_an_adapted_gymnasium_environment_passes():
    class Echo(gymnasium.Env):
        observation_space = action_space = gymnasium.spaces.Text(8)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.word = str(self.np_random.integers(1000))
            return self.word, {}

        def step(self, action):
            return "ok", float(action == self.word), True, False, {}

    findings = dict(findings_of(lambda: GymnasiumText(Echo())))
    assert not any(findings.values()), findings


def test_what_making_it_raises_is_raised():
    with pytest.raises(UnknownName, match="WebShop-v0"):
        check_env("agentgym/WebShp-v0")
