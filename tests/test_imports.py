"""What the tests import."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def imported(path: Path) -> Iterator[str]:
    """Return the full names of all that a module imports, relative imports included."""
    package = path.relative_to(TESTS.parent).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join((*parents, *filter(None, [node.module])))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_test_module(name: str) -> bool:
    """Return whether what is imported is a test module, or comes from one."""
    folder = TESTS.parent
    for part in name.split("."):
        folder /= part
        if part.startswith("test_") and folder.with_suffix(".py").exists():
            return True
    return False


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tests.test_imports", True),
        ("tests.test_imports.imported", True),
        ("tests.bigquery_export.test_init", True),
        ("tests.bigquery_export.support.recording.record", False),
        ("pytest_homeassistant_custom_component.test_util.aiohttp", False),
    ],
)
def test_is_test_module(name: str, *, expected: bool) -> None:
    """A test module is known by its name and its place."""
    assert is_test_module(name) is expected


def test_no_test_module_is_imported() -> None:
    """What tests share is in a package named `support`, or a fixture of a `conftest.py`."""
    found = {
        f"{path.relative_to(TESTS)} imports {name}"
        for path in TESTS.rglob("*.py")
        for name in imported(path)
        if is_test_module(name)
    }
    assert not found
