"""The shape of the house: who may import whom, how long a file may be, what is exported."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import agentgym
import agentgym_trainers

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "agentgym": ROOT / "agentgym",
    "agentgym_tools": ROOT / "tools" / "agentgym_tools",
    "agentgym_envs": ROOT / "envs" / "agentgym_envs",
    "agentgym_trainers": ROOT / "trainers" / "agentgym_trainers",
}
MAY_IMPORT = {
    "agentgym": set(),
    "agentgym_tools": {"agentgym"},
    "agentgym_envs": {"agentgym", "agentgym_tools"},
    "agentgym_trainers": {"agentgym"},
}
LONGEST = 300
NO_IDEA_OF_THEIR_OWN = {"utils", "util", "common", "base", "manager", "helpers", "misc", "core"}

MODULES = [
    pytest.param(package, file, id=str(file.relative_to(ROOT)))
    for package, folder in PACKAGES.items()
    for file in sorted(folder.rglob("*.py"))
]


def imports(file):
    """The dotted names that a file imports, wherever in it; ``from a import b`` gives ``a.b``."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the direction"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_package_is_looked_at():
    assert {package for package, *_ in (m.values for m in MODULES)} == set(PACKAGES)
    assert len(MODULES) > 50


@pytest.mark.parametrize(("package", "file"), MODULES)
def test_imports_point_inwards(package, file):
    for name in imports(file):
        other = name.partition(".")[0]
        if other in PACKAGES and other != package:
            assert other in MAY_IMPORT[package], f"{package} must not import {name}"


ROOMS = {
    "agentgym": (
        *("errors", "paths", "numbers", "config", "seeding", "parts", "runtime", "tools", "env"),
        *(
            "testing",
            "context",
            "rendering",
            "trajectory",
            "credit",
            "policy",
            "rollouts",
            "evaluation",
        ),
        *("export", "mcp", "cli", "__main__"),
    ),
    "agentgym_trainers": (
        *("display", "credit", "objectives", "rollouts", "shaping", "composition", "config"),
        *("learner", "weights", "sampling", "run", "model_check", "command"),
    ),
    "agentgym_tools": (
        *("passages", "calculator", "dense", "search", "notes", "sql", "fetch"),
        *("retriever", "python", "browser"),
    ),
}
"""From the ground floor up. A room may use the rooms before it, never one behind it."""


def room_of(module):
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_is_on_a_floor(package):
    files = [m.values[1].relative_to(PACKAGES[package]) for m in MODULES if m.values[0] == package]
    found = {file.parts[0].removesuffix(".py") for file in files} - {"__init__"}
    assert found == set(ROOMS[package])


@pytest.mark.parametrize(("package", "file"), [m for m in MODULES if m.values[0] in ROOMS])
def test_no_room_imports_a_room_above_it(package, file):
    first, *_ = file.relative_to(PACKAGES[package]).with_suffix("").parts
    if first == "__init__":
        return
    floors = ROOMS[package]
    for name in imports(file):
        if name.partition(".")[0] == package and (other := room_of(name)) in floors:
            assert floors.index(other) <= floors.index(first), f"{first} must not import {name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_files_import_each_other_in_a_circle(package):
    folder = PACKAGES[package]
    names = {}
    for file in sorted(folder.rglob("*.py")):
        parts = [package, *file.relative_to(folder).with_suffix("").parts]
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    order = TopologicalSorter()
    for name, file in names.items():
        for imported in imports(file):
            parts = imported.split(".")
            places = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
            used = next((place for place in places if place in names), name)
            if used != name:
                order.add(name, used)
    order.prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize(
    "file", [m.values[1] for m in MODULES if m.values[0] == "agentgym_envs"], ids=lambda f: f.stem
)
def test_no_environment_imports_another(file):
    folder, *inside = file.relative_to(PACKAGES["agentgym_envs"]).parts
    for name in imports(file) if inside else ():
        parts = name.split(".")
        if parts[0] == "agentgym_envs":
            assert parts[1] == folder, f"{folder} must not import {name}"


@pytest.mark.parametrize(
    "module",
    ["agentgym", "agentgym.cli", "agentgym.rollouts.episode", "agentgym.rollouts.collection"],
)
def test_importing_needs_no_torch(module):
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["agentgym", "agentgym_trainers"])
def test_importing_the_front_door_loads_next_to_nothing(module):
    heavy = "('torch', 'gymnasium', 'numpy', 'pydantic')"
    code = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", agentgym.__all__)
def test_every_exported_name_exists(name):
    thing = getattr(agentgym, name)
    home = getattr(thing, "__module__", "agentgym")
    assert home.partition(".")[0] == "agentgym" or name == "StepResult"  # an alias of tuple


@pytest.mark.parametrize("module", [agentgym, agentgym_trainers], ids=lambda m: m.__name__)
def test_type_checkers_see_the_names_that_are_exported(module):
    stub = ast.parse((PACKAGES[module.__name__] / "__init__.pyi").read_text())
    names = [
        alias for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert all(alias.asname == alias.name for alias in names), "`X as X` exports X"
    assert sorted(alias.name for alias in names) == sorted(module.__all__)
    assert all(callable(getattr(module, name)) for name in module.__all__ if name != "StepResult")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Agent"):
        agentgym.Agent  # noqa: B018
    assert not hasattr(agentgym, "__wrapped__")


@pytest.mark.parametrize(("package", "file"), MODULES)
def test_a_file_is_one_idea(package, file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST, f"{len(lines)} lines"
    assert file.stem not in NO_IDEA_OF_THEIR_OWN
    assert ast.get_docstring(ast.parse("\n".join(lines))), "a file opens with what it is"
