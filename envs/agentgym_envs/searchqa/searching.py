"""The search tool: over the library's own index, or over a retriever's."""

from functools import lru_cache

from agentgym.tools.tool import tool
from agentgym_envs.searchqa.library import Library
from agentgym_tools.passages import shown
from agentgym_tools.retriever import Retriever


class LocalSearch:
    """Searches in this process: at once, as it takes a fraction of a millisecond."""

    def __init__(self, library: Library, k: int) -> None:
        """Find ``k`` passages at most."""
        self.library, self.k = library, k

    @tool(quick=True)
    def search(self, query: str) -> str:
        """Search the corpus for passages about a query, e.g. "highest point of Peru"."""
        found = self.library.index.search(query, self.k)
        texts = shown(self.library.passages[place] for place, _ in found)
        return texts or "Nothing was found; try other words."


@lru_cache(maxsize=8)
def remote(url: str, k: int) -> Retriever:
    """The search of a retriever, one for all environments: it sends their queries together."""
    return Retriever(url, k)
