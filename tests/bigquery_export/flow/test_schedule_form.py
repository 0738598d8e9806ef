"""The schedule in the options: the fields of a frequency, and what asks for those of another."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import config_validation as cv
import probatio
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_EXPORT_TIME,
    CONF_FREQUENCY,
    CONF_MINUTES,
    CONF_MONTH_DAY,
    CONF_SCHEDULE,
    CONF_STORAGE,
    CONF_TABLE_LABELS,
    CONF_WEEKDAYS,
)
from custom_components.bigquery_export.flow.schedule_form import SCHEDULE_SCHEMA, frequency_schema
from custom_components.bigquery_export.settings.options import options_from
from custom_components.bigquery_export.settings.schedule import Frequency, Weekday
from tests.bigquery_export.support.forms import begin_options, errors_of, submit_options, suggested

TIME = "03:30:00"
FIELDS = {
    "manual": [],
    "live": [],
    "minutes": [CONF_MINUTES],
    "hourly": [],
    "daily": [CONF_EXPORT_TIME],
    "weekly": [CONF_WEEKDAYS, CONF_EXPORT_TIME],
    "monthly": [CONF_MONTH_DAY, CONF_EXPORT_TIME],
}
COMPLETE: list[dict[str, Any]] = [
    {CONF_FREQUENCY: "manual"},
    {CONF_FREQUENCY: "live"},
    {CONF_FREQUENCY: "minutes", CONF_MINUTES: "5"},
    {CONF_FREQUENCY: "hourly"},
    {CONF_FREQUENCY: "daily", CONF_EXPORT_TIME: "02:15:00"},
    {CONF_FREQUENCY: "weekly", CONF_EXPORT_TIME: "02:15:00", CONF_WEEKDAYS: ["sun"]},
    {CONF_FREQUENCY: "monthly", CONF_EXPORT_TIME: "02:15:00", CONF_MONTH_DAY: 31},
]


@pytest.fixture(autouse=True)
def no_reload(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not load the entry with what was chosen, which takes longer than to choose it."""
    monkeypatch.setattr(hass.config_entries, "async_schedule_reload", lambda entry_id: None)


def shown(result: Any) -> list[str]:
    """Return the fields of the schedule that a form shows, without the frequency."""
    frequency, *fields = result["data_schema"].schema[CONF_SCHEDULE].schema.schema
    assert frequency == CONF_FREQUENCY
    return [str(field) for field in fields]


@pytest.mark.parametrize("frequency", Frequency)
async def test_fields_of_a_frequency(
    hass: HomeAssistant, entry: MockConfigEntry, frequency: Frequency
) -> None:
    """The section shows the fields that belong to the frequency of the export, and no other."""
    hass.config_entries.async_update_entry(entry, options={CONF_FREQUENCY: frequency.value})
    result = await hass.config_entries.options.async_init(entry.entry_id)
    assert shown(result) == FIELDS[frequency]


@pytest.mark.parametrize("stored", COMPLETE, ids=lambda values: values[CONF_FREQUENCY])
async def test_complete_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, stored: dict[str, Any]
) -> None:
    """A submission with the fields of a frequency is all there is to do, whatever was before."""
    for submitted in COMPLETE:
        hass.config_entries.async_update_entry(entry, options=stored)
        flow_id = await begin_options(hass, entry)
        result = await submit_options(hass, flow_id, {CONF_SCHEDULE: submitted})
        assert result["type"] is FlowResultType.CREATE_ENTRY
        assert entry.options.items() >= submitted.items()


async def test_another_frequency(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A second step asks for the fields of another frequency, with what was chosen before."""
    hass.config_entries.async_update_entry(
        entry, options={CONF_FREQUENCY: "daily", CONF_MONTH_DAY: 7}
    )
    flow_id = await begin_options(hass, entry)
    submitted = {CONF_FREQUENCY: "monthly", CONF_EXPORT_TIME: "02:15:00"}
    result = await submit_options(hass, flow_id, {CONF_SCHEDULE: submitted})
    assert result["type"] is FlowResultType.FORM
    assert result["step_id"] == "schedule"
    assert result["data_schema"] is not None
    fields = result["data_schema"].schema
    assert list(fields) == FIELDS["monthly"]
    assert [field.description["suggested_value"] for field in fields] == [7, "02:15:00"]
    assert entry.options[CONF_FREQUENCY] == "daily"

    result = await submit_options(hass, flow_id, {CONF_MONTH_DAY: 9, CONF_EXPORT_TIME: "02:30"})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    schedule = options_from(entry.options).schedule
    assert (schedule.frequency, schedule.month_day) == (Frequency.MONTHLY, 9)
    assert schedule.at.isoformat() == "02:30:00"


async def test_weekly_needs_a_day(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Weekly exports without a day are refused at the field, and the step goes on."""
    flow_id = await begin_options(hass, entry)
    weekly = {CONF_FREQUENCY: "weekly", CONF_EXPORT_TIME: TIME}
    result = await submit_options(hass, flow_id, {CONF_SCHEDULE: weekly})
    assert result["step_id"] == "schedule"
    no_day: tuple[dict[str, Any], ...] = ({}, {CONF_WEEKDAYS: []})
    for values in no_day:
        result = await submit_options(hass, flow_id, values)
        assert result["errors"] == {CONF_WEEKDAYS: "weekdays_missing"}
    result = await submit_options(hass, flow_id, {CONF_WEEKDAYS: ["mon"]})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert options_from(entry.options).schedule.weekdays == {Weekday.MONDAY}

    flow_id = await begin_options(hass, entry)
    result = await submit_options(hass, flow_id, {CONF_SCHEDULE: weekly})
    assert errors_of(result) == {CONF_SCHEDULE: "weekdays_missing"}
    assert shown(result) == FIELDS["weekly"]
    result = await submit_options(hass, flow_id, {CONF_SCHEDULE: {CONF_FREQUENCY: "daily"}})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_an_error_elsewhere(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """When the form comes back, it shows the fields of the frequency that was chosen in it."""
    flow_id = await begin_options(hass, entry)
    weekly = {CONF_FREQUENCY: "weekly", CONF_EXPORT_TIME: "02:15:00"}
    wrong = {CONF_SCHEDULE: weekly, CONF_STORAGE: {CONF_TABLE_LABELS: ["team"]}}
    result = await submit_options(hass, flow_id, wrong)
    assert errors_of(result) == {CONF_STORAGE: "label_invalid"}
    assert shown(result) == FIELDS["weekly"]
    assert suggested(result)[CONF_SCHEDULE] == weekly

    result = await submit_options(hass, flow_id, {CONF_SCHEDULE: weekly})
    assert errors_of(result) == {CONF_SCHEDULE: "weekdays_missing"}
    right = {**weekly, CONF_WEEKDAYS: ["sat"]}
    result = await submit_options(hass, flow_id, {CONF_SCHEDULE: right})
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_hidden_values_are_kept(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What belongs to another frequency is there when that is chosen again."""
    hass.config_entries.async_update_entry(
        entry, options={CONF_FREQUENCY: "weekly", CONF_WEEKDAYS: ["mon"], CONF_MONTH_DAY: 7}
    )
    shown_fields: tuple[dict[str, Any], ...] = ({CONF_WEEKDAYS: ["mon"]}, {})
    for seen in shown_fields:
        flow_id = await begin_options(hass, entry)
        await submit_options(hass, flow_id, {CONF_SCHEDULE: {CONF_FREQUENCY: "hourly", **seen}})
        assert entry.options[CONF_WEEKDAYS] == ["mon"]
        assert entry.options[CONF_MONTH_DAY] == 7
    flow_id = await begin_options(hass, entry)
    result = await submit_options(hass, flow_id, {CONF_SCHEDULE: {CONF_FREQUENCY: "weekly"}})
    assert result["step_id"] == "schedule"
    assert result["data_schema"] is not None
    weekdays, _ = result["data_schema"].schema
    assert weekdays.description == {"suggested_value": ["mon"]}


async def test_hidden_values_are_checked(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What is submitted of fields that are not shown must be right as well."""
    flow_id = await begin_options(hass, entry)
    refused: tuple[dict[str, Any], ...] = (
        {CONF_MONTH_DAY: 32},
        {CONF_MINUTES: "7"},
        {CONF_WEEKDAYS: ["someday"]},
    )
    for wrong in refused:
        with pytest.raises(InvalidData):
            await submit_options(hass, flow_id, {CONF_SCHEDULE: wrong})


def test_no_seconds() -> None:
    """The frontend is told to ask for hours and minutes only, of a selector that it knows."""
    fields = probatio.to_field_list(
        frequency_schema(Frequency.DAILY), custom_serializer=cv.custom_serializer
    )
    time_of_day = {"selector": {"time": {"no_second": True}}, "required": True, "default": TIME}
    assert fields == [{"name": CONF_EXPORT_TIME, **time_of_day}]
    (time,) = (of for name, of in SCHEDULE_SCHEMA.schema.items() if name == CONF_EXPORT_TIME)
    with pytest.raises(probatio.Invalid):
        time("25:00")
