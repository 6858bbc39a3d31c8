"""No environment follows a command of a thought, and a tag inside a command is no thought's end."""

import pytest

from agentgym_envs.errand.env import find_command as errand
from agentgym_envs.household.command import find_command as household
from agentgym_envs.inspection.env import find_command as inspection
from agentgym_envs.plaingui.command import find_command as plaingui
from agentgym_envs.searchqa.forms import read_calls, read_tags
from agentgym_envs.sokoban.env import find_move
from agentgym_envs.textworld.prose import find_command as textworld
from agentgym_envs.toytext.game import find_word
from agentgym_envs.webshop.command import find_command as webshop
from agentgym_tools.browser.command import find_command as browser


def toytext(action):
    return find_word(action, {"left": 0, "up": 1})


def tags(action):
    read = read_tags(action)
    return [call.arguments["query"] for call in read.calls], read.text


def answer(action):
    return read_calls(action).text


COMMANDS = [
    (webshop, "search[lamp]", "click[buy now]"),
    (find_move, "left", "up"),
    (toytext, "left", "up"),
    (plaingui, 'fill(1, "a")', "click(2)"),
    (browser, 'fill(1, "a")', "click(2)"),
    (household, "go to kitchen", "take lamp from table"),
    (textworld, "go north", "take lamp"),
    (errand, "go mill", "take lamp"),
    (inspection, "answer 17", "next"),
    (tags, "<search>Lima</search>", "<answer>Lima</answer>"),
    (answer, "Lima", "Quito"),
]


@pytest.mark.parametrize(("find", "command", "draft"), COMMANDS)
def test_a_command_of_a_thought_is_not_followed(find, command, draft):
    meant = find(command)
    for action in (
        f"<think>{draft}?</think>\n{command}",
        f"{draft}?</think>\n{command}",
        f"[THINK]{draft}[/THINK]{command}",
        f"{command}\n<think>{draft}</think>",
        f"{command}\n<think>{draft}",
        f"<|channel|>analysis<|message|>{draft}<|end|><|start|>assistant<|channel|>final<|message|>{command}",
    ):
        assert find(action) == meant
    assert find(f"<think>{draft}") == find("")


@pytest.mark.parametrize(
    ("find", "command"),
    [
        (webshop, "search[a </think> b]"),
        (webshop, "search[a <think> b]"),
        (plaingui, 'fill(1, "a </think> b")'),
        (browser, 'answer("a <think> b")'),
        (tags, "<search>what is </think> for</search>"),
        (tags, "<answer>the tag <think></answer>"),
        (answer, "<answer>the tag </think></answer>"),
    ],
)
def test_a_tag_inside_a_command_is_data(find, command):
    meant = find(command)
    assert meant and "think>" in str(meant)
    assert find(f"<think>hm</think>{command}") == meant
    assert find(f"<think>{command} hm</think>{command}") == meant
