"""What a caller of the credit functions may give them, and what is refused by name."""

import numpy as np
import pytest
import torch

from agentgym.errors import BadInput, UnknownName
from agentgym_trainers.credit.aepo import aepo
from agentgym_trainers.credit.dr_mas import dr_mas
from agentgym_trainers.credit.flow_grpo import flow_grpo
from agentgym_trainers.credit.gae import gae, gae_returns, turn_gae, turn_gae_returns
from agentgym_trainers.credit.gdpo import gdpo
from agentgym_trainers.credit.gigpo import discounted_returns, gigpo, similar_anchors
from agentgym_trainers.credit.gpg import gpg
from agentgym_trainers.credit.grpo import grpo
from agentgym_trainers.credit.hgpo import hgpo
from agentgym_trainers.credit.opo import opo
from agentgym_trainers.credit.pass_at_k import pass_at_k
from agentgym_trainers.credit.reinforce_pp import reinforce_pp, reinforce_pp_baseline
from agentgym_trainers.credit.remax import remax
from agentgym_trainers.credit.rloo import rloo
from agentgym_trainers.objectives.aggregation import token_weights
from agentgym_trainers.objectives.divergence import kl
from agentgym_trainers.objectives.llds import llds
from agentgym_trainers.shaping.otc import otc_grpo, otc_ppo
from agentgym_trainers.shaping.overlong import overlong

COLUMNS = {
    "group": [0, 0, 0, 0, 0],
    "trajectory": [1, 1, 2, 3, 3],
    "anchor": [5, 6, 5, 5, 6],
    "role": [0, 1, 0, 0, 1],
    "reward": [0.0, 1.0, 0.0, 0.0, 2.0],
    "valid": [True, True, False, True, True],
    "success": [True, True, False, True, True],
    "calls": [0, 1, 2, 0, 0],
    "greedy": [0.5] * 5,
    "tokens": [1, 2, 1, 1, 1],
    "values": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    "entropy": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
}
EPISODES = ("group", "trajectory")
TAKES = {
    grpo: (*EPISODES, "reward", "valid"),
    gigpo: (*EPISODES, "anchor", "reward", "valid"),
    hgpo: (*EPISODES, "anchor", "reward", "valid"),
    dr_mas: (*EPISODES, "role", "reward", "valid"),
    rloo: (*EPISODES, "reward", "valid"),
    opo: (*EPISODES, "reward", "tokens"),
    gpg: (*EPISODES, "reward"),
    pass_at_k: (*EPISODES, "success"),
    flow_grpo: (*EPISODES, "reward"),
    remax: (*EPISODES, "reward", "greedy"),
    reinforce_pp: (*EPISODES, "reward", "tokens", "valid"),
    reinforce_pp_baseline: (*EPISODES, "reward", "tokens", "valid"),
    aepo: (*EPISODES, "reward", "tokens", "entropy"),
    gae: (*EPISODES, "reward", "tokens", "values"),
    turn_gae: (*EPISODES, "reward", "tokens", "values"),
    gae_returns: (*EPISODES, "reward", "tokens", "values"),
    turn_gae_returns: (*EPISODES, "reward", "tokens", "values"),
    otc_ppo: (*EPISODES, "success", "calls"),
    otc_grpo: (*EPISODES, "success", "calls"),
    overlong: (*EPISODES, "tokens"),
}
"""Function -> its columns, in order."""
EVERY = [(function, name) for function, names in TAKES.items() for name in names]
IDENTITIES = ("group", "trajectory", "anchor", "role")


def call(function, **other):
    columns = COLUMNS | other
    return function(*(columns[name] for name in TAKES[function]))


@pytest.mark.parametrize("length", [0, 1, 4, 7])
@pytest.mark.parametrize(("function", "name"), EVERY)
def test_a_column_of_another_length_is_refused(function, name, length):
    """Even of length 1, which NumPy would repeat."""
    with pytest.raises(BadInput, match="columns of|needs"):
        call(function, **{name: (COLUMNS[name] * 2)[:length]})


@pytest.mark.parametrize(("function", "name"), [e for e in EVERY if e[1] not in IDENTITIES])
def test_one_number_is_no_column(function, name):
    with pytest.raises(BadInput, match=rf"{name}.*shape \(\)"):
        call(function, **{name: COLUMNS[name][0]})


@pytest.mark.parametrize("of", [np.array, torch.tensor, list, tuple])
@pytest.mark.parametrize("function", TAKES)
def test_columns_of_any_kind_mean_the_same(function, of):
    """Elements of a tensor have the identity of their value and not that of the object."""
    found = call(function, **{name: of(column) for name, column in COLUMNS.items()})
    assert found.tolist() == pytest.approx(call(function).tolist(), nan_ok=True)
    single = {name: [of([value])[0] for value in COLUMNS[name]] for name in IDENTITIES}
    assert call(function, **single).tolist() == pytest.approx(call(function).tolist(), nan_ok=True)


@pytest.mark.parametrize("function", [gigpo, hgpo])
@pytest.mark.parametrize("anchor", [object(), float("nan"), {1, 2}, [float("nan")]])
def test_what_identifies_no_state_is_refused(function, anchor):
    with pytest.raises(BadInput, match="identifies no state"):
        call(function, anchor=[anchor] * 5)


def test_anchors_are_compared_by_content():
    for anchors in ([[1, 2], [3]], [{"a": [1]}, {"a": [2]}], [np.eye(2), np.ones((2, 2))]):
        shown = [anchors[number - 5] for number in COLUMNS["anchor"]]
        assert call(gigpo, anchor=shown).tolist() == call(gigpo).tolist()


@pytest.mark.parametrize("doubtful", [["False"] * 5, [True, 2, 0, 1, 1], [np.nan] * 5])
@pytest.mark.parametrize(("function", "name"), [e for e in EVERY if e[1] in ("valid", "success")])
def test_what_is_neither_true_nor_false_is_refused(function, name, doubtful):
    with pytest.raises(BadInput, match=f"{name} holds something"):
        call(function, **{name: doubtful})


@pytest.mark.parametrize("doubtful", [1.5, -1])
@pytest.mark.parametrize(("function", "name"), [e for e in EVERY if e[1] in ("tokens", "calls")])
def test_tokens_and_calls_are_whole_numbers(function, name, doubtful):
    with pytest.raises(BadInput, match=rf"{name}\[1\] is {doubtful}"):
        call(function, **{name: [1, doubtful, 1, 1, 1]})


def test_a_group_has_one_greedy_episode():
    with pytest.raises(BadInput, match="differs within a group"):
        call(remax, greedy=[0.5, 0.5, 0.5, 0.5, 0.6])
    with pytest.raises(BadInput, match="0 has none"):
        call(remax, greedy=[0.5, np.nan, 0.5, 0.5, 0.6])


def test_other_columns_are_checked_too():
    with pytest.raises(BadInput, match=r"length has shape \(4,\)"):
        gdpo(COLUMNS["group"], COLUMNS["trajectory"], {"length": [1.0] * 4})
    with pytest.raises(BadInput, match="columns of 2, 1 entries"):
        similar_anchors("gg", ["one"], 0.9)
    with pytest.raises(BadInput, match=r"reward has shape \(1,\)"):
        discounted_returns("ab", [1.0], 0.9)


@pytest.mark.parametrize("function", [grpo, gigpo, hgpo, dr_mas])
def test_a_name_that_the_published_code_has_is_refused_with_ours(function):
    columns = [COLUMNS[name] for name in TAKES[function]]
    with pytest.raises(UnknownName, match="no normalise 'mean_std_norm'; did you mean 'mean_std'"):
        function(*columns, normalise="mean_std_norm")


@pytest.mark.parametrize("function", [grpo, gigpo, dr_mas, flow_grpo, aepo, rloo])
def test_statistics_that_do_not_exist_are_refused(function):
    columns = [COLUMNS[name] for name in TAKES[function]]
    with pytest.raises(UnknownName, match="did you mean 'trajectories'"):
        function(*columns, statistics="trajectory")


def test_options_of_objectives_are_checked():
    zeros = torch.zeros(1, 3)
    with pytest.raises(UnknownName, match="no KL form 'low_var_kl'; known: abs, k1, k2, k3"):
        kl(zeros, zeros, "low_var_kl")
    with pytest.raises(UnknownName, match="did you mean 'token-mean'"):
        token_weights(np.ones(2), "token_mean")
    with pytest.raises(UnknownName, match="no gate 'turn'"):
        llds(zeros, zeros, zeros, zeros.long(), gate="turn")


def test_a_long_history_may_weigh_as_much_as_a_float_holds():
    assert np.isfinite(hgpo("gg", "ab", "ss", [0, 1], history=3, alpha=200)).all()
