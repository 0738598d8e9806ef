"""Context entities from the options to BigQuery."""

from collections.abc import Sequence
from datetime import timedelta
import json
import math
from typing import Any

from homeassistant.components.recorder.core import Recorder
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.entityfilter import generate_filter
from homeassistant.util import dt as dt_util
from hypothesis import given, strategies as st
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.const import (
    CONF_BATCH_ROWS,
    CONF_CONTEXT_ENTITIES,
    CONF_TRANSFER,
    CONF_WHAT,
    DOMAIN,
)
from custom_components.bigquery_export.home.context_entities import default_context_entities
from custom_components.bigquery_export.rows.ambient import ContextEntity, ambient_value
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.sensor_data import state_numeric
from custom_components.bigquery_export.settings.options import options_from
from tests.bigquery_export.support.crashes import TRANSACTIONS, Crash, crash_at
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.forms import (
    context_entity as item,
    only_context_entities as what,
    suggested,
)
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.warehouse import Warehouse

PRICE = ContextEntity("sensor.price", "price")
WEATHER = ContextEntity("weather.home", "weather")
NAMED = (PRICE, WEATHER, ContextEntity("person.anna", "anna"))


def ambient(warehouse: Warehouse, entity_id: str = "light.a") -> list[Any]:
    """Return the column `ambient` of each state of an entity, in the order of its times."""
    sql = (
        f"SELECT ambient FROM `{warehouse.destination.table_id}`"  # noqa: S608
        f" WHERE entity_id = '{entity_id}' ORDER BY last_updated"
    )
    found = [row["ambient"] for row in warehouse.server.query(sql, warehouse.project)]
    return [None if text is None else json.loads(text) for text in found]


@pytest.mark.parametrize(
    ("state", "value"),
    [
        ("21.5", 21.5),
        ("21.0", 21),
        ("0", 0),
        ("-7", -7),
        ("1e3", 1000),
        ("9007199254740993", 9007199254740992.0),
        ("sunny", "sunny"),
        ("", ""),
        ("nan", "nan"),
        ("1_000", "1_000"),
        ("on", "on"),
        ("unavailable", None),
        ("unknown", None),
        (None, None),
    ],
)
def test_values(state: str | None, value: object) -> None:
    """A number is a number, what says nothing is null, and all else is text."""
    assert ambient_value(state) == value
    assert type(ambient_value(state)) is type(value)


@given(st.one_of(st.text(max_size=20), st.floats().map(str), st.integers().map(str)))
def test_numbers_are_those_of_state_numeric(state: str) -> None:
    """The same rule says what a number is, and its JSON is the same number."""
    number = state_numeric(state)
    value = orjson.loads(orjson.dumps(ambient_value(state)))
    if number is None:
        assert value == (None if state in ("unknown", "unavailable") else state)
    else:
        assert value == number
        assert math.isfinite(value)


async def live(hass: HomeAssistant, prices: Sequence[str | None]) -> None:
    """Let a price change, and a light after each."""
    for number, price in enumerate(prices):
        if price is None:
            hass.states.async_remove(PRICE.entity_id)
        else:
            hass.states.async_set(PRICE.entity_id, price)
        hass.states.async_set("light.a", "on" if number % 2 else "off")
    await async_wait_recording_done(hass)


@pytest.mark.usefixtures("delivery")
async def test_export(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Each row has its context in BigQuery, by either delivery, and SQL finds them."""
    exporter.choice = Choice(context_entities=NAMED)
    hass.states.async_set(WEATHER.entity_id, "sunny")
    await live(hass, ["0.25", "unavailable", "7", None, "dear"])
    await exporter.export()
    assert [found["price"] for found in ambient(warehouse)] == [0.25, None, 7, None, "dear"]
    assert {found["weather"] for found in ambient(warehouse)} == {"sunny"}
    assert {found["anna"] for found in ambient(warehouse)} == {None}
    own = ambient(warehouse, PRICE.entity_id)
    assert [found["price"] for found in own] == [0.25, None, 7, None, "dear"]
    (row,) = warehouse.server.query(
        "SELECT SUM(CAST(JSON_VALUE(ambient, '$.price') AS FLOAT64)) AS total"  # noqa: S608
        f" FROM `{warehouse.destination.table_id}` WHERE entity_id = 'light.a'"
        " AND JSON_VALUE(ambient, '$.price') IN ('0.25', '7')",
        warehouse.project,
    )
    assert float(row["total"]) == 7.25


async def test_nothing_named(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, delivery: str
) -> None:
    """Where nothing is named the column is NULL, and rows of before stay as they are."""
    await live(hass, ["1", "2"])
    await exporter.export()
    assert ambient(warehouse) == [None, None]
    exporter.choice = Choice(context_entities=(PRICE,))
    await live(hass, ["3"])
    await exporter.export()
    assert ambient(warehouse) == [None, None, {"price": 3}]


@pytest.mark.usefixtures("small_chunks")
async def test_backfill(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Old rows have what was there then, also when their ids are newer, and never today's."""
    exporter.choice = Choice(context_entities=(PRICE, WEATHER))
    now = dt_util.utcnow()
    for days in (5, 3, 1, 4, 2):  # As an import writes them: not in the order of their times.
        for entity_id, seconds in (("light.a", 1), (PRICE.entity_id, 0)):
            moment = now - timedelta(days=days) + timedelta(seconds=seconds)
            hass.states.async_set(
                entity_id, str(days), timestamp=moment.timestamp(), force_update=True
            )
    hass.states.async_set(WEATHER.entity_id, "today")
    hass.states.async_set(PRICE.entity_id, "today")
    await async_wait_recording_done(hass)
    await exporter.export()
    assert ambient(warehouse) == [{"price": days, "weather": None} for days in (5, 4, 3, 2, 1)]


@pytest.mark.usefixtures("small_chunks")
async def test_restarts(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run after a crash or a restart knows what was before its first row."""
    exporter.choice = Choice(context_entities=(PRICE,))
    await live(hass, [str(number) for number in range(20)])
    with monkeypatch.context() as patch:
        crash_at(patch, TRANSACTIONS[delivery], "commit", "after", 2)
        with pytest.raises(Crash):
            await exporter.export(batch_rows=5)
    await exporter.export(batch_rows=5)
    hass.states.async_set("light.a", "later")
    await async_wait_recording_done(hass)
    await exporter.export(batch_rows=5)
    assert ambient(warehouse) == [{"price": number} for number in [*range(20), 19]]


async def test_rows_that_are_looked_for(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """After the checkpoint was lost nothing is duplicated, and new rows have their context."""
    exporter.choice = Choice(context_entities=(PRICE,))
    await live(hass, ["1", "2"])
    await exporter.export()
    exporter.file.remove()
    await live(hass, ["3"])
    await exporter.export()
    assert ambient(warehouse) == [{"price": price} for price in (1, 2, 3)]


async def test_rows_of_a_deleted_price(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """What the recorder has purged is not known, and nothing else is put in its place."""
    exporter.choice = Choice(context_entities=(PRICE,))
    await live(hass, ["1", "2", "3"])
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    await execute(hass, "DELETE FROM states WHERE state IN ('1', '2')")
    await exporter.export()
    assert ambient(warehouse) == [{"price": None}, {"price": None}, {"price": 3}]


def home(hass: HomeAssistant) -> None:
    """Fill a home with default context entities, and others."""
    for entity_id, state, attributes in (
        ("weather.home", "sunny", {}),
        ("weather.zoo", "sunny", {}),
        ("sun.sun", "above_horizon", {}),
        ("sensor.balance", "900", {"device_class": "monetary", "unit_of_measurement": "EUR"}),
        ("sensor.a_next_price", "1", {"unit_of_measurement": "EUR/kWh"}),
        ("sensor.b_current_price", "1", {"unit_of_measurement": "EUR/kWh"}),
        ("sensor.grid_intensity", "90", {"unit_of_measurement": "gCO2eq/kWh"}),
        ("sensor.range", "5", {"unit_of_measurement": "km/kWh"}),
        ("sensor.solar_power", "5", {"device_class": "power", "unit_of_measurement": "W"}),
        ("sensor.kettle_power", "5", {"device_class": "power", "unit_of_measurement": "W"}),
        ("sensor.solar_energy", "5", {"device_class": "energy", "unit_of_measurement": "kWh"}),
        ("sensor.aqi", "5", {"device_class": "aqi"}),
        ("sensor.outdoor_temperature", "5", {"device_class": "temperature"}),
        ("sensor.kitchen_temperature", "5", {"device_class": "temperature"}),
        ("person.anna", "home", {}),
        ("person.sun", "home", {}),
        ("light.outdoor", "on", {}),
    ):
        hass.states.async_set(entity_id, state, attributes)


DEFAULTS = [
    item("weather.home", "weather"),
    item("sun.sun", "sun"),
    item("sensor.outdoor_temperature", "outdoor_temperature"),
    item("sensor.b_current_price", "electricity_price"),
    item("sensor.grid_intensity", "carbon_intensity"),
    item("sensor.solar_power", "solar_power"),
    item("sensor.aqi", "air_quality"),
    item("person.anna", "anna"),
]


async def test_defaults(hass: HomeAssistant) -> None:
    """What says most about a home is a default, one of each kind, and every person."""
    assert default_context_entities(hass) == []
    home(hass)
    assert default_context_entities(hass) == DEFAULTS


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("EUR/kWh", "electricity_price"),
        ("€/MWh", "electricity_price"),
        ("ct/kWh", "electricity_price"),
        ("öre/kWh", "electricity_price"),
        ("gCO2eq/kWh", "carbon_intensity"),
        ("g CO2/kWh", "carbon_intensity"),
        ("km/kWh", None),
        ("kWh", None),
        ("EUR/m³", None),
        (5, None),
    ],
)
async def test_defaults_by_unit(hass: HomeAssistant, unit: object, name: str | None) -> None:
    """A price of energy is known by its unit, and so is what it emits."""
    hass.states.async_set("sensor.any", "1", {"unit_of_measurement": unit})
    expected = [item("sensor.any", name)] if name else []
    assert default_context_entities(hass) == expected


async def test_default_price_by_its_class(hass: HomeAssistant) -> None:
    """Money is a price of electricity where its name says so."""
    for name in ("balance", "electricity_price"):
        hass.states.async_set(f"sensor.{name}", "1", {"device_class": "monetary"})
    assert default_context_entities(hass) == [item("sensor.electricity_price", "electricity_price")]


async def test_only_what_is_recorded_is_a_default(
    hass: HomeAssistant, recorder_mock: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known later of what is not recorded."""
    home(hass)
    chosen = generate_filter([], [], ["weather", "person"], ["sun.sun"])
    monkeypatch.setattr(recorder_mock, "entity_filter", chosen)
    defaults = default_context_entities(hass)
    assert item("sensor.aqi", "air_quality") in defaults
    assert not {"weather", "sun", "anna"} & {found[CONF_NAME] for found in defaults}


async def begin(hass: HomeAssistant, entry: MockConfigEntry) -> tuple[str, Any]:
    """Open the options, and return the flow's id and the context entities that they suggest."""
    result = await hass.config_entries.options.async_init(entry.entry_id)
    return result["flow_id"], suggested(result)[CONF_WHAT][CONF_CONTEXT_ENTITIES]


async def test_options(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """Defaults are shown until the user has chosen; the next rows have what is chosen."""
    home(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert options_from(entry.options).choice.context_entities == ()
    configure = hass.config_entries.options.async_configure
    flow_id, suggested = await begin(hass, entry)
    assert suggested == DEFAULTS
    await configure(flow_id, what())
    assert entry.options[CONF_CONTEXT_ENTITIES] == []
    assert (await begin(hass, entry))[1] == []

    flow_id, _ = await begin(hass, entry)
    named = [item("weather.home"), item("person.anna", " who "), item("SENSOR.aqi", "")]
    result = await configure(flow_id, what(*named))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options[CONF_CONTEXT_ENTITIES] == [
        item("weather.home", "home"),
        item("person.anna", "who"),
        item("sensor.aqi", "aqi"),
    ]
    assert entry.state is ConfigEntryState.LOADED
    hass.states.async_set("light.a", "on")
    await async_wait_recording_done(hass)
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    assert ambient(warehouse) == [{"home": "sunny", "who": "home", "aqi": 5}]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_options_without_the_field(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A form that comes back without context entities has none, not even the default ones."""
    home(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow_id, _ = await begin(hass, entry)
    await hass.config_entries.options.async_configure(
        flow_id, {CONF_TRANSFER: {CONF_BATCH_ROWS: 1000}}
    )
    await hass.async_block_till_done()
    assert options_from(entry.options).choice.context_entities == ()
    assert await hass.config_entries.async_unload(entry.entry_id)
