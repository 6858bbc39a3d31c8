"""Python for agents: a program goes in, what it prints comes out, and nothing else happens.

Two interpreters keep it from files, network, processes and the memory of others:

:class:`~agentgym_tools.python.monty.Monty`            pydantic-monty, a part of Python; 0.1 ms
:class:`~agentgym_tools.python.bubblewrap.Bubblewrap`  all of CPython, in a sandbox of Linux; 1 ms

Each call is a program of its own, so calls share no state and an episode can be forked. Without
either of them there is no Python: a bare subprocess could do all that its owner can.
"""

from agentgym.errors import MissingExtra
from agentgym.tools.tool import Tool, tools_of
from agentgym_tools.python.bubblewrap import Bubblewrap
from agentgym_tools.python.limits import Limits as Limits
from agentgym_tools.python.monty import Monty


def python(limits: Limits | None = None) -> Tool:
    """The tool ``python``, by the interpreter that is there; one for each environment.

    Raises:
        MissingExtra: there is none; the message is the line that installs one.
    """
    interpreter: Monty | Bubblewrap
    try:
        interpreter = Monty(limits)
    except MissingExtra:
        if not Bubblewrap.installed():
            raise
        interpreter = Bubblewrap(limits)
    (tool,) = tools_of(interpreter)
    return tool
