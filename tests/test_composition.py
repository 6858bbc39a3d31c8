"""Rollouts x context x credit x objective: they combine, resume, or are refused with the reason."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import agentgym
from agentgym.env.text_env import Task, TextEnv
from agentgym.errors import BadInput
from agentgym.evaluation.selection import chosen, solved, write_selection
from agentgym.policy import Prompt
from agentgym.tools.tool import tool
from agentgym.trajectory import Step, StopReason, Trajectory, grouped, read_jsonl
from agentgym_trainers.config import load
from agentgym_trainers.display import Display
from agentgym_trainers.rollouts.success_replay import Successes, SuccessReplay
from agentgym_trainers.run.loop import train
from agentgym_trainers.run.metrics import read
from agentgym_trainers.sampling.experience import TaskOrder, gather

SMALL = """
steps = 2
[env]
kwargs = { level = "easy", products = 60 }
[model]
width = 32
layers = 1
[warm_start]
demonstrations = 40
batch_tokens = 768
[credit]
name = "grpo"
[rollouts]
group_size = 4
groups = 2
sampling = { max_tokens = 8 }
limits = { max_steps = 3 }
[optimizer]
minibatches = 2
[evaluation]
tasks = 2
[checkpoint]
every = 1
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config that goes on from a model which has been warm-started once, for all tests."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "small.toml").write_text(SMALL)
    run(folder / "small.toml", folder / "run", "--steps=0")
    warm = "[warm_start]\ndemonstrations = 40\nbatch_tokens = 768\n"
    model = f'[model]\npath = "{folder / "run/start"}"\n'
    (folder / "warm.toml").write_text(
        SMALL.replace(warm, "").replace("[model]\nwidth = 32\nlayers = 1\n", model)
    )
    return folder / "warm.toml"


def run(config_file: Path, folder: Path, *overrides: str) -> list[dict[str, float]]:
    settings = load(config_file, [f"--run_dir={folder}", *overrides])
    agentgym.run(train, settings, Display(Console(file=StringIO())))
    return [dict(r) for r in read(folder / "metrics.jsonl") if "train/tokens" in r]


BRANCHES = ["--rollouts.name=arpo", "--rollouts.initial=2"]
COMPOSITIONS = {
    "ARPO": "rollouts.name=arpo rollouts.initial=2",
    "ARPO, hard, GiGPO": "rollouts.name=arpo rollouts.initial=2 "
    "rollouts.attribution=hard credit.name=gigpo",
    "AEPO": "rollouts.name=aepo credit.name=aepo objective.name=aepo_clip",
    "ARPO, GAE, window": "rollouts.name=arpo rollouts.initial=2 credit.name=gae "
    "context.name=window context.turns=1",
    "memory": "context.name=memory objective.aggregation=seq-mean-token-mean",
    "HGPO, window": "context.name=window context.turns=1 credit.name=hgpo",
    "ReMax, CISPO": "credit.name=remax objective.name=cispo",
    "PPO by turns, CE-GPPO, LLDS": "credit.name=turn_gae objective.name=ce_gppo objective.llds={}",
    "REINFORCE++, GSPO": "credit.name=reinforce_pp objective.name=gspo",
    "RLOO, OTC, overlong": 'credit.name=rloo shaping=[{name="otc_grpo"},'
    '{name="overlong",max_tokens=40,buffer=20}]',
    "REINFORCE++-baseline, replay": "credit.name=reinforce_pp_baseline replay={}",
    "Dr. MAS, context limit": 'credit.name=dr_mas shaping=[{name="context_limit"}] '
    "rollouts.limits.max_context=300",
    "OPO, SAPO": "credit.name=opo objective.name=sapo",
    "GPG, plain policy gradient": "credit.name=gpg objective.name=cispo objective.clip_low=0 "
    "objective.clip_high=0",
    "pass@k, GMPO, normalised weights": "credit.name=pass_at_k credit.k=2 objective.name=gmpo "
    "correction.old=recomputed correction.weights=truncated correction.normalise=true",
    "Flow-GRPO": "credit.name=flow_grpo context.name=window context.turns=0",
}


@pytest.mark.parametrize("parts", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_parts_combine_and_a_run_of_them_goes_on(parts: str, start: Path, tmp_path: Path) -> None:
    """Two steps in one go, and one after the other: the same numbers."""
    settings = ["--optimizer.schedule=constant", *(f"--{part}" for part in parts.split())]
    whole = run(start, tmp_path / "whole", *settings)
    run(start, tmp_path / "parts", *settings, "--steps=1")
    later = run(start, tmp_path / "parts", *settings)
    assert len(whole) == len(later) == 2
    assert max(step["update/mismatch"] for step in whole) < 1e-4
    timed = ("seconds", "tokens_per_second")
    for one, other in zip(whole, later, strict=True):
        for name, value in one.items():
            if not any(part in name for part in timed):
                assert other[name] == value, name


def test_what_older_weights_sampled_is_replayed(start: Path, tmp_path: Path) -> None:
    """Every earlier episode passes for a success here, and every group for one that failed."""
    config = load(start, [])
    env = agentgym.make(config.env.id, **config.env.kwargs)
    file = tmp_path / "tasks.txt"
    file.write_text("".join(f"{task.id}\n" for task in env.tasks("train")[:2]))
    replay = "{success=-1.0,failed_mean=9.0,failed_spread=9.0}"
    steps = run(start, tmp_path / "run", f"--env.tasks={file}", f"--replay={replay}")
    assert [step["train/replayed"] for step in steps] == [0, 2]
    assert steps[1]["update/mismatch"] > 0


def test_a_group_whose_greedy_episode_failed_is_left_out(start: Path) -> None:
    def plays(prompt: Prompt) -> str:
        if prompt.episode.startswith("greedy/1/"):
            raise RuntimeError("the greedy episode of the second group")
        return prompt.env.expert() or ""

    config = load(start, ["--credit.name=remax", "--rollouts.max_failures=1.0"])
    env = agentgym.make(config.env.id, **config.env.kwargs)
    order = TaskOrder(env.tasks("train"), seed=0)
    policy = agentgym.ScriptedPolicy(plays)
    found = agentgym.run(gather, config, policy, order, start=0, step=1)
    first, second = grouped(found.played)
    assert {t.group for t in found.trained_on} == {first.id} == set(found.greedy)
    assert len(second.trajectories) == 4


def test_branching_shares_tokens_and_counts_them_once(start: Path, tmp_path: Path) -> None:
    steps = run(start, tmp_path, "--rollouts.name=arpo", "--rollouts.initial=1", "--steps=1")
    episodes = list(read_jsonl(tmp_path / "trajectories/step-000001.jsonl"))
    all_steps = [(t, i, step) for t in episodes for i, step in enumerate(t.steps)]
    sampled = {(step.sampled_by or t.id, i): len(step.ids) for t, i, step in all_steps}
    assert steps[0]["train/tokens"] == sum(sampled.values())
    assert steps[0]["train/tokens"] < sum(len(step.ids) for _, _, step in all_steps)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ([*BRANCHES, "--objective.name=gspo"], "uses one per row"),
        (
            [
                *(*BRANCHES, "--correction.old=recomputed"),
                *("--correction.weights=masked", "--correction.level=sequence"),
            ],
            "corrected by itself",
        ),
        (["--rollouts.name=aepo", "--policy.engine=vllm"], "entropy_top = 10"),
        (["--replay={}", "--rollouts.dynamic=true"], "drops the groups"),
        (["--credit.name=aepo", "--policy.engine=vllm"], "credit 'aepo' weighs by entropy"),
        (["--rollouts.name=arpo"], "initial = 8 of group_size = 4 leaves nothing to branch"),
        (
            ["--credit.name=gdpo", "--shaping=[{name='overlong'}]"],
            "does not read the reward, which is what shaping 'overlong' changes",
        ),
        (
            ["--rollouts.name=aepo", "--objective.llds={gate='response'}"],
            "belongs to several responses",
        ),
        (["--correction.reject=[{estimator='k3',high=-1.0}]"], "rejects everything"),
        (["--shaping=[1]"], "needs a name"),
        (["--objective.entropy_coef=nan"], r"entropy_coef: .* finite number \(got nan\)"),
        (["--optimizer.lr=inf"], "optimizer.lr: .* finite number"),
        (["--optimizer.betas=[1.0,1.0]"], "betas.0: .* less than 1"),
        (["--credit.name=gdpo", "--credit.weights={a=nan}"], "finite number"),
        (["--objective.llds={}", "--optimizer.minibatches=1"], "the current policy"),
        (["--context.name=memry"], "no context 'memry'; did you mean 'memory'"),
        (["--shaping=[{name='otc'}]"], "no shaping 'otc'; did you mean 'otc_"),
        (["--shaping=[{}]"], r"\[\[shaping\]\] needs a name; known: context_limit"),
        (["--credit.name=hgpo", "--credit.histroy=2"], "did you mean 'history'"),
        ([*BRANCHES, "--objective.name=gmpo"], "objective 'gmpo' uses one per row"),
        (["--credit.name=pass_at_k"], "a group would be one draw, and every advantage 0"),
        (["--correction.normalise=true"], "normalise divides weights by their mean"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    settings: list[str], reason: str, start: Path
) -> None:
    with pytest.raises(agentgym.AgentGymError, match=reason):
        load(start, settings)


def episode(task: str, *rewards: float, name: str = "") -> Trajectory:
    steps = [Step(observation="", action="", anchor="", reward=r) for r in rewards]
    return Trajectory(
        id=name or f"{task}{rewards}",
        group=task,
        task=Task(id=task, split="train"),
        steps=steps,
        stop_reason=StopReason.TERMINATED,
        success=sum(rewards) > 0.5,
    )


def test_a_group_that_failed_is_shown_a_former_success() -> None:
    successes = Successes(SuccessReplay(kept=2))
    failed = [episode("a", 0.0, name=f"now{n}") for n in range(3)]
    assert successes.shown(failed, 0) == failed
    successes.remember([episode("a", 0.0), episode("b", 1.0)])
    assert successes.shown(failed, 0) == failed
    successes.remember([episode("a", 1.0, name=old) for old in ("x", "y", "z")])
    shown = successes.shown(failed, 0)
    assert shown[1:] == failed[1:]
    assert (shown[0].id, shown[0].group, shown[0].reward) == ("a/replayed", "a", 1.0)
    assert [kept.id for kept in successes.by_task["a"]] == ["y", "z"]  # the oldest is gone
    mixed = [episode("a", 1.0, name="won"), *failed]
    assert successes.shown(mixed, 0) == mixed
    assert successes.shown(failed, 0) == shown


def test_tasks_that_are_sometimes_solved_are_selected(tmp_path: Path) -> None:
    won = {"a": 0, "b": 1, "c": 3, "d": 2}
    played = [episode(t, float(n < k), name=f"{t}{n}") for t, k in won.items() for n in range(3)]
    assert solved(played, 1) == ["b", "c", "d"]
    assert solved(played, 1, 2) == ["b", "d"]
    file = tmp_path / "tasks.txt"
    write_selection(file, solved(played, 1, 2))
    tasks = [Task(id=t, split="train") for t in "dcba"]
    assert [task.id for task in chosen(tasks, file)] == ["d", "b"]
    with pytest.raises(BadInput, match="'b' and 0 others that are not among the 2 tasks"):
        chosen([tasks[0], tasks[3]], file)
    with pytest.raises(BadInput, match="names no tasks"):
        file.write_text("\n")
        chosen(tasks, file)
    with pytest.raises(BadInput, match="cannot read the selection"):
        chosen(tasks, tmp_path / "none.txt")


def test_a_selection_is_what_is_trained_on(start: Path, tmp_path: Path) -> None:
    env = agentgym.make("agentgym/WebShop-v0", level="easy", products=60)
    two = [task.id for task in env.tasks("train")[5:7]]
    write_selection(tmp_path / "two.txt", two)
    run(start, tmp_path / "run", f"--env.tasks={tmp_path / 'two.txt'}", "--steps=1")
    episodes = read_jsonl(tmp_path / "run/trajectories/step-000001.jsonl")
    assert {t.task.id for t in episodes} == set(two)


class Garden(TextEnv):
    """Has a tool of the same name as one of the memory's."""

    def tasks(self, split):
        return [Task(id=split, split=split)]

    @property
    def tools(self):
        @tool
        def prune(tree: str) -> str:
            """Cut a tree back."""
            return tree

        return [prune]


def test_a_tool_that_the_context_would_hide_is_refused(start: Path, tmp_path: Path) -> None:
    agentgym.register("test/Garden-v0", Garden)
    settings = ("--env.id=test/Garden-v0", "--env.kwargs={}", "--context.name=memory")
    with pytest.raises(BadInput, match="both have a tool named 'prune'"):
        run(start, tmp_path, *settings)
