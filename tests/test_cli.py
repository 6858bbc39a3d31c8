"""The commands, as a person types them."""

import io
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import agentgym
import agentgym.parts
from agentgym.cli import main
from agentgym.errors import BadInput
from agentgym.policy.spec import model_folder, policy_of
from agentgym.trajectory import Failure, read_jsonl, write_jsonl

EASY = ("agentgym/WebShop-v0", "--set", "level=easy")
COMMANDS = ("list", "check", "play", "eval", "select", "replay", "tree", "doctor", "train")


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def command(capsys):
    """Runs a command; gives exit code, output and errors."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return run


@pytest.fixture(scope="module")
def episodes(tmp_path_factory):
    """Files of random and expert episodes, written by the command itself."""
    folder = tmp_path_factory.mktemp("episodes")
    both = ("--policy", "random", "--policy", "expert", "--out", folder / "e.jsonl")
    size = ("--tasks", 4, "--samples", 4, "--max-steps", 8)
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in ("eval", *EASY, *both, *size)])
    assert not ended.value.code
    return folder / "e-1.jsonl", folder / "e-2.jsonl"


def entry_point(*arguments, code=None):
    line = [Path(sys.executable).parent / "agentgym"] if code is None else [sys.executable, "-c"]
    given = arguments if code is None else (code,)
    return subprocess.run([*line, *given], capture_output=True, text=True, check=False)


def test_help_is_light():
    code = (
        "import sys, agentgym.cli; agentgym.cli.application();"
        "print([m for m in ('torch', 'gymnasium', 'scipy', 'pydantic') if m in sys.modules])"
    )
    assert entry_point(code=code).stdout == "[]\n"


def test_the_installed_entry_point():
    done = entry_point("--help")
    assert done.returncode == 0
    assert all(re.search(rf"│ {name} ", done.stdout) for name in COMMANDS)


def test_train_help_has_every_key_whole(command, monkeypatch):
    """However narrow the terminal is."""
    monkeypatch.setenv("COLUMNS", "60")
    _, out, _ = command("train", "--help")
    for key in (
        "rollouts[aepo].sampling.max_tokens = ",
        "objective[ppo_clip].clip_low = 0.2",
        "policy.vllm.entropy_top = ",
    ):
        assert key in out
    assert "\u2026" not in out


def test_a_broken_part_of_somebody_else_is_named(command, monkeypatch):
    broken = EntryPoint("theirs", "not_installed:Theirs", "agentgym.credit")
    no_part = EntryPoint("text", "string:digits", "agentgym.credit")
    found = agentgym.parts.entry_points

    def with_theirs(group):
        return [*found(group=group), *[p for p in (broken, no_part) if p.group == group]]

    monkeypatch.setattr(agentgym.parts, "entry_points", with_theirs)
    for arguments in (("list", "--parts"), ("train", "--help")):
        code, out, _ = command(*arguments)
        out = " ".join(out.split())
        assert code == 0
        assert "theirs" in out and "No module named 'not_installed'" in out
        assert "string:digits, which is no class of parts" in out
        assert "gdpo" in out
    code, _, err = command("replay", "x", "--credit", "theirs", "--credit", "grpo")
    assert code == 1 and "cannot be imported: ModuleNotFoundError" in err


def test_list(command):
    code, out, _ = command("list")
    assert code == 0
    for word in ("agentgym/WebShop-v0", "search a shop", "agentgym_envs", "gigpo", "calculator"):
        assert word in out
    _, out, _ = command("list", "--parts", "--split", "test")
    assert "test tasks" in out and "500" in out and "Group-in-group" in out


def test_check(command):
    code, out, _ = command("check", *EASY)
    assert code == 0
    assert out.count("✓") == 10 and "✗" not in out
    assert command("check")[0] == command("check", *EASY, "--all")[0] == 2


class Deaf(agentgym.TextEnv):
    """Has tasks and nothing else."""

    def tasks(self, split):
        return [agentgym.Task(id=split, split=split)]


def test_check_says_what_is_wrong(command):
    agentgym.register("tests/Deaf-v0", Deaf)
    code, out, _ = command("check", "tests/Deaf-v0")
    assert code == 1
    assert "✗ Gymnasium's own checker accepts it" in out
    assert "raised NotImplementedError" in out and "checks failed" in out


def play(command, monkeypatch, typed, *arguments):
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    return command("play", *EASY, *arguments)


def test_play_with_the_expert(command, monkeypatch):
    task = ("--task", "easy/test/00000")
    code, out, _ = play(command, monkeypatch, "?\nhm\n" + "!\n" * 5, *task)
    assert code == 0
    assert "You shop by text" in out and "write search[words]" in out
    assert "> search[" in out and "not a valid action" in out
    assert "the expert: click[buy now]" in out
    assert "success: return 1 in 6 steps" in out


def test_play_shows_the_tools(command, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    easy = ("--set", "level=easy", "--set", "form=calls")
    code, out, _ = command("play", "agentgym/SearchQA-v0", *easy)
    assert code == 0
    assert re.search(r"^search\(query\)  Search the corpus", out, re.MULTILINE)


@pytest.mark.parametrize("typed", ["q\n", ""])
def test_play_can_be_left(command, monkeypatch, typed):
    code, out, _ = play(command, monkeypatch, "search[hat]\n" + typed)
    assert code == 0
    assert "left after 1 steps, return 0" in out


def test_eval_reports_and_saves(episodes, command):
    saved = [list(read_jsonl(file)) for file in episodes]
    assert [len(trajectories) for trajectories in saved] == [16, 16]
    assert all(t.success for t in saved[1])
    code, out, _ = command("eval", "--from", episodes[0], "--from", episodes[1])
    assert code == 0
    assert "1.00 [0.40, 1.00]" in out  # 4 tasks: 0.025^(1/4)
    for words in ("pass@4", "16 of 4 tasks", "terminated 16", "difference to", "p = "):
        assert words in out


def test_eval_prints_transcripts(command):
    few = ("--tasks", 2, "--transcripts", 1)
    code, out, err = command("eval", *EASY, "--policy", "expert", *few)
    assert code == 0
    assert out.count("> click[buy now]") == 1
    assert "terminated, return 1, success True" in out
    assert "2/2" in err  # the progress bar


def test_eval_of_a_model_and_of_a_run(command, model, tokenizer, tmp_path):
    run = tmp_path / "run"
    for step, folder in ((1, "step-000001"), (12, "step-000012")):
        target = run / "checkpoints" / folder / "model"
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)
        assert model_folder(run) == target, step
    (run / "config.toml").write_text('[context]\nname = "window"\nturns = 1\n')
    assert policy_of(str(run)).context == agentgym.Window(turns=1)
    assert policy_of(f"local:{target}").context == agentgym.Window(turns=1)
    small = ("--tasks", 2, "--max-steps", 2, "--max-tokens", 4, "--temperature", 0)
    code, out, _ = command("eval", *EASY, "--policy", run, "--policy", f"local:{target}", *small)
    assert code == 0
    assert "+0.00 [+0.00, +0.00], p = 1.000" in out
    assert "8 an episode" in out  # sampled tokens: two steps of four


def test_eval_of_a_run_writes_prompts_as_the_run_did(model, tokenizer, tmp_path):
    tokenizer.chat_template = (
        "{{ strftime_now('%Y') }}{{ mood }}{% if messages[0].role == 'system' %}"
        "{{ raise_exception('no system') }}{% endif %}" + tokenizer.chat_template
    )
    target = tmp_path / "checkpoints" / "step-000001" / "model"
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    talk = [{"role": "system", "content": "Go."}, {"role": "user", "content": "hall"}]

    async def prompt():
        async with policy_of(str(tmp_path)).open() as policy:
            assert policy.renderer.on_rewrite == on_rewrite
            return tokenizer.decode(policy.renderer.render(talk).ids)

    config, on_rewrite = tmp_path / "config.toml", "fork"
    merged = "<|user|>Go.\n\nhall<|end|><|assistant|>"
    for written in ("", "[policy]\n", "[policy.template]\n"):  # of older runs too
        config.write_text(written)
        assert agentgym.run(prompt) == f"2026{merged}"
    on_rewrite = "keep"
    config.write_text(
        '[policy.template]\non_rewrite = "keep"\ndate = "2024-05-01"\nsystem = "merge"\n'
        '[policy.template.chat_template_kwargs]\nmood = "glad"\n'
    )
    assert agentgym.run(prompt) == f"2024glad{merged}"
    config.write_text('[policy.template]\nsystem = "turn"\n')
    with pytest.raises(BadInput, match="role system"):
        agentgym.run(prompt)
    config.write_text('[policy.template]\nmoods = "glad"\n')
    with pytest.raises(
        BadInput, match=r"policy\.template\] of .*config.toml:\n  unknown key 'moods'"
    ):
        policy_of(str(tmp_path))


def test_replay(episodes, command, tmp_path):
    png = tmp_path / "credit.png"
    code, out, _ = command("replay", episodes[0], "--rows", 3, "--png", png)
    assert code == 0
    assert "gigpo" in out and "grpo" in out and "apart" in out
    assert re.search(r"gigpo against grpo: correlation 0\.\d\d, opposite signs in", out)
    assert png.read_bytes().startswith(b"\x89PNG")
    off = ("gigpo.step_weight=0", "gigpo.invalid_penalty=0", "gigpo.statistics=trajectories")
    settings = [part for setting in off for part in ("--set", setting)]
    code, out, _ = command("replay", episodes[0], *settings)
    assert "correlation 1.00" in out and "mean |difference| 0.000" in out


def test_replay_of_a_run_leaves_failures_out(episodes, command, tmp_path):
    played = list(read_jsonl(episodes[0]))
    failure = Failure(boundary="environment", type="OSError", message="no disk")
    played[0] = played[0].model_copy(update={"failure": failure})
    write_jsonl(tmp_path / "trajectories" / "step-000002.jsonl", played)
    code, out, _ = command("replay", tmp_path)
    assert code == 0
    assert "left out: 1 failed or empty" in out and "15 episodes in 4 groups" in out


def test_doctor(command):
    code, out, _ = command("doctor")
    assert code == 0
    for word in (
        "python",
        "agentgym-lab",
        "torch",
        "CPU cores",
        "GiB",
        "extra train",
        "registered",
    ):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("check agentgym/WebShp-v0", "did you mean 'agentgym/WebShop-v0'"),
        ("play agentgym/WebShop-v0 --set levl=easy", "unexpected keyword argument 'levl'"),
        ("play agentgym/WebShop-v0 --set level=easy --task easy/test/0000", "no task"),
        ("eval agentgym/WebShop-v0 --policy rndom", "a policy is `random`, `expert`"),
        ("eval agentgym/WebShop-v0 --policy local:/proc", "no model in /proc"),
        ("eval agentgym/WebShop-v0 --policy random --split dev", "known: test, train, valid"),
        ("eval --from /nowhere.jsonl", "no trajectory file /nowhere.jsonl"),
        ("replay /nowhere", "neither a file nor a run"),
        ("replay FILE --set gigpo.gama=1", "unknown key 'gama'; did you mean 'gamma'?"),
        ("replay FILE --credit gigpo --credit grppo", "no credit 'grppo'; did you mean 'grpo'"),
    ],
)
def test_errors_are_one_clear_line(command, episodes, arguments, message):
    code, _, err = command(*arguments.replace("FILE", str(episodes[0])).split())
    assert code == 1
    assert err.startswith("error: ") and message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        "chek",
        "eval",
        "eval --policy random",
        "replay FILE --credit gigpo",
        "replay FILE --set a.b=1",
    ],
)
def test_wrong_usage_is_2(command, episodes, arguments):
    assert command(*arguments.replace("FILE", str(episodes[0])).split())[0] == 2


def test_an_interrupt_is_130(command, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.input", interrupt)
    assert command("play", *EASY)[0] == 130


def test_a_broken_plug_in_is_named(command, tmp_path, monkeypatch):
    info = tmp_path / "broken-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: broken\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[agentgym.commands]\nfly = no_such_module:register\n")
    monkeypatch.syspath_prepend(tmp_path)
    code, out, err = command("list")
    assert code == 0 and "WebShop" in out
    assert "command 'fly' of no_such_module:register is unavailable: ModuleNotFoundError" in err


def test_select_writes_the_tasks_that_are_sometimes_solved(command, episodes, tmp_path):
    _, expert = episodes
    code, out, _ = command("select", expert, "--out", tmp_path / "tasks.txt")
    assert code == 0
    assert "4 of 4 tasks" in out and "--env.tasks=" in out
    ids = (tmp_path / "tasks.txt").read_text().split()
    assert ids == [t.task.id for t in read_jsonl(expert)][::4]
    code, _, err = command("select", expert, "--out", tmp_path / "none.txt", "--most", 0)
    assert code == 1 and "none of the 4 tasks was solved that often" in err


@pytest.fixture
def tree_file(tmp_path):
    """A group of three: one branches off the first before its last step, one off that one."""

    def path(name, parent, shared, reward):
        steps = [
            {"observation": "a shop", "action": f"click[{name}{i}]", "anchor": f"{i}"}
            | {"ids": [1, 2], "logprobs": [-1, -1], "entropies": [0.5 * i, 0.5 * i]}
            for i in range(3)
        ]
        steps[-1]["reward"] = reward
        for step in steps[:shared]:
            step["sampled_by"] = parent
        task = {"id": "t", "split": "train"}
        return agentgym.Trajectory(
            **{"id": name, "group": "g", "task": task, "stop_reason": "terminated"},
            **{"parent": parent, "branch_step": shared, "steps": steps},
        )

    file = tmp_path / "episodes.jsonl"
    write_jsonl(
        file, [path("g/0", "", 0, 1.0), path("g/1", "g/0", 2, 0.0), path("g/2", "g/1", 2, 0.5)]
    )
    return file


def test_tree_shows_what_branched_where_and_what_it_saved(command, tree_file, tmp_path):
    code, out, _ = command("tree", tree_file, "--png", tmp_path / "tree.png")
    assert code == 0
    lines = [line.strip(" │├└─") for line in out.splitlines()]
    assert lines[:6] == [
        "g: a shop",
        "[0] return 1, step:entropy 0:0.00 1:0.50 2:1.00",
        "branched before step 2: click[g/12]",
        "[1] return 0, step:entropy 2:1.00",
        "branched before step 2: click[g/22]",
        "[2] return 0.5, step:entropy 2:1.00",
    ]
    assert "3 episodes; 10 tokens were sampled for them, 18 would have been" in out
    assert (tmp_path / "tree.png").stat().st_size > 5000
    code, _, err = command("tree", tree_file, "--group", 1)
    assert code == 1 and "has 1 groups" in err


def test_replay_refuses_credit_that_saved_episodes_cannot_have(command, tree_file):
    code, _, err = command("replay", tree_file, "--credit", "grpo", "--credit", "gae")
    assert code == 1 and "credit 'gae' needs values" in err
    code, out, _ = command("replay", tree_file, "--credit", "gigpo", "--credit", "hgpo")
    assert code == 0 and "gigpo against hgpo" in out
    code, _, err = command("replay", tree_file, "--set", "gigpo=2")
    assert code == 2 and "--set gigpo lacks a key" in err


def test_replay_shows_credit_of_tokens_by_their_mean(command, tree_file):
    settings = ("--set", "aepo.entropy_weight=0")
    code, out, _ = command("replay", tree_file, "--credit", "grpo", "--credit", "aepo", *settings)
    assert code == 0 and "correlation 1.00" in out and "mean |difference| 0.000" in out
    names = [part for name in ("gigpo", "aepo", "reinforce_pp") for part in ("--credit", name)]
    code, out, _ = command("replay", tree_file, *names)
    assert code == 0 and "gigpo against reinforce_pp" in out


def test_a_tree_of_episodes_without_steps(command, tree_file, tmp_path):
    none = {"steps": [], "parent": "", "branch_step": 0, "branch_token": 0}
    leaves = [t.model_copy(update=none) for t in read_jsonl(tree_file)]
    write_jsonl(tmp_path / "empty.jsonl", leaves)
    code, out, _ = command("tree", tmp_path / "empty.jsonl")
    assert code == 0 and "nobody took a step" in out
    code, _, err = command("tree", tmp_path / "empty.jsonl", "--png", tmp_path / "e.png")
    assert code == 1 and "has no steps to draw" in err


def test_select_into_a_folder_that_is_not_there(command, episodes, tmp_path):
    code, _, err = command("select", episodes[1], "--out", tmp_path / "no" / "tasks.txt")
    assert code == 1 and "cannot write" in err
