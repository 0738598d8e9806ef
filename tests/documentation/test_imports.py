"""The order of the rooms, and their names: docs/architecture.md says them, a tool keeps them."""

import ast
from collections import Counter
from collections.abc import Iterator
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys

import pytest

from .import_graph import DOORS, PACKAGE, rooms_picture
from .markdown import ROOT

FOLDER = ROOT / "custom_components" / "bigquery_export"
ORDER = "A part imports only what stands to its right"
OPEN = "Home Assistant alone opens its doors"
CIRCLES = "No circles, in rooms either"
GOOGLE = "bigquery alone talks to Google"
DATABASE = "source alone asks the recorder's database"
HOME_ASSISTANT = "bigquery knows nothing of Home Assistant"
"""The contracts of pyproject.toml, by their names."""
TOP_LEVEL = {
    *("__init__", "config_flow", "sensor", "binary_sensor", "button", "switch", "event", "entity"),
    *(
        "services",
        "notifications",
        "diagnostics",
        "repairs",
        "system_health",
        "llm",
        "http",
        "coordinator",
    ),
    *("coordinator", "const", "copy_sensor", "query_sensor", "errors", "translation"),
}
"""The modules beside the rooms: Home Assistant's names, and what every room may use."""
HANDLERS = {"get"}
"""What Home Assistant's server calls, by the method of a request."""
TWICE = {"__init__", "errors"}
"""Module names that more than one room has, besides those of tables."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the imports of what is in a folder, with lines as long as they want to be."""
    command = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [command, "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "1000"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the integration and of the contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(
        FOLDER,
        tmp_path / "custom_components" / "bigquery_export",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return tmp_path


def add(copy: Path, module: str, line: str) -> None:
    """Add a line at the end of a module, which may be a new one."""
    path = (copy / PACKAGE.replace(".", "/")).joinpath(*module.split(".")).with_suffix(".py")
    with path.open("a") as file:
        file.write(f"\n{line}\n")


def test_contracts_hold() -> None:
    """The integration keeps all contracts."""
    checked = lint(ROOT)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("module", "line", "imported", "contract"),
    [
        ("source.reader", "from ..export.run import Run", "export.run", ORDER),
        ("source.reader", "def late():\n    from ..export import run", "export.run", ORDER),
        ("runner.factory", "from ..coordinator import x", "coordinator", ORDER),
        ("coordinator", "from .scheduler import timer", "scheduler.timer", ORDER),
        ("status.health", "from ..estimate import estimate", "estimate.estimate", ORDER),
        ("status.health", "from ..mend import mender", "mend.mender", ORDER),
        ("home.registries", "from ..bigquery import schema", "bigquery.schema", ORDER),
        ("sensor", "from .button import x", "button", ORDER),
        (
            "rows.table",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..export.run import Run",
            "export.run",
            ORDER,
        ),
        ("entity", "from . import async_setup_entry", "", OPEN),
        ("coordinator", "from . import sensor", "sensor", OPEN),
    ],
)
def test_turned_import(copy: Path, module: str, line: str, imported: str, contract: str) -> None:
    """An import against the order breaks the contract, also in a function and for types alone."""
    add(copy, module, line)
    checked = lint(copy)
    assert checked.returncode == 1
    assert f"{contract} BROKEN" in checked.stdout
    target = f"{PACKAGE}.{imported}" if imported else PACKAGE
    assert f"{PACKAGE}.{module} -> {target} (l." in checked.stdout


@pytest.mark.parametrize(
    ("module", "library", "contract"),
    [
        ("export.delivery", "google.protobuf", GOOGLE),
        ("runner.factory", "grpc", GOOGLE),
        ("rows.table", "sqlalchemy", DATABASE),
        ("bigquery.schema", "homeassistant.core", HOME_ASSISTANT),
    ],
)
def test_library_of_another_room(copy: Path, module: str, library: str, contract: str) -> None:
    """A library is imported only in the room whose business it is."""
    add(copy, module, f"import {library}")
    checked = lint(copy)
    assert f"{contract} BROKEN" in checked.stdout
    assert f"{PACKAGE}.{module} -> {library.partition('.')[0]} (l." in checked.stdout


def test_circle_in_a_room(copy: Path) -> None:
    """Two modules of a room that import each other break the contract."""
    add(copy, "source.one", "from . import other")
    add(copy, "source.other", "from . import one")
    checked = lint(copy)
    assert f"{CIRCLES} BROKEN" in checked.stdout
    assert f"No cycles are allowed in {PACKAGE}.source." in checked.stdout


def test_new_module_needs_a_place(copy: Path) -> None:
    """A module at the top level that the order does not name breaks the contract."""
    add(copy, "more", "X = 1")
    checked = lint(copy)
    assert f"{ORDER} BROKEN" in checked.stdout
    assert f"- {PACKAGE}.more\n" in checked.stdout


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Yield the modules of the integration."""
    for path in sorted(FOLDER.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def declares_table(tree: ast.Module) -> bool:
    """Return whether a module makes a `Table`, or a dimension table, and gives it a name."""
    return any(
        isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id in {"Table", "dimension_table"}
        for node in tree.body
    )


def test_top_level() -> None:
    """Beside the rooms there are Home Assistant's names, and what every room may use."""
    assert {path.stem for path in FOLDER.glob("*.py")} == TOP_LEVEL


def test_picture_of_the_rooms() -> None:
    """Each room has one box, and the rooms to come of a layer have one together."""
    rooms = {path.parent.name for path in FOLDER.glob("*/__init__.py")}
    names = re.findall(r'<text class="name".*>(.+)</text>', rooms_picture())
    assert len(names) == len(set(names))
    assert set(names) == rooms | {DOORS, "coordinator", "translation", "errors", "const"}
    assert ">copies</text>" in rooms_picture()


def test_names_of_modules() -> None:
    """A name leads to one module; that of a table may lead to its rows and to their source."""
    trees = dict(modules())
    tables = {
        path.stem
        for path, tree in trees.items()
        if path.parent.name == "rows" and declares_table(tree)
    }
    assert "sensor_data" in tables
    names = Counter(path.stem for path in trees)
    assert {name for name, count in names.items() if count > 1} <= TWICE | tables


def coroutine_functions(tree: ast.Module) -> Iterator[ast.AsyncFunctionDef]:
    """Yield what is awaited, if its name is its own.

    That is no generator, of which context managers are made, no dunder, and no request's handler.
    """
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.AsyncFunctionDef)
            and not any(isinstance(part, ast.Yield) for part in ast.walk(node))
            and not (node.name.startswith("__") and node.name.endswith("__"))
            and node.name not in HANDLERS
        ):
            yield node


def test_coroutine_functions() -> None:
    """The name of a coroutine function begins with `async_`: it belongs to the event loop."""
    found = [
        (str(path.relative_to(FOLDER)), function.name)
        for path, tree in modules()
        for function in coroutine_functions(tree)
    ]
    assert len(found) > 50
    assert [(path, name) for path, name in found if not name.lstrip("_").startswith("async_")] == []
