"""Servers of the Model Context Protocol (MCP) as tools, and our tools and environments as servers.

address.py       how a server is reached: a command (stdio) or a URL (streamable HTTP)
tool_server.py   a server that is started when it is needed, and again when it has died
pool.py          servers for episodes: one at a time each, clean at the start of every episode
env.py           environments that act on such a server
server_tool.py   what a server offers and answers, as Tool and ToolResult
connection.py    a session with a server
server_folder.py  the folder of a server that we start
offer.py         the other way round: tools and environments offered to MCP clients
episode_tools.py an environment as tools: reset, step, anchor

Its sessions live on the loop of :mod:`agentgym.runtime.background`, so tools may be called from any
event loop and from none.
"""

from importlib.util import find_spec

from agentgym.errors import MissingExtra

if find_spec("mcp") is None:
    raise MissingExtra("agentgym.mcp", "mcp")

from agentgym.mcp.address import HttpServer as HttpServer, StdioServer as StdioServer
from agentgym.mcp.env import ServerEnv as ServerEnv
from agentgym.mcp.pool import (
    Lease as Lease,
    ServerPool as ServerPool,
    calling as calling,
    restarted as restarted,
)
from agentgym.mcp.tool_server import ToolServer as ToolServer
