"""What the model sees of the past, and that an episode's record gives it back."""

import pytest
from template_forms import assistant, user

import agentgym
from agentgym.context.context import FullHistory, Turn, Window
from agentgym.env.text_env import Task, TextEnv
from agentgym.policy import Sampling
from agentgym.policy.local import LocalPolicy
from agentgym.rendering.renderer import ChatTemplate

TASK = Task(id="t", split="train")
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
    assert {step.drift for step in record.steps} == {"clean"}  # the context did it on purpose
    assert [record.prompt_of(i) for i in range(5)] == asked
    turns, renderer = [], ChatTemplate(tokenizer)
    for i, step in enumerate(record.steps):
        messages = context.messages("Go on.", turns, step.observation)
        shown = renderer.tokenizer.decode(asked[i], skip_special_tokens=True)
        assert shown == "".join(message["content"] for message in messages)
        turns.append(Turn(step.observation, step.action))
        assert (step.finish_reason == "stop") == (step.ids[-1] in renderer.stop_ids)


def test_what_the_template_does_to_the_past_is_in_the_record(model, tokenizer):
    tokenizer.chat_template = tokenizer.chat_template.replace(
        "{{ message.content }}", "{% if loop.last %}now: {% endif %}{{ message.content }}"
    )
    sampling = Sampling(max_tokens=3)
    policy = LocalPolicy(model, tokenizer)
    record = agentgym.run(agentgym.rollout, Corridor(), policy, TASK, sampling=sampling)
    assert [step.drift for step in record.steps] == ["clean", *["forked"] * 4]
    assert [step.segment for step in record.steps] == [0, 1, 2, 3, 4]
