"""Subentry flows of saved queries: what is refused, where, and what it says of the price."""

import json
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

import custom_components.bigquery_export as integration
from custom_components.bigquery_export.const import (
    CONF_QUERIES,
    CONF_QUERY_MEGABYTES,
    CONF_TABLES,
)
from custom_components.bigquery_export.flow import subentry_flow
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.saved_queries import (
    add_query,
    begin_query,
    change_query,
    set_up_queries,
    settled,
    submit_query,
)
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import patient

ENGLISH = json.loads(
    (Path(str(integration.__file__)).parent / "translations" / "en.json").read_text()
)
COUNT = "SELECT COUNT(*) AS n FROM sensor_data"
HOURS = (
    "SELECT TIMESTAMP_TRUNC(last_changed, HOUR) AS start, COUNT(*) AS sum"
    " FROM sensor_data GROUP BY start"
)
SENSORS: list[tuple[dict[str, Any], str, str]] = [
    ({"query": COUNT, "name": " "}, "name", "name_unfit"),
    ({}, "query", "There is nothing to ask"),
    ({"query": " "}, "query", "There is nothing to ask"),
    ({"query": COUNT, "question": "states_between"}, "question", "a query and a question"),
    ({"query": "SELEKT"}, "query", "BigQuery cannot run the query: Syntax error"),
    ({"query": "DROP TABLE sensor_data"}, "query", "not one SELECT statement, but DROP TABLE"),
    ({"query": "SELECT 1 AS n FROM other.t"}, "query", r"BigQuery cannot run|outside the dataset"),
    ({"query": "SELECT AI.GENERATE('x') AS n"}, "query", "with AI costs"),
    ({"query": COUNT, "parameters": {"a b": 1}}, "parameters", "The parameter a b cannot be used"),
    (
        {"question": "states_between", "parameters": {"begin": 1}},
        "parameters",
        "The parameter begin cannot be used",
    ),
    ({"query": COUNT, "column": "m"}, "column", "no column m. It has n."),
    ({"query": "SELECT 1 AS a, 2 AS b"}, "column", r"several columns \(a, b\)"),
    ({"query": "SELECT [1, 2] AS a"}, "column", "a has the type ARRAY<INTEGER>"),
    (
        {"query": "SELECT 'x' AS a", "unit_of_measurement": "W"},
        "column",
        "a has the type STRING, but FLOAT64, INT64, NUMERIC is needed",
    ),
    ({"query": COUNT, "device_class": "timestamp"}, "column", "but TIMESTAMP is needed"),
    ({"query": COUNT, "device_class": "date"}, "column", "but DATE is needed"),
    ({"query": COUNT, "state_class": "measurement", "column": "n", "hours": 1}, "", ""),
]
STATISTICS: list[tuple[dict[str, Any], str, str]] = [
    ({"query": "SELEKT"}, "query", "BigQuery cannot run the query: Syntax error"),
    ({"query": "SELECT 1 AS sum"}, "query", "no column start. It has sum."),
    (
        {"query": "SELECT 1 AS start, 1 AS sum"},
        "query",
        "start has the type INTEGER",
    ),
    (
        {"query": "SELECT CURRENT_TIMESTAMP() AS start, 'a' AS sum"},
        "query",
        "sum has the type",
    ),
    ({"query": "SELECT CURRENT_TIMESTAMP() AS start, 1 AS x"}, "query", "neither a column sum nor"),
    ({"query": "SELECT CURRENT_TIMESTAMP() AS start, 1 AS min"}, "query", "neither a column sum"),
    ({"query": HOURS, "name": "…"}, "name", "name_unfit"),
    ({"query": HOURS, "name": "x" * 300}, "name", "name_unfit"),
    ({"query": HOURS}, "", ""),
]


async def try_each(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    kind: str,
    cases: list[tuple[dict[str, Any], str, str]],
) -> None:
    """Fill in a form again and again, until it is right; each error is at its field."""
    begun = await begin_query(hass, entry, kind)
    assert begun["step_id"] == "user"
    assert not begun["errors"]
    for values, field, sentence in cases:
        result = await submit_query(hass, begun["flow_id"], {"name": "Any", **values})
        if not field:
            assert result["step_id"] == "price"
            continue
        assert list(result["errors"]) == [field], values
        if result["errors"][field] == "refused":
            message = result["description_placeholders"]["message"]
            assert pytest.RaisesExc(match=sentence).matches(Exception(message)), message
        else:
            assert result["errors"] == {field: sentence}
    result = await submit_query(hass, begun["flow_id"], {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await settled(hass)


async def test_sensor(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """What is wrong with a sensor is said at its field, before it is saved."""
    await set_up_queries(hass, entry, warehouse)
    await hass.async_add_executor_job(warehouse.make_views, SENSOR_DATA)
    await try_each(hass, entry, "sensor", SENSORS)
    (subentry,) = entry.subentries.values()
    assert subentry.title == "Any"
    assert subentry.data == {**SENSORS[-1][0]}
    assert warehouse.server.billed(warehouse.project) == 0


@pytest.mark.parametrize(
    ("values", "errors", "known"),
    [
        ({"device_class": "power"}, {"unit_of_measurement": "unit_unfit"}, "kW"),
        (
            {"device_class": "date", "unit_of_measurement": "W"},
            {"unit_of_measurement": "unit_unfit"},
            "-",
        ),
        (
            {"state_class": "measurement_angle", "unit_of_measurement": "W"},
            {"unit_of_measurement": "unit_unfit"},
            "°",
        ),
        (
            {"device_class": "energy", "unit_of_measurement": "kWh", "state_class": "measurement"},
            {"state_class": "state_class_unfit"},
            "total",
        ),
    ],
)
async def test_classes(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    values: dict[str, str],
    errors: dict[str, str],
    known: str,
) -> None:
    """Units and classes that do not belong together are refused, and those that do are told."""
    await set_up_queries(hass, entry, warehouse)
    begun = await begin_query(hass, entry, "sensor")
    data = {"name": "Any", "query": COUNT, **values}
    result = await submit_query(hass, begun["flow_id"], data)
    assert result["errors"] == errors
    assert known in result["description_placeholders"]["known"].split(", ")


async def test_labels(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """Classes have the names that Home Assistant has for them."""
    await set_up_queries(hass, entry, warehouse)
    begun = await begin_query(hass, entry, "sensor")
    labels = {
        str(field): [option["label"] for option in selector.config["options"]]
        for field, selector in begun["data_schema"].schema.items()
        if str(field) in ("device_class", "state_class", "question")
    }
    assert {"Temperature", "Energy", "Timestamp"} < set(labels["device_class"])
    assert "Total increasing" in labels["state_class"]
    assert "states_between" in labels["question"]
    assert "daily_energy" not in labels["question"]


@pytest.mark.parametrize("kind", ["sensor", "statistic"])
async def test_as_a_browser_does(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    hass_client: ClientSessionGenerator,
    kind: str,
) -> None:
    """A browser can show each form, and the entry says what can be added and reconfigured."""
    await set_up_queries(hass, entry, warehouse)
    types = ("files", "influxdb", "postgresql", "sensor", "statistic", "view")
    assert entry.supported_subentry_types == {
        type_: {"supports_reconfigure": True} for type_ in types
    }
    assert await async_setup_component(hass, "config", {})
    client = await hass_client()
    url = "/api/config/config_entries/subentries/flow"
    begun = await (await client.post(url, json={"handler": [entry.entry_id, kind]})).json()
    fields = [field["name"] for field in begun["data_schema"]]
    texts = ENGLISH["config_subentries"][kind]["step"]["user"]["data"]
    assert sorted(fields) == sorted(texts)
    data = {"name": "Any", "query": HOURS if kind == "statistic" else COUNT, "hours": 24}
    shown = await (await client.post(f"{url}/{begun['flow_id']}", json=data)).json()
    assert shown["step_id"] == "price"
    sentence = ENGLISH["config_subentries"][kind]["step"]["price"]["description"]
    assert sentence.format(**shown["description_placeholders"]) == (
        "BigQuery would bill 10 MB each time. It is asked at most 31 times a month: together that"
        " costs $0.0018 at most, if nothing of it is free."
    )
    ended = await (await client.post(f"{url}/{begun['flow_id']}", json={})).json()
    assert ended["type"] == "create_entry"
    await settled(hass)


async def test_statistic(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """What is wrong with a statistic is said at its field, before it is saved."""
    await set_up_queries(hass, entry, warehouse)
    await try_each(hass, entry, "statistic", STATISTICS)
    (subentry,) = entry.subentries.values()
    assert subentry.unique_id == "bigquery_export:any"
    assert subentry.data == {"query": HOURS, "hours": 24}
    begun = await begin_query(hass, entry, "statistic")
    result = await submit_query(hass, begun["flow_id"], {"name": "ANY ", "query": HOURS})
    assert result["errors"] == {"name": "name_in_use"}


async def test_price(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """The price a month is shown before the query is saved: of all times that it may be asked."""
    await set_up_queries(hass, entry, warehouse)
    for hours, times, cost in ((24, "31", "0.0018"), (1, "730", "0.0435")):
        begun = await begin_query(hass, entry, "sensor")
        data = {"name": "Any", "query": COUNT, "hours": hours}
        result = await submit_query(hass, begun["flow_id"], data)
        assert result["step_id"] == "price"
        assert result["description_placeholders"] == {
            "megabytes": "10",
            "times": times,
            "cost": cost,
        }
    assert not entry.subentries


async def test_too_expensive(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A query above the limit of the options is refused with its price."""
    await set_up_queries(hass, entry, warehouse, **{CONF_QUERY_MEGABYTES: 9})
    for kind, sql in (("sensor", COUNT), ("statistic", HOURS)):
        begun = await begin_query(hass, entry, kind)
        result = await submit_query(hass, begun["flow_id"], {"name": "Any", "query": sql})
        assert result["errors"] == {"query": "refused"}
        assert "would read 10 MB ($0.0001)" in result["description_placeholders"]["message"]


async def test_offline(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """What is no error of the query is said at the top."""
    await set_up_queries(hass, entry, warehouse)
    warehouse.grant(entry.data["service_account_key"])
    begun = await begin_query(hass, entry, "sensor")
    result = await submit_query(hass, begun["flow_id"], {"name": "Any", "query": "SELECT 1 AS a"})
    assert result["errors"] == {"base": "refused"}
    assert "bigquery.jobs.create" in result["description_placeholders"]["message"]


@pytest.mark.parametrize("kind", ["sensor", "statistic"])
async def test_off(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, kind: str
) -> None:
    """Where queries are off, or the export does not run, the flow ends with a sentence."""
    hass.config_entries.async_update_entry(
        entry, options={CONF_TABLES: ["sensor_data"], CONF_QUERIES: False}
    )
    assert (await begin_query(hass, entry, kind))["reason"] == "not_loaded"
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert (await begin_query(hass, entry, kind))["reason"] == "queries_off"


async def test_reconfigure(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Another query, name and unit take effect at once; a statistic keeps its id."""
    await set_up_queries(hass, entry, warehouse)
    sensor = await add_query(hass, entry, "sensor", "Rows", query=COUNT)
    await change_query(
        hass, entry, sensor, name="States", query="SELECT 7 AS w", unit_of_measurement="W"
    )
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", "bigquery_export", sensor.subentry_id
    )
    state = hass.states.get(entity_id or "")
    assert state is not None
    assert state.name == "States"
    assert state.attributes["unit_of_measurement"] == "W"
    statistic = await add_query(hass, entry, "statistic", "Hours", query=HOURS)
    await change_query(hass, entry, statistic, name="Others")
    assert (statistic.title, statistic.unique_id) == ("Others", "bigquery_export:hours")


async def test_one_after_the_other(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A subentry reloads its entry once, and the flow of the next one waits until it is loaded."""
    await set_up_queries(hass, entry, warehouse)
    states: list[ConfigEntryState] = []
    entry.async_on_state_change(lambda: states.append(entry.state))
    begun = await begin_query(hass, entry, "sensor")
    await submit_query(hass, begun["flow_id"], {"name": "Rows", "query": COUNT})
    await submit_query(hass, begun["flow_id"], {})
    assert entry.state is not ConfigEntryState.LOADED
    begun = await begin_query(hass, entry, "sensor")
    assert (begun["type"], begun["step_id"]) == (FlowResultType.FORM, "user")
    await settled(hass)
    assert states.count(ConfigEntryState.LOADED) == 1
    monkeypatch.setattr(subentry_flow, "_RELOAD_SECONDS", 0.1)
    async with patient(30), entry.setup_lock:
        assert await hass.config_entries.async_unload(entry.entry_id, _lock=False)
        aborted = await begin_query(hass, entry, "sensor")
    assert aborted["reason"] == "not_loaded"
