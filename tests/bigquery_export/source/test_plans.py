"""How each database finds the rows that a source reads."""

from functools import partial
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from sqlalchemy import Connection, event

from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from custom_components.bigquery_export.rows.table import Table
from custom_components.bigquery_export.source.state_columns import STATEMENT
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.query_plans import ANALYZE, is_slow, plan, statements
from tests.bigquery_export.support.recorder_rows import MODELS, ROWS, record_event_types, row
from tests.bigquery_export.support.sources import source


@ON_EACH_DATABASE
@pytest.mark.parametrize(
    "table",
    [SENSOR_DATA, STATISTICS, STATISTICS_SHORT_TERM, EVENTS, RECORDER_RUNS],
    ids=lambda table: table.name,
)
async def test_each_select_uses_an_index(hass: HomeAssistant, table: Table) -> None:
    """No select scans rows that it does not need, so that each piece costs the same."""
    model = MODELS[table.name]
    if table is EVENTS:
        await record_event_types(hass)
    await insert_rows(hass, model, [row(table, number) for number in range(ROWS)])
    name = model.__tablename__
    await in_database(hass, lambda db: db.exec_driver_sql(ANALYZE[db.dialect.name].format(name)))
    rows = source(hass, table)
    with statements(hass) as sent:
        newest = await in_recorder(hass, rows.reader.newest_id)
        oldest = await in_recorder(hass, rows.reader.oldest_id)
        if table is RECORDER_RUNS:
            # There is one run for each start of Home Assistant, so finding pending ones may scan.
            sent.clear()
        else:
            assert newest == (oldest or 0) + ROWS - 1
        newest = (oldest or 0) + ROWS - 1
        await in_recorder(hass, rows.reader.fingerprints, [newest - 10, newest - 700])
        assert await in_recorder(hass, rows.reader.read, newest - 900, newest, 1_000)
        assert await in_recorder(hass, rows.reader.read, newest - ROWS // 2, newest - 1, 5)
        if table is not RECORDER_RUNS:
            await in_recorder(hass, rows.reader.count, newest - 5)
    of_the_table = [sql for sql in sent if f"FROM {name} " in sql[0].replace("\n", " ")]
    assert len(of_the_table) >= 3
    for statement, parameters in of_the_table:
        steps = await in_database(hass, partial(plan, statement=statement, parameters=parameters))
        slow = [step for step in steps if is_slow(step, name)]
        assert not slow, f"{statement}\n{steps}"


async def test_states_by_column_use_an_index(hass: HomeAssistant) -> None:
    """SQLite finds a piece that is read column by column by ids, and its end likewise."""
    bounds = {"after": 5, "until": 500, "limit": 100}
    steps = await in_database(hass, partial(plan, statement=STATEMENT, parameters=bounds))
    found = [step for step in steps if "states" in step]
    assert len(found) == 2
    assert all(
        "SEARCH states USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in step for step in found
    )


@pytest.mark.parametrize("table", [SENSOR_DATA, STATISTICS, EVENTS], ids=lambda table: table.name)
async def test_order_is_asked_for(hass: HomeAssistant, table: Table) -> None:
    """Rows come by their ids also from a database that returns them as it likes."""

    def turn_round(connection: Connection, *_: Any) -> None:
        dbapi = connection.connection.dbapi_connection
        assert dbapi
        dbapi.cursor().execute("PRAGMA reverse_unordered_selects = 1")

    if table is EVENTS:
        await record_event_types(hass)
    await insert_rows(hass, MODELS[table.name], [row(table, 50 * number) for number in range(20)])
    rows = source(hass, table)
    newest = await in_recorder(hass, rows.reader.newest_id)
    engine = get_instance(hass).engine
    event.listen(engine, "before_cursor_execute", turn_round)
    piece = await in_recorder(hass, rows.reader.read, newest - 15, newest, 10)
    event.remove(engine, "before_cursor_execute", turn_round)
    assert piece
    assert [row[0] for row in piece.rows] == list(range(newest - 14, newest - 4))
    assert piece.last.id == newest - 5


def work(connection: Connection, statement: str, parameters: Any) -> int:
    """Return how much a database does to answer: steps, rows or pages, as it counts them."""
    match connection.dialect.name:
        case "sqlite":
            steps = 0

            def count() -> None:
                nonlocal steps
                steps += 1

            dbapi = connection.connection.dbapi_connection
            assert dbapi
            dbapi.set_progress_handler(count, 1)
            connection.exec_driver_sql(statement, parameters).all()
            dbapi.set_progress_handler(None, 0)
            return steps
        case "mysql":
            connection.exec_driver_sql("FLUSH STATUS")
            connection.exec_driver_sql(statement, parameters).all()
            status = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'")
            return sum(int(value) for _, value in status)
    explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
    ((report,),) = connection.exec_driver_sql(explain, parameters)
    plan = report[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


@ON_EACH_DATABASE
@pytest.mark.parametrize("table", [SENSOR_DATA, STATISTICS, EVENTS], ids=lambda table: table.name)
async def test_the_end_of_a_table_costs_what_its_start_costs(
    hass: HomeAssistant, table: Table
) -> None:
    """To read a piece takes a database as much work behind many rows as before them."""
    model = MODELS[table.name]
    if table is EVENTS:
        await record_event_types(hass)
    for first in range(0, 10 * ROWS, ROWS):
        rows = [row(table, number) for number in range(first, first + ROWS)]
        await insert_rows(hass, model, rows)
    name = model.__tablename__
    await in_database(hass, lambda db: db.exec_driver_sql(ANALYZE[db.dialect.name].format(name)))
    reader = source(hass, table).reader
    newest = await in_recorder(hass, reader.newest_id)

    async def cost(after: int) -> int:
        with statements(hass) as sent:
            assert await in_recorder(hass, reader.read, after, newest, 500)
        return sum(
            [
                await in_database(hass, partial(work, statement=one, parameters=values))
                for one, values in sent
                if f"FROM {name} " in one.replace("\n", " ")
            ]
        )

    await cost(newest - 1_000)  # It may have to read pages from the disk once.
    start, end = await cost(newest - 10 * ROWS), await cost(newest - 1_000)
    assert start >= 5
    assert end <= 1.25 * start
