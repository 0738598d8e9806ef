"""Own columns from the form of the options to the rows in BigQuery, by each delivery."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
import json
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.rows.encoded_rows import RejectedRow
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.forms import begin_options, errors_of, submit_options, suggested
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER
from tests.machine.patience import patient

OWN: list[dict[str, Any]] = [
    {"name": "brightness", "type": "INT64", "attribute": "brightness"},
    {"name": "hue", "type": "FLOAT64", "attribute": "hs_color.0", "domains": ["light"]},
    {"name": "mode", "type": "STRING", "attribute": "color_mode", "entity_globs": ["*.lamp"]},
    {"name": "is_on", "type": "BOOL", "domains": ["light"]},
    {"name": "lit_since", "type": "TIMESTAMP", "attribute": "since"},
    {"name": "effect_names", "type": "JSON", "attribute": "effect_list"},
    {
        "name": "fahrenheit",
        "type": "FLOAT64",
        "unit_of_measurement": "°F",
        "entity_globs": ["sensor.outside", "sensor.cloud*"],
    },
    {
        "name": "target",
        "type": "FLOAT64",
        "attribute": "temperature",
        "unit_of_measurement": "°F",
    },
]
NAMES = [column["name"] for column in OWN]
LAMP = {
    "brightness": 128,
    "hs_color": [30.5, 99],
    "color_mode": "hs",
    "since": "2026-11-29T12:00:00+01:00",
    "effect_list": ["rainbow", None],
}
EXPECTED: dict[str, dict[str, Any]] = {
    "light.lamp": {
        "brightness": 128,
        "hue": 30.5,
        "mode": "hs",
        "is_on": True,
        "lit_since": datetime(2026, 11, 29, 11, tzinfo=UTC),
        "effect_names": ["rainbow", None],
    },
    "light.strip": {"is_on": False},
    "sensor.outside": {"fahrenheit": 68.0},
    "climate.bath": {"target": 68.0},
}
"""What is not NULL."""


def record_states(hass: HomeAssistant) -> None:
    """Let the recorder have states of which two values fit no column."""
    hass.states.async_set("light.lamp", "on", LAMP)
    strange = {"brightness": "dim", "hs_color": None, "color_mode": "hs"}
    hass.states.async_set("light.strip", "off", strange)
    hass.states.async_set("sensor.outside", "20", {"unit_of_measurement": "°C"})
    hass.states.async_set("sensor.clouds", "few")
    hass.states.async_set("climate.bath", "heat", {"temperature": 20})


def rows_of(
    warehouse: Warehouse, names: Iterable[str], where: str = "TRUE"
) -> list[dict[str, Any]]:
    """Return columns of rows with the types that they have in BigQuery."""
    columns = ", ".join(f"TO_JSON_STRING({name}) AS {name}" for name in names)
    found = warehouse.rows(columns, where)
    return [{name: text and json.loads(text) for name, text in row.items()} for row in found]


def own_values(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """Return what entities have in own columns that is not NULL."""
    found = {}
    for row in rows_of(warehouse, ["entity_id", *NAMES]):
        entity_id = row.pop("entity_id")
        if values := {name: value for name, value in row.items() if value is not None}:
            if "lit_since" in values:
                values["lit_since"] = datetime.fromisoformat(values["lit_since"])
            found[entity_id] = values
    return found


def counted(warehouse: Warehouse) -> list[dict[str, int]]:
    """Return what rows of the export log count, of those that count anything."""
    rows = warehouse.server.query(
        "SELECT TO_JSON_STRING(unfit_values) AS counted FROM home.export_log"
        " WHERE unfit_values IS NOT NULL",
        warehouse.project,
    )
    return [json.loads(row["counted"]) for row in rows]


@pytest.mark.parametrize("delivery", ["storage_write", "load_job"])
async def test_export(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    key: dict[str, Any],
    delivery: str,
) -> None:
    """Each column is in the table that there was, with its type; what does not fit is counted."""
    warehouse.grant(key, DATA_EDITOR, JOB_USER)
    hass.states.async_set("light.lamp", "on", LAMP)
    await async_wait_recording_done(hass)
    await export_now(hass)
    flow_id = await begin_options(hass, loaded)
    result = await submit_options(
        hass,
        flow_id,
        {
            "what": {"tables": ["sensor_data"]},
            "own": {"own_columns": OWN},
            "transfer": {"delivery": delivery, "batch_rows": 1000, "compress": False},
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert loaded.options["own_columns"] == OWN
    assert loaded.state is ConfigEntryState.LOADED
    assert own_values(warehouse) == {}
    hass.states.async_remove("light.lamp")
    record_states(hass)
    await async_wait_recording_done(hass)
    response = await export_now(hass)
    assert response["unfit"] == {"brightness": 1, "fahrenheit": 1}
    assert own_values(warehouse) == EXPECTED
    assert counted(warehouse) == [{"brightness": 1, "fahrenheit": 1}]


async def test_live(hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse) -> None:
    """Rows that are sent live have own columns, and one row of the log counts what did not fit."""
    options = {"tables": ["sensor_data"], "frequency": "live", "own_columns": OWN}
    hass.config_entries.async_update_entry(loaded, options=options)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await export_now(hass)
    record_states(hass)
    await until_there(hass, warehouse, "light.strip", 1)
    assert await hass.async_add_executor_job(own_values, warehouse) == EXPECTED
    hass.states.async_set("light.strip", "off", {"brightness": "dimmer"})
    await until_there(hass, warehouse, "light.strip", 2)
    await export_now(hass)
    assert await hass.async_add_executor_job(counted, warehouse) == [
        {"brightness": 2, "fahrenheit": 1}
    ]


async def until_there(hass: HomeAssistant, warehouse: Warehouse, entity_id: str, rows: int) -> None:
    """Let the recorder commit, and wait until an entity has so many rows in BigQuery."""
    await async_wait_recording_done(hass)
    found: list[dict[str, Any]] = []
    async with patient(30):
        while len(found) < rows:
            await asyncio.sleep(0.05)
            where = f"entity_id = '{entity_id}'"
            found = await hass.async_add_executor_job(warehouse.rows, "state_id", where)


async def test_other_choices(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A column that is removed stays and is NULL; its name is taken for any other type."""
    flow_id = await begin_options(hass, loaded)
    level = {"name": "level", "type": "INT64", "attribute": "level"}
    await submit(hass, flow_id, level)
    await record_level(hass, 1)
    flow_id = await begin_options(hass, loaded)
    await submit(hass, flow_id)
    assert "own_columns" not in loaded.options
    await record_level(hass, 2)
    found = rows_of(warehouse, ["level"], "entity_id = 'light.a'")
    assert found == [{"level": 1}, {"level": None}]

    flow_id = await begin_options(hass, loaded)
    for taken in ({"type": "FLOAT64"}, {"name": "Level"}):
        result = await submit(hass, flow_id, level | taken)
        assert errors_of(result) == {"own": "own_columns_other_type"}
        assert (result["description_placeholders"] or {})["text"] in ("level", "Level")
        assert "own_columns" not in loaded.options
    result = await submit(hass, flow_id, level | {"name": "level_2", "type": "FLOAT64"}, level)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await record_level(hass, 3)
    *_, last = rows_of(warehouse, ["level", "level_2"], "entity_id = 'light.a'")
    assert last == {"level": 3, "level_2": 3.0}


async def record_level(hass: HomeAssistant, level: int) -> None:
    """Export a state with an attribute."""
    hass.states.async_set("light.a", "on", {"level": level})
    await async_wait_recording_done(hass)
    await export_now(hass)


async def submit(hass: HomeAssistant, flow_id: str, *own: dict[str, Any]) -> Any:
    """Choose own columns in the form, beside few tables, and return what the form answers."""
    what = {"what": {"tables": ["sensor_data"]}}
    return await submit_options(hass, flow_id, what | {"own": {"own_columns": list(own)}})


async def test_refused_by_google(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse, key: dict[str, Any]
) -> None:
    """What Google says against a new column is shown, and nothing is saved before it is there."""
    level = {"name": "level", "type": "INT64", "attribute": "level"}
    flow_id = await begin_options(hass, loaded)
    warehouse.grant(key)
    result = await submit(hass, flow_id, level)
    assert errors_of(result) == {"own": "own_columns_refused"}
    assert "permission" in (result["description_placeholders"] or {})["message"]
    assert "own_columns" not in loaded.options
    warehouse.grant(key, DATA_EDITOR)
    assert (await submit(hass, flow_id, level))["type"] is FlowResultType.CREATE_ENTRY


async def test_rejected_rows(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A rejected row is sent with its own columns, less one that has been removed since."""
    own = [{"name": name, "type": "INT64", "attribute": name} for name in ("kept", "removed")]
    options = {"tables": ["sensor_data"], "own_columns": own[:1]}
    hass.config_entries.async_update_entry(loaded, options=options)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    time = 1_795_950_000_000_000
    values = {"entity_id": "light.a", "state": "on", "last_changed": time, "last_updated": time}
    file = RejectedRows(hass, loaded.entry_id)
    row = RejectedRow({**values, "state_id": 7, "kept": 1, "removed": 2}, "no", encoded=True)
    await hass.async_add_executor_job(file.append, "export", SENSOR_DATA, [row])
    result = await loaded.runtime_data.runner.async_retry_rejected()
    assert (result.rows, result.rejected) == ({"sensor_data": 1}, 0)
    assert rows_of(warehouse, ["state_id", "kept"]) == [{"state_id": 7, "kept": 1}]


REFUSED: list[tuple[list[dict[str, Any]], str, str]] = [
    ([{"name": "my level", "type": "INT64"}], "own_column_name_invalid", "my level"),
    ([{"name": "_PARTITIONTIME", "type": "INT64"}], "own_column_name_invalid", "_PARTITIONTIME"),
    ([{"name": "  ", "type": "INT64"}], "own_column_name_invalid", ""),
    ([{"name": "State", "type": "STRING"}], "own_column_name_taken", "State"),
    ([{"name": "End_time", "type": "STRING"}], "own_column_name_taken", "End_time"),
    ([{"name": "hour", "type": "INT64"}], "own_column_name_taken", "hour"),
    (
        [{"name": "level", "type": "INT64"}, {"name": "Level", "type": "INT64"}],
        *("own_column_name_twice", "Level"),
    ),
    (
        [{"name": "level", "type": "INT64", "unit_of_measurement": "°F"}],
        *("own_column_unit_type", "level"),
    ),
    (
        [{"name": "a", "type": "FLOAT64", "unit_of_measurement": "°F", "value_unit": "kWh"}],
        *("own_column_units_unfit", "a"),
    ),
    ([{"name": "a", "type": "FLOAT64", "value_unit": "kWh"}], "own_column_units_unfit", "a"),
    ([{"name": "a", "type": "BOOL", "entity_globs": ["lamp"]}], "glob_invalid", "lamp"),
    ([{"name": "a", "type": "BOOL", "domains": ["a light"]}], "domain_invalid", "a light"),
    ([{"name": "a", "type": "BOOL", "integrations": ["Hue!"]}], "domain_invalid", "Hue!"),
    (
        [{"name": f"level_{number}", "type": "INT64"} for number in range(101)],
        *("own_columns_too_many", "100"),
    ),
]


async def test_refused_by_the_form(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What cannot be a column is told at its section, by its name, and the flow goes on."""
    flow_id = await begin_options(hass, entry)
    for own, error, text in REFUSED:
        result = await submit(hass, flow_id, *own)
        assert errors_of(result) == {"own": error}
        assert (result["description_placeholders"] or {})["text"] == text
    spaces = {"name": " level ", "type": "INT64", "attribute": " level "}
    result = await submit(hass, flow_id, spaces | {"domains": []})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    (saved,) = entry.options["own_columns"]
    assert saved == {"name": "level", "type": "INT64", "attribute": "level"}


async def test_shown_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The form shows the own columns that there are."""
    hass.config_entries.async_update_entry(entry, options={"own_columns": OWN})
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert suggested(result)["own"] == {"own_columns": OWN}
