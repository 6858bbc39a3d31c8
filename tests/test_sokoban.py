"""Sokoban: its rules, its rooms and its solver."""

import copy
import hashlib
import json
import pickle
import random
from collections import deque

import pytest
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.seeded_random import split_of
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym_envs.sokoban.board import MOVES, parse
from agentgym_envs.sokoban.env import Sokoban, find_move
from agentgym_envs.sokoban.rooms import LEVELS, SIZES
from agentgym_envs.sokoban.solver import distances_to, solve

CHECKSUMS = {  # of the first tasks of seed 0: a change here changes published tasks
    "easy": "08479a3950750c51",
    "medium": "e981132a8f7b5dfc",
    "hard": "744ae9b7118ad6ee",
}
SOME = {"easy": 100, "medium": 100, "hard": 40}
CORRIDOR = ["#######", "#@-$-.#", "#######"]


@pytest.fixture(scope="module", params=LEVELS)
def level(request):
    return request.param


def some(level):
    """Tasks of each split; hard rooms take milliseconds each."""
    env = Sokoban(level)
    return [task for split in env.splits for task in env.tasks(split)[: SOME[level]]]


def room(*rows):
    env = Sokoban()
    data = {"rows": list(rows)}
    env.reset(options={"task": Task(id="mine", split="train", data=data)})
    return env


def play(env, choose, limit=120):
    actions, reward, info = [], 0.0, {}
    for _ in range(limit):
        actions.append(choose())
        _, reward, done, _, info = env.step(actions[-1])
        if done:
            break
    return actions, reward, info


def fewest_pushes(board):
    """By breadth-first search over every position: slow, and plainly right."""
    queue, seen = deque([(board, 0)]), {(board.boxes, board.player)}
    while queue:
        now, pushes = queue.popleft()
        if now.solved:
            return pushes
        for move in MOVES:
            after = now.step(move)
            if after and (after.boxes, after.player) not in seen:
                pushed = after.boxes != now.boxes
                seen.add((after.boxes, after.player))
                # Walks cost nothing: they come first, so that pushes are counted in order.
                (queue.append if pushed else queue.appendleft)((after, pushes + pushed))
    return None


def test_tasks_are_the_same_everywhere(level):
    text = json.dumps([task.model_dump() for task in some(level)])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[level]


def test_no_layout_is_in_two_splits(level):
    assert {split: len(Sokoban(level).tasks(split)) for split in SIZES} == SIZES
    for task in some(level):
        board = parse(task.data["rows"])
        assert len(board.boxes) == len(board.targets) == LEVELS[level].boxes
        assert not board.boxes & board.targets
        empty = board._replace(boxes=board.targets)
        layout = "".join(empty.rows).replace("@", "-")
        assert layout.count("*") == LEVELS[level].boxes
        assert split_of(layout) == task.split


def test_the_expert_solves_every_room(level):
    env = Sokoban(level)
    for task in some(level):
        env.reset(options={"task": task})
        actions, reward, info = play(env, env.expert)
        fewest, most = LEVELS[level].moves
        assert reward == 1.0 and info["success"] and fewest <= len(actions) <= most


def test_the_solver_pushes_as_little_as_can_be():
    for level, n in (("easy", 60), ("medium", 25)):
        for task in Sokoban(level).tasks("valid")[:n]:
            board = parse(task.data["rows"])
            pushes, now = 0, board
            for move in solve(board):
                after = now.step(move)
                pushes += after.boxes != now.boxes
                now = after
            assert now.solved and pushes == fewest_pushes(board)


@pytest.mark.parametrize(
    "rows",
    [
        ["#####", "#$-.#", "#--@#", "#####"],  # in a corner
        ["#####", "#-$-#", "#.-@#", "#####"],  # at a wall without a target
        ["#######", "#@-$#.#", "#######"],  # the target is walled off
        ["######", "#@$$.#", "#---.#", "######"],  # side by side at a wall, for good
    ],
)
def test_what_cannot_be_solved_is_said_so(rows):
    assert solve(parse(rows)) is None
    assert room(*rows).expert() in room(*rows).actions()


def test_distances_are_those_of_pushes():
    board = parse(CORRIDOR)
    columns = {
        cell % board.stride: d for cell, d in distances_to(*board[1::-1], board.stride).items()
    }
    assert columns == {5: 0, 4: 1, 3: 2, 2: 3}  # from column 1 there is no room to push


def test_a_walk_by_hand():
    env = room(*CORRIDOR)
    assert env.render() == (
        "# # # # # # #\n# @ - $ - . #\n# # # # # # #\nyou (2, 2), boxes (2, 4), targets (2, 6)"
    )
    assert env.actions() == ["right"]
    assert env.step("up")[4] == {"valid": False}
    assert env.step("right")[1:] == (0.0, False, False, {"valid": True, "on_target": 0})
    assert env.step("I push.\n<action>Right</action>")[0].startswith("# # # # # # #\n# - - @ $ . #")
    assert env.step("left")[0].startswith("# # # # # # #\n# - @ - $ . #")
    env.step("right")
    assert env.step("right") == (
        "# # # # # # #\n# - - - @ * #\n# # # # # # #\nyou (2, 5), boxes (2, 6), targets (2, 6)",
        1.0,
        True,
        False,
        {"valid": True, "on_target": 1, "success": True},
    )


def test_two_boxes_in_a_row_do_not_move():
    env = room("#######", "#@$$-.#", "#----.#", "#######")
    assert env.actions() == ["down"]


def test_there_is_wall_outside_of_the_rows():
    env = room("@$.", "---")
    assert env.actions() == ["down", "right"]
    env.step("down")
    env.step("right")
    env.step("right")
    assert env.actions() == ["up", "left"]  # no way from the end of a row to the next


@settings(deadline=2000)
@given(
    rows=st.lists(st.text("#-.$*", min_size=4, max_size=4), min_size=2, max_size=4),
    at=st.integers(0, 7),
)
def test_a_board_is_read_as_it_is_written(rows, at):
    rows[at // 4] = rows[at // 4][: at % 4] + "@" + rows[at // 4][at % 4 + 1 :]
    try:
        board = parse(rows)
    except BadInput as error:
        assert "at least one box" in str(error)
    else:
        assert board.rows == rows
        for move in MOVES:
            after = board.step(move)
            if after:
                assert len(after.boxes) == len(board.boxes) and after.boxes < board.floor
                assert after.player in board.floor - after.boxes


def test_a_random_player_fails(level):
    env, rng = Sokoban(level), random.Random(0)
    tasks = env.tasks("valid")[:40]
    won = 0.0
    for task in tasks:
        env.reset(options={"task": task})
        won += play(env, lambda: rng.choice(env.actions()), LEVELS[level].moves[1])[1]
    assert won <= 0.3 * len(tasks)


@pytest.mark.parametrize(
    ("text", "move"),
    [
        ("up", "up"),
        ("LEFT", "left"),
        ("not up but down.", "down"),
        ("<action>up</action> or down", "up"),
        ("<action>north</action> or down", "down"),
        ("upward", None),
        ("", None),
    ],
)
def test_moves_in_free_text(text, move):
    assert find_move(text) == move


HOSTILE = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.lists(st.sampled_from([*MOVES, "<action>", "</action>", "\n"])).map(" ".join),
    st.sampled_from(["up ", "<action>", "</action>"]).map(
        lambda text: text * (100_000 // len(text))
    ),
)


@settings(max_examples=200, deadline=2000)
@given(actions=st.lists(HOSTILE, min_size=1, max_size=6))
def test_no_text_raises_and_invalid_text_changes_nothing(actions):
    env = room("#######", "#@-$-.#", "#-----#", "#######")
    for action in actions:
        state = env.anchor()
        observation, reward, done, truncated, info = env.step(action)
        assert not truncated and info["valid"] == (env.anchor() != state)
        if not info["valid"]:
            assert "\nnothing happened: " in observation and reward == 0.0
        if done:
            break


def test_steps_outside_an_episode_raise():
    env = Sokoban("easy")
    with pytest.raises(EpisodeOver):
        env.step("up")
    env.reset(seed=0)
    play(env, env.expert)
    for call in (lambda: env.step("up"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            call()


def copied(env):
    return copy.deepcopy(env)


def pickled(env):
    return pickle.loads(pickle.dumps(env))


@pytest.mark.parametrize("copy_of", [Sokoban.fork, copied, pickled])
def test_copies_are_independent(copy_of):
    env = Sokoban("medium")
    env.reset(seed=2)
    env.step(env.expert())
    twin, state = copy_of(env), env.anchor()
    assert play(twin, twin.expert)[1] == 1.0
    assert env.anchor() == state
    assert play(env, env.expert)[1] == 1.0
    assert env.reset() == copy_of(twin).reset()  # both drew nothing since the copy


def test_bad_arguments_and_tasks_are_named():
    with pytest.raises(UnknownName, match="'easy'"):
        Sokoban("eassy")
    with pytest.raises(UnknownName, match="split"):
        Sokoban("easy").tasks("dev")
    with pytest.raises(UnknownName, match="did you mean 'hard/test/00"):
        Sokoban("hard").reset(options={"task": "hard/test/0013"})
    for rows, said in (
        (None, "needs 'rows'"),
        ([1], "needs 'rows'"),
        ([], "this one has 0, 0 and 0"),
        (["@$-"], "this one has 1, 1 and 0"),
        (["@@$."], "this one has 2, 1 and 1"),
        (["@x$."], "not x"),
        (["@*"], "solved from the start"),
    ):
        with pytest.raises(BadInput, match=said):
            task = {"id": "mine", "split": "train", "data": {"rows": rows}}
            Sokoban().reset(options={"task": task})


@pytest.mark.parametrize("level", ["easy", "medium"])  # hard rooms take long to list all
def test_it_keeps_the_rules(level):
    check_env(lambda: agentgym.make("agentgym/Sokoban-v0", level=level))
