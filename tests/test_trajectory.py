"""Records on disk: whole or not at all, and a damaged line is named."""

import pytest
from counter import collect, play, says
from hypothesis import given, settings, strategies as st

from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym.trajectory import (
    Failure,
    Step,
    StopReason,
    Trajectory,
    grouped,
    read_jsonl,
    write_jsonl,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@st.composite
def trajectories(draw):
    steps = []
    for _ in range(draw(st.integers(0, 3))):
        ids = draw(st.lists(st.integers(0, 2**31), max_size=4))
        step = Step(
            observation=draw(texts),
            action=draw(texts),
            reward=draw(numbers),
            anchor=draw(texts),
            valid=draw(st.booleans()),
            segment=draw(st.integers(0, 3)),
            prompt_ids=draw(st.lists(st.integers(0, 9), max_size=3)),
            ids=ids,
            logprobs=[draw(numbers) for _ in ids],
            info={"note": draw(texts), "n": [draw(numbers), None, True]},
            seconds={"policy": draw(numbers)},
        )
        steps.append(step)
    return Trajectory(
        id=draw(texts),
        group=draw(texts),
        task=Task(id="t", split=draw(texts), data={"x": draw(texts)}),
        steps=steps,
        stop_reason=draw(st.sampled_from(StopReason)),
        failure=draw(st.none() | st.just(Failure(boundary="policy", type="E", message="m\n"))),
        success=draw(st.booleans()),
    )


@given(st.lists(trajectories(), max_size=3))
@settings(max_examples=50, deadline=None)
def test_trajectories_come_back_from_a_file_as_they_were(tmp_path_factory, played):
    path = tmp_path_factory.mktemp("trajectories") / "new" / "t.jsonl"
    write_jsonl(path, played)
    assert list(read_jsonl(path)) == played
    assert [p.name for p in path.parent.iterdir()] == ["t.jsonl"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-20], "line 3: .*EOF"),
        (lambda text: text.replace("\n", "\n{]\n", 1), "line 2: "),
        (lambda text: "\n" + text, "line 1: "),
        (lambda text: text.replace('"seed 0"', "17", 1), r"line 1: steps\.0\.observation: "),
        (lambda text: text.replace(':"terminated"', ':"bored"', 1), "line 1: stop_reason"),
        (lambda text: text + "\x00\x01", "line 4: "),
        (lambda text: text.replace("seed 0", "seed \udcff", 1), "line 1: "),
    ],
)
def test_a_damaged_file_names_the_line(tmp_path, damage, message):
    path = tmp_path / "t.jsonl"
    write_jsonl(path, [play("win", id=str(i)) for i in range(3)])
    path.write_bytes(damage(path.read_text()).encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=f"(?s)t.jsonl, {message}"):
        list(read_jsonl(path))


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    path = tmp_path / "t.jsonl"
    old = [play("win", id="old")]
    write_jsonl(path, old)

    def breaks():
        yield old[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_jsonl(path, breaks())
    assert list(read_jsonl(path)) == old
    assert [p.name for p in tmp_path.iterdir()] == ["t.jsonl"]


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(BadInput, match="no trajectory file"):
        list(read_jsonl(tmp_path / "nowhere.jsonl"))


def test_trajectories_are_grouped_as_they_were_played():
    groups = collect(says("win"), group_size=2)
    again = grouped([t for group in groups for t in group.trajectories])
    assert again == groups
