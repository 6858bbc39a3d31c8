"""Pages in a real browser: what is seen, what is done, and what is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from browsing import need_browser
from hypothesis import given, settings, strategies as st

from agentgym.errors import EpisodeOver
from agentgym.policy.scripted import expert_policy
from agentgym.rollouts.episode import rollout
from agentgym.runtime import background
from agentgym_tools.browser import host
from agentgym_tools.browser.command import NAMED_KEYS, Command, find_command
from agentgym_tools.browser.host import NoBrowser, executable
from agentgym_tools.browser.supervisor import processes
from agentgym_tools.browser.tab import PageLost, Refused, Site
from agentgym_tools.browser.view import Element, View


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("click(3)", Command("click", 3)),
        ('Click("3")', Command("click", 3)),
        ("click([ 3 ])", None),
        ('I fill( [4] , "a \\"b\\" c" )', Command("fill", 4, 'a "b" c')),
        ("fill(4, 'it')", Command("fill", 4, "it")),
        ('press("3")', Command("press", None, "3")),
        ('press(4, "Enter")', Command("press", 4, "Enter")),
        ('answer("")', Command("answer", None, "")),
        ("back()", Command("back")),
        ("click(1) or rather click(2)", Command("click", 2)),
        ("<action>click(1)</action> not click(2)", Command("click", 1)),
        ("<action>nothing</action> click(2)", Command("click", 2)),
        ('click(1) then click(2, "x")', Command("click", 1)),
        ("fill(4)", None),
        ("goto(inbox)", None),
        ("scroll()", None),
        ('doubleclick(1), hover(2), fill("x")', None),
        ("", None),
    ],
)
def test_commands_in_free_text(text, command):
    assert find_command(text) == command


KEYS = st.sampled_from(NAMED_KEYS)
COMMANDS = st.one_of(
    st.builds(Command, st.just("click"), st.integers(0, 10**9 - 1)),
    st.builds(Command, st.sampled_from(["fill", "select"]), st.integers(0, 999), st.text()),
    st.builds(
        Command, st.just("press"), st.none() | st.integers(0, 9), st.sampled_from(NAMED_KEYS)
    ),
    st.builds(Command, st.sampled_from(["scroll", "goto", "answer"]), st.none(), st.text()),
    st.just(Command("back")),
)


@given(COMMANDS, st.text(alphabet="abc .,\n"))
def test_a_command_is_read_as_it_is_written(command, thought):
    assert find_command(f"{thought} {command}") == command


@pytest.mark.parametrize("text", ['fill(1, "', 'press("', "\\", "click(", '"', "<action>", "9"])
def test_hostile_text_is_read_quickly(text):
    start = time.perf_counter()
    assert find_command(text * (100_000 // len(text))) is None
    assert time.perf_counter() - start < 5


ROWS = [
    [0, 0, "heading", "Order", None, [], None],
    [0, 1, "textbox", "Name", "ana", ["focused"], None],
    [0, 2, "combobox", "Size", "big", [], [["small", False], ["big", True]]],
    [0, 0, "row", "", None, [], None],
    [1, 3, "button", 'Say "hi"', None, ["disabled"], None],
]


def test_a_view_in_words():
    view = View.of({"rows": ROWS, "report": None, "pages": ["home"], "ways": ['scroll("up")']})
    assert view.text == (
        'heading "Order"\n'
        '[1] textbox "Name" value "ana" focused\n'
        '[2] combobox "Size" value "big" of "small", "big"\n'
        "row\n"
        '  [3] button "Say \\"hi\\"" disabled'
    )
    assert view.find("textbox") == [Element(0, 1, "textbox", "Name", "ana", ("focused",))]
    possible = view.actions(["x"])
    assert possible == [
        'goto("home")',
        'scroll("up")',
        "click(1)",
        'fill(1, "x")',
        "click(2)",
        'select(2, "small")',
        'select(2, "big")',
    ]
    assert not any(view.problem(find_command(action)) for action in possible)


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ("click(9)", "no [9]"),
        ("click(3)", "disabled"),
        ('fill(2, "x")', "combobox"),
        ('select(2, "tiny")', '"small", "big"'),
        ('select(1, "tiny")', "none"),
        ('press("Control+W")', "no key"),
        ('press("")', "no key"),
        ('scroll("down")', "not possible"),
        ('scroll("sideways")', "not possible"),
        ('goto("moon")', "home"),
        ("back()", "not possible"),
    ],
)
def test_what_is_not_possible_is_explained(action, problem):
    view = View.of({"rows": ROWS, "report": None, "pages": ["home"], "ways": ['scroll("up")']})
    assert problem in view.problem(find_command(action))


PAGE = """<!doctype html><body>
<h1>Test <em>page</em></h1>
<p>one <b>two</b> <a href="https://example.org/">away</a> three</p>
<label><input type="checkbox" id="tick">agree</label>
<label for="name">name</label><input id="name">
<form><input aria-label="search"><button>go</button></form>
<select aria-label="size"><option>small</option><option>big</option></select>
<select aria-label="many" multiple><option>a</option><option>b</option></select>
<button id="under" style="position:absolute;left:300px;top:0">under</button>
<div style="position:absolute;left:290px;top:0;width:200px;height:50px;background:red">over</div>
<button disabled>off</button><span id="plain" onclick="log('plain')">plain</span>
<button id="later">later</button><i class="icon trash" style="cursor:pointer"></i>
<div style="height:50px;overflow:auto"><div style="height:500px">tall</div></div>
<p hidden>hidden</p><p style="display:none">gone</p>
<table><tr><td>left</td><td>right</td></tr><tr><td><button>in</button></td></tr></table>
<svg width="50" height="50"><circle cx="20" cy="20" r="10" fill="red"/></svg>
<p id="log"></p>
<script>
const log = (text) => document.getElementById("log").append(text + ";");
document.getElementById("under").onclick = () => log("under");
document.getElementById("later").onclick = () => {
  setTimeout(() => log("second"), 900);
  setTimeout(() => log("first"), 300);
  setTimeout(() => log("never"), 5000);
  requestAnimationFrame(() => log("frame"));
};
document.getElementById("name").addEventListener("keydown", (e) => e.isTrusted && log(e.key));
</script>"""
SCRIPT = """
gymPage.site.report = () => ({
  log: document.getElementById("log").textContent, now: Date.now(), chance: Math.random(),
});"""


class Visit:
    """A page of the test's own, open in the browser."""

    def __init__(self, site):
        self.tab, self.view = background.call(host.begin, site, {})

    def act(self, action):
        self.view = background.call(self.tab.act, find_command(action))
        return self.view

    def id_of(self, name):
        return next(e.id for e in self.view.elements if e.name == name and e.id)

    @property
    def log(self):
        return self.view.report["log"]


@pytest.fixture
def visit(tmp_path):
    need_browser()
    file = tmp_path / "page.html"
    file.write_text(PAGE)
    visited = Visit(Site(file.as_uri(), SCRIPT))
    yield visited
    visited.tab.usable = False
    host.end(visited.tab)


TREE = """\
heading "Test page"
text "one two"
[1] link "away"
text "three"
[2] checkbox "agree"
[3] textbox "name"
[4] textbox "search"
[5] button "go"
[6] combobox "size" value "small" of "small", "big"
[7] listbox "many" selected nothing of "a", "b"
[8] button "under"
text "over"
[9] button "off" disabled
[10] clickable "plain"
[11] button "later"
[12] clickable "icon trash"
text "tall"
row "left | right"
row
  [13] button "in"
[14] circle red at """


def test_the_tree_of_a_page(visit):
    assert visit.view.text.startswith(TREE) and visit.view.text.endswith(" size 20x20")


def test_chromium_calls_things_the_same(visit):
    async def of_chromium():
        session = await visit.tab._page.context.new_cdp_session(visit.tab._page)
        return (await session.send("Accessibility.getFullAXTree"))["nodes"]

    kinds = {"ComboBoxSelect": "combobox", "ListBox": "listbox"}
    theirs = [
        (kinds.get(role, role), node.get("name", {}).get("value", ""))
        for node in background.call(of_chromium)
        if not node["ignored"] and (role := node["role"]["value"])
    ]
    roles = ("button", "link", "checkbox", "textbox", "combobox", "heading")
    ours = [(e.role, e.name) for e in visit.view.elements if e.role in roles]
    assert sorted(ours) == sorted((role, name) for role, name in theirs if role in roles)
    assert len(ours) == 11


def test_clicking(visit):
    visit.act(f"click({visit.id_of('plain')})")
    visit.act(f"click({visit.id_of('under')})")  # another element covers it
    assert visit.log == "plain;under;"
    assert visit.act(f"click({visit.id_of('agree')})").find("checkbox")[0].states == (
        "checked",
        "focused",
    )
    before = visit.view.report["now"]
    visit.act(f"click({visit.id_of('away')})")  # goes nowhere
    assert visit.log == "plain;under;" and visit.view.report["now"] == before + 1000
    with pytest.raises(Refused, match="disabled"):
        visit.act(f"click({visit.id_of('off')})")


def test_text_keys_and_lists(visit):
    name = visit.id_of("name")
    assert visit.act(f'fill({name}, "ana")').by_id[name].value == "ana"
    visit.act(f'press({name}, "b")')
    visit.act('press("Backspace")')
    visit.act('press("Z")')
    assert visit.view.by_id[name].value == "anaZ" and visit.log == "b;Backspace;Z;"
    visit.act(f'press({visit.id_of("search")}, "Enter")')  # a form is not sent
    assert visit.act(f'select({visit.id_of("size")}, "big")').find("combobox")[0].value == "big"
    many = visit.id_of("many")
    visit.act(f'select({many}, "a")')
    assert visit.act(f'select({many}, "b")').by_id[many].options == (("a", True), ("b", True))
    assert visit.act(f'select({many}, "a")').by_id[many].options == (("a", False), ("b", True))
    with pytest.raises(Refused, match="no keys"):
        visit.act(f'press({visit.id_of("icon trash")}, "a")')


def test_scrolling(visit):
    assert visit.view.ways == ('scroll("down")',)
    assert visit.act('scroll("down")').ways == ('scroll("up")', 'scroll("down")')
    for _ in range(2):
        visit.act('scroll("down")')
    assert visit.view.ways == ('scroll("up")',)


def test_time_passes_by_turns_only(visit):
    first = visit.view.report
    assert time.gmtime(first["now"] / 1000)[:6] == (2026, 1, 5, 9, 0, 1)
    visit.act(f"click({visit.id_of('later')})")
    assert visit.log == "frame;first;second;"
    assert visit.view.report["now"] == first["now"] + 1000
    time.sleep(0.2)
    assert visit.act('press("Escape")').report["now"] == first["now"] + 2000
    for _ in range(3):
        visit.act('press("Escape")')
    assert visit.log.endswith(";never;")


def test_chance_is_the_same_in_every_page(visit):
    again = Visit(visit.tab.site)
    assert again.view == visit.view
    assert 0 < visit.view.report["chance"] < 1
    host.end(again.tab)


def make():
    from agentgym_envs.webapps.env import WebApp

    return WebApp("mail", "easy")


def main_process(folder):
    """The process id of the browser that uses this folder."""
    for process in processes(folder):
        command = Path(f"/proc/{process}/cmdline").read_text().split("\0")
        if f"--user-data-dir={folder}/profile" in command and not any(
            part.startswith("--type=") for part in command
        ):
            return process
    raise AssertionError("no browser")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_browser_costs_its_episodes_and_is_replaced():
    need_browser()
    lost, other = make(), make()
    lost.reset(seed=1)
    other.reset(seed=2)
    folder = str(host._browser._supervisor.folder)
    os.kill(main_process(folder), signal.SIGKILL)
    for env in (lost, other):
        with pytest.raises(PageLost, match="lost in mid-episode"):
            env.step(env.expert())
        with pytest.raises(EpisodeOver):
            env.step("click(1)")
    observation, _ = lost.reset(seed=1)
    assert observation.startswith("instruction:") and lost.step(lost.expert())[4]["valid"]
    assert not Path(folder).exists() and not processes(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_in_a_rollout_a_killed_browser_is_a_failure_that_says_so():
    need_browser()
    env, policy = make(), expert_policy()
    task = env.tasks("train")[0]
    do = env.astep

    async def killed_first(action):
        os.kill(main_process(str(host._browser._supervisor.folder)), signal.SIGKILL)
        return await do(action)

    env.astep = killed_first
    trajectory = asyncio.run(rollout(env, policy, task))
    assert "lost in mid-episode" in trajectory.failure.message
    assert asyncio.run(rollout(make(), policy, task)).success


def test_a_cancelled_step_leaves_the_episode_as_it_was():
    need_browser()
    env, twin = make(), make()
    task = env.tasks("train")[3]
    env.reset(options={"task": task})
    twin.reset(options={"task": task})
    env.step(env.expert())
    twin.step(twin.expert())

    async def hurried():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await env.astep(env.expert())

    asyncio.run(hurried())
    assert env.anchor() == twin.anchor()
    assert env.step(env.expert()) == twin.step(twin.expert())


CHILD = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is born deaf to it
from agentgym_envs.webapps.env import WebApp
from agentgym_tools.browser import host
env = WebApp("mail", "easy")
env.reset(seed=0)
print(host._browser._supervisor.folder, flush=True)
if sys.argv[1] == "stay":
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["exit", "kill", "kill group", "interrupt"])
def test_nothing_is_left_behind(end):
    need_browser()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, "go" if end == "exit" else "stay"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    folder = child.stdout.readline().strip()
    assert folder and (end == "exit" or processes(folder))
    match end:
        case "kill":
            child.kill()
        case "kill group":
            os.killpg(child.pid, signal.SIGKILL)
        case "interrupt":
            child.send_signal(signal.SIGINT)
    child.wait(60)
    deadline = time.monotonic() + 60
    while (Path(folder).exists() or processes(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(folder).exists() and not processes(folder)


def test_a_folder_far_away_is_no_place_for_sockets(monkeypatch, tmp_path):
    need_browser()
    host.close_browser()
    far = tmp_path / ("x" * 60)
    far.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(far))
    make().reset(seed=0)  # Chromium starts
    host.close_browser()
    assert list(far.iterdir()) == []


def test_a_machine_without_chromium_is_told_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NoBrowser, match="apt-get install chromium"):
        executable()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=300), max_size=3))
def test_no_text_breaks_an_episode(texts):
    need_browser()
    env = make()
    env.reset(seed=0)
    for text in texts:
        observation, reward, done, _, info = env.step(text)
        assert not info["valid"] and observation.startswith("instruction:")
        assert reward == 0.0 and not done
    env.close()
