"""A call whose arguments are text between tags, from the first argument to its end."""

from __future__ import annotations

from agentgym.tools.parse import marks
from agentgym.tools.parse.calls import Reading
from agentgym.tools.parse.schema import argument
from agentgym.tools.parse.source import Source
from agentgym.tools.parse.tagged_text import Tags
from agentgym.tools.tool import ToolCall


def read_tagged(source: Source, start: int, place: int, name: str, tags: Tags) -> Reading:
    """The call that begins at ``start`` and whose arguments begin at ``place``."""
    tagged, schema, sure = source.tagged(tags), source.parameters(name), True
    arguments = {}
    while (end := tagged.over(place)) is None:
        found = tagged.read(place)
        if found is None:
            return _broken(source, start, place, tags)
        arguments[found.key] = argument(found.written, found.key, schema)
        place, sure = found.end, sure and found.sure
    return Reading(end, (ToolCall(name=name, arguments=arguments),), sure=sure)


def _broken(source: Source, start: int, place: int, tags: Tags) -> Reading:
    text, mark = source.text, marks.ANY.search(source.text, place)
    own = source.tagged(tags).over(mark.start()) if mark else None
    end = own or (mark.start() if mark else len(text))
    return source.unreadable(start, end, "A closing tag is missing, or text stands between tags")
