"""The apps of our own: their tasks, their pages, their expert."""

import hashlib
import random

import pytest
from browsing import need_browser, play
from hypothesis import given, settings, strategies as st

import agentgym
from agentgym.env.seeded_random import SeededRandom
from agentgym.env.text_env import Task
from agentgym.errors import BadInput, EpisodeOver, UnknownName
from agentgym.testing import check_env
from agentgym_envs.webapps.env import WebApp
from agentgym_envs.webapps.problem import Edit, Problem
from agentgym_envs.webapps.tasks import APPS, LEVELS, make_problem, tasks

CHECKSUMS = {  # of all tasks of seed 0: a change here changes published tasks
    ("mail", "easy"): "65bc0bfefc915ffa",
    ("mail", "medium"): "e9cbaafed9513290",
    ("mail", "hard"): "38031a5da429a408",
    ("calendar", "easy"): "5dd7cfded4beeaac",
    ("calendar", "medium"): "a11feb8ad0cf15b6",
    ("calendar", "hard"): "324f4d1d1e9c00fd",
    ("shop", "easy"): "a2f66118d090f68d",
    ("shop", "medium"): "ac57b9bd3226a46f",
    ("shop", "hard"): "7143834742c89a3f",
    ("settings", "easy"): "341f79a727520504",
    ("settings", "medium"): "d80db0869b80d3b1",
    ("settings", "hard"): "8ff0ff1be8f589bd",
}
KINDS = [(app, level) for app in APPS for level in LEVELS]


@pytest.fixture(autouse=True, scope="module")
def _parts():
    need_browser()


def everything(app, level):
    return [task for part in tasks(app, level, 0).values() for task in part]


@pytest.mark.parametrize(("app", "level"), KINDS)
def test_tasks_are_the_same_everywhere(app, level):
    text = "\n".join(task.model_dump_json() for task in everything(app, level))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == CHECKSUMS[app, level]


@pytest.mark.parametrize(("app", "level"), KINDS)
def test_no_instruction_is_in_two_splits(app, level):
    said = [{task.data["instruction"] for task in part} for part in tasks(app, level, 0).values()]
    assert not said[0] & said[1] and not said[1] & said[2] and not said[0] & said[2]
    assert [len(part) for part in tasks(app, level, 0).values()] == [300, 50, 100]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(KINDS), st.integers(0, 10**9))
def test_no_task_is_solved_before_it_begins(kind, number):
    app, level = kind
    problem = make_problem(app, LEVELS[level], SeededRandom(number))
    asks = problem.answer != "done"
    assert problem.solved_by(problem.goal, problem.answer)
    assert problem.solved_by(problem.tables, problem.answer) == asks
    assert problem.solved_by(problem.goal, "something else") != asks
    assert len(problem.edits) == (0 if asks else LEVELS[level].errands)


@pytest.mark.parametrize(("app", "level"), KINDS)
def test_the_expert_solves_tasks(app, level):
    env, lengths = WebApp(app, level), set()
    for task in everything(app, level)[::30]:
        env.reset(options={"task": task})
        actions, _, reward, info = play(env, env.expert)
        assert info["success"] and reward == 1.0, (task, actions)
        lengths.add(len(actions))
    assert max(lengths) <= (4 if level == "easy" else 30)


@pytest.mark.parametrize("app", APPS)
def test_a_random_user_fails(app):
    env, rng = WebApp(app, "easy"), random.Random(0)
    won = 0
    for seed in range(12):
        env.reset(seed=seed)
        won += play(env, lambda: rng.choice(env.actions()))[3].get("success", False)
    assert won <= 1


@pytest.mark.parametrize("app", APPS)
def test_easy_is_small(app):
    env, words = WebApp(app, "easy"), set()
    for task in env.tasks("train")[::10]:
        first, _ = env.reset(options={"task": task})
        for text in [first, *play(env, env.expert)[1]]:
            assert len(text.split()) < 60
            words |= set(text.replace('"', " ").split())
    assert len(words) < 150


@pytest.mark.parametrize("app", APPS)
def test_the_hurried_expert_forgets_to_save(app):
    env = WebApp(app, "easy", hurry=1.0)
    env.reset(seed=1)
    actions, _, reward, info = play(env, env.expert)
    assert actions[-1] == 'answer("done")' and reward == 0.0 and not info["success"]
    env = WebApp(app, "easy", hurry=0.5)
    won = 0
    for seed in range(20):
        env.reset(seed=seed)
        won += play(env, env.expert)[3]["success"]
    assert 3 < won < 17


LUNCH = {"from": "ana", "subject": "lunch", "text": "", "folder": "inbox", "starred": False}
BOLD = {**LUNCH, "from": "bob", "subject": "<b>bold</b>", "text": "a & b"}
MAIL = Problem(
    app="mail",
    instruction="archive the mail lunch from ana",
    tables={
        "mails": {"1": LUNCH, "2": BOLD},
        "sent": {},
        "contacts": {"1": {"name": "ana", "address": "ana@post.example"}},
    },
    edits=[
        Edit(
            table="mails",
            id="1",
            record={**LUNCH, "folder": "archive"},
            route=[("inbox", "lunch from ana")],
            page="mail/1",
            press="archive",
        )
    ],
)


@pytest.fixture
def env():
    return WebApp("mail")


def begin(env, problem=MAIL):
    task = Task(id="mine", split="train", data=problem.model_dump(mode="json"))
    return env.reset(options={"task": task})[0]


def click(env, name):
    return env.step(f"click({env.view.find(name=name)[-1].id})")[0]


FIRST = """\
instruction: archive the mail lunch from ana
[1] link "inbox"
[2] link "folders"
[3] link "sent"
[4] link "compose"
[5] link "contacts"
heading "inbox"
[6] link "lunch from ana"
[7] link "<b>bold</b> from bob\""""


def test_a_walk_through_the_pages(env):
    assert begin(env) == FIRST
    mail = click(env, "<b>bold</b> from bob")
    assert 'heading "<b>bold</b>"' in mail and 'text "a & b"' in mail
    assert env.step("back()")[0] == FIRST
    assert 'heading "compose"' in env.step('goto("compose")')[0]
    for label, text in (("to", "eve@post.example"), ("subject", "hi"), ("text", "hello")):
        env.step(f'fill({env.view.find(name=label)[-1].id}, "{text}")')
    refused = click(env, "send")
    assert 'status "no contact has the address eve@post.example"' in refused
    assert 'textbox "subject" value "hi"' in refused  # what was written is still there
    env.step(f'fill({env.view.find(name="to")[-1].id}, "ana@post.example")')
    assert 'text "hi to ana@post.example"' in click(env, "send")
    (sent,) = env.view.report["db"]["sent"].values()
    assert sent == {"to": "ana@post.example", "subject": "hi", "text": "hello"}


def test_what_counts_is_the_contents_not_the_way(env):
    begin(env)
    click(env, "lunch from ana")
    click(env, "delete")  # by mistake
    env.step('goto("folders")')
    click(env, "trash")
    click(env, "lunch from ana")
    click(env, "move")
    env.step(f'select({env.view.find("combobox")[0].id}, "archive")')
    click(env, "save")
    _, reward, done, _, info = env.step('answer("anything")')
    assert (reward, done, info["success"]) == (1.0, True, True)


def test_one_change_too_many_is_a_failure(env):
    begin(env)
    click(env, "<b>bold</b> from bob")
    click(env, "star")
    click(env, "inbox")
    _, _, reward, info = play(env, env.expert)
    assert (reward, info["success"]) == (0.0, False)
    begin(env)
    assert env.step('answer("done")')[1:3] == (0.0, True)


def test_a_question_wants_its_answer(env):
    problem = MAIL.model_copy(
        update={"edits": (), "answer": "ana@post.example", "page": "contacts", "instruction": "?"}
    )
    begin(env, problem)
    assert play(env, env.expert)[0][-1] == 'answer("ana@post.example")'
    begin(env, problem)
    assert env.step('answer(" Ana@post.example ")')[1] == 1.0
    begin(env, problem)
    assert env.step('answer("done")')[1] == 0.0


def test_a_new_record_is_not_taken_for_a_deleted_one():
    env = WebApp("calendar", "hard")
    env.reset(options={"task": "calendar/hard/test/00099"})
    assert "cancel training, and add dentist" in env.instruction()
    assert play(env, env.expert)[3]["success"]


def test_the_way_back_to_what_was_deleted():
    env = WebApp("calendar")
    env.reset(seed=0)
    event = env.view.report["db"]["events"]["1"]
    click(env, f"{event['start']} {event['title']}")
    click(env, "edit")
    env.step("back()")
    click(env, "cancel event")
    for _ in range(2):
        observation, *_, info = env.step("back()")
        assert info["valid"]
        if 'heading "week"' not in observation:
            assert 'text "this event is cancelled"' in observation


@pytest.mark.parametrize("app", APPS)
def test_a_random_walk_loses_no_page(app):
    env, rng = WebApp(app), random.Random(1)
    for seed in range(4):
        env.reset(seed=seed)
        for _ in range(40):
            action = rng.choice([one for one in env.actions() if not one.startswith("answer")])
            assert env.step(action)[4]["valid"], action


def test_numbers_must_be_numbers():
    env = WebApp("shop")
    env.reset(seed=0)
    click(env, env.view.report["db"]["products"]["1"]["name"])
    env.step(f'fill({env.view.find(name="price")[0].id}, "cheap")')
    assert 'status "the price must be a whole number"' in click(env, "save")


def test_two_apps_share_no_state():
    one, other = WebApp("settings", "easy"), WebApp("settings", "easy")
    task = one.tasks("train")[0]
    one.reset(options={"task": task})
    other.reset(options={"task": task})
    before = other.view
    play(one, one.expert)
    assert other.step('goto("home")')[0].endswith(before.text)
    assert other.view.report == before.report


def test_bad_arguments_are_named():
    with pytest.raises(UnknownName, match="mail"):
        WebApp("mial")
    with pytest.raises(UnknownName, match="easy"):
        agentgym.make("agentgym/GUI-Mail-v0", level="eassy")
    with pytest.raises(BadInput, match="probability"):
        WebApp("mail", hurry=2)
    env = WebApp("mail")
    with pytest.raises(BadInput, match="no problem"):
        env.reset(options={"task": Task(id="mine", split="train")})
    with pytest.raises(EpisodeOver):
        env.actions()


@pytest.mark.parametrize("app", APPS)
def test_it_keeps_the_rules(app):
    check_env(f"agentgym/GUI-{app.capitalize()}-v0", episodes=1)
