"""Evaluating policies, and what a report says."""

import re

import pytest
from rich.console import Console

import agentgym
from agentgym.cli.report import table_of
from agentgym.env.text_env import Task
from agentgym.errors import BadInput
from agentgym.evaluation.evaluation import Report, compare, evaluate
from agentgym.rollouts.limits import Limits
from agentgym.trajectory import Failure, Step, StopReason, Trajectory, Usage
from agentgym_envs.webshop.env import WebShop


def episode(task, success, *, failure=None, tokens=3, valid=True, number=0):
    """Two steps; the reward is 1 for a success."""
    steps = [
        Step(observation="o", action="a", reward=0, anchor="o", ids=[1] * tokens, valid=valid),
        Step(observation="o", action="b", reward=float(success), anchor="o"),
    ]
    return Trajectory(
        id=f"{task}/{number}",
        group=task,
        task=Task(id=task, split="test"),
        env="Mine",
        steps=steps,
        stop_reason=StopReason.ERROR if failure else StopReason.TERMINATED,
        failure=failure,
        success=success,
    )


def easy():
    return WebShop("easy")


def test_the_numbers_of_a_report():
    broken = Failure(boundary="environment", type="OSError", message="no disk")
    episodes = [
        episode("a", True),
        episode("a", False, valid=False, tokens=5),
        episode("b", True),
        episode("b", True, failure=broken),  # counts as no success, whatever it says
    ]
    report = Report.of(episodes, policy="p")
    assert (report.env, report.policy, report.split) == ("Mine", "p", "test")
    assert (report.tasks, report.episodes) == (2, 4)
    assert report.success.mean == 0.5
    assert report.reward.mean == 0.75
    assert report.steps == 2
    assert report.tokens == 3.5
    assert report.invalid == 1 / 8
    assert report.stop_reasons == {"terminated": 3, "error": 1}
    assert report.failures == {"environment: OSError: no disk": 1}
    assert report.pass_at_k[1] == report.success
    assert report.pass_at_k[2].mean == 1.0
    assert list(report.pass_at_k) == [1, 2]
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_a_report_of_one_task_survives_json():
    report = Report.of([episode("a", True)])
    assert report.pass_at_k == {}
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_what_a_server_charged():
    free, dear = episode("a", True), episode("b", False)
    free.steps[0].usage = Usage(prompt_tokens=100, completion_tokens=5)
    dear.steps[0].usage = Usage(prompt_tokens=200, completion_tokens=5, cost=0.25)
    dear.steps[1].usage = Usage(prompt_tokens=300, completion_tokens=8, cost=0.5)
    report = Report.of([free, dear])
    assert report.usage == Usage(prompt_tokens=600, completion_tokens=18, cost=0.75)
    assert Report.model_validate_json(report.model_dump_json()) == report
    rows = shown(report)
    assert re.search(r"prompt tokens +│ 300 an episode, 600 in all", rows)
    assert re.search(r"completion tokens +│ 9 an episode, 18 in all", rows)
    assert re.search(r"cost +│ 0.375 an episode, 0.75 in all", rows)
    assert "sampled tokens" not in rows
    assert "cost" not in shown(Report.of([free]))


def test_what_nobody_charged_is_not_shown():
    report = Report.of([episode("a", True)])
    assert report.usage is None
    rows = shown(report)
    assert re.search(r"sampled tokens +│ 3 an episode", rows)
    assert "prompt tokens" not in rows and "cost" not in rows


def shown(report):
    """A report as it is on the terminal."""
    console = Console(width=100)
    with console.capture() as captured:
        console.print(table_of(report))
    return captured.get()


def test_no_episodes_no_report():
    with pytest.raises(BadInput, match="no episodes"):
        Report.of([])


def test_the_expert_beats_chance():
    tasks = WebShop("easy").tasks("test")[:8]
    seen = []
    limits = Limits(max_steps=6)
    played = {
        name: agentgym.run(
            evaluate,
            easy,
            policy,
            tasks,
            samples=2,
            limits=limits,
            on_trajectory=seen.append,
            label=name,
        )
        for name, policy in {
            "random": agentgym.random_policy(),
            "expert": agentgym.expert_policy(),
        }.items()
    }
    assert len(seen) == 32
    assert [t.id for t in played["expert"][:2]] == [f"expert/0/{tasks[0].id}/{i}" for i in (0, 1)]
    reports = {name: Report.of(episodes) for name, episodes in played.items()}
    assert reports["expert"].success.mean == 1.0
    assert 0.5 < reports["expert"].success.low < 1.0
    assert reports["random"].success.mean < 0.2
    difference = compare(played["random"], played["expert"])
    assert difference.mean > 0.8 and difference.p < 0.01 and difference.tasks == 8


class Fragile(WebShop):
    def step(self, action):
        raise OSError("no disk")


def test_failures_are_a_result():
    tasks = WebShop("easy").tasks("test")[:3]
    episodes = agentgym.run(evaluate, lambda: Fragile("easy"), agentgym.expert_policy(), tasks)
    report = Report.of(episodes)
    assert report.success.mean == 0
    assert report.failures == {"environment: OSError: no disk": 3}
    assert report.stop_reasons == {"error": 3}
