"""Help and lists say every word, and fit into a terminal."""

import re

import pytest
import typer

import agentgym
from agentgym.cli import application, main
from agentgym.cli.as_written import AsWritten
from agentgym.env.registry import registered
from agentgym.parts import KINDS, parts
from agentgym_trainers.command.keys import about, keys

KEYS, _ = keys()


@pytest.fixture
def shown(capsys, monkeypatch):
    """What a command prints in a terminal of so many columns."""

    def run(*arguments, columns=80, code=0):
        monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        written = capsys.readouterr()
        assert int(ended.value.code or 0) == code
        return written.out + written.err

    return run


def words(text):
    return " ".join(text.replace("│", " ").split())


def documented():
    """Every command with the texts that its code has about it and its options."""
    for registered_command in application().registered_commands:
        single = typer.Typer(add_completion=False)
        single.registered_commands = [registered_command]
        command = typer.main.get_command(single)  # not escaped
        texts = [param.help for param in command.params if getattr(param, "help", None)]
        yield registered_command.name, [*command.help.split("\n\n"), *texts]


@pytest.mark.parametrize(("name", "texts"), list(documented()))
def test_help_has_every_word_of_every_text(shown, name, texts):
    out = words(shown(name, "--help", columns=500))
    for text in texts:
        assert words(text) in out


def test_a_word_in_brackets_is_no_markup(shown):
    assert "as [policy.vllm] of a training config" in words(shown("serve", "--help"))
    assert "a table [model.lora], which may be empty" in words(shown("train", "--help"))


def test_groups_of_a_plug_in_are_shown_as_written():
    below, app = typer.Typer(), typer.Typer(cls=AsWritten)
    below.command("b", help="of [this]")(lambda: None)
    app.add_typer(below, name="a", help="a [table]")
    group = typer.main.get_command(app).commands["a"]
    assert (group.help, group.commands["b"].help) == (r"a \[table]", r"of \[this]")


def test_help_of_one_key(shown):
    out = shown("train", "--help", "policy.vllm.gpu_memory")
    assert out.startswith("  policy.vllm.gpu_memory = 0.9\n")
    assert "Share of GPU memory" in out
    assert "Usage" not in out and "eager" not in out


def test_help_of_a_table_and_of_one_part(shown):
    out = shown("train", "--help", "credit[gigpo]")
    assert "credit[gigpo].statistics" in out and "Group-in-group" in out and "hgpo" not in out
    names = [key.name for key in about(KEYS, "credit")]
    assert names[0] == "credit" and {f"credit[{name}]" for name in parts("credit")} <= {*names}
    statistics = [key.name for key in about(KEYS, "--credit.statistics")]  # as one types it
    assert {"credit[gigpo].statistics", "credit[grpo].statistics"} <= {*statistics}
    assert all(name.endswith(".statistics") for name in statistics)


def test_help_of_a_key_that_does_not_exist_names_the_nearest(shown):
    out = shown("train", "--help", "polcy.vllm.gpu_memory", code=1)
    assert out.startswith("error: no key 'polcy.vllm.gpu_memory'; did you mean 'policy.vllm.gpu_")
    with pytest.raises(agentgym.UnknownName, match=r"did you mean 'credit\[gigpo\]'"):
        about(KEYS, "credit[gipgo]")


def test_every_kind_and_table_can_be_asked_about():
    for name in (*KINDS, "env", "model", "model.lora", "warm_start", "policy.template", "replay"):
        key, *inside = about(KEYS, name)
        assert key.name == name and key.description and inside


@pytest.mark.parametrize("arguments", [[], ["--parts"]])
def test_a_list_fits_into_80_columns_and_cuts_no_name(shown, arguments):
    out = shown("list", *arguments)
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in out
    starts = {re.split(r"\s{2,}", line)[0] for line in lines}
    assert {*registered()} <= starts
    assert {f'{kind}.name = "{name}"' for kind in KINDS for name in parts(kind)} <= starts


def test_names_are_whole_in_a_narrow_terminal_too(shown):
    assert "agentgym/MiniWoB-click-collapsible-2-nodelay-v0" in shown("list", "collap", columns=50)
