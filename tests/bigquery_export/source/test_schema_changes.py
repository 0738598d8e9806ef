"""Reading the recorder's schema changes, on each database."""

from datetime import UTC, datetime, timedelta

from homeassistant.components.recorder.db_schema import SCHEMA_VERSION, SchemaChanges
from homeassistant.core import HomeAssistant
from sqlalchemy import delete

from custom_components.bigquery_export.rows.schema_changes import SCHEMA_CHANGES
from custom_components.bigquery_export.source.source_table import IdRange
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.sources import decoded, read_pieces, read_rows, source

START = datetime(2022, 3, 27, 0, 59, 59, tzinfo=UTC)


@ON_EACH_DATABASE
async def test_the_database_of_the_test(hass: HomeAssistant) -> None:
    """A new database has one change: to the version of this Home Assistant."""
    rows = await read_rows(hass, source(hass, SCHEMA_CHANGES))
    (change,) = decoded(SCHEMA_CHANGES, rows)
    assert change["schema_version"] == SCHEMA_VERSION
    assert rows.times == [change["changed"]]


@ON_EACH_DATABASE
async def test_changes(hass: HomeAssistant) -> None:
    """Changes are read with their times in UTC; several of one time are told apart."""
    await in_database(hass, lambda db: db.execute(delete(SchemaChanges)))
    times = [START, START, START + timedelta(days=400, microseconds=1)]
    await insert_rows(
        hass,
        SchemaChanges,
        [
            {"schema_version": version, "changed": time}
            for version, time in zip((None, 26, 30), times, strict=True)
        ],
    )
    changes = source(hass, SCHEMA_CHANGES)
    rows = await read_rows(hass, changes, limit=2)
    values = decoded(SCHEMA_CHANGES, rows)
    assert [value.get("schema_version") for value in values] == [None, 26, 30]
    assert [datetime.fromtimestamp(value["changed"] / 1e6, UTC) for value in values] == times
    assert [value["change_id"] for value in values] == rows.ids
    assert set(rows.names) == {"home"}
    first, second, third = rows.ids
    reader = changes.reader
    exported = (IdRange(0, first), IdRange(0, 0))
    assert await in_recorder(hass, reader.repeats, first, third, exported) == {second: 1}
    assert await in_recorder(hass, reader.count, first) == 2
    *_, last = await read_pieces(hass, changes)
    assert last.last.fingerprint == "30 2023-05-01T00:59:59.000001+00:00"
