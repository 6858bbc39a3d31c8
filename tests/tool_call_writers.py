"""Calls as models of each family write them; what is under test reads them."""

import json
import keyword

from agentgym.tools.parse import write_tool_call


def written(value):
    return json.dumps(value, ensure_ascii=False)


def call_in_json(call, arguments="arguments"):
    return written({"name": call.name, arguments: call.arguments})


def hermes_raw(calls):
    """As Hermes models do, who escape no tag in a string."""
    return "\n".join(f"<tool_call>\n{call_in_json(call)}\n</tool_call>" for call in calls)


def plain(calls):
    return f"[{', '.join(map(call_in_json, calls))}]"


def fenced(calls):
    return "\n".join(f"```json\n{call_in_json(call)}\n```" for call in calls)


def llama(calls):
    return "<|python_tag|>" + "; ".join(call_in_json(call, "parameters") for call in calls)


def llama_function(calls):
    return "".join(f"<function={call.name}>{written(call.arguments)}</function>" for call in calls)


def pythonic(calls):
    return f"<|python_tag|>[{', '.join(map(_python, calls))}]"


def _python(call):
    names = {k: v for k, v in call.arguments.items() if k.isidentifier() and k.isascii()}
    names = {k: v for k, v in names.items() if not keyword.iskeyword(k)}
    given = [f"{key}={value!r}" for key, value in names.items()]
    others = {k: v for k, v in call.arguments.items() if k not in names}
    return f"{call.name}({', '.join([*given, *([f'**{others!r}'] if others else [])])})"


def mistral(calls):
    return f"[TOOL_CALLS]{plain(calls)}"


def mistral_named(calls):
    return "".join(f"[TOOL_CALLS]{call.name}[ARGS]{written(call.arguments)}" for call in calls)


def mistral_with_ids(calls):
    return "".join(
        f"[TOOL_CALLS]{call.name}[CALL_ID]a1b2c3d4e[ARGS]{written(call.arguments)}"
        for call in calls
    )


def kimi(calls):
    each = "".join(
        f"<|tool_call_begin|>functions.{call.name}:{number}<|tool_call_argument_begin|>"
        f"{written(call.arguments)}<|tool_call_end|>"
        for number, call in enumerate(calls)
    )
    return f"<|tool_calls_section_begin|>{each}<|tool_calls_section_end|>"


def deepseek(calls):
    each = "\n".join(
        f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>{call.name}\n"
        f"```json\n{written(call.arguments)}\n```<｜tool▁call▁end｜>"
        for call in calls
    )
    return f"<｜tool▁calls▁begin｜>{each}<｜tool▁calls▁end｜>"


def deepseek_bare(calls):
    each = "".join(
        f"<｜tool▁call▁begin｜>{call.name}<｜tool▁sep｜>{written(call.arguments)}<｜tool▁call▁end｜>"
        for call in calls
    )
    return f"<｜tool▁calls▁begin｜>{each}<｜tool▁calls▁end｜>"


def harmony_messages(calls):
    each = "<|start|>assistant".join(
        f"<|channel|>commentary to=functions.{call.name} <|constrain|>json<|message|>"
        f"{written(call.arguments)}<|call|>"
        for call in calls
    )
    return f"<|channel|>analysis<|message|>I call.<|end|><|start|>assistant{each}"


def _as_text(value):
    """JSON without a tag in it: what Qwen3-Coder and GLM write for all that is no text."""
    return written(value).replace("<", "\\u003c")


def qwen_coder(calls, as_text=_as_text):
    return "\n".join(
        f"<tool_call>\n<function={call.name}>\n"
        + "".join(
            f"<parameter={key}>\n{as_text(value)}\n</parameter>\n"
            for key, value in call.arguments.items()
        )
        + "</function>\n</tool_call>"
        for call in calls
    )


def glm(calls, as_text=_as_text):
    return "\n".join(
        f"<tool_call>{call.name}\n"
        + "".join(
            f"<arg_key>{key}</arg_key>\n<arg_value>{as_text(value)}</arg_value>\n"
            for key, value in call.arguments.items()
        )
        + "</tool_call>"
        for call in calls
    )


def ours(calls):
    return "\n".join(map(write_tool_call, calls))


ANY_NAME = [hermes_raw, ours, plain, fenced, llama, mistral]
"""Forms in which the name is a string of the JSON."""
NAMED = [
    *(llama_function, pythonic, mistral_named, mistral_with_ids, kimi, deepseek, deepseek_bare),
    harmony_messages,
]
"""Forms in which the name stands outside of the JSON."""
TAGGED = [qwen_coder, glm]
"""Forms in which the arguments' names do so too."""
