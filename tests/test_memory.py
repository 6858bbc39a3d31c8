"""Memory as action: what an edit does to what is visible, and what the policy is told."""

import json
import pickle
from itertools import pairwise

import pytest
from editing import BROKEN, QUIET, call, prune
from hypothesis import given, settings, strategies as st
from template_forms import user

import agentgym
from agentgym.context.context import Edit, Turn
from agentgym.context.memory import Memory
from agentgym.trajectory import read_jsonl, write_jsonl


def turns_of(*actions, context=QUIET):
    """The turns that come of actions, in an environment that says o1, o2, ... when it is asked."""
    turns, said, observation = [], 1, "o1"
    for action in actions:
        edit = context.answer(turns, observation, action)
        turns.append(Turn(observation, action))
        said += edit is None
        observation = f"o{said}" if edit is None else edit.text
    return turns, observation


def shown(*actions):
    """What is visible after the actions, the roles left out."""
    return [message["content"] for message in QUIET.messages("", *turns_of(*actions))]


def answered(*actions):
    """What comes of the last of the actions."""
    turns, observation = turns_of(*actions[:-1])
    return QUIET.answer(turns, observation, actions[-1])


def test_turns_are_numbered_and_a_pruned_one_is_gone():
    assert shown("a", "b") == ["[1] o1", "a", "[2] o2", "b", "[3] o3"]
    edit = prune(2)
    assert shown("a", "b", edit) == ["[1] o1", "a", "[3] o3", edit, "[4] pruned 1"]
    assert shown("a", "b", edit, "c")[2:] == ["[3] o3", edit, "[4] pruned 1", "c", "[5] o4"]


def test_rules_stand_below_the_system_prompt():
    rules = Memory().rules
    assert all(f"{name} " in rules for name in ("prune", "write", "recall"))
    assert Memory().messages("Go.", [], "o")[0]["content"] == f"Go.\n\n{rules}"
    assert Memory().messages("", [], "o")[0]["content"] == rules
    assert QUIET.messages("Go.", [], "o")[0]["content"] == "Go."
    assert QUIET.messages("", [], "o") == [user("[1] o")]
    assert [tool.name for tool in Memory().tools] == ["prune", "write", "recall"]


def test_only_what_is_offered_is_shown_and_answered():
    notes = Memory(offers=("write", "recall"))
    assert [tool.name for tool in notes.tools] == ["write", "recall"]
    assert "prune" not in notes.rules and '"name": "write"' in notes.rules
    assert notes.answer([], "o", call("write", key="k", text="t")).text == "noted k"
    assert notes.answer([], "o", prune(2)) is None  # some tool of the environment, then
    assert notes.answer([], "o", '<tool_call>{"name": "prune", </tool_call>') is None
    with pytest.raises(ValueError, match="offers"):
        Memory(offers=())


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([1], "turn 1 stays"),  # the task
        ([3], "turn 3 stays"),  # the environment's last word
        ([2, 3], "turn 3 stays"),
        ([4], "there is no turn 4"),
        ([0], "there is no turn 0"),
        ([-1], "there is no turn -1"),
        ([], "no turns are named"),
        (["two"], "turns.0: Input should be a valid integer"),
        ("2", "turns: Input should be a valid list"),
    ],
)
def test_what_may_not_be_pruned_stays_and_the_policy_is_told(turns, said):
    edit = call("prune", turns=turns, summary="s")
    told = answered("a", "b", edit)
    assert not told.valid and said in told.text
    assert shown("a", "b", edit) == ["[1] o1", "a", "[2] o2", "b", "[3] o3", edit, f"[4] {told[0]}"]


def test_the_environments_last_word_stays_through_a_row_of_edits():
    edits = [prune(2), call("write", key="k", text="v"), prune(3)]
    assert answered("a", "b", *edits[:2], edits[2]).text.endswith("latest observation")
    assert answered("a", "b", *edits[:2], prune(4)).valid  # what an edit answered may go
    assert answered("a", "b", *edits[:2], "c", prune(3, 4, 5)).text == "pruned 3"  # now it is old


def test_what_is_pruned_cannot_be_pruned_again():
    assert "no turn 2" in answered("a", "b", prune(2), prune(2)).text
    assert answered("a", "b", "c", prune(2, 2, 3)).text == "pruned 2"


def test_notes_survive_everything_and_are_read_again():
    write = call("write", key="k", text="the note")
    assert answered(write).text == "noted k"
    past = ("a", write, "b", prune(2, 3), "c")
    assert write not in shown(*past)
    assert answered(*past, call("recall", key="k")).text == "the note"
    past = (*past, call("write", key="k", text="another"), call("write", key="l", text=""))
    assert answered(*past, call("recall", key="k")).text == "another"
    assert answered(*past, call("recall", key="l")) == Edit("", True, {"memory": ["recall"]})
    missing = answered(*past, call("recall", key="m"))
    assert not missing.valid and "no note 'm'; there are: k, l" in missing.text
    assert "there are: none" in answered(call("recall", key="m")).text


def test_several_memory_calls_in_a_turn_are_done_in_their_order():
    both = call("write", key="k", text="v") + call("recall", key="k") + prune(2)
    told = answered("a", "b", both)
    assert told == Edit("noted k\nv\npruned 1", True, {"memory": ["write", "recall", "prune"]})
    told = answered("a", "b", prune(2) + prune(2))
    assert not told.valid and told.text.startswith("pruned 1\n")
    assert "o2" not in " ".join(shown("a", "b", prune(2) + prune(2)))


def test_a_call_of_the_environment_waits_for_a_turn_of_its_own():
    told = answered("a", "b", call("search", query="x") + prune(2))
    assert told.text == "pruned 1\nNot called: search; memory calls stand alone in their turn."
    assert answered("a", call("search", query="write a prune")) is None
    assert answered("a", "I write, prune and recall.") is None


@pytest.mark.parametrize("action", BROKEN)
def test_a_memory_call_that_cannot_be_read_is_answered_and_never_acted_upon(action):
    """An environment that looks for commands in any text might find one in the summary."""
    told = answered("a", "b", action)
    assert not told.valid and "This tool call cannot be read" in told.text
    assert told.info == {"memory": []}
    assert len(shown("a", "b", action)) == 7


def test_a_broken_call_of_another_tool_is_the_environments():
    assert answered("a", '<tool_call>{"name": "write_file", "arguments": {"text": "') is None


names = st.sampled_from(["prune", "write", "recall", "search", "pr\\u0075ne", ""])
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
arguments = st.dictionaries(
    st.sampled_from(["turns", "summary", "key", "text", "other"]), values, max_size=3
)
hostile = st.one_of(
    st.text(),
    st.builds(lambda n, a: json.dumps({"name": n, "arguments": a}), names, arguments),
    st.builds(lambda n, a: f"<function={n}>{json.dumps(a)}</function>", names, arguments),
    st.builds(lambda n, a: f'<tool_call>{{"name": "{n}", "arguments": {a}', names, st.text()),
    st.builds(lambda n: f'{{"name":"prune","arguments":{{"turns":[{n}]}}}}', st.integers(2, 10**6)),
    st.sampled_from(
        [
            '<tool_call>{"name":"write","arguments":{"key":"\\ud800","text":"x"}}</tool_call>',
            f'{{"name":"prune","arguments":{{"turns":{"[" * 5000}',
            f'{{"name":"prune","arguments":{{"turns":{"[" * 300}{"]" * 300},"summary":""}}}}',
            f'{{"name":"prune","arguments":{{"turns":[{"9" * 5000}],"summary":""}}}}',
            '{"name":"prune","arguments":{"turns":[1e999],"summary":""}}',
        ]
    ),
)


@settings(max_examples=100, deadline=2000)
@given(actions=st.lists(hostile | st.sampled_from(["a", prune(2), *BROKEN]), max_size=5))
def test_no_action_raises_whatever_it_holds(actions):
    turns, observation = turns_of("a", "b", *actions)
    for before, after in pairwise(range(len(turns) + 1)):
        edit = QUIET.answer(turns[:before], turns[before].observation, turns[before].action)
        assert edit is None or edit.text.encode() is not None  # half a character would raise
        assert QUIET.messages("", turns[:after], observation)[0]["content"] == "[1] o1"


def test_a_context_holds_nothing_and_travels():
    used = Memory()
    turns, observation = turns_of("a", "b", prune(2), context=used)
    for other in (Memory(), pickle.loads(pickle.dumps(used)), used.model_copy()):
        assert other == used
        assert other.messages("", turns, observation) == used.messages("", turns, observation)
    before = list(turns)
    assert used.messages("", turns[:2], "o3") == Memory().messages("", turns[:2], "o3")
    assert turns == before


def test_half_of_a_character_in_a_call_costs_nothing(tmp_path):
    """JSON can name it, and no file can hold it."""
    odd = '<tool_call>{"name": "s\\ud800", "arguments": {}}</tool_call>'
    action = odd + call("write", key="k", text="x")
    env = agentgym.make("agentgym/Errand-v0", level="easy")
    trajectory = agentgym.run(
        agentgym.rollout,
        env,
        agentgym.ScriptedPolicy(lambda _: action),
        env.tasks("test")[0],
        context=QUIET,
        limits=agentgym.Limits(max_steps=2),
    )
    write_jsonl(tmp_path / "episode.jsonl", [trajectory])
    assert list(read_jsonl(tmp_path / "episode.jsonl")) == [trajectory]
    assert "s?" in trajectory.steps[1].observation
