"""Reading the rows of one partition: when rows are from, and few others than those asked for."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant
from sqlalchemy import Connection, delete

from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import Table
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.recorder_rows import MODELS, TIME, record_event_types
from tests.bigquery_export.support.sources import read_pieces, source

DAY = 86_400.0


@ON_EACH_DATABASE
async def test_rows_of_a_partition(hass: HomeAssistant) -> None:
    """A state is of the day on which it began, and all other rows are of their time."""
    await record_event_types(hass)
    start = datetime.fromtimestamp(TIME, UTC)
    cases: list[tuple[Table, list[dict[str, Any]], int]] = [
        (
            SENSOR_DATA,
            [
                {"last_changed_ts": None, "last_updated_ts": TIME},
                {"last_changed_ts": TIME + 1, "last_updated_ts": TIME + DAY},
                {"last_changed_ts": None, "last_updated_ts": TIME + DAY},
            ],
            2,
        ),
        (
            EVENTS,
            [
                {"event_type_id": 1, "time_fired_ts": TIME},
                {"event_type_id": 2, "time_fired_ts": TIME + 1},
                {"event_type_id": 1, "time_fired_ts": TIME + DAY},
            ],
            1,
        ),
        (STATISTICS, [{"start_ts": TIME}, {"start_ts": TIME + 1}, {"start_ts": TIME + DAY}], 2),
        (
            RECORDER_RUNS,
            [{"start": start, "end": start, "closed_incorrect": False, "created": start}],
            1,
        ),
    ]
    for table, rows, narrowed in cases:
        model = MODELS[table.name]
        await in_database(hass, partial(Connection.execute, statement=delete(model)))
        await insert_rows(hass, model, rows)
        opened = source(hass, table, events=["script_started"])
        until = await in_recorder(hass, opened.reader.newest_id)
        times = await in_recorder(hass, opened.reader.times, 0, until)
        updated = sorted(time for _, time in times if time is not None)
        assert updated == [TIME, TIME + 1, TIME + DAY][: len(rows)] or table is SENSOR_DATA
        first = sorted(time for time, _ in times if time is not None)
        assert first == [TIME, TIME + 1, TIME + DAY][: len(rows)]
        await in_recorder(hass, opened.reader.narrow, TIME - 0.5, TIME + 10)
        pieces = await read_pieces(hass, opened, limit=1)
        found = [row for piece in pieces for row in piece.rows]
        assert len(found) == narrowed
        assert {opened.reader.partition_time(row) for row in found} <= {TIME, TIME + 1}
