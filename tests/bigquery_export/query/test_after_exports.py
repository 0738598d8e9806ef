"""Sensors from SQL: when they are asked, what they show, and what becomes of errors."""

import logging
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState, ConfigSubentry
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.select_query import run_query
from custom_components.bigquery_export.const import (
    CONF_QUERIES,
    CONF_QUERY_DAY_MEGABYTES,
    CONF_SERVICE_ACCOUNT_KEY,
)
from custom_components.bigquery_export.errors import CheckpointUnwritableError, StoppedError
from custom_components.bigquery_export.query import after_exports, queries
from custom_components.bigquery_export.query.after_exports import AT_MOST, AfterExports
from custom_components.bigquery_export.query.answer_columns import sensor_value
from custom_components.bigquery_export.query.answer_file import AnswerFile
from custom_components.bigquery_export.query.billing import BillingFile
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.status.export_events import (
    ExportEvent,
    ExportEventType,
    async_send_export_event,
)
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.saved_queries import (
    add_query,
    change_query,
    move_clock,
    put_query,
    settled,
)
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

TEN = 10 * 2**20
COUNT = "SELECT COUNT(*) AS n FROM sensor_data WHERE entity_id LIKE 'sensor.s%'"
HOUR = 3_600


@pytest.fixture(autouse=True)
async def first_export(hass: HomeAssistant, set_up: None) -> None:
    """Export once."""
    await export(hass)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return what is added to the time for saved queries, in seconds."""
    return move_clock(monkeypatch)


async def export(hass: HomeAssistant) -> None:
    """Record three states, export them, and let all be asked that is due."""
    await record(hass, 3)
    await export_now(hass)
    await settled(hass)


def shown(hass: HomeAssistant, subentry: ConfigSubentry) -> State:
    """Return the state of a sensor."""
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id("sensor", "bigquery_export", subentry.subentry_id)
    state = hass.states.get(entity_id or "")
    assert state is not None
    return state


async def test_a_sensor(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, clock: list[float]
) -> None:
    """A sensor is asked when it is new, then after exports, but not before its hours are over."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT, hours=24)
    state = shown(hass, sensor)
    assert (state.entity_id, state.state) == ("sensor.rows", "3")
    assert warehouse.server.billed(warehouse.project) == TEN
    registered = er.async_get(hass).async_get(state.entity_id)
    assert registered is not None
    assert registered.config_subentry_id == sensor.subentry_id
    device = dr.async_get(hass).async_get(registered.device_id or "")
    assert device is not None
    assert device.name == "Rows"
    for hours, expected in ((0, "3"), (21, "3"), (22.1, "12"), (45.9, "12"), (46.1, "18")):
        clock[0] = hours * HOUR
        await export(hass)
        assert shown(hass, sensor).state == expected, hours
    assert warehouse.server.billed(warehouse.project) == 3 * TEN
    clock[0] = -100 * HOUR
    await export(hass)
    assert shown(hass, sensor).state == "21"


async def test_an_export_of_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, clock: list[float]
) -> None:
    """An export that has sent nothing, or failed, asks nothing."""
    await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    clock[0] = 100 * HOUR
    for type_, rows in ((ExportEventType.COMPLETED, 0), (ExportEventType.FAILED, 3)):
        async_send_export_event(hass, entry, ExportEvent(type_, {"rows": rows}))
        await settled(hass)
        assert warehouse.server.billed(warehouse.project) == TEN
    async_send_export_event(hass, entry, ExportEvent(ExportEventType.COMPLETED, {"rows": 3}))
    await settled(hass)
    assert warehouse.server.billed(warehouse.project) == 2 * TEN


async def test_restart(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, clock: list[float]
) -> None:
    """After a restart a sensor shows what it has shown, and nothing is asked until an export."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    clock[0] = 100 * HOUR
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert shown(hass, sensor).state == "unavailable"
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    assert shown(hass, sensor).state == "3"
    assert warehouse.server.billed(warehouse.project) == TEN
    await export(hass)
    assert shown(hass, sensor).state == "6"


async def test_before_the_first_export(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Before there is anything in BigQuery nothing is asked."""
    put_query(hass, entry, "sensor", "Rows", query=COUNT)
    await settled(hass)
    AnswerFile(hass, entry.entry_id).remove()
    after = AfterExports(hass, entry, entry.runtime_data.runner.queries, lambda: False)
    await after.async_load()
    stop = after.async_start()
    await settled(hass)
    assert warehouse.server.billed(warehouse.project) == TEN
    stop()


@pytest.mark.parametrize(
    ("sql", "values", "expected"),
    [
        ("SELECT 1 AS a WHERE FALSE", {}, "unknown"),
        ("SELECT CAST(NULL AS INT64) AS a", {"unit_of_measurement": "W"}, "unknown"),
        ("SELECT CAST('nan' AS FLOAT64) AS a", {"unit_of_measurement": "W"}, "unknown"),
        ("SELECT NUMERIC '1.25' AS a", {"unit_of_measurement": "W"}, "1.25"),
        ("SELECT 1 AS b, 2 AS a UNION ALL SELECT 3, 4 ORDER BY a", {"column": "a"}, "2"),
        ("SELECT TRUE AS a", {}, "true"),
        ("SELECT REPEAT('x', 300) AS a", {}, "x" * 255),
        ("SELECT DATE '2026-02-03' AS a", {"device_class": "date"}, "2026-02-03"),
        (
            "SELECT TIMESTAMP '2026-02-03 04:05:06+01:00' AS a",
            {"device_class": "timestamp"},
            "2026-02-03T03:05:06+00:00",
        ),
        ("SELECT CAST(NULL AS TIMESTAMP) AS a", {"device_class": "timestamp"}, "unknown"),
        ("SELECT @b AS a", {"parameters": {"b": {"type": "INT64", "value": 5}}}, "5"),
    ],
)
async def test_values(
    hass: HomeAssistant, entry: MockConfigEntry, sql: str, values: dict[str, Any], expected: str
) -> None:
    """A sensor shows the value of the first row, as its class and unit want it."""
    sensor = await add_query(hass, entry, "sensor", "Any", query=sql, **values)
    assert shown(hass, sensor).state == expected


async def test_question(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """A sensor may show a column of a named question."""
    await hass.async_add_executor_job(warehouse.make_views, SENSOR_DATA)
    sensor = await add_query(
        hass,
        entry,
        "sensor",
        "First",
        question="states_between",
        column="entity_id",
        parameters={"begin_time": "2000-01-01"},
    )
    assert "." in shown(hass, sensor).state


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("daily_energy", "The question daily_energy needs tables that are not exported."),
        ("nothing", "There is no question nothing."),
    ],
)
async def test_question_that_is_gone(
    hass: HomeAssistant, entry: MockConfigEntry, name: str, sentence: str
) -> None:
    """A question whose tables are not exported any more is a repair."""
    put_query(hass, entry, "sensor", "Any", question=name)
    await settled(hass)
    assert (issues_of(hass)["queries_failed"] or {})["problem"].startswith(sentence)


def test_structures() -> None:
    """What is no single value is shown as JSON, as far as a state can be so long."""
    assert sensor_value({"a": [1, 2]}) == '{"a":[1,2]}'
    assert sensor_value(["x" * 300]) == '["' + "x" * 253


async def test_full_disk(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the answer cannot be saved it is shown all the same, and the log says so."""
    full = CheckpointUnwritableError(path="answers", message="full")
    with patch.object(AnswerFile, "save", side_effect=full):
        sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    assert shown(hass, sensor).state == "3"
    assert "Free up disk space" in caplog.text


async def test_errors(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    clock: list[float],
) -> None:
    """A query that fails makes its sensor unavailable, is logged once, and is a repair."""
    sql = COUNT.replace("COUNT(*)", "IF(COUNT(*) > 3, ERROR('too many'), 1)")
    sensor = await add_query(hass, entry, "sensor", "Fragile", query=sql)
    assert shown(hass, sensor).state == "1"
    assert "queries_failed" not in issues_of(hass)
    caplog.set_level(logging.INFO)
    for hours in (30, 31, 32):
        clock[0] = hours * HOUR
        await export(hass)
        assert shown(hass, sensor).state == "unavailable"
    (logged,) = [one.getMessage() for one in caplog.records if "has failed" in one.getMessage()]
    assert logged.startswith("The query of Fragile has failed: BigQuery cannot run the query: ")
    issue = issues_of(hass)["queries_failed"]
    assert issue is not None
    assert issue["queries"] == "Fragile"
    assert "too many" in issue["problem"]
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settled(hass)
    assert shown(hass, sensor).state == "unavailable"
    assert "queries_failed" in issues_of(hass)
    await change_query(hass, entry, sensor, query="SELECT 8 AS n")
    assert shown(hass, sensor).state == "8"
    assert "queries_failed" not in issues_of(hass)


@pytest.mark.parametrize("options", [{CONF_QUERY_DAY_MEGABYTES: 25}])
async def test_limits(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, clock: list[float]
) -> None:
    """At the limit of the day a sensor keeps its value, and a repair says so until it is over."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT, hours=1)
    for hours, expected in ((2, "6"), (4, "6"), (4.1, "6")):
        clock[0] = hours * HOUR
        await export(hass)
        assert shown(hass, sensor).state == expected
    issue = issues_of(hass)["queries_failed"]
    assert issue is not None
    assert issue["problem"] == (
        "The query would read 10 MB ($0.0001), but 5 of 25 MB are left today."
        " Ask again tomorrow, or raise the limit per day."
    )
    assert warehouse.server.billed(warehouse.project) == 2 * TEN
    file = BillingFile(hass, entry.entry_id)
    file.remove()
    assert await hass.config_entries.async_reload(entry.entry_id)
    clock[0] = 6 * HOUR
    await export(hass)
    assert shown(hass, sensor).state == "15"
    assert "queries_failed" not in issues_of(hass)


async def test_at_most(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """After one export only some are asked, and the others after the next one."""
    sensors = [
        put_query(hass, entry, "sensor", f"Rows {number}", query=COUNT)
        for number in range(AT_MOST + 2)
    ]
    await settled(hass)

    def answered() -> int:
        return sum(shown(hass, sensor).state.isdigit() for sensor in sensors)

    assert answered() == AT_MOST
    await export(hass)
    assert answered() == len(sensors)
    # The reload for another sensor may have ended a start that had just asked the first one.
    assert warehouse.server.billed(warehouse.project) in (
        len(sensors) * TEN,
        len(sensors) * TEN + TEN,
    )


@pytest.mark.parametrize("options", [{CONF_QUERY_DAY_MEGABYTES: 100}])
async def test_switched_off(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Where queries are switched off, sensors are unavailable, and nothing is asked."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    hass.config_entries.async_update_entry(entry, options={**entry.options, CONF_QUERIES: False})
    assert await hass.config_entries.async_reload(entry.entry_id)
    await export(hass)
    assert shown(hass, sensor).state == "unavailable"
    assert warehouse.server.billed(warehouse.project) == TEN


async def test_without_access(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, clock: list[float]
) -> None:
    """An export goes on where its queries may not run any more; an hour later they may again."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR)
    clock[0] = 30 * HOUR
    await export(hass)
    assert shown(hass, sensor).state == "unavailable"
    assert "jobs.create" in (issues_of(hass)["queries_failed"] or {})["problem"]
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR, JOB_USER)
    await export(hass)
    assert shown(hass, sensor).state == "unavailable"
    clock[0] = 31 * HOUR
    await export(hass)
    assert shown(hass, sensor).state == "12"


async def test_crash(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, clock: list[float]
) -> None:
    """Where Home Assistant ends during a query, it is asked again, and all bytes are counted."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    clock[0] = 30 * HOUR

    def crashing(*args: Any, **options: Any) -> Any:
        run_query(*args, **options)
        raise StoppedError

    with patch.object(queries, "run_query", crashing):
        await export(hass)
    assert shown(hass, sensor).state == "3"
    assert await hass.config_entries.async_reload(entry.entry_id)
    await export(hass)
    assert shown(hass, sensor).state == "9"
    billed = entry.runtime_data.runner.queries.billed
    assert billed == warehouse.server.billed(warehouse.project) == 3 * TEN


async def test_our_own_error(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that is not foreseen stops no other query."""
    put_query(hass, entry, "sensor", "One", query=COUNT)
    other = put_query(hass, entry, "sensor", "Other", query=COUNT)
    with patch.object(after_exports, "sensor_value", side_effect=[KeyError("x"), 5]):
        await settled(hass)
    assert shown(hass, other).state == "5"
    assert (issues_of(hass)["queries_failed"] or {})["queries"] == "One"
    assert "KeyError" in caplog.text


async def test_removed(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """With its subentry a sensor goes, and with the entry the file."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    file = AnswerFile(hass, entry.entry_id)
    assert file.load().keys() == {sensor.subentry_id}
    assert hass.config_entries.async_remove_subentry(entry, sensor.subentry_id)
    await settled(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get("sensor.rows") is None
    assert file.load() == {}
    await export(hass)
    assert warehouse.server.billed(warehouse.project) == TEN
    await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    assert file.path.exists()
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert not file.path.exists()


async def test_damaged_file(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Where the file cannot be read, all is asked again."""
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    assert await hass.config_entries.async_unload(entry.entry_id)
    AnswerFile(hass, entry.entry_id).path.write_text("[1]")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    assert shown(hass, sensor).state == "3"
