"""Names to environments, on top of Gymnasium's registry.

Gymnasium 1.0 dropped its plug-in entry point, so a program that uses Gymnasium alone writes
``gymnasium.make("agentgym_envs:agentgym/WebShop-v0")``; ``agentgym.make`` needs no module name,
because it first imports every module of the entry-point group ``agentgym.envs``.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator

from agentgym.env.gymnasium_env import GymnasiumText
from agentgym.env.text_env import TextEnv
from agentgym.errors import AgentGymError, BadInput, UnknownName

_summaries: dict[str, str] = {}  # beside Gymnasium's own registry, which holds no descriptions


def register(
    id: str,  # noqa: A002  Gymnasium's name for it
    entry_point: str | Callable[..., TextEnv],
    *,
    summary: str = "",
    max_episode_steps: int | None = None,
    **kwargs: Any,
) -> None:
    """Register an environment for ``agentgym.make`` and ``gymnasium.make``.

    Args:
        id: ``namespace/Name-v0``.
        entry_point: ``"package.module:Class"``, imported only when made, or the class.
        summary: one line for ``agentgym list``.
        max_episode_steps: default step limit of a rollout.
        kwargs: default arguments of the class.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+-v\d+", id):
        raise BadInput(f"environment id {id!r} is not of the form 'namespace/Name-v0'")
    if id in gymnasium.registry:
        gymnasium.registry.pop(id)  # a module that is imported anew re-registers
    gymnasium.register(
        id=id, entry_point=entry_point, max_episode_steps=max_episode_steps, kwargs=kwargs
    )
    _summaries[id] = summary


@cache
def load_plugins() -> Mapping[str, str]:
    """Import every module of the group ``agentgym.envs`` once.

    Returns:
        entry-point name -> error text, for the modules that could not be imported.
    """
    broken = {}
    for point in entry_points(group="agentgym.envs"):
        try:
            point.load()
        except Exception as error:  # noqa: BLE001  a broken plug-in must not take the others down
            broken[point.name] = f"{type(error).__name__}: {error}"
            warnings.warn(
                f"environments of {point.value!r} are unavailable: {broken[point.name]}",
                stacklevel=2,
            )
    return MappingProxyType(broken)


def registered() -> dict[str, str]:
    """Every text environment: id -> one-line summary, sorted by id."""
    load_plugins()
    return dict(sorted(_summaries.items()))


def make(id: str, **kwargs: Any) -> TextEnv:  # noqa: A002
    """Make a text environment by name.

    An ordinary Gymnasium environment with text spaces is adapted (:class:`GymnasiumText`).

    Raises:
        UnknownName: no such environment; the message offers the nearest ones.
        BadInput: it exists but takes no such arguments, or does not speak text.
    """
    _require_known(id)
    try:
        env = gymnasium.make(id, disable_env_checker=True, **kwargs)
    except AgentGymError:
        raise
    except TypeError as error:
        reason = str(error).split(" was raised from the environment creator")[0]
        raise BadInput(f"cannot make {id!r} with {kwargs}: {reason}") from error
    inner: gymnasium.Env[Any, Any] = env.unwrapped
    text_env = inner if isinstance(inner, TextEnv) else GymnasiumText(inner)
    # Gymnasium keeps the step limit on its wrapper's spec; the rollout engine reads it here.
    text_env.spec = env.spec
    return text_env


def require(id: str, **kwargs: Any) -> None:  # noqa: A002
    """Check, without making it, that an environment exists and takes arguments of these names.

    Raises:
        UnknownName: no such environment; the message offers the nearest ones.
        BadInput: it takes no such arguments.
    """
    _require_known(id)
    spec = gymnasium.registry.get(id)
    if spec is None or spec.entry_point is None:  # "module:id", which only its module can tell
        return
    creator = spec.entry_point
    signature = inspect.signature(
        load_env_creator(creator) if isinstance(creator, str) else creator
    )
    try:
        signature.bind(**spec.kwargs | kwargs)
    except TypeError as error:
        raise BadInput(f"cannot make {id!r} with {kwargs}: {error}") from error


def _require_known(id: str) -> None:  # noqa: A002
    known = registered()
    if id not in known and id not in gymnasium.registry and ":" not in id:
        raise UnknownName("environment", id, known, "`agentgym list` shows them all.")
