"""The marks that models write around calls and thoughts, spelled as their tokenizers spell them."""

from __future__ import annotations

import re

TOOL_CALL, TOOL_CALL_END = "<tool_call>", "</tool_call>"
FUNCTION, FUNCTION_END = "<function=", "</function>"  # letters of several tokens
PYTHON_TAG = "<|python_tag|>"
TOOL_CALLS, ARGS, CALL_ID = "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"
KIMI_SECTION, KIMI_SECTION_END = "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"
KIMI_CALL, KIMI_CALL_END = "<|tool_call_begin|>", "<|tool_call_end|>"
KIMI_ARGUMENT = "<|tool_call_argument_begin|>"
DEEPSEEK_SECTION, DEEPSEEK_SECTION_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
DEEPSEEK_CALL, DEEPSEEK_CALL_END = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>"
DEEPSEEK_SEPARATOR = "<｜tool▁sep｜>"
GLM = "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"
HARMONY = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|call|>"
THOUGHTS = {"<think>": "</think>", "[THINK]": "[/THINK]"}
"""What begins a thought -> what ends it."""

OPENINGS = (
    *(TOOL_CALL, FUNCTION, PYTHON_TAG, TOOL_CALLS),
    *(KIMI_SECTION, KIMI_CALL, DEEPSEEK_SECTION, DEEPSEEK_CALL),
)
"""What a call begins with."""
CLOSINGS = (
    *(TOOL_CALL_END, FUNCTION_END, KIMI_CALL_END, KIMI_SECTION_END),
    *(DEEPSEEK_CALL_END, DEEPSEEK_SECTION_END),
)
"""What one ends with."""

MARKERS = frozenset(
    [
        *({*OPENINGS, *CLOSINGS} - {FUNCTION, FUNCTION_END}),
        *(ARGS, CALL_ID, KIMI_ARGUMENT, DEEPSEEK_SEPARATOR),
        *(*GLM, *HARMONY, *THOUGHTS, *THOUGHTS.values()),
    ]
)
"""Every token that :func:`parse_tool_calls` reads calls and thoughts by. Harmony's ``<|end|>`` is
not among them: it ends other models' turns, and ``<|start|>`` says as much."""


def any_of(*spellings: str) -> str:
    """A pattern for one of them."""
    return "|".join(map(re.escape, spellings))


ANY = re.compile(any_of(*OPENINGS, *CLOSINGS, *THOUGHTS))
"""Where a call that cannot be read is over at the latest."""
