"""Prompts grow by appending: what was sampled is never tokenised again."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agentgym
from agentgym.context import FullHistory, Turn, Window
from agentgym.env import Task, TextEnv
from agentgym.errors import BadInput
from agentgym.policy import Sampling
from agentgym.policy.local import LocalPolicy
from agentgym.renderer import ChatTemplate, Transcript
from agentgym.tooling import tool

TASK = Task(id="t", split="train")
THINKING = (  # as Qwen3 and DeepSeek do: only what follows the thought stays in the history
    "{% for m in messages %}<|{{ m.role }}|>"
    "{% if m.role == 'assistant' %}{{ m.content.split('</think>')[-1] }}"
    "{% else %}{{ m.content }}{% endif %}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
MARKS_THE_LAST = (  # rewrites what it had written for earlier messages
    "{% for m in messages %}<|{{ m.role }}|>{% if loop.last %}now: {% endif %}{{ m.content }}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TRIMS = (  # as Llama 3 does
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def written(renderer, text):
    """The ids of a text without an end of turn."""
    return renderer.encode_action(text)[:-1]


@pytest.fixture
def renderer(tokenizer):
    return ChatTemplate(tokenizer)


def test_each_prompt_is_the_last_one_what_was_sampled_and_a_tail(renderer):
    transcript, system = Transcript(renderer), {"role": "system", "content": "Go."}
    messages = [system, user("hall")]
    assert transcript.prompt(messages) == renderer.render(messages)
    end = renderer.encode_action("")
    for turn in range(3):
        before = transcript.ids
        sampled = renderer.encode_action(f"go {turn}")
        transcript.sample(sampled, f"go {turn}")
        messages = [*messages, assistant(f"go {turn}"), user(f"room {turn}")]
        tail = transcript.prompt(messages)
        assert transcript.ids == before + sampled + tail
        assert renderer.decode(tail) == f"room {turn}"
        assert tail[:1] != end  # the model itself wrote the end of its turn
    assert transcript.segment == 0
    assert transcript.ids == renderer.render(messages)


def test_sampled_ids_are_kept_though_a_tokenizer_would_write_the_text_otherwise(renderer):
    text = "You are in the kitchen."
    one_by_one = [i for letter in text for i in written(renderer, letter)]
    assert renderer.decode(one_by_one) == text
    assert len(one_by_one) > len(written(renderer, text))
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(one_by_one, text)
    transcript.prompt([user("hall"), assistant(text), user("next")])
    start = len(renderer.render([user("hall")]))
    assert transcript.ids[start : start + len(one_by_one)] == one_by_one
    assert transcript.segment == 0


def test_a_turn_that_was_cut_off_is_ended_by_the_template(renderer):
    end = renderer.encode_action("")
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(written(renderer, "go gar"), "go gar")
    tail = transcript.prompt([user("hall"), assistant("go gar"), user("next")])
    assert tail[:1] == end
    assert transcript.ids == renderer.render(transcript.messages)


def test_an_empty_answer_is_a_turn_too(renderer):
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action(""), "")
    transcript.prompt([user("hall"), assistant(""), user("next")])
    assert transcript.ids == renderer.render(transcript.messages)
    assert transcript.segment == 0


@pytest.mark.parametrize(
    ("template", "answer"), [(MARKS_THE_LAST, "go hall"), (THINKING, "<think>well</think>go hall")]
)
def test_a_template_that_rewrites_what_stood_there_begins_a_segment(tokenizer, template, answer):
    tokenizer.chat_template = template
    renderer = ChatTemplate(tokenizer)
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action(answer), answer)
    after = [user("hall"), assistant(answer), user("next")]
    assert transcript.prompt(after) == renderer.render(after)
    assert transcript.ids == renderer.render(after)
    assert transcript.segment == 1


@pytest.mark.parametrize(
    ("template", "answer"), [(THINKING, "go hall"), (TRIMS, " go hall\n"), (TRIMS, "go hall")]
)
def test_a_template_that_leaves_the_answer_or_trims_it_does_not(tokenizer, template, answer):
    tokenizer.chat_template = template
    renderer = ChatTemplate(tokenizer)
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action(answer), answer)
    transcript.prompt([user("hall"), assistant(answer), user("next")])
    assert transcript.segment == 0
    assert renderer.decode(transcript.ids) == f"hall{answer}next"


@pytest.mark.parametrize(
    "after",
    [
        [user("hall"), assistant("went"), user("next")],  # the last action told otherwise
        [user("hall"), user("note"), user("next")],  # the action left out
        [user("other"), assistant("go"), user("next")],  # the past told otherwise
        [user("next")],
        [user("hall")],
        [user("hall"), assistant("go")],
    ],
)
def test_a_context_that_edits_the_past_begins_a_segment(renderer, after):
    transcript = Transcript(renderer)
    transcript.prompt([user("hall")])
    transcript.sample(renderer.encode_action("go"), "go")
    assert transcript.prompt(after) == renderer.render(after)
    assert transcript.ids == renderer.render(after)
    assert transcript.segment == 1


def test_an_observation_that_holds_the_placeholder_does_no_harm(renderer):
    from agentgym.renderer import PLACEHOLDER

    transcript = Transcript(renderer)
    transcript.prompt([user(f"a {PLACEHOLDER} b")])
    transcript.sample(renderer.encode_action("go"), "go")
    after = [user(f"a {PLACEHOLDER} b"), assistant("go"), user(f"c {PLACEHOLDER} d")]
    transcript.prompt(after)
    assert transcript.ids == renderer.render(after)


def test_tools_are_offered_in_every_prompt(tokenizer):
    tokenizer.chat_template = (
        "{% for t in tools or [] %}[{{ t.function.name }}]{% endfor %}" + tokenizer.chat_template
    )

    @tool
    def lantern(level: int) -> str:
        """Light the lantern."""
        return str(level)

    renderer = ChatTemplate(tokenizer)
    transcript = Transcript(renderer, [lantern])
    transcript.prompt([user("hall")])
    assert renderer.decode(transcript.ids).startswith("[lantern]")
    transcript.sample(renderer.encode_action("go"), "go")
    transcript.prompt([user("hall"), assistant("go"), user("next")])
    assert transcript.segment == 0
    assert renderer.decode(transcript.ids).count("[lantern]") == 1


def test_without_a_renderer_there_are_no_ids():
    transcript = Transcript(None)
    assert transcript.prompt([user("hall")]) == []
    transcript.sample([], "go")
    assert transcript.ids == []


def test_a_tokenizer_without_a_template_or_an_end_of_turn_is_refused(tokenizer):
    tokenizer.eos_token = None
    with pytest.raises(BadInput, match="end-of-turn"):
        ChatTemplate(tokenizer)
    tokenizer.chat_template = None
    with pytest.raises(BadInput, match=r"no chat template.*chat_template\.jinja"):
        ChatTemplate(tokenizer)


@given(st.text(max_size=30).filter(lambda text: "<|" not in text))
@settings(max_examples=60, deadline=None)
def test_text_survives_encoding(text):
    renderer = renderer_of_all_tests()
    ids = renderer.encode_action(text)
    assert renderer.decode(ids[:-1]) == text
    assert ids[-1] in renderer.stop_ids


_renderers = []


def renderer_of_all_tests():
    """Hypothesis does not reset fixtures between examples, so this one is made by hand."""
    from agentgym_trainers.tiny_model import tiny_tokenizer

    if not _renderers:
        _renderers.append(ChatTemplate(tiny_tokenizer(["go hall"], 270)))
    return _renderers[0]


TURNS = [Turn(f"o{i}", f"a{i}") for i in range(4)]
SYSTEM = {"role": "system", "content": "rules"}


def test_full_history_shows_everything():
    assert FullHistory().messages("rules", TURNS[:2], "now") == [
        SYSTEM,
        *(user("o0"), assistant("a0"), user("o1"), assistant("a1")),
        user("now"),
    ]
    assert FullHistory().messages("", [], "now") == [user("now")]


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_a_window_shows_everything_while_it_is_wide_enough(turns):
    past = TURNS[:turns]
    assert Window(turns=turns).messages("rules", past, "now") == (
        FullHistory().messages("rules", past, "now")
    )


def test_a_window_keeps_the_first_observation_and_the_last_turns():
    note = "o0\n\n[{} earlier steps are not shown]\n\n"
    assert Window(turns=0).messages("rules", TURNS, "now") == [
        SYSTEM,
        user(note.format(4) + "now"),
    ]
    assert Window(turns=1).messages("rules", TURNS, "now") == [
        SYSTEM,
        *(user(note.format(3) + "o3"), assistant("a3")),
        user("now"),
    ]
    assert Window(turns=2).messages("", TURNS, "now") == [
        *(user(note.format(2) + "o2"), assistant("a2")),
        *(user("o3"), assistant("a3")),
        user("now"),
    ]


def test_contexts_are_pure(tokenizer):
    for context in (FullHistory(), Window(turns=2)):
        past = list(TURNS)
        first = context.messages("rules", past, "now")
        first[0]["content"] = first[-1]["content"] = "scribbled over"
        assert context.messages("rules", past, "now")[-1] == user("now")
        assert past == TURNS


class Corridor(TextEnv):
    """Five rooms in a row; whatever one does leads on."""

    system_prompt = "Go on."

    def reset(self, *, seed=None, options=None):
        self.place = 0
        return "room 0", {}

    def step(self, action):
        self.place += 1
        return f"room {self.place}", 1.0, self.place == 5, False, {}


@pytest.mark.parametrize(
    ("context", "segments"),
    [
        (FullHistory(), [0, 0, 0, 0, 0]),
        (Window(turns=2), [0, 0, 0, 1, 2]),
        (Window(turns=0), [0, 1, 2, 3, 4]),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
@pytest.mark.parametrize("max_tokens", [3, 40])
def test_an_episodes_record_gives_back_every_prompt(
    model, tokenizer, context, segments, max_tokens
):
    """From the record alone: the messages, the segments and the ids the model was asked with."""
    asked = []

    class Watched(LocalPolicy):
        async def generate(self, prompt, sampling):
            asked.append(list(prompt.ids))
            return await super().generate(prompt, sampling)

    record = agentgym.run(
        agentgym.rollout,
        Corridor(),
        Watched(model, tokenizer),
        TASK,
        context=context,
        sampling=Sampling(max_tokens=max_tokens),
    )
    assert [step.segment for step in record.steps] == segments
    assert [record.prompt_of(i) for i in range(5)] == asked
    turns, renderer = [], ChatTemplate(tokenizer)
    for i, step in enumerate(record.steps):
        messages = context.messages("Go on.", turns, step.observation)
        shown = renderer.tokenizer.decode(asked[i], skip_special_tokens=True)
        assert shown == "".join(message["content"] for message in messages)
        turns.append(Turn(step.observation, step.action))
        assert (step.finish_reason == "stop") == (step.ids[-1] in renderer.stop_ids)
