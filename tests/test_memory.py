"""Memory as action: what an edit does, and that training sees what was sampled where it was."""

import json
import pickle
import random
import re
from functools import cache, partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import TASK, learner_of
from template_forms import assistant, renderer_of, user, written

import agentgym
from agentgym.context import Edit, FullHistory, Turn
from agentgym.env import TextEnv
from agentgym.limits import Limits
from agentgym.memory import HOW, Memory
from agentgym.policy import Completion, Sampling
from agentgym.policy.local import LocalPolicy
from agentgym.policy.scripted import ScriptedPolicy
from agentgym.renderer import ChatTemplate
from agentgym.tool_calls import write_tool_call
from agentgym.tooling import ToolCall
from agentgym.transcript import Transcript
from agentgym_trainers.engine.batches import weigh
from agentgym_trainers.engine.rows import demonstration_rows, rows_of
from agentgym_trainers.objectives.ppo_clip import PPOClip

QUIET = Memory(instructions="")


def call(name, **arguments):
    return write_tool_call(ToolCall(name=name, arguments=arguments))


def prune(*turns, summary="s"):
    return call("prune", turns=list(turns), summary=summary)


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


# What an edit does


def test_turns_are_numbered_and_a_pruned_one_is_gone():
    assert shown("a", "b") == ["[1] o1", "a", "[2] o2", "b", "[3] o3"]
    edit = prune(2)
    assert shown("a", "b", edit) == ["[1] o1", "a", "[3] o3", edit, "[4] pruned 1"]
    assert shown("a", "b", edit, "c")[2:] == ["[3] o3", edit, "[4] pruned 1", "c", "[5] o4"]


def test_rules_stand_below_the_system_prompt():
    assert Memory().messages("Go.", [], "o")[0]["content"] == f"Go.\n\n{HOW}"
    assert Memory().messages("", [], "o")[0]["content"] == HOW
    assert QUIET.messages("Go.", [], "o")[0]["content"] == "Go."
    assert QUIET.messages("", [], "o") == [user("[1] o")]
    assert [tool.name for tool in Memory().tools] == ["prune", "write", "recall"]


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


BROKEN = [
    '<tool_call>{"name": "prune", "arguments": {"turns": [2], "summary": "go on: click[x]',
    '<tool_call>{"name": "write", "arguments": {"key": k}}</tool_call>',
    "<function=recall>{</function>",
    '{"name": "prune", "arguments": {"turns": [2',
]


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


# Episodes: played by a script whose words are spelled in tokens of chance


class Talk(TextEnv):
    """Says one of two things, whatever one does; the end comes after so many actions."""

    system_prompt = "Go."

    def __init__(self, length=6):
        self.length = length

    def reset(self, *, seed=None, options=None):
        self.heard = []
        return "hall", {}

    def step(self, action):
        self.heard.append(action)
        done = len(self.heard) == self.length
        return ["hall", "cellar"][len(self.heard) % 3 == 2], float(done), done, False, {}

    def anchor(self):
        return str(len(self.heard))


def spelled(renderer, text, rng):
    """Ids that a model might have sampled as the text: it is cut anywhere, the end may be missing.

    Byte-level tokens join to the same text however it was cut.
    """
    cuts = sorted(rng.sample(range(len(text)), rng.randrange(min(4, len(text)))))
    pieces = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
    ids = [i for piece in pieces for i in written(renderer, piece)]
    return [*ids, *rng.choice([[], [renderer.end_id], [renderer.end_id]])] or [renderer.end_id]


class Speller(ScriptedPolicy):
    """Says what a script says, with made-up logprobs; keeps what it was asked."""

    def __init__(self, script, renderer):
        super().__init__(lambda prompt: script[min(prompt.step, len(script) - 1)])
        self.renderer, self.asked = renderer, []

    async def generate(self, prompt, sampling):
        self.asked.append((list(prompt.messages), list(prompt.ids)))
        rng, text = random.Random(prompt.seed), self.function(prompt)
        ids = spelled(self.renderer, text, rng)
        return Completion(text=text, ids=ids, logprobs=[-rng.random() for _ in ids])


def without_tools(tokenizer):
    """The schemas of the tools are more text than the small tokenizer should have to spell."""
    tokenizer.chat_template = tokenizer.chat_template.partition("{% endif %}")[2]
    return tokenizer


@pytest.fixture
def renderer(tokenizer):
    return ChatTemplate(without_tools(tokenizer))


def play(policy, env=None, *, context=QUIET, steps=20, **options):
    record = agentgym.run(
        agentgym.rollout,
        env or Talk(),
        policy,
        TASK,
        context=context,
        limits=Limits(max_steps=steps),
        **options,
    )
    assert record.failure is None
    return record


def numbers(messages):
    """The turns that messages show, by their numbers."""
    said = [message["content"] for message in messages if message["role"] == "user"]
    return [int(re.match(r"\[(\d+)\] ", text)[1]) for text in said]


def by_hand(renderer, record, messages):
    """The prompt with the sampled ids of every visible action, put together in the plainest way."""
    [end] = renderer.encode_action("")
    special = renderer.tokenizer.convert_tokens_to_ids
    ids = []
    for message, before in zip(messages, [None, *messages], strict=False):
        ids.append(special(f"<|{message['role']}|>"))
        own = written(renderer, message["content"])
        if message["role"] == "assistant":
            own = record.steps[numbers([before])[0] - 1].ids
        ids += [*own, *([] if own[-1:] == [end] else [end])]
    return [*ids, special("<|assistant|>")]


edits = st.one_of(
    st.sampled_from(["go", "go", "go hall"]),
    st.lists(st.integers(2, 6), min_size=1, max_size=3).map(lambda turns: prune(*turns)),
    st.lists(st.integers(1, 9), max_size=4).map(lambda turns: prune(*turns)),
    st.builds(lambda k: call("write", key=k, text="go"), st.sampled_from("kl")),
    st.builds(lambda k: call("recall", key=k), st.sampled_from("kl")),
    st.sampled_from([prune(2) + prune(3), prune(2) + call("search", q="x"), BROKEN[0]]),
)


@cache
def small_renderer():
    from agentgym_trainers.tiny_model import tiny_tokenizer

    return ChatTemplate(without_tools(tiny_tokenizer(["go hall cellar"], 280)))


@settings(max_examples=80, deadline=None)
@given(script=st.lists(edits, min_size=1, max_size=14), seed=st.integers(0, 99))
def test_each_sampled_token_is_trained_once_where_it_was_sampled(script, seed):
    renderer = small_renderer()
    policy, env = Speller(script, renderer), Talk()
    record = play(policy, env, sampling_seed=seed, steps=len(script))
    steps = record.steps
    assert len(policy.asked) == len(steps)

    # The environment hears what is no memory call, and what it said last stays visible.
    told = [i for i, step in enumerate(steps) if "memory" in step.info]
    assert env.heard == [s.action for i, s in enumerate(steps) if i not in told]
    for i, (messages, ids) in enumerate(policy.asked):
        seen = numbers(messages)
        assert seen == sorted(set(seen)) and seen[0] == 1 and seen[-1] == i + 1
        latest = max(n for n in range(1, i + 2) if n == 1 or n - 2 not in told)
        assert latest in seen
        assert ids == record.prompt_of(i) == by_hand(renderer, record, messages)

    # A segment ends where something visible was taken away, and nowhere else.
    for i in range(1, len(steps)):
        gone = set(numbers(policy.asked[i - 1][0])) - set(numbers(policy.asked[i][0]))
        assert steps[i].segment == steps[i - 1].segment + bool(gone)

    rows = rows_of([record], np.arange(1.0, len(steps) + 1))
    assert len(rows) == 1 + steps[-1].segment
    found = [
        (row.ids[:at], row.ids[at], row.logprobs[at], advantage)
        for row in rows
        for action in row.actions
        for at, advantage in zip(range(*action.ends), action.advantages[0], strict=True)
    ]
    assert found == [
        (record.prompt_of(i) + step.ids[:k], token, step.logprobs[k], i + 1)
        for i, step in enumerate(steps)
        for k, token in enumerate(step.ids)
    ]
    assert sum(sum(row.mask) for row in rows) == record.tokens


def test_of_actions_that_read_the_same_each_keeps_its_own_ids(renderer):
    """The first `go` survives, the second is pruned; they were sampled in other pieces."""
    transcript = Transcript(renderer)
    whole, letters = written(renderer, "go"), [i for c in "go" for i in written(renderer, c)]
    assert whole != letters
    transcript.prompt([user("[1] hall")])
    transcript.sample(letters, "go")
    past = [user("[1] hall"), assistant("go")]
    transcript.prompt([*past, user("[2] hall")])
    transcript.sample(whole, "go")
    after = transcript.prompt([*past, user("[3] hall")])
    expected = renderer.render([*past, user("[3] hall")], (), {1: letters}).ids
    assert after == transcript.ids == expected
    assert expected != renderer.render([*past, user("[3] hall")]).ids


def test_one_answer_told_otherwise_does_not_cost_the_others_their_ids(renderer):
    transcript = Transcript(renderer)
    letters = [i for c in "go" for i in written(renderer, c)]
    transcript.prompt([user("hall")])
    transcript.sample(letters, "go")
    transcript.prompt([user("hall"), assistant("go"), user("cellar")])
    transcript.sample(written(renderer, "go hall"), "go hall")
    retold = [user("hall"), assistant("go"), user("cellar"), assistant("went"), user("hall")]
    assert transcript.prompt(retold) == renderer.render(retold, (), {1: letters}).ids


@pytest.mark.parametrize("form", ["qwen2_5", "qwen3", "llama3", "gemma"])
def test_sampled_ids_survive_an_edit_under_the_templates_of_well_known_models(form, tokenizer):
    renderer = renderer_of(form, tokenizer)
    script = ["go", "go hall", "go", prune(2, 3), "go", "go"]
    policy = Speller(script, renderer)
    record = play(policy, steps=6)
    messages, ids = policy.asked[-1]
    assert numbers(messages) == [1, 4, 5, 6] and record.steps[-1].segment == 1
    text = renderer.render(messages, QUIET.tools).text
    assert renderer.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    place = 0
    for step in (record.steps[n - 1] for n in (1, 4, 5)):
        length = len(step.ids)
        place = next(p for p in range(place, len(ids)) if ids[p : p + length] == step.ids) + length


def forced(model, policy, prompt, text, rng):
    """A completion that the model did not choose, with the probabilities that it gives it."""
    ids = spelled(policy.renderer, text, rng)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*prompt.ids, *ids]])).logits[0]
    whole = torch.log_softmax(logits[len(prompt.ids) - 1 : -1], dim=-1)
    logprobs = whole.gather(1, torch.tensor(ids)[:, None])[:, 0].tolist()
    return Completion(text=text, ids=ids, logprobs=logprobs)


@pytest.mark.parametrize("context", [QUIET, FullHistory()], ids=lambda c: c.name)
def test_the_learner_recomputes_what_was_sampled(model, tokenizer, context):
    """A model samples what it likes and is made to prune between."""

    class Guided(LocalPolicy):
        async def generate(self, prompt, sampling):
            if prompt.step in script:
                rng = random.Random(prompt.seed)
                return forced(model, self, prompt, script[prompt.step], rng)
            return await super().generate(prompt, sampling)

    script = {3: prune(2), 5: prune(4) + prune(3)}
    policy = Guided(model, without_tools(tokenizer))
    record = play(policy, context=context, steps=8, sampling=Sampling(max_tokens=5))
    assert len(record.steps) == (6 if context.name == "full" else 8)
    assert record.steps[-1].segment == (0 if context.name == "full" else 2)
    rows = rows_of([record], np.ones(len(record.steps)))
    learnt = learner_of(model).reinforce(rows, PPOClip(), temperature=1.0, lr=0.0, seed=0)
    assert learnt["mismatch"] < 1e-5
    assert learnt["ratio"] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("aggregation", ["token-mean", "seq-mean-token-sum", "seq-mean-token-mean"])
def test_a_trajectory_weighs_the_same_in_however_many_rows(renderer, aggregation):
    scripts = [["go"] * 6, ["go", "go", prune(2), "go", prune(3), "go hall", "go", "go", "go"]]
    records = [
        play(Speller(script, renderer), id=f"e{n}", sampling_seed=n)
        for n, script in enumerate(scripts)
    ]
    assert [t.steps[-1].segment for t in records] == [0, 2]
    tokens = [t.tokens for t in records]
    share = {
        "token-mean": [n / sum(tokens) for n in tokens],
        "seq-mean-token-sum": [n / 2 for n in tokens],
        "seq-mean-token-mean": [1 / 2, 1 / 2],
    }[aggregation]
    rows = rows_of(records, np.ones(sum(len(t.steps) for t in records)))
    weights = weigh(rows, aggregation)
    for number, total in enumerate(share):
        own = [w.weight.sum() for r, w in zip(rows, weights, strict=True) if r.family == number]
        assert len(own) == 1 + records[number].steps[-1].segment
        assert sum(own) == pytest.approx(total)


def test_demonstrations_are_learnt_in_the_context_that_was_edited(renderer):
    script = ["go", "go hall", prune(2), "go", "go", "go", "go"]
    policy = Speller(script, renderer)
    record = play(policy)
    rows = demonstration_rows([record], renderer, QUIET)
    assert len(rows) == 2
    own = [[i for i, m in zip(row.ids, row.mask, strict=True) if m] for row in rows]
    said = [
        [i for a in part for i in renderer.encode_action(a)] for part in (script[:3], script[3:])
    ]
    assert own == said
    assert renderer.decode(rows[1].ids) == renderer.decode(
        record.prompt_of(6) + record.steps[6].ids
    )


# Forks, and environments of every kind


def test_a_branch_has_the_edits_of_the_episode_that_it_left(renderer):
    script = ["go", "go hall", call("write", key="k", text="v"), prune(2, 3), "go"]
    script += [call("recall", key="k"), "go", "go"]
    policy, branches = Speller(script, renderer), []

    async def watch(episode):
        if len(episode.record.steps) in (4, 6):  # before the prune acts; long after it
            branches.append(await episode.fork(f"b{len(branches)}", sampling_seed=3))

    record = play(policy, id="root", sampling_seed=3, watch=watch)
    for branch, shared in zip(branches, (3, 5), strict=True):
        other = agentgym.run(branch.run, other_session(branch))
        assert other.branch_step == shared
        assert [s.action for s in other.steps] == [s.action for s in record.steps]
        assert other.steps[5].observation == "hall" and other.final_observation == "hall"
        assert [s.segment for s in other.steps] == [s.segment for s in record.steps]
        for i in range(len(record.steps)):
            assert other.prompt_of(i) == record.prompt_of(i)
        rows = rows_of([record, other], np.ones(2 * len(record.steps)))
        own = record.tokens + sum(len(s.ids) for s in other.steps[shared:])
        assert sum(sum(row.mask) for row in rows) == own


def other_session(branch):
    return f"session of {branch.record.id}"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("agentgym/Sokoban-v0", {"level": "easy"}),
        ("agentgym/WebShop-v0", {"level": "easy"}),
        ("agentgym/FrozenLake-v0", {}),
        ("agentgym/Household-v0", {"level": "easy"}),
    ],
)
def test_no_environment_sees_a_memory_call(name, options):
    env = agentgym.make(name, **options).unwrapped
    heard, step = [], env.step

    def listen(action):
        heard.append(action)
        return step(action)

    env.step = listen
    edits = {1: call("write", key="k", text="up"), 2: BROKEN[0], 4: prune(2, 3), 5: prune(99)}
    policy = ScriptedPolicy(lambda p: edits.get(p.step) or p.env.actions()[0])
    task = env.tasks("train")[0]
    run = partial(agentgym.rollout, env, policy, task, context=Memory())
    record = agentgym.run(run, limits=Limits(max_steps=8))
    assert record.failure is None
    played = [s.action for i, s in enumerate(record.steps) if i not in edits]
    assert heard == played and len(heard) == 4
    assert [record.steps[i].valid for i in edits] == [True, False, True, False]
    assert record.steps[3].anchor == record.steps[1].anchor  # the world stood still
