"""Asking BigQuery: what is refused, what it costs, who may ask, and what is kept of it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any
from unittest.mock import patch

from google.cloud.bigquery import QueryJob, Routine, RoutineType
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.bigquery_export.const import (
    CONF_QUERIES,
    CONF_QUERIES_ALL_USERS,
    CONF_QUERIES_OTHER_DATASETS,
    CONF_QUERY_DAY_MEGABYTES,
    CONF_QUERY_MEGABYTES,
    CONF_SERVICE_ACCOUNT_KEY,
    DOMAIN,
)
from custom_components.bigquery_export.query import queries
from custom_components.bigquery_export.query.billing import Billing
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.actions import act, act_as, export_now
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.status import state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

TEN = 10 * 2**20
COUNT = "SELECT COUNT(*) AS n FROM sensor_data"

pytestmark = pytest.mark.usefixtures("set_up")


def with_options(**options: Any) -> pytest.MarkDecorator:
    """Return a mark with options of the export."""
    return pytest.mark.parametrize("options", [options])


def logged(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Return the rows about queries in the export log, in their order."""
    log = f"{warehouse.project}.home.export_log"
    columns = "table_name, row_count, byte_count, user_id, outcome"
    sql = f"SELECT {columns} FROM `{log}` WHERE `trigger` = 'query' ORDER BY export_id"  # noqa: S608
    return warehouse.server.query(sql, warehouse.project)


async def test_an_answer(
    hass: HomeAssistant, warehouse: Warehouse, hass_admin_user: MockUser
) -> None:
    """An answer has rows and price; sensors and the export log say what was billed."""
    await record(hass, 3)
    await export_now(hass)
    dry = await act(hass, "query", query=COUNT, dry_run=True)
    assert (dry["bytes_billed"], dry["cost"]) == (TEN, 6.0e-05)
    assert dry["tables"] == [f"{warehouse.project}.home.sensor_data"]
    assert dry["summary"] == (
        "The query would be billed for 10,485,760 bytes: $0.00006, if nothing of it is free."
    )
    assert warehouse.server.billed(warehouse.project) == 0
    data = {"query": f"{COUNT} WHERE entity_id LIKE @name", "parameters": {"name": "sensor.%"}}
    found = await act_as(hass, hass_admin_user, "query", **data)
    seconds = found.pop("seconds")
    assert isinstance(seconds, float)
    (counted,) = found.pop("rows")
    assert counted["n"] >= 3
    assert found == {
        "columns": [{"name": "n", "type": "INTEGER", "repeated": False}],
        "row_count": 1,
        "truncated": False,
        "bytes_billed": TEN,
        "cost": 6.0e-05,
        "cached": False,
    }
    assert float(state(hass, "bytes_queried_this_month")) == 10
    assert float(state(hass, "query_cost_this_month")) == 6.0e-05
    assert warehouse.server.billed(warehouse.project) == TEN
    assert logged(warehouse) == []
    for _ in range(2):
        await export_now(hass)
        assert logged(warehouse) == [
            {
                "table_name": "sensor_data",
                "row_count": "1",
                "byte_count": str(TEN),
                "user_id": hass_admin_user.id,
                "outcome": "completed",
            }
        ]


async def test_questions(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """A question is asked by its name; what it is not told has defaults."""
    await record(hass, 3)
    await export_now(hass)
    warehouse.make_views(SENSOR_DATA)
    found = await act(hass, "query", question="states_between")
    assert found["row_count"] >= 3
    old = await act(
        hass,
        "query",
        question="states_between",
        parameters={"begin_time": "2020-01-01", "end_time": "2020-01-02 00:00:00"},
    )
    assert old["rows"] == []
    for parameters, name in (
        ({"begin": "2020-01-01"}, "begin"),
        ({"begin_time": "yesterday"}, "begin_time"),
    ):
        with pytest.raises(ServiceValidationError, match=f"The parameter {name} cannot be used"):
            await act(hass, "query", question="states_between", parameters=parameters)
    with pytest.raises(ServiceValidationError, match="There is no question nothing"):
        await act(hass, "query", question="nothing")
    with pytest.raises(ServiceValidationError, match="daily_energy needs tables that are not"):
        await act(hass, "query", question="daily_energy")
    with pytest.raises(ServiceValidationError, match="nothing to ask"):
        await act(hass, "query")
    with pytest.raises(ServiceValidationError, match="Remove one"):
        await act(hass, "query", question="states_between", query=COUNT)


REFUSED = [
    ("DELETE FROM sensor_data WHERE TRUE", "not one SELECT statement, but DELETE"),
    ("CREATE TABLE home.x AS SELECT 1 AS a", "but CREATE TABLE AS SELECT"),
    ("DROP TABLE sensor_data", "but DROP TABLE"),
    ("SELECT 1; SELECT 2", "but SCRIPT"),
    ("DECLARE a INT64 DEFAULT 1; SELECT a", "but SCRIPT"),
    ("SELECT * FROM other.t", r"The query reads home-\w+\.other\.t, outside the dataset home"),
    ("SELECT * FROM other.f()", r"outside the dataset home"),
    ("SELECT * FROM sneaky()", r"The query reads home-\w+\.other\.t, outside"),
    ("SELECT * FROM INFORMATION_SCHEMA.TABLES", "with INFORMATION_SCHEMA costs or reads"),
    ("SELECT * FROM EXTERNAL_QUERY('c', 'x')", "with EXTERNAL_QUERY costs"),
    ("SELECT AI.GENERATE('x')", "with AI costs"),
    ("SELECT nothing FROM sensor_data", "BigQuery cannot run the query: .*nothing"),
    ("SELEKT", "BigQuery cannot run the query: Syntax error"),
]


def make_other_dataset(warehouse: Warehouse) -> None:
    """Make another dataset, and a function in ours that reads it."""
    project = warehouse.project
    with warehouse.connecting() as connection:
        client = connection.tables
        client.create_dataset(f"{project}.other")
        client.query_and_wait(f"CREATE TABLE `{project}.other.t` AS SELECT 1 AS a")
        for name in ("other.f", "home.sneaky"):
            routine = Routine(
                f"{project}.{name}",
                type_=RoutineType.TABLE_VALUED_FUNCTION,
                language="SQL",
                body=f"SELECT * FROM `{project}.other.t`",  # noqa: S608
            )
            client.create_routine(routine)


async def test_what_is_refused(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """What is no SELECT in the dataset is refused before anything is billed, in a sentence."""
    await hass.async_add_executor_job(make_other_dataset, warehouse)
    for sql, sentence in REFUSED:
        for dry_run in (True, False):
            with pytest.raises(HomeAssistantError, match=sentence):
                await act(hass, "query", query=sql, dry_run=dry_run)
    assert warehouse.server.billed(warehouse.project) == 0
    assert warehouse.rows() == []


@with_options(**{CONF_QUERIES_OTHER_DATASETS: True})
async def test_other_datasets(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Where the user allows it, a query reads other datasets."""
    await hass.async_add_executor_job(make_other_dataset, warehouse)
    for sql in ("SELECT * FROM other.t", "SELECT * FROM sneaky()"):
        assert (await act(hass, "query", query=sql))["rows"] == [{"a": 1}]


@with_options(**{CONF_QUERIES: False})
async def test_off(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Without the option nothing is asked, and there are no sensors."""
    with pytest.raises(HomeAssistantError, match="Turn on Allow queries under Configure"):
        await act(hass, "query", query=COUNT)
    assert hass.states.get("sensor.home_sensor_data_query_cost_this_month") is None


@with_options(**{CONF_QUERY_MEGABYTES: 9})
async def test_too_expensive(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """A query above the limit of the options, or of the call, is refused with its price."""
    sentence = r"would read 10 MB \(\$0\.0001\), but {} MB are allowed"
    for limits, allowed in (({}, 9), ({"max_megabytes": 5}, 5), ({"max_megabytes": 100}, 9)):
        with pytest.raises(HomeAssistantError, match=sentence.format(allowed)):
            await act(hass, "query", query=COUNT, **limits)
    assert warehouse.server.billed(warehouse.project) == 0


@with_options(**{CONF_QUERY_DAY_MEGABYTES: 25})
async def test_the_limit_of_a_day(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What all queries of a day come to is limited, also over a restart, and not the next day."""
    noon = dt_util.now().replace(year=2027, month=1, day=30, hour=12)
    with patch.object(dt_util, "now", return_value=noon):
        for _ in range(2):
            await act(hass, "query", query=COUNT)
        sentence = r"would read 10 MB \(\$0\.0001\), but 5 of 25 MB are left today"
        with pytest.raises(HomeAssistantError, match=sentence):
            await act(hass, "query", query=COUNT)
        assert await hass.config_entries.async_reload(entry.entry_id)
        with pytest.raises(HomeAssistantError, match=sentence):
            await act(hass, "query", query=COUNT)
        assert float(state(hass, "bytes_queried_this_month")) == 20
    for days, billed_before in ((1, 2 * TEN), (2, 0)):
        day = noon + timedelta(days=days)
        with patch.object(dt_util, "now", return_value=day):
            queries = entry.runtime_data.runner.queries
            assert queries.billed == billed_before
            assert (await act(hass, "query", query=COUNT))["bytes_billed"] == TEN
            assert queries.billed == billed_before + TEN


@with_options(**{CONF_QUERY_DAY_MEGABYTES: 15})
async def test_several_at_once(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Queries that run at the same time do not exceed the limit together."""
    calls = [act(hass, "query", query=COUNT) for _ in range(4)]
    found = await asyncio.gather(*calls, return_exceptions=True)
    refused = [str(one) for one in found if isinstance(one, HomeAssistantError)]
    assert len(refused) == 3
    assert all("left today" in sentence for sentence in refused)
    assert warehouse.server.billed(warehouse.project) == TEN


@pytest.mark.parametrize("options", [{}, {CONF_QUERIES_ALL_USERS: True}])
async def test_who_may_ask(
    hass: HomeAssistant, options: dict[str, Any], hass_read_only_user: MockUser
) -> None:
    """Administrators and automations may ask, others where the user has opened it to them."""
    if options:
        assert (await act_as(hass, hass_read_only_user, "query", query=COUNT))["rows"] == [{"n": 0}]
        assert (await act_as(hass, hass_read_only_user, "verify"))["total"]["missing"] == 0
    else:
        for name, data in (("query", {"query": COUNT}), ("verify", {})):
            with pytest.raises(Unauthorized):
                await act_as(hass, hass_read_only_user, name, **data)
    assert (await act(hass, "query", query=COUNT))["rows"] == [{"n": 0}]


async def test_who_may_ask_by_websocket(
    hass: HomeAssistant,
    hass_ws_client: WebSocketGenerator,
    hass_read_only_access_token: str,
) -> None:
    """What the frontend sends for a user who is no administrator is refused as well."""
    asked = {
        "type": "call_service",
        "domain": DOMAIN,
        "service": "query",
        "service_data": {"query": COUNT},
        "return_response": True,
    }
    client = await hass_ws_client(hass, hass_read_only_access_token)
    await client.send_json_auto_id(asked)
    answer = await client.receive_json()
    assert (answer["success"], answer["error"]["message"]) == (False, "Unauthorized")
    client = await hass_ws_client(hass)
    await client.send_json_auto_id(asked)
    answer = await client.receive_json()
    assert answer["result"]["response"]["rows"] == [{"n": 0}]


def crash_after(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[], None]:
    """Let a function of the queries do its work, but its answer reach nobody; return the cure."""
    function = getattr(queries, name)

    def crashing(*args: Any, **options: Any) -> Any:
        function(*args, **options)
        raise RuntimeError("the process has ended")

    monkeypatch.setattr(queries, name, crashing)
    return lambda: monkeypatch.setattr(queries, name, function)


async def test_killed_before_the_answer(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A booking outlives the process, and becomes what BigQuery has billed."""
    await act(hass, "query", query=COUNT)
    cure = crash_after(monkeypatch, "run_query")
    with pytest.raises(RuntimeError):
        await act(hass, "query", query=f"{COUNT} WHERE state = 'on'")
    cure()
    assert await hass.config_entries.async_reload(entry.entry_id)
    runner = entry.runtime_data.runner
    assert runner.queries.billed == 2 * TEN
    await act(hass, "query", query=COUNT)
    assert runner.queries.billed == 3 * TEN == warehouse.server.billed(warehouse.project)
    assert float(state(hass, "bytes_queried_this_month")) == 30
    await record(hass, 1)
    await export_now(hass)
    assert [row["outcome"] for row in logged(warehouse)] == [
        "completed",
        "interrupted",
        "completed",
    ]


async def test_killed_before_the_job(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A booking without a job counts until it is too late for the job to begin."""
    ended = RuntimeError("the process has ended")
    with patch.object(queries, "run_query", side_effect=ended), pytest.raises(RuntimeError):
        await act(hass, "query", query=COUNT)
    assert await hass.config_entries.async_reload(entry.entry_id)
    runner = entry.runtime_data.runner
    assert (await act(hass, "query", query=COUNT))["bytes_billed"] == TEN
    assert runner.queries.billed == 2 * TEN
    monkeypatch.setattr(queries, "_LATE", 0.0)
    assert (await act(hass, "query", query=COUNT))["bytes_billed"] == TEN
    assert runner.queries.billed == 2 * TEN == warehouse.server.billed(warehouse.project)


async def test_a_job_of_another_account(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A job that the account of a new key may not look up stops no query, and stays counted."""
    cure = crash_after(monkeypatch, "run_query")
    with pytest.raises(RuntimeError):
        await act(hass, "query", query=COUNT)
    cure()
    key = warehouse.create_key(DATA_EDITOR, JOB_USER)
    data = {**entry.data, CONF_SERVICE_ACCOUNT_KEY: key}
    hass.config_entries.async_update_entry(entry, data=data)
    assert await hass.config_entries.async_reload(entry.entry_id)
    runner = entry.runtime_data.runner
    await act(hass, "query", query=COUNT)
    assert runner.queries.billed == 2 * TEN
    monkeypatch.setattr(queries, "_LATE", 0.0)
    await record(hass, 1)
    await export_now(hass)
    assert runner.queries.billed == 2 * TEN == warehouse.server.billed(warehouse.project)
    assert [(row["outcome"], row["byte_count"]) for row in logged(warehouse)] == [
        ("interrupted", str(TEN)),
        ("completed", str(TEN)),
    ]


async def test_a_failed_query_is_free(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """A query that fails while it runs is billed for nothing, and is in the log."""
    with pytest.raises(HomeAssistantError, match="broken"):
        await act(hass, "query", query=f"{COUNT} HAVING ERROR('broken')")
    assert float(state(hass, "bytes_queried_this_month")) == 0
    await record(hass, 1)
    await export_now(hass)
    assert [row["outcome"] for row in logged(warehouse)] == ["failed"]


@with_options(**{CONF_QUERY_DAY_MEGABYTES: 15})
async def test_a_stopped_query_counts(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """A query that took too long counts to the limit of the day with what was booked for it."""
    for method in ("jobs.insert", "jobs.get"):
        warehouse.server.add_fault(method, "stopped", times=None)
    try:
        with pytest.raises(HomeAssistantError, match="timed out"):
            await act(hass, "query", query=COUNT)
    finally:
        warehouse.server.clear_faults()
    assert float(state(hass, "bytes_queried_this_month")) == 10
    with pytest.raises(HomeAssistantError, match="5 of 15 MB are left today"):
        await act(hass, "query", query=COUNT)
    assert warehouse.server.billed(warehouse.project) == TEN
    await record(hass, 1)
    await export_now(hass)
    (row,) = logged(warehouse)
    assert (row["outcome"], row["byte_count"]) == ("failed", str(TEN))


async def test_the_log_is_written_once(
    hass: HomeAssistant, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash after the commit of the log's rows repeats none of them."""
    await act(hass, "query", query=COUNT)
    ended = RuntimeError("the process has ended")
    with (
        patch.object(Billing, "logged_rows", side_effect=ended),
        pytest.raises(RuntimeError),
    ):
        await export_now(hass)
    for _ in range(2):
        await record(hass, 1)
        await export_now(hass)
        assert len(logged(warehouse)) == 1


async def test_a_long_query_ends_with_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that waits for its job does not hold up the end of the entry."""
    monkeypatch.setattr(QueryJob, "done", lambda *_, **__: False)
    call = hass.async_create_task(act(hass, "query", query=COUNT))
    runner = entry.runtime_data.runner
    while not runner.queries.billed:
        await _moment(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError, match="stopped"):
        await call
    assert runner.queries.billed == TEN


async def test_a_request_outlasts_the_entry(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for a query that has to be canceled is told that it was stopped."""
    asked, answered = Event(), Event()

    def done(*_: object, **__: object) -> bool:
        asked.set()
        return answered.wait(60)

    monkeypatch.setattr(QueryJob, "done", done)
    monkeypatch.setattr(queries, "_STOP_TIMEOUT", 0.01)
    call = hass.async_create_task(act(hass, "query", query=COUNT))
    await hass.async_add_executor_job(asked.wait)
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError, match="stopped"):
        await call
    answered.set()


async def _moment(hass: HomeAssistant) -> None:
    await hass.async_add_executor_job(lambda: None)
