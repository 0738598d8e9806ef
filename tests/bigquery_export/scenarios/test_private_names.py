"""The private names of other libraries: which ones we use, and that they are still there.

A name with an underscore can go with any release. So each one that the integration or its tests
use is listed here, with what becomes of us without it, and a test says when one is gone. Another
test reads all source files and says when a name is used that is not listed: in the integration
always, in tests unless something of ours has the same name.
"""

from annotationlib import get_annotations
import ast
import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
import inspect
from pathlib import Path
import pkgutil

import google.auth
from google.resumable_media.requests import ResumableUpload
from homeassistant.auth import jwt_wrapper
from homeassistant.components.event import EventEntity
from homeassistant.components.recorder import migration
from homeassistant.components.recorder.core import Recorder
from homeassistant.components.sensor import SensorEntity
from homeassistant.config_entries import ConfigFlow, ConfigSubentryFlow
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
import pytest
from pytest_homeassistant_custom_component import common

import custom_components.bigquery_export as integration

REPOSITORY = Path(__file__).parents[3]
SOURCES = ("custom_components", "tests")
OTHER_VERSIONS = {
    REPOSITORY / "tests" / "home" / folder / "make.py" for folder in ("exported", "older")
}
"""They run by hand, with the older versions whose names they use."""

FOR_SUBCLASSES = {
    # Home Assistant's developer documentation offers these to integrations.
    "_abort_if_unique_id_configured": ConfigFlow,
    "_async_current_entries": ConfigFlow,
    "_get_reauth_entry": ConfigFlow,
    "_get_reconfigure_entry": ConfigFlow,
    "_get_entry": ConfigSubentryFlow,
    "_get_reconfigure_subentry": ConfigSubentryFlow,
    "_async_setup": DataUpdateCoordinator,
    "_async_update_data": DataUpdateCoordinator,
    "_trigger_event": EventEntity,
    "_attr_device_class": SensorEntity,
    "_attr_device_info": Entity,
    "_attr_entity_category": Entity,
    "_attr_has_entity_name": Entity,
    "_attr_name": Entity,
    "_attr_native_unit_of_measurement": SensorEntity,
    "_attr_should_poll": Entity,
    "_attr_state_class": SensorEntity,
    "_attr_unique_id": Entity,
}
"""Names that are private only to those who do not derive from the class."""

NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}
"""Public names of collections.namedtuple: fields could have these without the underscore."""

PRIVATE: dict[str, Callable[[], object]] = {
    # Without it an upload is tried again for as long as google-resumable-media likes, ten minutes:
    # test_load_job.py::test_upload_without_a_limit. Google's BigQuery client sets it likewise.
    "_retry_strategy": partial(ResumableUpload, "https://bigquery.invalid", 256 * 1024),
    # For tests alone: test_older_databases.py tries an export before each step of a migration, and
    # fails without it.
    "_apply_update": lambda: migration,
    # For tests alone: test_database_begun_anew.py lets the recorder find its database damaged.
    "_handle_sqlite_corruption": lambda: Recorder,
    # For tests alone: the demonstration and test_end_to_end.py note with it when a callback begins,
    # and fail without it.
    "_run": lambda: asyncio.Handle,
    # For tests alone: the test plugin takes it from Home Assistant, and newer_home_assistant.py
    # gives it to the plugin where it is gone.
    "_clear_logger_overwrites": lambda: common,
    # For tests alone: what Home Assistant records of attributes, for the benchmark's homes.
    "_entity_component_unrecorded_attributes": lambda: Entity,
    "_unrecorded_attributes": lambda: Entity,
    # For tests alone: the clock of google-auth is wrong in some, and its waits are short.
    "_helpers": lambda: google.auth,
    "_exponential_backoff": lambda: google.auth,
    # For tests alone: the launcher lets a Home Assistant with a wrong clock accept a right token.
    "_jwt": lambda: jwt_wrapper,
}
"""Names that are not public, and what has them."""


def is_private(name: str) -> bool:
    """Return whether a name begins with one underscore, and is more than that."""
    return name.startswith("_") and not name.startswith("__") and name.strip("_") != ""


def trees() -> Iterator[tuple[Path, ast.Module]]:
    """Yield all our source files."""
    for folder in SOURCES:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            if path not in OTHER_VERSIONS | {Path(__file__)}:
                yield path, ast.parse(path.read_text())


def defined(tree: ast.AST) -> Iterator[str]:
    """Yield the private names that a file gives to something of its own."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.TypeAlias(name=ast.Name(id=name)):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                yield name


def used(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each private name that a file takes from something."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if is_private(name):
                yield node.lineno, name
            case ast.ImportFrom(level=0, module=module, names=names):
                for part in (*(module or "").split("."), *(alias.name for alias in names)):
                    if is_private(part):
                        yield node.lineno, part
            case ast.Import(names=names):
                for part in (part for alias in names for part in alias.name.split(".")):
                    if is_private(part):
                        yield node.lineno, part
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "hasattr" | "delattr")
                | ast.Attribute(attr="setattr" | "delattr" | "object"),
                args=[_, ast.Constant(value=str(name)), *_],
            ) if is_private(name):
                yield node.lineno, name
            case ast.Call(
                func=ast.Name(id="patch") | ast.Attribute(attr="setattr" | "patch" | "setdefault"),
                args=[ast.Constant(value=str(path)), *_],
            ):
                for part in filter(is_private, path.split(".")):
                    yield node.lineno, part


def classes() -> Iterator[type]:
    """Yield the integration's own classes."""
    for module in pkgutil.walk_packages(integration.__path__, f"{integration.__name__}."):
        for found in vars(import_module(module.name)).values():
            if inspect.isclass(found) and found.__module__ == module.name:
                yield found


def test_only_listed_names_are_used() -> None:
    """No private name is used that neither is ours nor is listed."""
    ours = {name for _, tree in trees() for name in defined(tree) if "_attr_" not in name}
    known = ours | NAMED_TUPLE | FOR_SUBCLASSES.keys() | PRIVATE.keys() | {"_exit"}
    unlisted = [
        f"{path.relative_to(REPOSITORY)}:{line} {name}"
        for path, tree in trees()
        for line, name in used(tree)
        if name not in known
    ]
    assert unlisted == []


def test_private_names_stay_in_their_module() -> None:
    """The integration takes none from anything but `self`, also where a class of ours has it."""
    foreign = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno} {ast.unparse(node)}"
        for path, tree in trees()
        if path.is_relative_to(REPOSITORY / "custom_components")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and is_private(node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
        and node.attr not in {*PRIVATE, *NAMED_TUPLE}
    ]
    assert foreign == []


def test_only_listed_names_are_overridden() -> None:
    """No class of ours gives another meaning to a private name of a class of another library."""
    made_by_python = ("_abc_impl", "_is_protocol", "_member_", "_value", "_hashable", "_unhashable")
    unlisted = {
        f"{ours.__module__}.{ours.__qualname__}.{name}"
        for ours in classes()
        for name in vars(ours)
        if is_private(name) and not name.startswith(made_by_python) and "__" not in name
        for base in ours.__mro__[1:]
        if not base.__module__.startswith((integration.__name__, "enum", "typing"))
        and name in vars(base)
        and name not in FOR_SUBCLASSES
    }
    assert unlisted == set()


def test_listed_names_are_used() -> None:
    """The list has nothing that is used no more."""
    names: set[object] = set()
    for _, tree in trees():
        names.update(defined(tree), (name for _, name in used(tree)))
        names.update(node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    assert [name for name in (*FOR_SUBCLASSES, *PRIVATE) if name not in names] == []


@pytest.mark.parametrize("name", FOR_SUBCLASSES)
def test_names_for_subclasses_are_there(name: str) -> None:
    """The class still has it, as a value, a method or a declaration."""
    owner = FOR_SUBCLASSES[name]
    declared = map(get_annotations, owner.__mro__)
    assert hasattr(owner, name) or any(name in names for names in declared)


@pytest.mark.parametrize("name", PRIVATE)
def test_private_names_are_there(name: str) -> None:
    """The library still has it: else see what is lost, and find another way."""
    assert hasattr(PRIVATE[name](), name)


@pytest.mark.parametrize(
    "line",
    [
        "client._made_up",
        "client._made_up = 1",
        "self.client._made_up()",
        "from google.auth import _made_up",
        "from google.auth._made_up import public",
        "import google._made_up",
        "getattr(client, '_made_up')",
        "monkeypatch.setattr(client, '_made_up', 1)",
        "monkeypatch.setattr('google.auth._made_up', 1)",
        "patch('google.auth._made_up')",
        "vars(client).setdefault('_made_up', 1)",
    ],
)
def test_each_use_is_seen(line: str) -> None:
    """The test above reads names wherever they may be written."""
    tree = ast.parse(line)
    assert [name for _, name in used(tree)] == ["_made_up"]
    assert "_made_up" not in set(defined(tree))
