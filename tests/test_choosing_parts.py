"""Another part, chosen on the command line, brings its own keys and leaves the file's behind."""

from pathlib import Path

import pytest

import agentgym
from agentgym import BadInput, UnknownName
from agentgym.parts import parts
from agentgym_trainers.config import load
from agentgym_trainers.run.run_folder import record, require_same

QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart.toml"


def loaded(file, *arguments):
    """The config, and what was said about it."""
    said = []
    return load(file, arguments, said.append), said


@pytest.fixture
def config(tmp_path):
    def written(text):
        file = tmp_path / "config.toml"
        file.write_text(text)
        return file

    return written


def test_every_credit_can_be_chosen_for_the_quickstart():
    for name in parts("credit"):
        made, said = loaded(QUICKSTART, f"--credit.name={name}")
        assert made.credit.name == name
        assert [line for line in said if "statistics; left out of" not in line] == []
        assert bool(said) is not hasattr(made.credit, "statistics")


def test_what_is_left_out_is_said_and_what_both_have_stays(config):
    file = config('[credit]\nname = "gigpo"\ngamma = 0.5\nstatistics = "steps"\nstep_weight = 2\n')
    made, said = loaded(file, "--credit.name=hgpo")
    assert made.credit.gamma == 0.5
    assert said == [f"credit 'hgpo' has no statistics, step_weight; left out of {file}"]
    made, said = loaded(file, "--credit.name=rloo")
    assert said == [f"credit 'rloo' has no gamma, step_weight; left out of {file}"]


def test_a_table_without_a_name_is_the_default_part(config):
    file = config('[credit]\nname = "grpo"\n[objective]\ndual_clip = 4.0\nentropy_coef = 0.1\n')
    made, said = loaded(file, "--objective.name=gspo")
    assert (made.objective.name, made.objective.entropy_coef) == ("gspo", 0.1)
    assert said == [f"objective 'gspo' has no dual_clip; left out of {file}"]
    made, said = loaded(file, "--objective.name=ppo_clip")
    assert made.objective.dual_clip == 4.0 and said == []


def test_a_key_of_the_command_line_is_never_left_out():
    with pytest.raises(BadInput, match="unknown key 'statistics'"):
        loaded(QUICKSTART, "--credit.name=hgpo", "--credit.statistics=steps")


def test_the_same_part_keeps_everything(config):
    made, said = loaded(QUICKSTART, "--credit.name=gigpo")
    assert made.credit.statistics == "trajectories" and said == []
    with pytest.raises(BadInput, match="unknown key 'statistcs'"):
        loaded(config('[credit]\nname = "gigpo"\nstatistcs = 1\n'), "--credit.name=gigpo")


def test_a_part_that_does_not_exist_names_the_nearest():
    with pytest.raises(UnknownName, match="no credit 'hgpoo'; did you mean 'hgpo'"):
        loaded(QUICKSTART, "--credit.name=hgpoo")


def test_a_run_folder_of_another_run_says_what_differs_and_the_way_out(tmp_path):
    first, _ = loaded(QUICKSTART, f"--run_dir={tmp_path / 'run'}")
    (first.run_dir / "checkpoints" / "step-000001").mkdir(parents=True)
    record(first)
    require_same(first)
    other, _ = loaded(QUICKSTART, f"--run_dir={first.run_dir}", "--credit.name=hgpo")
    with pytest.raises(agentgym.BadInput) as refused:
        require_same(other)
    message = str(refused.value)
    assert "credit.name: 'gigpo' there, 'hgpo' now" in message
    assert f"add --run_dir={tmp_path / 'other'} to train beside it" in message
