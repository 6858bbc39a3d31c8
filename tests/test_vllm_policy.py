"""The policy over HTTP, on a real server: exact tokens and logprobs, seeds, sessions, aborts."""

import anyio
import httpx
import pytest
import torch
from counter import Counter
from vllm_asking import ask, differences, logprobs, reference, with_policy

import agentgym
from agentgym.policy import Sampling
from agentgym.policy.vllm.tokens import COMPLETIONS

EXACT = 1e-4  # float32 on both sides


def played(server, make_env, tasks, **options):
    async def play(policy):
        limits = agentgym.Limits(max_steps=3)
        groups = await agentgym.collect(make_env, policy, tasks, limits=limits, **options)
        return [trajectory for group in groups for trajectory in group.trajectories]

    return with_policy([server.url], play)


@pytest.mark.parametrize("env", ["agentgym/WebShop-v0", "Counter"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampled_logprobs_are_those_of_transformers(server, env, temperature):
    make_env = Counter if env == "Counter" else lambda: agentgym.make(env, level="easy")
    tasks = make_env().tasks("train")[:2] or [agentgym.Task(id="t", split="train")] * 2
    sampling = Sampling(temperature=temperature, max_tokens=12)
    episodes = played(server, make_env, tasks, group_size=2, sampling=sampling)
    assert [t.failure for t in episodes] == [None] * 4
    found = differences(reference(server.model), episodes, temperature)
    figures = {"mean": found.mean(), "p99": found.quantile(0.99), "max": found.max()}
    print(f"{env}, {len(found)} tokens:", {k: f"{v:.1e}" for k, v in figures.items()})
    assert len(found) > 60 and figures["max"] < EXACT


def test_a_prompt_is_what_was_sampled_and_a_tail(server):
    """Concatenated, the steps of an episode are the sequence that the server saw, id by id."""
    tasks = [agentgym.Task(id="t", split="train")]
    (episode,) = played(server, Counter, tasks, sampling=Sampling(max_tokens=12))
    assert {step.segment for step in episode.steps} == {0} and len(episode.steps) == 3
    whole = [i for step in episode.steps for i in (*step.prompt_ids, *step.ids)]
    last = episode.steps[-1]
    assert [*episode.prompt_of(2), *last.ids] == whole
    assert all(len(step.ids) == len(step.logprobs) for step in episode.steps)


def test_the_same_seed_gives_the_same_tokens_and_another_others(server):
    async def use(policy):
        async with policy.session("s"):
            return [(await ask(policy, seed=seed))[1].ids for seed in (3, 3, 4)]

    first, again, other = with_policy([server.url], use)
    assert first == again != other


def test_both_token_routes_agree(server):
    async def use(policy):
        async with policy.session("s"):
            answers = [(await ask(policy, seed=5))[1]]
            policy.servers[0].route = COMPLETIONS
            return [*answers, (await ask(policy, seed=5))[1]]

    exact, fallback = with_policy([server.url], use, entropy_top=5)
    assert exact.ids == fallback.ids and exact.finish_reason == fallback.finish_reason
    assert exact.logprobs == pytest.approx(fallback.logprobs, abs=EXACT)
    assert exact.entropies == pytest.approx(fallback.entropies, abs=EXACT)


def test_entropies_are_lower_bounds_that_grow_with_what_is_seen(server):
    async def use(policy):
        async with policy.session("s"):
            found = {}
            for policy.entropy_top in (1, 5, 19):
                ids, found[policy.entropy_top] = await ask(policy, seed=6)
            return ids, found

    ids, found = with_policy([server.url], use)
    _, whole = logprobs(reference(server.model), ids, found[19].ids)
    exact = -(whole.exp() * whole).sum(-1)
    bounds = [torch.tensor(found[top].entropies) for top in (1, 5, 19)]
    for lower, upper in zip(bounds, [*bounds[1:], exact], strict=True):
        assert (lower <= upper + EXACT).all()
    assert bounds[2].sum() > 0.5 * exact.sum()


def test_greedy_is_the_most_likely_token(server):
    async def use(policy):
        async with policy.session("s"):
            return await ask(policy, temperature=0.0)

    ids, answer = with_policy([server.url], use)
    own, whole = logprobs(reference(server.model), ids, answer.ids)
    assert whole.argmax(-1).tolist() == list(answer.ids)
    assert answer.logprobs == pytest.approx(own.tolist(), abs=EXACT)


def test_the_end_of_a_turn_is_among_the_sampled_ids(server):
    async def use(policy):
        async with policy.session("s"):
            answer = (await ask(policy, "Answer with one word: yes", max_tokens=64, seed=1))[1]
            return answer, policy.renderer

    answer, renderer = with_policy([server.url], use)
    assert answer.finish_reason == "stop" and answer.ids[-1] in renderer.stop_ids
    assert answer.text == renderer.decode(answer.ids[:-1])


def test_a_cancelled_request_stops_the_server_s_work(server):
    async def use(policy):
        async with policy.session("s"):
            with anyio.move_on_after(1.0):
                await ask(policy, "Count to a thousand.", max_tokens=1500)
        with anyio.fail_after(20):
            while running(server.url):  # noqa: ASYNC110  the server has no event for it
                await anyio.sleep(0.2)
        return policy.servers[0].active

    assert with_policy([server.url], use) == 0


def running(url):
    """Requests that the server works on or keeps waiting."""
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    names = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
    return sum(float(line.split()[-1]) for line in lines if line.startswith(names))


def test_an_episode_stays_with_its_server_and_a_new_one_goes_where_least_is_done(server):
    """Two names of one server stand for two servers: the policy only sees addresses."""

    async def use(policy):
        first, second = policy.servers
        homes = []
        async with policy.session("a"), policy.session("b"):
            first.active = 1
            homes.append(policy._home(prompt("a", "one")))
            first.active, second.active = 0, 3
            homes += [policy._home(prompt("a", "one")), policy._home(prompt("b", "two"))]
            homes.append(policy._home(prompt("a", "three")))
        return [first.url, second.url], [home.url for home in homes]

    def prompt(session, episode):
        return agentgym.policy.Prompt(session, episode, 0, 0, [], [], (), None)

    (first, second), homes = with_policy(
        [server.url, server.url.replace("127.0.0.1", "localhost")], use
    )
    assert homes == [second, second, first, first]


def test_a_server_says_what_it_can_do(server):
    async def use(policy):
        return policy.capabilities

    capabilities = with_policy([server.url], use)
    assert capabilities.model == capabilities.root == server.model
    assert capabilities.max_model_len == 2048 and capabilities.version.startswith("0.32")
    assert capabilities.token_route and capabilities.dev_routes and capabilities.tempered


def test_a_server_is_the_policy_of_a_command(server, tmp_path, capsys):
    from agentgym.cli import main

    saved = tmp_path / "episodes.jsonl"
    line = "eval agentgym/WebShop-v0 --set level=easy --tasks=2 --max-steps=2 --max-tokens=8"
    with pytest.raises(SystemExit, match="0"):
        main([*line.split(), f"--policy=vllm:{server.url}", f"--out={saved}"])
    assert "success" in capsys.readouterr().out
    episodes = list(agentgym.read_jsonl(saved))
    assert len(episodes) == 2 and all(step.logprobs for t in episodes for step in t.steps)


def test_sessions_need_names_of_their_own(server):
    async def use(policy):
        async with policy.session("a"):
            with pytest.raises(agentgym.BadInput, match="open already"):
                async with policy.session("a"):
                    pass

    with_policy([server.url], use)
