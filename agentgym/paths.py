"""Paths as people write them: `~` is the home folder where no shell has put that in its place.

Configs, command-line arguments and environment variables come through here, so no folder is ever
named `~`. Paths among an environment's own arguments are that environment's business.
"""

from __future__ import annotations

import os
from pathlib import Path

from agentgym.errors import BadInput


def expanded(path: Path | str) -> Path:
    """The path, with a home folder for the `~` or `~user` at its beginning.

    Raises:
        BadInput: there is no such home folder, as in a container without one.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise BadInput(
            f"{str(path)!r} begins with a home folder that is not known here; write the whole path"
        ) from None


def cache_folder() -> Path:
    """Where what is made once is kept: ``$AGENTGYM_CACHE``, by default ``~/.cache/agentgym``.

    Raises:
        BadInput: the variable is not set, and there is no home folder.
    """
    return expanded(os.environ.get("AGENTGYM_CACHE") or "~/.cache/agentgym")
