"""Notes: a memory of the agent's own, which lasts as long as its episode.

self.tools = tools_of(Notes())                 # a new one in each episode
"""

from __future__ import annotations

from agentgym.tools.tool import tool
from agentgym_tools.search import words

NOTES = 100
"""Notes that are kept at most."""
LONGEST = 10_000
"""Characters of a note."""
FOUND = 5  # notes that a search shows


class Notes:
    """Titles and their texts. Plain data, so that an episode can be copied."""

    def __init__(self) -> None:
        """Begin with none."""
        self.notes: dict[str, str] = {}

    @tool(quick=True)
    def write_note(self, title: str, text: str) -> str:
        """Keep a text for later under a title; it replaces the note of that title."""
        title = title.strip()
        if not title:
            raise ValueError("a note needs a title")
        if len(title) + len(text) > LONGEST:
            raise ValueError(f"a note has at most {LONGEST} characters; write several")
        if len(self.notes) >= NOTES and title not in self.notes:
            raise ValueError(f"all {NOTES} notes are in use; write over one of them")
        done = "Replaced" if title in self.notes else "Kept"
        self.notes[title] = text
        return f"{done}: {title}"

    @tool(quick=True)
    def read_note(self, title: str) -> str:
        """Read the note with this title."""
        if title.strip() not in self.notes:
            raise KeyError(f"no note {title!r}; {self._titles()}")
        return self.notes[title.strip()]

    @tool(quick=True)
    def list_notes(self) -> str:
        """The titles of all notes, in the order in which they were first written."""
        return self._titles()

    @tool(quick=True)
    def search_notes(self, query: str) -> str:
        """Find the notes that have words of the query in their title or text."""
        wanted = set(words(query))
        shared = {
            title: len(wanted.intersection(words(f"{title} {text}")))
            for title, text in self.notes.items()
        }
        best = sorted((t for t in shared if shared[t]), key=lambda t: -shared[t])[:FOUND]
        found = "\n".join(f"{title}: {self.notes[title]}" for title in best)
        return found or f"no note has these words; {self._titles()}"

    def _titles(self) -> str:
        return "notes: " + "; ".join(self.notes) if self.notes else "there are no notes yet"
