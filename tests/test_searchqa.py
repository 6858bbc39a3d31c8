"""Search QA: its episodes in both forms, its small world, its expert and its reward."""

import hashlib
import json
import pickle
import random
import re

import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym.tools.parse import write_tool_call
from agentgym.tools.tool import ToolCall
from agentgym_envs.searchqa.closed_book import prior_guess
from agentgym_envs.searchqa.env import SearchQA
from agentgym_envs.searchqa.forms import FORMS, read_calls, read_tags
from agentgym_envs.searchqa.question import Hop, Question
from agentgym_envs.searchqa.reward import Answered, parts_of

CHECKSUM = "04ca4ee246990344"  # of all easy tasks of seed 0: a change here changes published tasks


@pytest.fixture
def env():
    return SearchQA("easy")


def play(env, limit=8):
    """The expert's episode: actions, observations, the return and the last info."""
    actions, observations, earned, info = [], [], 0.0, {}
    for _ in range(limit):
        actions.append(env.expert())
        observation, reward, done, _, info = env.step(actions[-1])
        observations.append(observation)
        earned += reward
        if done:
            break
    return actions, observations, earned, info


def everything(env):
    return [task for split in env.splits for task in env.tasks(split)]


def checksum(env):
    text = json.dumps([task.model_dump() for task in everything(env)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_tasks_are_the_same_everywhere(env):
    assert checksum(env) == CHECKSUM
    assert checksum(SearchQA("easy", seed=1)) != CHECKSUM


@pytest.mark.parametrize("form", FORMS)
def test_it_keeps_the_rules(form):
    check_env(lambda: SearchQA("easy", form=form))


def test_it_is_found_by_name():
    env = agentgym.make("agentgym/SearchQA-v0", level="easy", form="calls")
    assert env.spec.max_episode_steps == 8
    assert "agentgym/SearchQA-v0" in agentgym.registered()


def test_no_split_knows_what_another_asks(env):
    names = {
        split: {hop.passage for task in env.tasks(split) for hop in Question(**task.data).hops}
        for split in env.splits
    }
    assert [len(env.tasks(split)) for split in env.splits] == [384, 96, 96]
    assert not names["train"] & names["test"]
    assert not names["train"] & names["valid"]
    assert not names["valid"] & names["test"]
    texts = [task.data["question"] for task in everything(env)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("form", FORMS)
def test_the_expert_solves_every_task(form):
    env = SearchQA("easy", form=form)
    for task in everything(env):
        env.reset(options={"task": task.id})
        actions, _, earned, info = play(env)
        assert earned == 1.0 and info["success"], task
        assert set(info["parts"].values()) == {1.0}, task
        assert len(actions) == len(task.data["hops"]) + 1


def test_a_random_policy_fails(env):
    rng, won = random.Random(0), 0
    for seed in range(300):
        env.reset(seed=seed)
        for _ in range(8):
            _, _, done, _, info = env.step(rng.choice(env.actions()))
            if done:
                won += info["success"]
                break
    assert won <= 9


def test_the_hurried_expert_answers_a_search_too_early():
    env = SearchQA("easy", hurry=1.0)
    for task in env.tasks("train")[:200]:
        env.reset(seed=0, options={"task": task.id})
        actions, _, earned, _ = play(env)
        assert earned == 0.0 and len(actions) == len(task.data["hops"])
    env = SearchQA("easy", hurry=0.5)
    won = 0
    for seed in range(200):
        env.reset(seed=seed)
        won += play(env)[3]["success"]
    assert 70 < won < 130


def test_easy_is_small(env):
    words = set(re.findall(r"\w+", env.system_prompt))
    for task in env.tasks("train"):
        first, _ = env.reset(options={"task": task.id})
        _, observations, _, _ = play(env)
        for text in [first, *observations]:
            assert len(text.split()) <= 60
            words |= set(re.findall(r"\w+", text))
    assert len(words) <= 150


def test_an_episode_with_tags(env):
    task = next(t for t in env.tasks("test") if t.data["question"].startswith("who does the mayor"))
    town, mayor = (hop["query"] for hop in task.data["hops"])
    first, info = env.reset(options={"task": task.id})
    assert first == f"question: {task.data['question']}" and info == {"task": task.id}
    seen, reward, done, truncated, info = env.step(f"<think>Who?</think><search>{town}</search>")
    assert (reward, done, truncated, info["valid"]) == (0.0, False, False, True)
    opening, found, closing = seen.splitlines()
    assert (opening, closing) == ("<information>", "</information>")
    told = rf"Doc 1\(Title: {town}\) {town} has the mayor {mayor} and a road to \w+ \w+"
    assert re.fullmatch(told, found)
    seen, *_ = env.step(f"<search>{mayor}</search>")
    boss = re.search(rf"{mayor} lives in .* and works for (.*)", seen)[1]
    _, reward, done, _, info = env.step(f"So it is <answer> The {boss.upper()}! </answer>")
    assert (reward, done, info["success"]) == (1.0, True, True)
    assert info["answer"] == f"The {boss.upper()}!" and info["tool_calls"] == {"ok": 2}
    with pytest.raises(EpisodeOver):
        env.step("<answer>more</answer>")


def test_an_episode_with_calls():
    env = SearchQA("easy", form="calls")
    task = next(t for t in env.tasks("test") if t.data["question"].startswith("who does the mayor"))
    town, person = (hop["query"] for hop in task.data["hops"])
    env.reset(options={"task": task.id})
    assert [tool.name for tool in env.tools] == ["search"]
    calls = [
        write_tool_call(ToolCall(name="search", arguments={"query": q})) for q in (town, person)
    ]
    seen, reward, done, _, info = env.step("\n".join(calls))  # two at a time
    assert f"has the mayor {person}" in seen and f"{person} lives in" in seen
    assert (reward, done, info["valid"]) == (0.0, False, True)
    _, reward, done, _, info = env.step(f"<think>It is a cat?</think>\n{task.data['answers'][0]}")
    assert (reward, done, info["parts"]["gold"]) == (1.0, True, 1.0)


@pytest.mark.parametrize(
    ("text", "calls", "answer"),
    [
        ("<search>a</search>", ["a"], ""),
        ("<search> a b </search> <answer>c</answer>", ["a b"], ""),
        ("<answer>c</answer><search>a</search>", [], "c"),
        ("<think>x</think>\n<answer>\nc d\n</answer>", [], "c d"),
        ("<answer><search>a</search>", ["a"], ""),  # the first that is closed
        ("<search>a<answer>c</answer>", [], "c"),
        ("<search>\ud800a</search>", ["?a"], ""),
    ],
)
def test_tags_are_read_as_search_r1_reads_them(text, calls, answer):
    parsed = read_tags(text)
    assert [call.arguments["query"] for call in parsed.calls] == calls
    assert parsed.text == answer and not parsed.malformed


@pytest.mark.parametrize(
    "text", ["", "Paris", "<search>a", "<answer></answer>", "<search> </search>"]
)
def test_what_is_no_tag_is_told(text):
    parsed = read_tags(text)
    assert len(parsed.malformed) == 1 and not parsed.calls and not parsed.text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Lima", "Lima"),
        ("<think>Is it Quito?</think> Lima", "Lima"),
        ("Is it Quito?</think> Lima", "Lima"),
        ("I say <answer>Lima</answer>.", "Lima"),
    ],
)
def test_what_is_no_call_is_the_answer(text, answer):
    assert read_calls(text).text == answer


def test_thoughts_alone_are_no_answer():
    assert read_calls("<think>Is it Lima?").malformed == read_calls(" ").malformed != []


HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.text().map(lambda text: f"<search>{text}</search>"),
    st.sampled_from(["<search>", "<answer>", "</search>", "<think>", "<tool_call>", '{"']).map(
        lambda text: text * (100_000 // len(text))
    ),
    st.sampled_from(['"', ":", "a AND (", "text:x^2", "* TO ]", "a~3 {x TO", "\\"]).map(
        lambda text: f"<search>{text} red</search>"
    ),
    st.sampled_from(
        [
            '<tool_call>{"name": "search", "arguments": {}}</tool_call>',
            '<tool_call>{"name": "search", "arguments": {"query": 7}}</tool_call>',
            '<tool_call>{"name": "find", "arguments": {"query": "a"}}</tool_call>',
            '<tool_call>{"name": "search"',
            '<tool_call>{"name": "search", "arguments": {"query": "\\ud800"}}</tool_call>',
        ]
    ),
)


@settings(max_examples=200, deadline=None)
@given(form=st.sampled_from(list(FORMS)), actions=st.lists(HOSTILE, min_size=1, max_size=4))
def test_no_text_raises_and_malformed_text_finds_nothing(form, actions):
    env = SearchQA("easy", form=form)
    env.reset(seed=0)
    for action in actions:
        state = env.anchor()
        observation, reward, done, truncated, info = env.step(action)
        assert isinstance(observation, str) and not truncated
        if done:
            assert reward == float(info["success"])
            return
        assert reward == 0.0 and observation
        if not info["valid"]:
            assert env.anchor() == state


def test_a_slip_costs_the_format_part_only(env):
    env = SearchQA("easy", reward={"em": 1.0, "format": 0.5})
    env.reset(seed=0)
    observation, _, done, _, info = env.step("I do not know what to do.")
    assert "Write <search>" in observation and not done and info["valid"] is False
    _, _, earned, info = play(env)
    assert earned == 1.0 and info["parts"]["format"] == 0.0 and info["success"]
    env.reset(seed=0)
    assert play(env)[2] == 1.5


def test_parts_of_a_reward():
    answers = ("United Arab Emirates", "UAE")
    found = ("Doc 1(Title: Mali: Exports) UAE 73%, Switzerland 15%",)
    gold = ("(Title: Mali: Exports) UAE 73%, Switzerland 15%", "(Title: Mali) x")
    assert parts_of(Answered("the UAE.", answers, found, gold, 0)) == {
        "em": 1.0,
        "substring": 1.0,
        "f1": 1.0,
        "format": 1.0,
        "grounded": 1.0,
        "gold": 0.5,
    }
    guessed = parts_of(Answered("United Arab Emirates", answers, (), gold, 2))
    assert (guessed["em"], guessed["grounded"], guessed["gold"], guessed["format"]) == (1, 0, 0, 0)
    wrong = parts_of(Answered("Switzerland", answers, found, gold, 0))
    assert (wrong["em"], wrong["grounded"], wrong["gold"]) == (0, 0, 0.5)


def test_rewards_add_up():
    env = SearchQA("easy", reward={"f1": 0.5, "grounded": 0.25, "gold": 0.25})
    env.reset(seed=0)
    assert play(env)[2] == 1.0
    env.reset(seed=0)
    question = Question(**env.task(0, None).data)
    env.reset(options={"task": Task(id="x", split="train", data=question.model_dump(mode="json"))})
    _, reward, _, _, info = env.step(f"<answer>{question.answers[0]}</answer>")
    assert reward == 0.5 and info["success"]  # right, but nothing was searched for


def test_searches_can_be_limited():
    env = SearchQA("easy", searches=1)
    task = next(t for t in env.tasks("test") if len(t.data["hops"]) == 2)
    env.reset(options={"task": task.id})
    env.step("<search>ann</search>")
    observation, _, done, _, _ = env.step("<search>bob</search>")
    assert "No calls are left of 1." in observation and not done
    assert play(env)[3]["success"]


def test_a_closed_book():
    env = SearchQA("easy", searches=0)
    assert env.tools == () and "from what you know" in env.system_prompt
    env.reset(seed=0)
    actions, _, earned, _ = play(env)
    assert len(actions) == 1 and earned == 1.0
    check_env(lambda: SearchQA("easy", searches=0))


def test_the_guess_of_who_does_not_search():
    known = [made("q", "pet", "dog"), made("r", "pet", "dog"), made("s", "pet", "cat")]
    asked = [made("t", "pet", "dog"), made("u", "pet", "cat"), made("v", "good", "soap")]
    assert prior_guess(known, asked) == pytest.approx(1 / 3)
    env = SearchQA("easy")
    assert prior_guess(env.tasks("train"), env.tasks("test")) < 0.1


def made(question, kind, answer):
    data = Question(question=question, kind=kind, answers=(answer,)).model_dump(mode="json")
    return Task(id=question, split="train", data=data)


def test_equal_findings_are_equal_states(env):
    task = next(t for t in env.tasks("test") if len(t.data["hops"]) == 2)
    one, other = (hop["query"] for hop in task.data["hops"])
    states = []
    for queries in ((one, other), (other, one), (one, other, one), (one,), ()):
        env.reset(options={"task": task.id})
        for query in queries:
            env.step(f"<search>{query}</search>")
        states.append(env.anchor())
    assert states[0] == states[1] == states[2]
    assert len(set(states)) == 3


def test_the_expert_knows_what_was_asked_already(env):
    task = next(t for t in env.tasks("test") if len(t.data["hops"]) == 2)
    env.reset(options={"task": task.id})
    for query in ("dog", task.data["hops"][1]["query"]):
        env.step(f"<search>{query}</search>")
    actions, _, earned, _ = play(env)
    assert earned == 1.0 and len(actions) == 2


@pytest.mark.parametrize("copied", [SearchQA.fork, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_are_independent(copied):
    env = SearchQA("easy")
    env.reset(options={"task": next(t.id for t in env.tasks("test") if len(t.data["hops"]) == 2)})
    env.step(env.expert())
    twin = copied(env)
    assert twin.library is env.library
    state, calls = env.anchor(), dict(env.ledger.outcomes)
    assert len(play(twin)[0]) == 2
    assert env.anchor() == state and dict(env.ledger.outcomes) == calls
    assert play(env)[3]["success"]
    assert env.reset() == copied(twin).reset()
    assert len(pickle.dumps(env)) < 10_000


def test_tasks_of_ones_own(env):
    question = Question(
        question="what does red bay make?",
        answers=("soap",),
        hops=(Hop(query="x", passage="y", answer=""),),
    )
    env.reset(
        options={"task": Task(id="mine", split="train", data=question.model_dump(mode="json"))}
    )
    _, reward, _, _, info = env.step("<answer>soap</answer>")
    assert reward == 1.0 and info["parts"]["gold"] == 0.0
    with pytest.raises(BadInput, match="no question"):
        env.reset(options={"task": Task(id="mine", split="train", data={"question": "x"})})
    with pytest.raises(UnknownName, match="did you mean 'easy/test/"):
        env.reset(options={"task": "easy/test/0003"})
    for call in (SearchQA("easy").expert, SearchQA("easy").actions):
        with pytest.raises(EpisodeOver):
            call()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": "eassy"}, "'easy'"),
        ({"form": "tag"}, "'tags'"),
        ({"k": 0}, "1 or more"),
        ({"searches": -1}, "0 searches or more"),
        ({"hurry": 1.5}, "probability"),
        ({"reward": {"exact": 1.0}}, "no part of the reward 'exact'"),
        ({"reward": {"em": float("inf")}}, "finite"),
        ({"reward": {"judge": 1.0}}, "say who judges"),
        ({"judge": "gpt"}, "chat:MODEL@"),
        ({"dataset": "hotpot"}, "'hotpotqa'"),
        ({"dataset": "nq"}, "which file is which split"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises((BadInput, UnknownName), match=re.escape(message)):
        SearchQA(**{"level": "easy"} | arguments)
