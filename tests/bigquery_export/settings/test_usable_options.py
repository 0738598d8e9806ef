"""Options of a later version, or edited by hand: what can be used of them, and what it is told."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import CONF_SERVICE_ACCOUNT_KEY, DOMAIN
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.runner.start_position import begin_from
from custom_components.bigquery_export.settings.destination import destination_from
from custom_components.bigquery_export.settings.key_age import key_age
from custom_components.bigquery_export.settings.options import DEFAULTS, options_from
from custom_components.bigquery_export.settings.usable_options import usable_options
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

OWN = {"name": "brightness", "type": "INT64", "attribute": "brightness"}
UNUSABLE_OF_OWN: dict[str, list[object]] = {
    "name": ["", "a b", "1st", "_table_1", "State", 5],
    "type": ["NUMERIC", "int64", 5, []],
    "attribute": [5, None, ["brightness"]],
    "unit_of_measurement": ["furlong", "°F", 5, None],
    "domains": ["light", [5], None],
}
UNUSABLE: dict[str, list[object]] = {
    "delivery": ["carrier_pigeon", "", None, 3, ["storage_write"]],
    "frequency": ["yearly", None, 5, {}],
    "export_time": ["25:00", "soon", 330, None],
    "minutes": [0, -5, "often", None, float("inf"), True],
    "month_day": [0, 32, "last", []],
    "weekdays": [["holiday"], 1, {"mon": True}],
    "tables": [["forecasts"], [], None, 7],
    "columns": [["colors"], "none", 1],
    "events": [None, 5, {"a": 1}],
    "event_presets": [None, 5, ["everything"]],
    "context_entities": [None, 5, ["sensor.a"], [{"entity_id": "sensor.a"}], {"a": 1}],
    "include": [
        None,
        "sensor.a",
        ["sensor.a"],
        {"floors": ["attic"]},
        {"domains": 5},
        {"entities": ["kitchen"]},
    ],
    "exclude": [None, 5, {"areas": {"a": 1}}, {"entities": ["", "Light.Hall", "light.*"]}],
    "privacy": [None, "all", {"coordinates": "city"}, {"hash_users": "yes"}],
    "own_columns": [
        *(None, 5, {"a": 1}, ["brightness"], [{"type": "INT64"}], [{"name": "a"}]),
        *([OWN | {name: value}] for name, values in UNUSABLE_OF_OWN.items() for value in values),
        [OWN | {"type": "FLOAT64", "unit_of_measurement": "furlong"}],
        [OWN, OWN | {"name": "BRIGHTNESS"}],
    ],
    "notifications": ["loud", None, ["all"]],
    "partition_days": ["long", -1, True, []],
    "partition_filter": ["sometimes", True],
    "table_labels": [None, 5, {"team": "home"}],
    "kms_key": [5, None, ["key"]],
    "materialized_views": ["yes", None, 1],
    "recorder_prefix": [5, None, ".", "a.b.c", "`", ["recorder_"]],
    "batch_rows": ["many", None, 0, -1],
    "key_days": ["never", None, -1],
    "check_sums": ["yes", None, 1],
    "colors_of_a_later_version": ["blue", None],
}
"""Values of each option that no version so far has."""


def cases() -> list[tuple[str, object]]:
    """Return each option with each of its values."""
    return [(name, value) for name, values in UNUSABLE.items() for value in values]


@pytest.mark.parametrize(("name", "value"), cases())
def test_unusable(name: str, value: object) -> None:
    """It is named, and all other options hold."""
    options = {"batch_rows": 1_500, "key_days": 30, "privacy": {}, name: value}
    found = usable_options(options)
    assert found.unusable == (name,)
    chosen = options_from(options)
    if name != "batch_rows":
        assert chosen.batch_rows == 1_500
    assert chosen.schedule.next_after is not None
    again = usable_options(found.values)
    assert (again.values, again.unusable) == (found.values, ())


@pytest.mark.parametrize("days", ["30", " 30 ", 30, 30.0, 30.9])
def test_numbers(days: object) -> None:
    """A number may be one of another type, or a text, as a form of another version stores it."""
    names = ("partition_days", "minutes", "month_day", "batch_rows", "key_days")
    options = options_from(dict.fromkeys(names, days))
    schedule = options.schedule
    found = [options.table_settings.partition_days, schedule.minutes, schedule.month_day]
    assert [*found, options.batch_rows, options.key_days] == [30] * 5
    assert all(type(number) is int for number in found)


def test_what_is_known_stays() -> None:
    """Of a list the known members are used."""
    options = options_from(
        {"tables": ["sensor_data", "forecasts"], "weekdays": ["sun", "holiday", 5]}
    )
    assert [table.table.name for table in options.recorder_tables] == ["sensor_data"]
    assert [day.value for day in options.schedule.weekdays] == ["sun"]


@pytest.mark.parametrize(
    "privacy", [None, "all", {"coordinates": "city", "hash_users": 1, "hidden_entities": {"a": 1}}]
)
def test_privacy_that_cannot_be_read(privacy: object) -> None:
    """Then as much as can be is kept at home: who chose something wanted to keep something."""
    chosen = options_from({"privacy": privacy}).privacy
    assert chosen.coordinates == "drop"
    assert chosen.hash_users
    assert chosen.hidden == ("*",)


def test_weekly_without_days() -> None:
    """A weekly schedule whose days cannot be read has exports all the same."""
    assert (
        len(options_from({"frequency": "weekly", "weekdays": ["holiday"]}).schedule.weekdays) == 7
    )


WHAT_IS_EXPORTED = {"tables", "events", "columns", "include", "exclude"}


@pytest.mark.parametrize(("name", "value"), cases())
def test_more_than_was_chosen(name: str, value: object) -> None:
    """It is known where the defaults might be more than was chosen."""
    assert usable_options({name: value}).more == ((name,) if name in WHAT_IS_EXPORTED else ())


def test_less_than_was_chosen() -> None:
    """Where a part of a choice is known, that part holds; where it narrows others, it does not."""
    known = {"tables": ["events", "x"], "events": ["a", 5], "columns": ["time", "x"]}
    assert usable_options(known).more == ()
    narrowing = {"include": {"domains": ["light"], "floors": []}, "exclude": {"entities": ["a", 5]}}
    assert usable_options(narrowing).more == ("exclude", "include")


async def test_set_up_and_form(
    hass: HomeAssistant, entry: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    """The export is set up, one line in the log names what has its default, and the form opens."""
    options = {name: values[0] for name, values in UNUSABLE.items() if name not in WHAT_IS_EXPORTED}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    lines = [line for line in caplog.messages if "cannot use some options" in line]
    (line,) = lines
    assert all(name in line for name in options)
    await choose_again(hass, entry)


async def test_nothing_is_exported(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Where more might be exported than was chosen, nothing is until the user has chosen again."""
    warehouse.create_table(tables=[SENSOR_DATA])
    await record(hass, 3)
    options = {name: values[-1] for name, values in UNUSABLE.items()}
    hass.config_entries.async_update_entry(entry, options=options)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "options_unreadable"
    assert entry.error_reason_translation_placeholders == {
        "options": "columns, events, exclude, include, tables"
    }
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_key == "export_failed"
    assert "Open Configure" in (issue.translation_placeholders or {})["problem"]
    assert warehouse.rows() == []
    await choose_again(hass, entry)
    assert not ir.async_get(hass).issues
    assert len(warehouse.rows("state", "entity_id = 'sensor.s0'")) == 3


async def choose_again(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Open the form, and submit what it proposes: then the export is set up."""
    form = await hass.config_entries.options.async_init(entry.entry_id)
    assert form["type"] is FlowResultType.FORM
    saved = await hass.config_entries.options.async_configure(form["flow_id"], {})
    assert saved["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert entry.state is ConfigEntryState.LOADED
    assert usable_options(entry.options).unusable == ()
    await export_now(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        ({"project_id": None}, "project_id"),
        ({"dataset_id": 5, "table_id": ""}, "dataset_id, table_id"),
        ({"location": ["EU"]}, "location"),
    ],
)
async def test_damaged_data(
    hass: HomeAssistant, entry: MockConfigEntry, data: dict[str, Any], missing: str
) -> None:
    """An entry that does not say where to export says what is missing."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, **data})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "entry_damaged"
    assert entry.error_reason_translation_placeholders == {"missing": missing}
    assert await hass.config_entries.async_remove(entry.entry_id)


@pytest.mark.parametrize("key", [None, "key", {}, []])
async def test_no_key(hass: HomeAssistant, entry: MockConfigEntry, key: object) -> None:
    """An entry without a usable key asks for one."""
    data = {**entry.data, CONF_SERVICE_ACCOUNT_KEY: key}
    hass.config_entries.async_update_entry(entry, data=data)
    assert not await hass.config_entries.async_setup(entry.entry_id)
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == "reauth"
    assert flow["step_id"] == "reauth_confirm"


@pytest.mark.parametrize(
    "data",
    [
        {"begin": [1]},
        {"begin": {"sensor_data": 5}},
        {"begin": {"sensor_data": [["x", 1]]}},
        {"key_since": 5},
        {"key_since": "2026-11-21 12:00"},
        {"api_endpoint": None, "later": {}},
    ],
)
def test_other_data(data: dict[str, Any]) -> None:
    """What else an entry has may be of any type."""
    begin_from(data)
    key_age(MockConfigEntry(domain=DOMAIN, data=data))
    assert destination_from(data).api_endpoint


@pytest.mark.parametrize(
    ("version", "minor", "state"),
    [
        (1, 9, ConfigEntryState.LOADED),
        (2, 1, ConfigEntryState.MIGRATION_ERROR),
    ],
)
async def test_entry_of_a_later_version(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    caplog: pytest.LogCaptureFixture,
    version: int,
    minor: int,
    state: ConfigEntryState,
) -> None:
    """Home Assistant loads a later minor version, and says why not of a later major one."""
    hass.config_entries.async_update_entry(entry, version=version, minor_version=minor)
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is state
    told = any("higher than the current version" in line for line in caplog.messages)
    assert told == (state is ConfigEntryState.MIGRATION_ERROR)
    if state is ConfigEntryState.LOADED:
        assert await hass.config_entries.async_unload(entry.entry_id)


def test_defaults_are_usable() -> None:
    """No option at all is the default."""
    assert usable_options({}).unusable == ()
    assert options_from({}).schedule == DEFAULTS.schedule
