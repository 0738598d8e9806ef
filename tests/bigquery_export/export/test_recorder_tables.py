"""The declarations of the recorder's tables, and that one is all that a table needs."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.db_schema import StatisticsRuns
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from sqlalchemy import delete, inspect

from custom_components.bigquery_export.const import CONF_PARTITION_DAYS, CONF_TABLES
from custom_components.bigquery_export.estimate.estimate import async_estimate
from custom_components.bigquery_export.export.corrections.ledger import is_corrected
from custom_components.bigquery_export.export.purge import is_purged, oldest_waiting
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES, RecorderTable
from custom_components.bigquery_export.export.tables import (
    DEFAULT_TABLES,
    DIMENSION_TABLES,
    TABLES,
)
from custom_components.bigquery_export.rows.columns import EXPORT_ID, EXPORT_TIMESTAMP, SOURCE
from custom_components.bigquery_export.rows.table import (
    Column,
    ColumnType,
    Mode,
    PartitionUnit,
    Scope,
    Table,
)
from custom_components.bigquery_export.settings.options import options_from
from custom_components.bigquery_export.source.source_table import SourceTable
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.metadata import ENGLISH, FOLDER
from tests.bigquery_export.support.warehouse import Warehouse

UNKNOWN = RecorderTable(
    Table(
        name="unknown_runs",
        description="When Home Assistant made statistics",
        partition_by="start",
        cluster_by=("source",),
        columns=(
            Column("start", ColumnType.TIMESTAMP, Scope.ROW, "Of what time", Mode.REQUIRED),
            SOURCE,
            Column("run_id", ColumnType.INT64, Scope.ROW, "The recorder's id of the row"),
            EXPORT_ID,
            EXPORT_TIMESTAMP,
        ),
        id="run_id",
        identity=("source", "start"),
        expires=True,
    ),
    SourceTable(
        columns=(StatisticsRuns.run_id, StatisticsRuns.start),
        fingerprint=(StatisticsRuns.start,),
        times=(StatisticsRuns.start,),
        purged_by=StatisticsRuns.start,
    ),
    default=False,
)
"""A table that the integration does not know: what a new one would be."""
ON_EACH_TABLE = pytest.mark.parametrize(
    "declared", [*RECORDER_TABLES.values(), UNKNOWN], ids=lambda one: one.table.name
)


@ON_EACH_TABLE
def test_columns(declared: RecorderTable) -> None:
    """The columns that a declaration names exist, and BigQuery can make partitions of one."""
    table, source = declared.table, declared.source
    columns = {column.name: column for column in table.columns}
    assert {table.id, *table.identity, *table.cluster_by} <= columns.keys()
    assert columns[table.partition_by].type is ColumnType.TIMESTAMP
    assert columns[table.identity[1]].mode is Mode.REQUIRED
    model: Any = source.columns[0].class_
    named = [*source.columns, *source.fingerprint, *source.identity, *source.times]
    assert {column.class_ for column in named} == {model}
    (key,) = inspect(model).primary_key
    assert source.names[0] == key.name
    assert len(set(source.names)) == len(source.names)
    if not declared.make_encoder:
        assert table.names(Scope.ROW) <= set(source.names)
        assert table.id == source.names[0]
        assert table.partition_by == table.identity[1] == source.time.key
    if declared.corrected:
        assert source.period
        assert {"deleted"} <= columns.keys()


@ON_EACH_TABLE
def test_times(declared: RecorderTable) -> None:
    """A fingerprint holds the time that identifies a row, whatever its type."""
    source = declared.source
    assert source.times
    time = datetime(2026, 11, 21, 7, 45, 0, 250_000)
    is_datetime = source.time.type.python_type is datetime
    seconds = time.replace(tzinfo=UTC).timestamp()
    row = [time if is_datetime and column is source.time else None for column in source.columns]
    if not is_datetime:
        row[source.names.index(source.time.key)] = seconds  # type: ignore[call-overload]
    assert source.time_of(source.anchor([7, *row[1:]])) == seconds
    assert source.time_of(source.anchor([7, *[None] * (len(row) - 1)])) is None
    if source.purged_by is not None:
        assert source.purged_by.class_ is source.columns[0].class_


def test_what_is_known_of_tables() -> None:
    """Each declaration fits what the recorder does with the table, and how fast it grows."""
    assert {
        name: (
            declared.source.purged_by is not None and declared.source.purged_by.key,
            declared.source.period,
            *(declared.default, declared.corrected),
            *(declared.table.expires, declared.table.filtered),
        )
        for name, declared in RECORDER_TABLES.items()
    } == {
        "sensor_data": ("last_updated_ts", None, True, False, True, True),
        "statistics": (False, 3_600, True, True, False, False),
        "statistics_short_term": ("start_ts", 300, False, True, True, False),
        "events": ("time_fired_ts", None, True, False, True, True),
        "recorder_runs": ("end", None, True, False, False, False),
        "schema_changes": (False, None, False, False, False, False),
        "statistics_runs": ("start", None, False, False, False, False),
    }
    assert (
        *("sensor_data", "statistics", "events", "recorder_runs", "entities", "relationships"),
    ) == DEFAULT_TABLES
    assert not any(
        declared.table.expires or declared.table.filtered for declared in DIMENSION_TABLES.values()
    )
    assert not is_purged("entities")
    assert not is_corrected("entities")


def test_lists() -> None:
    """Files that cannot be computed name all tables, in the order of the declarations."""
    actions = load_yaml_dict(str(FOLDER / "services.yaml"))

    def offered(action: str) -> Any:
        return actions[action]["fields"]["tables"]["selector"]["select"]["options"]

    assert offered("export_now") == list(TABLES)
    assert offered("verify") == list(RECORDER_TABLES)
    assert list(ENGLISH["selector"]["tables"]["options"]) == sorted(TABLES)


@ON_EACH_DATABASE
async def test_a_declaration_is_enough(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A table that is declared is chosen, estimated, kept from the purge, exported and compared."""
    name = UNKNOWN.table.name
    monkeypatch.setitem(RECORDER_TABLES, name, UNKNOWN)
    monkeypatch.setitem(TABLES, name, UNKNOWN.table)
    noon = dt_util.utcnow().replace(hour=12, minute=0, second=0, microsecond=0)
    first = noon - timedelta(days=3)
    await in_database(hass, lambda db: db.execute(delete(StatisticsRuns)))
    times = [first + timedelta(hours=12 * number, microseconds=1) for number in range(4)]
    await insert_rows(hass, StatisticsRuns, [{"start": time} for time in times])

    options = {CONF_TABLES: [name], CONF_PARTITION_DAYS: 60}
    assert options_from(options).recorder_tables == (UNKNOWN,)
    estimate = (await async_estimate(hass, options_from(options))).tables[name]
    assert (estimate.rows, round(estimate.rows_per_day, 1)) == (4, 2.7)
    assert 40 < estimate.bytes_per_row < 120

    assert is_purged(name)
    oldest = await in_recorder(hass, oldest_waiting, hass, name, 0)
    assert oldest == times[0].timestamp()

    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert (await act(hass, "export_now"))["rows"] == {name: 4}
    await insert_rows(hass, StatisticsRuns, [{"start": noon}])
    assert (await act(hass, "export_now"))["rows"] == {name: 1}
    found = warehouse.server.query(
        f"SELECT UNIX_MICROS(`start`) AS t FROM home.{name} ORDER BY run_id",  # noqa: S608
        warehouse.project,
    )
    assert [int(row["t"]) for row in found] == [
        round(time.timestamp() * 1_000_000) for time in (*times, noon)
    ]
    with warehouse.connecting() as connection:
        reference = connection.destination.table_reference(UNKNOWN.table)
        made = connection.tables.get_table(reference).time_partitioning
    assert (made.type_, made.expiration_ms) == (PartitionUnit.DAY, 60 * 86_400_000)

    warehouse.server.query(
        f"DELETE FROM home.{name} WHERE `start` = TIMESTAMP '{times[1].isoformat()}'",  # noqa: S608
        warehouse.project,
    )
    days = {"start_date": first.date().isoformat(), "end_date": noon.date().isoformat()}
    verified = await act(hass, "verify", tables=[name], **days)
    assert verified["tables"][name]["total"]["recorder"] == 5
    assert verified["tables"][name]["total"]["missing"] == 1
    sent = await act(hass, "export_now", force=True, tables=[name])
    assert sent["sent_again"] == {name: 1}
    verified = await act(hass, "verify", tables=[name], **days)
    assert verified["tables"][name]["total"]["missing"] == 0
