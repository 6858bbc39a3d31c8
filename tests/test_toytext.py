"""Gymnasium's toy-text games in words."""

import copy
import hashlib
import json
import pickle
import random

import pytest
from gymnasium.envs.toy_text.blackjack import BlackjackEnv
from gymnasium.envs.toy_text.frozen_lake import FrozenLakeEnv
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym_envs.toytext.blackjack import Blackjack, by_the_book
from agentgym_envs.toytext.cliff_walking import CliffWalking
from agentgym_envs.toytext.frozen_lake import FrozenLake, crossable
from agentgym_envs.toytext.game import find_word
from agentgym_envs.toytext.tables import optimal_actions
from agentgym_envs.toytext.taxi import Taxi

GAMES = {
    "FrozenLake": FrozenLake,
    "Taxi": Taxi,
    "CliffWalking": CliffWalking,
    "Blackjack": Blackjack,
}
CHECKSUMS = {  # of all tasks: a change here changes published tasks
    "FrozenLake": "192317b939a9c791",
    "Taxi": "9d4a122173fa53e2",
    "CliffWalking": "6b1ca3d3f11013b6",
    "Blackjack": "8b58d594f1ec9ea0",
}
SIZES = {
    "FrozenLake": [500, 50, 100],
    "Taxi": [240, 20, 40],
    "CliffWalking": [25, 4, 8],
    "Blackjack": [1000, 100, 200],
}


@pytest.fixture(params=GAMES)
def name(request):
    return request.param


def play(env, choose, limit=60):
    actions, total, info = [], 0.0, {}
    for _ in range(limit):
        actions.append(choose())
        _, reward, done, _, info = env.step(actions[-1])
        total += reward
        if done:
            break
    return actions, total, info


def everything(env):
    return [task for split in env.splits for task in env.tasks(split)]


def begun(env, **data):
    env.reset(seed=0, options={"task": {"id": "mine", "split": "train", "data": data}})
    return env


def test_tasks_are_the_same_everywhere_and_in_one_split_each(name):
    env = GAMES[name]()
    text = json.dumps([task.model_dump() for task in everything(env)])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[name]
    assert [len(env.tasks(split)) for split in env.splits] == SIZES[name]
    assert len({json.dumps(task.data) for task in everything(env)}) == sum(SIZES[name])


def test_the_expert_always_succeeds(name):
    env = GAMES[name]()
    for task in everything(env):
        env.reset(options={"task": task})
        _, total, info = play(env, env.expert)
        assert info["success"], task
        best = {"FrozenLake": 1, "Blackjack": 1, "Taxi": 20, "CliffWalking": -1}[name]
        assert total == 1 if best == 1 else best - 20 <= total <= best


def test_the_expert_takes_the_shortest_way():
    assert len(play(env := begun(CliffWalking(), place=36), env.expert)[0]) == 13
    env = FrozenLake(8)
    for task in env.tasks("valid"):
        env.reset(options={"task": task})
        rows, steps, edge = task.data["rows"], 0, {(0, 0)}
        while (7, 7) not in edge:  # by hand: all fields after so many steps
            steps += 1
            edge = {
                (r + down, c + right)
                for r, c in edge
                for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0))
                if 0 <= r + down < 8 and 0 <= c + right < 8 and rows[r + down][c + right] != "H"
            }
        assert len(play(env, env.expert)[0]) == steps


def test_values_of_the_slippery_lake_are_those_of_the_book():
    """Gymnasium's 4x4 lake: the optimal policy succeeds in about 74 % of 100 steps."""
    table = FrozenLakeEnv(map_name="4x4", is_slippery=True).P
    plan = optimal_actions(table)
    chances = [1.0 if state == 15 else 0.0 for state in range(16)]
    for _ in range(100):
        chances = [
            chances[state]
            if state in (5, 7, 11, 12, 15)
            else sum(p * chances[after] for p, after, *_ in table[state][plan[state]])
            for state in range(16)
        ]
    assert chances[0] == pytest.approx(0.74, abs=0.01)


def test_a_slippery_lake_moves_sideways_and_repeats_with_the_seed():
    walks = []
    for _ in range(2):
        env = FrozenLake(slippery=True)
        env.reset(seed=3)
        play(env, env.expert)
        walks.append(env.anchor())
    assert walks[0] == walks[1]
    env.reset(seed=3)
    assert len({env.fork().step("right")[0] for _ in range(5)}) == 1  # a fork has the same dice


@pytest.mark.parametrize(("game", "most"), [(FrozenLake, 0.1), (Taxi, 0.1), (CliffWalking, 0.2)])
def test_a_random_player_fails(game, most):
    env, rng = game(), random.Random(0)
    won = 0
    for seed in range(200):
        env.reset(seed=seed)
        won += play(env, lambda: rng.choice(env.actions()))[2].get("success", False)
    assert won <= most * 200


def test_the_book_beats_a_random_player_at_blackjack():
    env, rng = Blackjack("all"), random.Random(0)
    totals = {"book": 0.0, "random": 0.0}
    for task in env.tasks("train"):
        for who in totals:
            env.reset(options={"task": task})
            choose = env.expert if who == "book" else lambda: rng.choice(env.actions())
            totals[who] += play(env, choose)[1]
    assert -100 < totals["book"] < 50  # in the long run it loses about 5 of 100 bets
    assert totals["random"] < totals["book"] - 150


@pytest.mark.parametrize(
    ("player", "dealer", "move"),
    [
        ([10, 6], 10, "hit"),
        ([10, 7], 10, "stick"),
        ([10, 6], 6, "stick"),
        ([10, 2], 3, "hit"),
        ([10, 2], 4, "stick"),
        ([10, 3], 2, "stick"),
        ([10, 6], 1, "hit"),
        ([1, 6], 6, "hit"),
        ([1, 7], 8, "stick"),
        ([1, 7], 9, "hit"),
        ([1, 8], 10, "stick"),
    ],
)
def test_the_book(player, dealer, move):
    game = BlackjackEnv()
    game.reset(seed=0)
    game.player, game.dealer = player, [dealer, 5]
    assert by_the_book(game) == move


def test_words_for_the_lake():
    env = begun(FrozenLake(), rows=["SFF", "HFH", "FFG"])
    assert env.render() == (
        "You stand at row 1, column 1 of a frozen lake with 3 rows and 3 columns.\n"
        "Holes: (2, 1), (2, 3). Goal: (3, 3).\n"
        "Left: edge. Down: hole. Right: ice. Up: edge."
    )
    assert env.step("up")[1:] == (0.0, False, False, {"valid": True})
    env.step("right")
    assert env.step("down")[0].endswith("Left: hole. Down: ice. Right: hole. Up: ice.")
    assert env.fork().step("left")[1:] == (0.0, True, False, {"valid": True, "success": False})
    assert env.step("down")[0].endswith("Left: ice. Down: edge. Right: goal. Up: ice.")
    assert env.step("right")[1:] == (1.0, True, False, {"valid": True, "success": True})


def test_words_for_the_taxi():
    env = begun(Taxi(), state=((0 * 5 + 0) * 5 + 0) * 4 + 2)  # at red, passenger at red, to yellow
    assert env.render() == (
        "The taxi is at row 1, column 1; free ways: south, east.\n"
        "The passenger waits at the red stand (1, 1) and wants to go to the yellow stand (5, 1)."
    )
    assert env.fork().step("drop off")[1] == -10.0
    assert "The passenger sits in the taxi" in env.step("Pick up!")[0]
    assert "drop off" in env.actions()
    for _ in range(4):
        env.step("south")
    assert env.step("drop off")[1:] == (20.0, True, False, {"valid": True, "success": True})


def test_a_fall_costs_the_success():
    env = begun(CliffWalking(), place=36)
    assert env.render().startswith("You stand at row 4, column 1 of 4 rows and 12 columns.")
    assert env.step("right")[1] == -100.0
    _, total, info = play(env, env.expert)
    assert total == -13.0 and info["success"] is False


def test_words_for_the_cards():
    env = Blackjack()
    env.reset(seed=0)
    env.inner.player, env.inner.dealer = [10, 1], [7, 10]
    assert env.render() == ("Your cards: 10, ace. Sum: 21 (an ace counts 11). The dealer shows 7.")
    assert env.step("stick") == (
        "Your cards: 10, ace. Sum: 21 (an ace counts 11). The dealer has 7, 10. Sum: 17.",
        1.0,
        True,
        False,
        {"valid": True, "success": True},
    )


def test_a_deck_deals_the_same_cards_again():
    env = Blackjack("all")
    for task in env.tasks("test")[:20]:
        tales = []
        for seed in (1, 2):
            env.reset(seed=seed, options={"task": task})
            tales.append((env.render(), play(env, lambda: "hit"), env.render()))
        assert tales[0] == tales[1]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("pick up", "pick up"),
        ("First north, then PICK UP", "pick up"),
        ("<action>north</action> not pick up", "north"),
        ("<action>fly</action> south", "south"),
        ("northern", None),
        ("pick  up", None),
        ("", None),
    ],
)
def test_words_in_free_text(text, word):
    assert find_word(text, Taxi.moves) == word


TEXT = st.one_of(
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.sampled_from(["pick", "<action>", "north ", "</action>"]).map(lambda part: part * 12_000),
)


@settings(max_examples=60, deadline=2000)
@given(actions=st.lists(TEXT, min_size=1, max_size=4), name=st.sampled_from(sorted(GAMES)))
def test_no_text_raises_and_invalid_text_changes_nothing(actions, name):
    env = GAMES[name]()
    env.reset(seed=0)
    for action in actions:
        told, state = env.render(), env.anchor()
        observation, _, done, truncated, info = env.step(action)
        assert not truncated
        if not info["valid"]:
            assert observation.startswith(f"{told}\nnothing happened: write one of ")
            assert (env.render(), env.anchor()) == (told, state)
        if done:
            break


def test_steps_outside_an_episode_raise(name):
    env = GAMES[name]()
    with pytest.raises(EpisodeOver):
        env.step("up")
    env.reset(seed=0)
    play(env, env.expert)
    for call in (lambda: env.step("up"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            call()


def forked(env):
    return env.fork()


def pickled(env):
    return pickle.loads(pickle.dumps(env))


@pytest.mark.parametrize("copy_of", [forked, copy.deepcopy, pickled])
def test_copies_are_independent(name, copy_of):
    env = GAMES[name]()
    env.reset(seed=4)
    twin, state = copy_of(env), env.anchor()
    assert play(twin, twin.expert)[2]["success"]
    assert env.anchor() == state
    assert play(env, env.expert)[2]["success"]
    assert env.reset() == copy_of(twin).reset()  # both drew nothing since the copy


def test_two_instances_never_share_a_state():
    for game in (Taxi, CliffWalking):
        first, second = game(), game()
        first.reset(seed=0)
        second.reset(seed=1)
        state = first.anchor()
        play(second, second.expert)
        assert first.anchor() == state


@settings(deadline=2000)
@given(rows=st.lists(st.text("FH", min_size=3, max_size=3), min_size=3, max_size=3))
def test_a_lake_can_be_crossed_if_its_plan_says_so(rows):
    rows = ["S" + rows[0][1:], rows[1], rows[2][:2] + "G"]
    env = begun(FrozenLake(), rows=rows)
    arrived = play(env, env.expert, 9)[2].get("success", False)
    assert arrived == crossable(rows)


def test_bad_arguments_and_tasks_are_named(name):
    env = GAMES[name]()
    with pytest.raises(UnknownName, match="split"):
        env.tasks("dev")
    wrong = {
        "FrozenLake": [{}, {"rows": ["SF", "G"]}, {"rows": ["SX", "FG"]}, {"rows": ["FF", "FG"]}],
        "Taxi": [{}, {"state": 500}, {"state": True}, {"state": 0}],
        "CliffWalking": [{}, {"place": 47}, {"place": -1}],
        "Blackjack": [{}, {"deck": "a"}],
    }
    for data in wrong[name]:
        with pytest.raises(BadInput, match="mine"):
            begun(env, **data)


def test_bad_constructions_are_named():
    with pytest.raises(BadInput, match="from 3 to 12"):
        FrozenLake(2)
    with pytest.raises(UnknownName, match="won"):
        Blackjack("some")


def test_it_keeps_the_rules(name):
    check_env(lambda: agentgym.make(f"agentgym/{name}-v0"))
