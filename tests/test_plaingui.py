"""PlainGUI: its windows, its tasks and its expert."""

import copy
import hashlib
import json
import pickle
import random
import re

import pytest
from hypothesis import given, settings, strategies as st

from agentgym.env.seeded_random import split_of
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym_envs.plaingui import words
from agentgym_envs.plaingui.command import Command, find_command, quoted
from agentgym_envs.plaingui.env import PlainGUI
from agentgym_envs.plaingui.problems import LEVELS, SIZES

CHECKSUMS = {  # of all tasks of seed 0: a change here changes published tasks
    "easy": "ef1f2af99a216f6a",
    "medium": "b911104041aafc61",
    "hard": "75f8d55c4d9ef28c",
}


@pytest.fixture(scope="module", params=LEVELS)
def level(request):
    return request.param


@pytest.fixture
def desk():
    """A small desk for which results are worked out by hand."""
    contact = {"name": "Ada Brook", "phone": "555 1", "email": "", "group": "work"}
    people = {
        key: contact | {"name": name, "favourite": "off"}
        for key, name in enumerate(("Ada Brook", *"BCDEFGHIJKLMN"), 1)
    }
    goal = {"contacts": people | {1: people[1] | {"phone": "555 2"}}}
    data = {"instruction": 'the phone is "555 2"', "start": {"contacts": people}, "goal": goal}
    env = PlainGUI()
    env.reset(options={"task": Task(id="mine", split="train", data=json.loads(json.dumps(data)))})
    return env


def play(env, choose, limit=50):
    """Actions and observations until the end, with the last reward and info."""
    actions, observations, reward, info = [], [], 0.0, {}
    for _ in range(limit):
        actions.append(choose())
        observation, reward, done, _, info = env.step(actions[-1])
        observations.append(observation)
        if done:
            break
    return actions, observations, reward, info


def everything(env):
    return [task for split in env.splits for task in env.tasks(split)]


def number_of(screen, element):
    """The id of an element of the observation, by its role and name."""
    return int(re.search(rf"\[(\d+)\] {re.escape(element)}", screen)[1])


def click(env, element):
    return env.step(f"click({number_of(env.render(), element)})")[0]


def fill(env, element, text):
    return env.step(f"fill({number_of(env.render(), element)}, {quoted(text)})")[0]


def test_tasks_are_the_same_everywhere(level):
    text = json.dumps([task.model_dump() for task in everything(PlainGUI(level))])
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[level]


def test_splits_have_no_wish_and_no_name_in_common(level):
    env = PlainGUI(level)
    assert {split: len(env.tasks(split)) for split in env.splits} == SIZES
    wishes = {split: {t.data["instruction"] for t in env.tasks(split)} for split in env.splits}
    shared = (
        wishes["train"] & wishes["valid"] | (wishes["train"] | wishes["valid"]) & wishes["test"]
    )
    assert all(wish.startswith("delete every done task") for wish in shared)  # it names none
    if level == "easy":
        return
    for task in everything(env):
        start = task.data["start"]
        titles = [r["name"] for r in start["contacts"].values()]
        titles += [r["title"] for name in ("todo", "calendar") for r in start[name].values()]
        assert {split_of(title) for title in titles} == {task.split}


def test_the_expert_does_every_task(level):
    env = PlainGUI(level)
    lengths = set()
    for task in everything(env):
        env.reset(options={"task": task})
        actions, _, reward, info = play(env, env.expert)
        assert reward == 1.0 and info["success"], (task.id, actions)
        lengths.add(len(actions))
    assert lengths == {5} if level == "easy" else 3 <= min(lengths) <= max(lengths) <= 40


def test_a_random_user_fails(level):
    env, rng = PlainGUI(level), random.Random(0)
    won = 0.0
    for seed in range(200):
        env.reset(seed=seed)
        won += play(env, lambda: rng.choice(env.actions()))[2]
    assert won <= 4


@pytest.mark.parametrize("level", ["easy", "hard"])
def test_the_expert_recovers_from_anywhere(level):
    env, rng = PlainGUI(level), random.Random(1)
    for seed in range(80):
        env.reset(seed=seed)
        for _ in range(rng.randrange(12)):
            possible = [a for a in env.actions() if "answer" not in a]
            writing = "new mail" in env.render()  # what is sent cannot be unsent
            env.step("back()" if writing else rng.choice(possible))
        assert play(env, env.expert, 80)[3]["success"], seed


def test_the_expert_reads_before_it_writes():
    env = PlainGUI("hard")
    for task in env.tasks("valid"):
        env.reset(options={"task": task})
        secrets = [task.data["answer"]]
        if "has mailed you a new phone" in task.data["instruction"]:
            changes = task.data["goal"]["contacts"].items()
            before = task.data["start"]["contacts"]
            secrets = [new["phone"] for key, new in changes if new != before[key]]
        shown = ""
        while (action := env.expert()) != 'answer("done")':
            shown += env.render()
            for secret in filter(None, secrets):
                assert secret not in action or secret in shown
            if env.step(action)[2]:
                break


def test_easy_is_small():
    env, seen = PlainGUI("easy"), set()
    for task in env.tasks("train")[:300]:
        first, _ = env.reset(options={"task": task})
        for text in [first, *play(env, env.expert)[1]]:
            assert len(text.split()) < 60
            seen |= set(re.findall(r"\w+", text))
    assert len(seen) < 80


def test_the_hurried_expert_forgets_to_save():
    env = PlainGUI("easy", hurry=0.5)
    lengths = []
    for seed in range(200):
        env.reset(seed=seed)
        actions, _, reward, info = play(env, env.expert)
        lengths.append(len(actions))
        assert info["state"] == (reward == 1.0) == (len(actions) == 5)
    assert set(lengths) == {4, 5} and 70 < lengths.count(4) < 130


@pytest.mark.parametrize("level", ["medium", "hard"])
def test_the_hurried_expert_always_fails(level):
    env = PlainGUI(level, hurry=1.0)
    for task in env.tasks("valid"):
        env.reset(options={"task": task})
        assert play(env, env.expert)[2] == 0.0, task.id


def test_a_walk_through_the_windows(desk):
    assert desk.render() == (
        'task: the phone is "555 2"\npage: home\n[1] window "home"\n  [2] link "contacts"'
    )
    page, *_ = desk.step("click(2)")
    assert page == (
        'task: the phone is "555 2"\npage: contacts\n[1] window "contacts"\n  [2] link "home"\n'
        '  [3] button "New contact"\n  [4] textbox "search": ""\n  [5] list "1 to 6 of 14"\n'
        '    [6] link "Ada Brook"\n'
        + "\n".join(f'    [{number}] link "{name}"' for number, name in enumerate("BCDEF", 7))
    )
    assert 'list "7 to 12 of 14"' in desk.step('scroll("down")')[0]
    assert 'list "13 to 14 of 14"' in desk.step('press("PageDown")')[0]
    assert desk.step('scroll("down")')[4] == {"valid": False}
    assert 'list "1 to 1 of 1"\n    [6] link "Ada Brook"' in fill(desk, 'textbox "search"', "BROOK")
    assert "page: contacts/1\n" in click(desk, 'link "Ada Brook"')
    assert "page: contacts/1/edit\n" in click(desk, 'button "Edit"')
    assert 'textbox "phone": "555 2"' in fill(desk, 'textbox "phone"', "555  2")
    assert 'dialog "Leave without saving?"' in desk.step('goto("home")')[0]
    assert desk.step('goto("home")')[4] == {"valid": False}
    assert 'textbox "phone": "555 2"' in click(desk, 'button "Stay"')
    saved = click(desk, 'button "Save"')
    assert 'text "phone: 555 2"' in saved and 'status "contact saved"' in saved
    assert "status" not in desk.step("back()")[0]
    assert desk.step('answer("done")')[1:] == (
        1.0,
        True,
        False,
        {"valid": True, "success": True, "state": True, "answer": True},
    )


def test_a_side_effect_costs_the_reward(desk):
    desk.step('goto("contacts/2")')
    click(desk, 'checkbox "favourite"')
    desk.step('goto("contacts/1/edit")')
    fill(desk, 'textbox "phone"', "555 2")
    desk.step('press("Enter")')
    _, reward, done, _, info = desk.step('answer("done")')
    assert (reward, done, info["success"]) == (0.0, True, False)


def test_deleting_asks_first_and_is_final(desk):
    desk.step('goto("contacts/2")')
    click(desk, 'button "More"')
    assert 'dialog "Delete B?"' in click(desk, 'menuitem "Delete"')
    assert "page: contacts/2" in click(desk, 'button "Keep"')
    click(desk, 'button "More"')
    click(desk, 'menuitem "Delete"')
    gone, *_ = desk.step('press("enter")')
    assert 'list "1 to 6 of 13"' in gone and 'link "B"' not in gone
    assert desk.step('goto("contacts/2")')[4] == {"valid": False}


def test_an_empty_name_is_not_saved(desk):
    desk.step('goto("contacts/new")')
    assert "name must not be empty" in click(desk, 'button "Save"')
    assert 'window "new contact"' in desk.step('press("Escape")')[0]
    desk.step("back()")
    assert desk.render().count("of 14") == 1


def test_a_record_that_is_made_again_counts_as_the_same():
    start = {"todo": {"1": {"title": "a", "list": "home", "due": "monday", "priority": "normal"}}}
    start["todo"]["1"]["done"] = "off"
    data = {"instruction": "nothing", "start": start, "goal": {}}
    env = PlainGUI()
    env.reset(options={"task": {"id": "mine", "split": "train", "data": data}})
    env.step('goto("todo/new")')
    fill(env, 'textbox "title"', "a")
    click(env, 'button "Save"')
    env.step('goto("todo/1")')
    click(env, 'button "More"')
    click(env, 'menuitem "Delete"')
    click(env, 'button "Delete"')
    assert env.step('answer("")')[1] == 1.0


def test_ticking_the_last_row_of_a_page_keeps_rows_on_it():
    env = PlainGUI("medium")
    env.reset(seed=0)
    env.step('goto("todo")')
    env.step('scroll("down")')
    assert re.search(r'list "7 to \d+ of \d+"', env.render())
    click(env, 'checkbox "done"')
    assert re.search(r'list "7 to \d+ of \d+"', env.render())


def test_reply_fills_the_form_in():
    env = PlainGUI("medium")
    task = next(t for t in env.tasks("train") if t.data["instruction"].startswith("reply"))
    env.reset(options={"task": task})
    actions, observations, reward, _ = play(env, env.expert)
    assert reward == 1.0 and sum(action.startswith("fill") for action in actions) == 1
    assert any('menuitem "Reply"' in text for text in observations)


def test_answers_are_compared_without_case_and_full_stop():
    env = PlainGUI("medium")
    task = next(t for t in env.tasks("train") if "answer with the email" in t.data["instruction"])
    for text, reward in ((task.data["answer"].upper() + ".", 1.0), ("done", 0.0), ("", 0.0)):
        env.reset(options={"task": task})
        assert env.step(f"answer({quoted(text)})")[1] == reward


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("click(12)", Command("click", 12)),
        ("I think so.\nCLICK( '3' )", Command("click", 3)),
        ("click(1) or rather click(2)", Command("click", 2)),
        ("<action>click(1)</action> not click(2)", Command("click", 1)),
        ("click(2) <action>nothing</action>", Command("click", 2)),
        ('fill(3, "a \\"b\\", c)")', Command("fill", 3, 'a "b", c)')),
        ("fill(3, 'it is')", Command("fill", 3, "it is")),
        ('fill(3, "two\nlines")', Command("fill", 3, "two\nlines")),
        ('select(4,"dark")', Command("select", 4, "dark")),
        ('press("Enter")', Command("press", text="Enter")),
        ("back()", Command("back")),
        ('answer("")', Command("answer")),
        ("fill(3, a)", None),
        ("fill(3)", None),
        ("click(b)", None),
        ("click(12345)", None),
        ("unclick(1)", None),
        ("click(1", None),
        ("", None),
    ],
)
def test_commands_in_free_text(text, command):
    assert find_command(text) == command


@settings(deadline=2000)
@given(text=st.text())
def test_what_is_quoted_is_read_back(text):
    assert find_command(f"fill(7, {quoted(text)})") == Command("fill", 7, text)


TEXT = st.one_of(st.text(), st.text(st.characters(categories=["Cs", "Cc", "L", "P"])))
HOSTILE = st.one_of(
    TEXT,
    st.integers(-1, 40).map(lambda number: f"click({number})"),
    st.tuples(st.sampled_from(["fill", "select"]), st.integers(0, 20), TEXT).map(
        lambda parts: f"{parts[0]}({parts[1]}, {quoted(parts[2])})"
    ),
    st.tuples(st.sampled_from(["press", "goto", "scroll"]), TEXT).map(
        lambda parts: f"{parts[0]}({quoted(parts[1])})"
    ),
    st.sampled_from(
        ["mail/", "mail/x", "mail/new/edit", "contacts/0", "contacts/²", "account/1", "/", "todo//"]
    ).map(lambda path: f'goto("{path}")'),
    st.sampled_from(["Enter", "Escape", "PageUp", "pagedown", "F1"]).map(
        lambda key: f'press("{key}")'
    ),
    st.sampled_from(['fill(1, "', "fill(1, '", "click(", "<action>", '"\\', "back( "]).map(
        lambda text: text * (100_000 // len(text))
    ),
)


@settings(max_examples=300, deadline=2000)
@given(actions=st.lists(HOSTILE, min_size=1, max_size=8), walk=st.integers(0, 6))
def test_no_text_raises_and_invalid_text_changes_nothing(actions, walk):
    env = PlainGUI("hard")
    env.reset(seed=3)
    for _ in range(walk):
        env.step(env.expert())
    for action in actions:
        screen, state = env.render(), env.anchor()
        observation, reward, done, truncated, info = env.step(action)
        assert reward == 0.0 and not done and not truncated
        assert len(observation) < 10_000
        lines = observation.split("\n")[2 : None if info["valid"] else -1]
        assert all(re.match(r' *\[\d+\] \w+ "', line) for line in lines)
        if not info["valid"]:
            assert (env.render(), env.anchor()) == (screen, state)
            assert observation.startswith(screen + "\nnothing happened: ")


def test_a_text_that_is_too_long_is_cut(desk):
    desk.step('goto("contacts/new")')
    shown = fill(desk, 'textbox "name"', "word " * 20_000)
    assert len(re.search(r'"name": "(.*)"', shown)[1]) == 200


def test_steps_outside_an_episode_raise():
    env = PlainGUI("easy")
    with pytest.raises(EpisodeOver):
        env.step("click(1)")
    env.reset(seed=0)
    play(env, env.expert)
    for call in (lambda: env.step("click(1)"), env.expert, env.actions):
        with pytest.raises(EpisodeOver):
            call()


def copied(env):
    return copy.deepcopy(env)


def pickled(env):
    return pickle.loads(pickle.dumps(env))


@pytest.mark.parametrize("copy_of", [PlainGUI.fork, copied, pickled])
def test_copies_are_independent(copy_of):
    env = PlainGUI("hard")
    env.reset(seed=2)
    for _ in range(4):
        env.step(env.expert())
    twin = copy_of(env)
    state, screen = env.anchor(), env.render()
    assert (twin.anchor(), twin.render()) == (state, screen)
    assert play(twin, twin.expert)[2] == 1.0
    assert (env.anchor(), env.render()) == (state, screen)
    assert play(env, env.expert)[2] == 1.0
    assert env.reset() == copy_of(twin).reset()  # both drew nothing since the copy


def test_equal_anchors_mean_equal_screens_and_futures():
    env, rng, seen = PlainGUI("medium"), random.Random(0), {}
    visits = 0
    for _ in range(40):
        env.reset(options={"task": "medium/train/00007"})
        for _ in range(12):
            here = (re.sub(r"\n +\[\d+\] status.*", "", env.render()), tuple(env.actions()))
            visits += env.anchor() in seen
            assert seen.setdefault(env.anchor(), here) == here
            env.step(rng.choice([a for a in env.actions() if "answer" not in a]))
    assert visits > 40


def test_bad_arguments_and_tasks_are_named():
    with pytest.raises(UnknownName, match="'easy'"):
        PlainGUI("eassy")
    with pytest.raises(UnknownName, match="split"):
        PlainGUI("easy").tasks("dev")
    with pytest.raises(BadInput, match="hurry"):
        PlainGUI("easy", hurry=1.5)
    good = PlainGUI("easy").tasks("train")[0]
    for change, said in (
        ({"page": "mail"}, "starts on 'mail'"),
        ({"start": {"chess": {}}, "goal": {}}, "no program 'chess'"),
        ({"start": {"settings": {"1": {"name": "a"}}}}, "has the fields"),
        ({"goal": {"mail": {}}}, "goal has programs"),
        ({"extra": 1}, "extra"),
    ):
        task = {**good.model_dump(), "data": {**good.data, **change}}
        with pytest.raises(BadInput, match=said):
            PlainGUI("easy").reset(options={"task": task})


def test_there_are_words_enough_for_every_split():
    for first, second in (
        (words.FIRST_NAMES, words.LAST_NAMES),
        (words.VERBS, words.OBJECTS),
        (words.OCCASIONS, words.MEETINGS),
    ):
        pairs = [f"{a} {b}" for a in first for b in second]
        assert len(set(pairs)) == len(pairs)
        assert min(sum(split_of(pair) == split for pair in pairs) for split in SIZES) >= 20


def test_it_keeps_the_rules(level):
    check_env(lambda: PlainGUI(level))
