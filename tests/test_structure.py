"""The shape of the house: who may import whom, how long a file may be, what is exported."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import agentgym

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
    "module", ["agentgym", "agentgym.cli", "agentgym.episode", "agentgym.collection"]
)
def test_importing_needs_no_torch(module):
    code = (
        f"import sys, {module}; print([m for m in ('torch', 'transformers') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_importing_the_front_door_loads_next_to_nothing():
    code = "import sys, agentgym; print([m for m in ('gymnasium', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", agentgym.__all__)
def test_every_exported_name_exists(name):
    thing = getattr(agentgym, name)
    home = getattr(thing, "__module__", "agentgym")
    assert home.partition(".")[0] == "agentgym" or name == "StepResult"  # an alias of tuple


def test_type_checkers_see_the_names_that_are_exported():
    (block,) = [
        node
        for node in ast.parse((ROOT / "agentgym" / "__init__.py").read_text()).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    declared = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, f"{alias.name} is not exported to type checkers"
            declared[alias.name] = node.module
    assert declared == {name: home for home, names in agentgym._HOMES.items() for name in names}
    assert sorted(declared) == sorted(agentgym.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Agent'"):
        agentgym.Agent  # noqa: B018
    assert not hasattr(agentgym, "__wrapped__")


@pytest.mark.parametrize(("package", "file"), MODULES)
def test_a_file_is_one_idea(package, file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST, f"{len(lines)} lines"
    assert file.stem not in NO_IDEA_OF_THEIR_OWN
    assert ast.get_docstring(ast.parse("\n".join(lines))), "a file opens with what it is"
