"""Text of the recorder's database that is not UTF-8: SQLite keeps any bytes as text."""

from homeassistant.components.recorder.db_schema import (
    EventData,
    Events,
    EventTypes,
    States,
    Statistics,
    StatisticsMeta,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from custom_components.bigquery_export.rows.ambient import ContextEntity
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.events import EVENTS, EventChoice
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.source.statements import fetch
from tests.bigquery_export.support.databases import in_recorder, insert_rows
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, record
from tests.bigquery_export.support.sources import decoded, read_rows, source
from tests.bigquery_export.support.warehouse import Warehouse

TIME = 1_790_000_000.0


@pytest.mark.parametrize(
    ("change", "column", "arrives"),
    [
        ("UPDATE states SET state = CAST(X'32e9' AS TEXT) WHERE state_id = 5", "state", "2\ufffd"),
        ("UPDATE states SET state = CAST(X'f0' AS TEXT) WHERE state_id = 5", "state", "\ufffd"),
        (  # Half of a pair, as another encoding than UTF-8 writes it.
            "UPDATE states SET state = CAST(X'eda080' AS TEXT) WHERE state_id = 5",
            "state",
            "\ufffd" * 3,
        ),
        (
            "UPDATE states_meta SET entity_id = CAST(X'73656e736f722ee9' AS TEXT)"
            " WHERE metadata_id = (SELECT metadata_id FROM states WHERE state_id = 5)",
            "entity_id",
            "sensor.\ufffd",
        ),
        (
            "UPDATE state_attributes SET shared_attrs = CAST(X'7b2261223a22e9227d' AS TEXT)"
            " WHERE attributes_id = (SELECT attributes_id FROM states WHERE state_id = 5)",
            "attributes",
            '{"a":"\ufffd"}',
        ),
        (
            "UPDATE states SET attributes_id = NULL,"
            " attributes = CAST(X'7b2261223a22e9227d' AS TEXT) WHERE state_id = 5",
            "attributes",
            '{"a":"\ufffd"}',
        ),
    ],
)
async def test_states(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    change: str,
    column: str,
    arrives: object,
) -> None:
    """The row arrives with replacement characters, and all others as they are."""
    await record(hass, 10, entities=10)
    await execute(hass, change)
    result = await exporter.export()
    assert (result.rows, result.rejected) == ({"sensor_data": 10}, 0)
    rows = {int(row["state_id"]): row for row in warehouse.rows(f"state_id, {column}")}
    assert rows[5][column] == arrives
    assert not any("\ufffd" in str(row[column]) for id_, row in rows.items() if id_ != 5)


async def test_context_entity(hass: HomeAssistant) -> None:
    """A context entity's state has replacement characters."""
    await record(hass, 3, entities=3)
    await execute(hass, "UPDATE states SET state = CAST(X'32e9' AS TEXT) WHERE state_id = 1")
    opened = source(hass, SENSOR_DATA, context_entities=[ContextEntity("sensor.s0", "context")])
    rows = decoded(SENSOR_DATA, await read_rows(hass, opened))
    assert [row["ambient"] for row in rows] == ['{"context":"2\ufffd"}'] * 3


@pytest.mark.parametrize(
    ("change", "column", "arrives"),
    [
        (
            "UPDATE event_data SET shared_data = CAST(X'7b2261223a22e9227d' AS TEXT)",
            "event_data",
            '{"a":"\ufffd"}',
        ),
        (
            "UPDATE events SET data_id = NULL, event_data = CAST(X'7b2261223a22e9227d' AS TEXT)",
            "event_data",
            '{"a":"\ufffd"}',
        ),
        (
            "UPDATE events SET origin_idx = NULL, origin = CAST(X'4ce9' AS TEXT)",
            "origin",
            "L\ufffd",
        ),
        (
            "UPDATE event_types SET event_type = CAST(X'e9' AS TEXT) WHERE event_type_id = 2",
            "event_type",
            "one",
        ),
    ],
)
async def test_events(hass: HomeAssistant, change: str, column: str, arrives: str) -> None:
    """An event arrives with replacement characters; another type that is not UTF-8 is no matter."""
    await execute(hass, "DELETE FROM events")
    await execute(hass, "DELETE FROM event_types")
    await execute(hass, "DELETE FROM event_data")
    await insert_rows(
        hass,
        EventTypes,
        [{"event_type_id": n, "event_type": ("one", "two")[n - 1]} for n in (1, 2)],
    )
    await insert_rows(hass, EventData, [{"data_id": 1, "shared_data": "{}"}])
    event = {"event_type_id": 1, "data_id": 1, "time_fired_ts": TIME, "origin_idx": 0}
    await insert_rows(hass, Events, [event])
    await execute(hass, change)
    rows = await read_rows(hass, source(hass, EVENTS, events=["one"]))
    assert [row[column] for row in decoded(EVENTS, rows)] == [arrives]


async def test_statistics(hass: HomeAssistant) -> None:
    """A unit that is not UTF-8 has replacement characters, and stops no other statistic."""
    meta = {"source": "recorder", "has_sum": True, "mean_type": 0, "unit_of_measurement": "W"}
    await insert_rows(
        hass, StatisticsMeta, [{"id": n, "statistic_id": f"sensor.s{n}", **meta} for n in (1, 2)]
    )
    row = {"start_ts": 1_789_999_200.0, "created_ts": TIME, "sum": 1.0}
    await insert_rows(hass, Statistics, [{"metadata_id": n, **row} for n in (1, 2)])
    await execute(
        hass,
        "UPDATE statistics_meta SET unit_of_measurement = CAST(X'b043' AS TEXT) WHERE id = 2",
    )
    rows = decoded(STATISTICS, await read_rows(hass, source(hass, STATISTICS)))
    assert [row["unit_of_measurement"] for row in rows] == ["W", "\ufffdC"]


async def test_text_is_decoded_as_before(hass: HomeAssistant) -> None:
    """Who uses the recorder's connection afterwards gets text as ever, and its errors."""
    await record(hass, 3)
    await execute(hass, "UPDATE states SET state = CAST(X'32e9' AS TEXT) WHERE state_id = 2")

    def read() -> None:
        with session_scope(hass=hass, read_only=True) as session:
            connection = session.connection()
            assert len(fetch(connection, select(States.state))) == 3
            with pytest.raises(OperationalError, match="Could not decode"):
                connection.execute(select(States.state)).all()

    await in_recorder(hass, read)


async def test_other_tables(hass: HomeAssistant, exporter: Exporter) -> None:
    """Events are chosen by their type, whose name is read together with all others."""
    exporter.tables = ("events",)
    exporter.choice = Choice(EventChoice(frozenset({"script_started"})))
    hass.bus.async_fire("script_started", {})
    hass.bus.async_fire("other", {})
    await record(hass, 1)
    await execute(
        hass,
        "UPDATE event_types SET event_type = CAST(X'6fe9' AS TEXT) WHERE event_type = 'other'",
    )
    assert (await exporter.export()).rows == {"events": 1}


async def record_everything(hass: HomeAssistant) -> None:
    """Record ten states, an event and two statistics; all texts are ASCII."""
    await record(hass, 10, entities=10)
    await execute(hass, "DELETE FROM events")
    await insert_rows(hass, EventTypes, [{"event_type_id": 1_000, "event_type": "one"}])
    await insert_rows(hass, EventData, [{"data_id": 1_000, "shared_data": '{"a":"b"}'}])
    event = {"event_type_id": 1_000, "data_id": 1_000, "time_fired_ts": TIME, "origin_idx": 0}
    await insert_rows(hass, Events, [event])
    meta = {"source": "recorder", "has_sum": True, "mean_type": 0, "unit_of_measurement": "W"}
    await insert_rows(
        hass, StatisticsMeta, [{"id": n, "statistic_id": f"sensor.s{n}", **meta} for n in (1, 2)]
    )
    row = {"start_ts": 1_789_999_200.0, "created_ts": TIME, "sum": 1.0}
    await insert_rows(hass, Statistics, [{"metadata_id": n, **row} for n in (1, 2)])


async def exported(exporter: Exporter, warehouse: Warehouse) -> dict[str, list[str]]:
    """Export everything, and return the texts of all rows; none is rejected."""
    warehouse.create_table(EVENTS, STATISTICS)
    exporter.tables = ("sensor_data", "events", "statistics")
    exporter.choice = Choice(EventChoice(frozenset({"one"})))
    result = await exporter.export()
    assert (result.rows, result.rejected) == (
        {"sensor_data": 10, "events": 1, "statistics": 2},
        0,
    )
    texts = {}
    for table, columns in (
        ("sensor_data", "state, entity_id, attributes"),
        ("events", "event_data"),
        ("statistics", "unit_of_measurement"),
    ):
        sql = f"SELECT {columns} FROM home.{table}"  # noqa: S608
        rows = warehouse.server.query(sql, warehouse.project)
        texts[table] = sorted(str(value) for row in rows for value in row.values())
    return texts


@pytest.mark.parametrize("database", ["postgresql_ascii", "postgresql_ascii_utf8"])
async def test_postgresql(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Where PostgreSQL takes any bytes for text, each row arrives, with replacement characters."""
    await record_everything(hass)
    for change in (
        "states SET state = {32e9} WHERE state_id = 5",
        "states SET state = {c3a9} WHERE state_id = 6",
        "states_meta SET entity_id = {73656e736f722ee9} WHERE entity_id = 'sensor.s1'",
        "state_attributes SET shared_attrs = {7b2261223a22e9227d}",
        "event_data SET shared_data = {7b2261223a22e9227d}",
        "statistics_meta SET unit_of_measurement = {b043} WHERE id = 2",
    ):
        text = change.replace("{", "convert_from('\\x").replace("}", "'::bytea, 'SQL_ASCII')")
        await execute(hass, f"UPDATE {text}")
    texts = await exported(exporter, warehouse)
    assert texts["events"] == ['{"a":"\ufffd"}']
    assert texts["statistics"] == ["W", "\ufffdC"]
    assert texts["sensor_data"].count('{"a":"\ufffd"}') == 10
    assert {"2\ufffd", "é", "sensor.\ufffd"} < set(texts["sensor_data"])


@pytest.mark.parametrize("database", ["mysql"])
async def test_mariadb(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Whatever a column's character set is, MariaDB returns text, or bytes where it has none."""
    await record_everything(hass)
    for change in (
        "ALTER TABLE states MODIFY state VARCHAR(255) CHARACTER SET latin1",
        "UPDATE states SET state = X'32e9' WHERE state_id = 5",
        "ALTER TABLE states_meta MODIFY entity_id VARBINARY(255)",
        "UPDATE states_meta SET entity_id = X'73656e736f722ee9' WHERE entity_id = 'sensor.s1'",
        "ALTER TABLE state_attributes MODIFY shared_attrs LONGBLOB",
        "UPDATE state_attributes SET shared_attrs = X'7b2261223a22e9227d'",
        "ALTER TABLE event_data MODIFY shared_data LONGTEXT CHARACTER SET latin1",
        "UPDATE event_data SET shared_data = X'7b2261223a22e9227d'",
        "ALTER TABLE event_types MODIFY event_type VARBINARY(64)",
        "ALTER TABLE statistics_meta MODIFY unit_of_measurement VARBINARY(255)",
        "UPDATE statistics_meta SET unit_of_measurement = X'b043' WHERE id = 2",
    ):
        await execute(hass, change)
    texts = await exported(exporter, warehouse)
    assert texts["events"] == ['{"a":"é"}']
    assert texts["statistics"] == ["W", "\ufffdC"]
    assert texts["sensor_data"].count('{"a":"\ufffd"}') == 10
    assert {"2é", "sensor.\ufffd", "sensor.s2"} < set(texts["sensor_data"])
    await execute(hass, "ALTER TABLE states MODIFY state VARBINARY(255)")
    await record(hass, 2, name="later")
    await execute(hass, "UPDATE states SET state = X'e9' WHERE state_id > 10")
    assert (await exporter.export()).rows["sensor_data"] == 2
    assert [row["state"] for row in warehouse.rows("state", "state_id > 10")] == ["\ufffd"] * 2
