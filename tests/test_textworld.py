"""TextWorld: tasks, games made once, prose, experts, and the rules of an environment."""

import hashlib
import importlib.util
import json
import random
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import missing
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, MissingExtra, UnknownName
from agentgym.testing import check_env
from agentgym_envs.textworld import building, prose
from agentgym_envs.textworld.blueprints import BLUEPRINT
from agentgym_envs.textworld.env import TextWorld
from agentgym_envs.textworld.levels import LEVELS, tasks_of

CHECKSUMS = {  # of all tasks: a change here changes published tasks
    "easy": "d1ce42ca5da993d9",
    "coin": "4cc086a506df5fe2",
    "quest": "0d0ef02cf4fb5aee",
    "cooking": "d99409e8b395f730",
}
PROSE = "30a22e6bce492fe1"  # of what one game of each level tells along its walkthrough

pytestmark = pytest.mark.filterwarnings("ignore:Game '.*' is not fully supported")


@pytest.fixture(scope="module", autouse=True)
def games(tmp_path_factory):
    """A folder of games of this run's own."""
    if importlib.util.find_spec("textworld") is None:
        missing("TextWorld", "textworld")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTGYM_CACHE", str(tmp_path_factory.mktemp("games")))
        yield


@pytest.fixture
def env():
    made = TextWorld("easy")
    yield made
    made.close()


def play(env, choose, limit=50):
    """Observations, rewards and the last info."""
    told, rewards, info = [], [], {}
    for _ in range(limit):
        observation, reward, terminated, truncated, info = env.step(choose())
        told.append(observation)
        rewards.append(reward)
        if terminated or truncated:
            break
    return told, rewards, info


@pytest.mark.parametrize("level", LEVELS)
def test_tasks_are_the_same_everywhere(level):
    tasks = [task.model_dump() for split in tasks_of(level).values() for task in split]
    assert hashlib.sha256(json.dumps(tasks).encode()).hexdigest()[:16] == CHECKSUMS[level]


@pytest.mark.parametrize("level", LEVELS)
def test_no_game_is_in_two_splits(level):
    rung, tasks = LEVELS[level], tasks_of(level)
    assert [len(tasks[s]) for s in TextWorld.splits] == [rung.train, rung.valid, rung.test]
    names = [BLUEPRINT.validate_python(t.data).name for split in tasks.values() for t in split]
    assert len(set(names)) == len(names)


def test_a_way_that_is_walked_in_one_split_is_in_no_other():
    ways = {
        split: {tuple(t.data["moves"]) for t in tasks} for split, tasks in tasks_of("easy").items()
    }
    assert not ways["train"] & ways["test"]
    assert not ways["train"] & ways["valid"]
    assert not ways["valid"] & ways["test"]


def test_the_prose_and_the_walkthrough_are_the_same_everywhere():
    digest = hashlib.sha256()
    for level in LEVELS:
        env = TextWorld(level)
        first, _ = env.reset(options={"task": env.tasks("test")[0]})
        told, rewards, info = play(env, env.expert)
        assert info["success"] and sum(rewards) == pytest.approx(1)
        for text in [first, *told]:
            digest.update(text.encode())
            assert text and "$$" not in text and "RESTART" not in text and ">" not in text
            assert "\n\n" not in text and text == text.strip() and not re.search(r"=-\d", text)
        env.close()
    assert digest.hexdigest()[:16] == PROSE


def test_easy_is_small_and_its_expert_solves_it(env):
    words = set()
    for split in env.splits:
        for task in env.tasks(split)[:4]:
            first, _ = env.reset(options={"task": task.id})
            told, rewards, info = play(env, env.expert)
            assert info["success"] and rewards[-1] == 1.0 and not any(rewards[:-1])
            assert 3 <= len(told) <= 5
            for text in [first, *told]:
                assert len(text.split()) <= 60
                words |= set(re.findall(r"[a-z]+|\d+", text.lower()))
    assert len(words) <= 150


def test_the_cook_reads_before_it_cooks():
    env = TextWorld("cooking")
    env.reset(options={"task": "cooking/train/00000"})
    commands, rewards, over = [], [], False
    while not over:
        commands.append(env.expert())
        _, reward, over, _, info = env.step(commands[-1])
        rewards.append(reward)
    assert info == {"valid": True, "score": 8, "success": True}
    assert commands.count("examine cookbook") == 1 and commands[-1] == "eat meal"
    first_deed = next(p for p, c in enumerate(commands) if c.startswith(("take", "cook", "rng")))
    assert commands.index("examine cookbook") < first_deed
    assert set(rewards) == {0.0, 1 / 8} and sum(rewards) == 1.0
    env.close()


def test_a_meal_that_is_spoilt_ends_the_game_without_success():
    env = TextWorld("cooking")
    env.reset(options={"task": "cooking/train/00000"})
    while not (env.expert() or "").startswith("cook"):
        env.step(env.expert())
    fried = env.expert()
    env.step(fried)
    observation, reward, terminated, truncated, info = env.step(fried)  # burns it
    assert (terminated, truncated, reward) == (True, False, 0.0)
    assert info["success"] is False and "lost" in observation
    env.close()


def test_a_random_player_fails():
    env, draw, won = TextWorld("easy"), random.Random(0), 0
    for place in range(40):
        env.reset(options={"task": env.tasks("train")[place % 4]})
        won += play(env, lambda: draw.choice(env.actions()))[2]["success"]
    assert won <= 4
    env.close()


def test_a_detour_costs_the_success():
    env = TextWorld("easy", hurry=1.0)
    env.reset(options={"task": "easy/train/00000"})
    moves = env.tasks("train")[0].data["moves"]
    told, _, info = play(env, env.expert)
    assert info["success"] is False and len(told) == len(moves) + 2
    careful = TextWorld("easy")
    slips = TextWorld("easy", hurry=0.5)
    share = 0
    for seed in range(60):
        slips.reset(seed=seed, options={"task": "easy/train/00000"})
        share += play(slips, slips.expert)[2]["success"]
    assert 15 < share < 45
    careful.reset(options={"task": "easy/train/00000"})
    careful.step("look")
    assert play(careful, careful.expert)[2]["success"], "one wasted step is allowed"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("take lamp", "take lamp"),
        ("I think it is here.\n> Take the lamp.", "take lamp"),
        ("<action>go\teast</action> or go west", "go east"),
        ("<action>a</action><action>Open the Type P chest</action>", "open type p chest"),
        ("cook an egg with the stove!", "cook egg with stove"),
        ("put it on a table", "put it on table"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_commands_in_free_text(text, command):
    assert prose.find_command(text) == command


DANGEROUS = ["quit", "restart", "undo", "save", "restore", "script", "tw-trace-actions", "y"]
HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "L", "P"])),
    st.sampled_from(DANGEROUS),
    st.text().map(lambda text: f"<action>{text}</action>"),
    st.sampled_from(["go east. go north", "go east then go north", "take all", "go " * 50_000]),
)


@settings(max_examples=60, deadline=None)  # the first call makes the game
@given(actions=st.lists(HOSTILE, min_size=1, max_size=3))
def test_no_text_raises_and_invalid_text_changes_nothing(actions):
    env = HOSTED[0]
    env.reset(options={"task": "coin/test/00000"})
    for action in actions:
        state, possible = env.anchor(), env.actions()
        observation, reward, terminated, truncated, info = env.step(action)
        assert not terminated and not truncated and reward == 0.0
        if not info["valid"]:
            assert (env.anchor(), env.actions()) == (state, possible)
            assert observation == prose.NOTHING_HAPPENS


HOSTED = []


@pytest.fixture(scope="module", autouse=True)
def hosted(games):
    HOSTED.append(TextWorld("coin"))
    yield
    HOSTED.pop().close()


def test_articles_and_capitals_do_not_matter(env):
    env.reset(options={"task": "easy/train/00000"})
    move = env.expert()
    assert env.step(f"I will now\n> {move.upper()}.")[4]["valid"]


def test_it_keeps_the_rules():
    check_env(lambda: TextWorld("easy"), episodes=2)
    check_env(lambda: TextWorld("cooking"), episodes=1)


def test_a_state_that_comes_back_has_the_same_anchor(env):
    env.reset(options={"task": "easy/train/00000"})
    start, there = env.anchor(), env.expert()
    env.step(there)
    away = env.anchor()
    assert away != start
    env.step("look")
    assert env.anchor() == away


def test_a_fork_goes_its_own_way(env):
    env.reset(options={"task": "easy/train/00000"})
    env.step(env.expert())
    twin = env.fork()
    state = env.anchor()
    assert play(twin, twin.expert)[2]["success"]
    assert env.anchor() == state and play(env, env.expert)[2]["success"]
    twin.close()


def test_games_asked_for_at_once_are_made_once(monkeypatch, tmp_path):
    monkeypatch.setenv("AGENTGYM_CACHE", str(tmp_path))
    blueprint = BLUEPRINT.validate_python(tasks_of("easy")["valid"][0].data)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(building.game_file(blueprint)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    folder = building.games_folder()
    assert sorted(p.name for p in folder.iterdir()) == [
        f"{blueprint.name}.json",
        f"{blueprint.name}.z8",
    ]
    age = found[0].stat().st_mtime_ns
    assert building.game_file(blueprint).stat().st_mtime_ns == age


def test_episodes_in_many_threads_do_not_disturb_each_other():
    def walk(place):
        env = TextWorld("easy")
        for task in env.tasks("train")[place % 2 : 4]:
            env.reset(options={"task": task})
            walks.append(play(env, env.expert)[2]["success"])
        env.close()

    walks = []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(walk, range(8)))
    assert len(walks) == 4 * (4 + 3) and all(walks)


def test_bad_input_is_named(env):
    with pytest.raises(UnknownName, match="'easy'"):
        TextWorld("eassy")
    with pytest.raises(UnknownName):
        env.tasks("dev")
    with pytest.raises(BadInput, match="probability"):
        TextWorld("easy", hurry=2)
    with pytest.raises(BadInput, match="'easy'"):
        TextWorld("coin", hurry=0.5)
    with pytest.raises(BadInput, match="no TextWorld game"):
        env.reset(options={"task": Task(id="mine", split="train", data={"kind": "chess"})})
    with pytest.raises(EpisodeOver):
        env.step("look")
    env.reset(options={"task": "easy/train/00000"})
    env.close()
    with pytest.raises(EpisodeOver):
        env.step("look")
    assert env.reset(options={"task": "easy/train/00000"})[0]


def test_without_the_package_it_is_listed_and_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "textworld", None)  # as if it were not installed
    assert "agentgym/TextWorld-v0" in agentgym.registered()
    with pytest.raises(MissingExtra, match=r"agentgym-lab\[textworld\]"):
        agentgym.make("agentgym/TextWorld-v0")
