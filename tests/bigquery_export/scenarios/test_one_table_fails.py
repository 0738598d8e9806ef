"""One table that cannot be exported, or what is read for one: all others are."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Never

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from sqlalchemy.exc import DBAPIError

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.errors import (
    ExportError,
    RecorderUnreadableError,
    RefusedError,
    TableUnreadableError,
    UnreachableError,
)
from custom_components.bigquery_export.export import resume as resume_module
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.events import EventChoice
from custom_components.bigquery_export.rows.events_encoder import EventEncoder
from custom_components.bigquery_export.source.events import EventsReader
from tests.bigquery_export.support.databases import ON_EACH_DATABASE
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, numbers, record
from tests.bigquery_export.support.registered_home import DimensionsExporter, Home, entity_rows
from tests.bigquery_export.support.warehouse import Warehouse

STARTED = Choice(EventChoice(frozenset({"script_started"})))


@ON_EACH_DATABASE
async def test_table_that_cannot_be_read(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """A table of the recorder that is gone stops no other, is told, and is exported once back."""
    exporter.tables, exporter.choice = ("events", "sensor_data"), STARTED
    hass.bus.async_fire("script_started", {})
    await record(hass, 5)
    await execute(hass, "ALTER TABLE events RENAME TO events_elsewhere")
    for _ in range(2):
        with pytest.raises(TableUnreadableError):
            await exporter.export()
    assert states_in(warehouse) == numbers(5)
    assert exporter.file.load().last_export is None
    await execute(hass, "ALTER TABLE events_elsewhere RENAME TO events")
    assert (await exporter.export()).rows == {"events": 1, "sensor_data": 0}
    assert exporter.file.load().last_export


@pytest.mark.parametrize("backfill", [False, True])
@pytest.mark.parametrize("error", [KeyError("unforeseen"), RefusedError(message="no")])
@pytest.mark.parametrize(("owner", "name"), [(EventsReader, "read"), (EventEncoder, "encode")])
async def test_anything_raised(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    *,
    owner: Any,
    name: str,
    error: Exception,
    backfill: bool,
) -> None:
    """Whatever is raised while a table is exported, all new rows of others are, and old ones."""
    if backfill:
        monkeypatch.setattr(resume_module, "MAX_ROWS", 5)
    exporter.tables, exporter.choice = ("events", "sensor_data"), STARTED
    for _ in range(8):
        hass.bus.async_fire("script_started", {})
    await record(hass, 12)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, raising(error))
        with pytest.raises(type(error)):
            await exporter.export(batch_rows=4)
    assert states_in(warehouse) == numbers(12)
    assert (await exporter.export()).rows["events"] == 8


@pytest.mark.parametrize(
    "error", [UnreachableError(endpoint="bigquery", message="gone"), RecorderUnreadableError("no")]
)
async def test_what_concerns_all(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch, error: ExportError
) -> None:
    """Without an answer, or without the database, no other table is tried."""
    exporter.tables, exporter.choice = ("events", "sensor_data"), STARTED
    hass.bus.async_fire("script_started", {})
    await record(hass, 5)
    begun = []

    def begin(_: object, table: Any, __: str) -> Never:
        begun.append(table.name)
        raise error

    monkeypatch.setattr(StorageWriteDelivery, "begin", begin)
    with pytest.raises(type(error)):
        await exporter.export()
    assert len(begun) == 1


async def test_database_without_an_answer(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that cannot be reached is asked once, and not for each table."""
    exporter.tables, exporter.choice = ("events", "sensor_data"), STARTED
    asked = []

    def newest_id(reader: object) -> Never:
        asked.append(reader)
        raise DBAPIError(None, None, OSError("no route"))

    monkeypatch.setattr(EventsReader, "newest_id", newest_id)
    with pytest.raises(RecorderUnreadableError) as raised:
        await exporter.export()
    assert not raised.value.of_one_table
    assert len(asked) == 1


async def test_commit_in_doubt(
    hass: HomeAssistant, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other table begins a transaction while it is not known what became of one."""
    exporter.tables, exporter.choice = ("events", "sensor_data"), STARTED
    hass.bus.async_fire("script_started", {})
    await record(hass, 5)
    commit = "custom_components.bigquery_export.bigquery.storage_write.PendingStream.commit"
    with monkeypatch.context() as patch:
        patch.setattr(commit, raising(RefusedError(message="no")))
        with pytest.raises(RefusedError):
            await exporter.export()
    intent = exporter.file.load().intent  # The next run settles it first.
    assert intent
    assert intent.table == "events"
    assert (await exporter.export()).rows == {"events": 0, "sensor_data": 5}


@pytest.fixture
def dimensions(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[DimensionsExporter]:
    """Return what exports dimension tables, too, into empty tables."""
    warehouse.create_table()
    with closing(warehouse.connect()) as connection:
        yield DimensionsExporter(hass, connection)


async def test_dimension_that_cannot_be_read(
    hass: HomeAssistant,
    warehouse: Warehouse,
    dimensions: DimensionsExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """States are exported without the registries, and no entity seems to be gone."""
    home = Home(hass)
    home.entity("a")
    home.entity("b")
    await dimensions.export()
    before = entity_rows(warehouse)
    home.entity("c")
    await record(hass, 5)
    with monkeypatch.context() as patch:
        patch.setattr(er, "async_get_legacy_friendly_name", raising(KeyError("unforeseen")))
        with pytest.raises(KeyError):
            await dimensions.export()
    assert states_in(warehouse) == numbers(5)
    assert entity_rows(warehouse) == before
    await dimensions.export()
    assert [row["removed"] for row in entity_rows(warehouse)] == ["false"] * 3


def raising(error: Exception) -> Any:
    """Return a function that raises an error, whatever it is called with."""

    def fail(*_: object, **__: object) -> Never:
        raise error

    return fail
