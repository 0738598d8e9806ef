"""The options: each section is used, what is refused is corrected, and the flow finishes."""

from dataclasses import replace
import json
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import area_registry as ar, entity_registry as er, label_registry as lr
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.const import (
    CONF_BATCH_ROWS,
    CONF_CHECK_SUMS,
    CONF_COLUMNS,
    CONF_COMPRESS,
    CONF_CONTEXT_ENTITIES,
    CONF_COORDINATES,
    CONF_DELIVERY,
    CONF_DROPPED,
    CONF_EVENT_PRESETS,
    CONF_EVENTS,
    CONF_EXPORT_TIME,
    CONF_FREQUENCY,
    CONF_HIDDEN,
    CONF_KMS_KEY,
    CONF_MATERIALIZED_VIEWS,
    CONF_MINUTES,
    CONF_MONTH_DAY,
    CONF_NOTIFICATIONS,
    CONF_PARTITION_DAYS,
    CONF_PARTITION_FILTER,
    CONF_PRIVACY,
    CONF_SCHEDULE,
    CONF_STATISTICS,
    CONF_STORAGE,
    CONF_TABLE_LABELS,
    CONF_TABLES,
    CONF_TRANSFER,
    CONF_WEEKDAYS,
    CONF_WHAT,
    DOMAIN,
)
from custom_components.bigquery_export.flow.options_form import OPTIONS_SCHEMA, chosen_options
from custom_components.bigquery_export.rows.event_presets import EventPreset
from custom_components.bigquery_export.rows.events import DEFAULT_EVENTS
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.settings.choices import Notifications
from custom_components.bigquery_export.settings.options import options_from
from custom_components.bigquery_export.settings.schedule import Frequency, Weekday
from tests.bigquery_export.support.forms import (
    begin_options as begin,
    errors_of,
    submit_options as submit,
    suggested,
)
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

type Key = dict[str, Any]

KMS_KEY = "projects/my-keys/locations/europe/keyRings/home/cryptoKeys/history"


ALL: dict[str, Any] = {
    CONF_WHAT: {
        CONF_TABLES: ["sensor_data", "events"],
        CONF_EVENTS: ["tag_scanned"],
        CONF_EVENT_PRESETS: ["log", "user_actions"],
        CONF_CONTEXT_ENTITIES: [],
        CONF_COLUMNS: ["attributes"],
    },
    "include": {"domains": ["light"]},
    CONF_PRIVACY: {CONF_COORDINATES: "drop", CONF_DROPPED: [], "hash_users": True},
    CONF_SCHEDULE: {
        CONF_FREQUENCY: "weekly",
        CONF_EXPORT_TIME: "02:15:00",
        CONF_WEEKDAYS: ["mon", "sun"],
        CONF_MONTH_DAY: 31,
        CONF_MINUTES: "5",
    },
    CONF_TRANSFER: {
        CONF_DELIVERY: "storage_write",
        CONF_BATCH_ROWS: 1000,
        CONF_COMPRESS: True,
    },
    CONF_STORAGE: {
        CONF_PARTITION_DAYS: 400,
        CONF_PARTITION_FILTER: "off",
        CONF_TABLE_LABELS: ["team:home", "costs:"],
        CONF_MATERIALIZED_VIEWS: True,
    },
    CONF_STATISTICS: {CONF_CHECK_SUMS: False},
    CONF_NOTIFICATIONS: {CONF_NOTIFICATIONS: "all"},
}


async def test_all_sections(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """What is submitted is kept, means what it says, and is what the form suggests then."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow_id = await begin(hass, entry)
    result = await submit(hass, flow_id, ALL)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.state is ConfigEntryState.LOADED
    options = options_from(entry.options)
    schedule = options.schedule
    assert (schedule.frequency, schedule.minutes) == (Frequency.WEEKLY, 5)
    assert schedule.weekdays == {Weekday.MONDAY, Weekday.SUNDAY}
    assert schedule.month_day == 31
    assert schedule.at.isoformat() == "02:15:00"
    assert options.table_settings == TableSettings(
        400, None, False, (("team", "home"), ("costs", ""))
    )
    assert options.materialized_views
    assert options.notifications is Notifications.ALL
    assert options.batch_rows == 1000
    assert options.compress
    assert not options.check_sums
    assert [source.table.name for source in options.recorder_tables] == ["sensor_data", "events"]
    assert options.choice.events.presets == {EventPreset.LOG, EventPreset.USER_ACTIONS}

    result = await hass.config_entries.options.async_init(entry.entry_id)
    shown = {
        field: value
        for field, value in ALL[CONF_SCHEDULE].items()
        if field not in (CONF_MONTH_DAY, CONF_MINUTES)
    }
    assert suggested(result) == {
        "exclude": {},
        "own": {},
        "security": {},
        "querying": {},
        **ALL,
        CONF_SCHEDULE: shown,
    }
    # Nothing that was optional and is emptied comes back.
    assert (await submit(hass, result["flow_id"], {CONF_STORAGE: {}}))["type"] is (
        FlowResultType.CREATE_ENTRY
    )
    assert options_from(entry.options).table_settings == TableSettings()
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.all_tables
def test_defaults() -> None:
    """A form that is submitted as it is means what holds without any options."""
    sections: dict[str, Any] = {str(name): {} for name in OPTIONS_SCHEMA.schema}
    submitted = chosen_options(OPTIONS_SCHEMA(sections))
    assert submitted[CONF_EVENTS] == sorted(DEFAULT_EVENTS)
    options, default = options_from(submitted), options_from({})
    assert replace(options, choice=default.choice) == default
    assert options.choice.entities == default.choice.entities
    assert list(sections) == [
        *("what", "own", "include", "exclude", "privacy", "schedule", "transfer", "storage"),
        *("long_term_statistics", "querying", "notifications", "security"),
    ]


async def test_size_of_rows(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The form says how many bytes a row takes here, and how many each group of columns."""
    hass.states.async_set("sensor.a", "1", {"text": "x" * 3_000})
    await async_wait_recording_done(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    result = await hass.config_entries.options.async_init(entry.entry_id)
    placeholders = result["description_placeholders"]
    assert placeholders
    sizes = {
        name: int(size.replace(",", ""))
        for name, size in placeholders.items()
        if name.startswith("bytes_")
    }
    assert sizes.pop("bytes_all") == sum(sizes.values())
    assert sizes["bytes_attributes"] > 100 > sizes["bytes_time"] > 30
    assert sizes["bytes_surroundings"] == 0
    assert sizes["bytes_rest"] > 100
    assert not entry.runtime_data.runner._jobs._home._registries._unsubscribe
    assert await hass.config_entries.async_unload(entry.entry_id)
    result = await hass.config_entries.options.async_init(entry.entry_id)
    placeholders = result["description_placeholders"]
    assert placeholders
    assert placeholders["bytes_all"] == "?"


async def test_entities_columns_and_privacy(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What is chosen in the form is what is exported, and how."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    area = ar.async_get(hass).async_create("Kitchen")
    label = lr.async_get(hass).async_create("Private")
    registry = er.async_get(hass)
    for name, labels in (("oven", set()), ("diary", {label.label_id})):
        registered = registry.async_get_or_create("text", "demo", name, suggested_object_id=name)
        registry.async_update_entity(registered.entity_id, area_id=area.id, labels=labels)
    result = await hass.config_entries.options.async_init(entry.entry_id)
    result = await hass.config_entries.options.async_configure(
        result["flow_id"],
        {
            CONF_WHAT: {
                CONF_TABLES: ["sensor_data"],
                CONF_COLUMNS: ["attributes", "registry"],
            },
            "include": {"areas": [area.id], "domains": ["zone"]},
            "exclude": {"labels": [label.label_id]},
            CONF_PRIVACY: {
                CONF_COORDINATES: "round",
                CONF_DROPPED: ["zone.*:radius"],
                CONF_HIDDEN: ["zone.*"],
            },
        },
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    hass.states.async_set("text.oven", "warm", {"latitude": 52.3777})
    hass.states.async_set("text.diary", "dear diary")
    hass.states.async_set("zone.home", "1", {"radius": 7})
    await async_wait_recording_done(hass)
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    zone, oven = sorted(warehouse.rows(), key=lambda row: row["domain"], reverse=True)
    assert (oven["entity_id"], oven["area_name"], oven["hour_of_day"]) == (
        "text.oven",
        "Kitchen",
        None,
    )
    assert json.loads(oven["attributes"])["latitude"] == 52.38
    assert oven["state_numeric"] is None
    assert zone["entity_id"].startswith("zone.hidden_")
    assert zone["attributes"] == "{}"
    assert await hass.config_entries.async_reload(entry.entry_id)
    hass.states.async_set("zone.home", "2")
    await async_wait_recording_done(hass)
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True)
    again = warehouse.rows("entity_id", "state = '2'")
    assert [row["entity_id"] for row in again] == [zone["entity_id"]]
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_tables(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """Only the chosen tables are made and filled, and one at least is chosen."""
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: ["recorder_runs"]})
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow_id = (await hass.config_entries.options.async_init(entry.entry_id))["flow_id"]
    configure = hass.config_entries.options.async_configure
    with pytest.raises(InvalidData):
        await configure(flow_id, {CONF_WHAT: {CONF_TABLES: []}})
    await configure(flow_id, {CONF_WHAT: {CONF_TABLES: ["sensor_data", "statistics_short_term"]}})
    await hass.async_block_till_done()
    assert (
        warehouse.server.query("SELECT * FROM home.statistics_short_term", warehouse.project) == []
    )
    await record(hass, 5)
    result = await entry.runtime_data.runner.async_export(Trigger.ACTION)
    assert result.rows.keys() == {"sensor_data", "statistics_short_term"}
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_other_delivery(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, key: Key
) -> None:
    """Another delivery is checked before it is used, and then rows go by it."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow_id = (await hass.config_entries.options.async_init(entry.entry_id))["flow_id"]
    configure = hass.config_entries.options.async_configure
    by_load_jobs = {CONF_TRANSFER: {CONF_DELIVERY: "load_job"}}
    result = await configure(flow_id, by_load_jobs)
    assert errors_of(result) == {CONF_TRANSFER: "unusable"}
    placeholders = result["description_placeholders"] or {}
    assert "BigQuery Job User on the project" in placeholders["message"]
    assert entry.options == {}

    warehouse.grant(key, DATA_EDITOR, JOB_USER)
    result = await configure(flow_id, by_load_jobs)
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.state is ConfigEntryState.LOADED
    await record(hass, 5)
    with patch.object(PendingStream, "commit", side_effect=AssertionError):
        await entry.runtime_data.runner.async_export(Trigger.ACTION)
    assert len(warehouse.rows(where="entity_id = 'sensor.s0'")) == 5
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("no_translations")
async def test_reason_before_the_set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The reason why a delivery cannot be used is known also of an export that is not set up."""
    flow_id = await begin(hass, entry)
    result = await submit(hass, flow_id, {CONF_TRANSFER: {CONF_DELIVERY: "load_job"}})
    assert errors_of(result) == {CONF_TRANSFER: "unusable"}
    message = (result["description_placeholders"] or {})["message"]
    assert "BigQuery Job User on the project" in message


async def test_numbers_have_bounds(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """A batch has 1,000 to 5,000 rows, a month 31 days; no expiration is before its partition."""
    flow_id = await begin(hass, entry)
    refused: tuple[dict[str, Any], ...] = (
        *({CONF_TRANSFER: {CONF_BATCH_ROWS: rows}} for rows in (999, 5001, 0, -1)),
        *({CONF_SCHEDULE: {CONF_MONTH_DAY: day}} for day in (0, 32)),
        *({CONF_SCHEDULE: {CONF_MINUTES: minutes}} for minutes in ("0", "7", "60")),
        *({CONF_STORAGE: {CONF_PARTITION_DAYS: days}} for days in (-1, 10_001)),
    )
    for values in refused:
        with pytest.raises(InvalidData):
            await submit(hass, flow_id, values)


async def test_table_settings(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Settings are tried before they are kept: an unusable key is named, and can be corrected."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    flow_id = await begin(hass, entry)
    # A table that is there keeps the key that it has; this one is made when it is chosen.
    warehouse.server.query("DROP TABLE home.events", warehouse.project)
    values = {
        CONF_WHAT: {CONF_TABLES: ["sensor_data", "events"]},
        CONF_STORAGE: {CONF_KMS_KEY: KMS_KEY, CONF_TABLE_LABELS: ["team:home"]},
    }
    result = await submit(hass, flow_id, values)
    assert errors_of(result) == {CONF_STORAGE: "settings_refused"}
    message = (result["description_placeholders"] or {})["message"]
    assert f"denied on resource '{KMS_KEY}'" in message
    assert "role Cloud KMS CryptoKey Encrypter/Decrypter" in message
    assert "bq-1@" not in message
    assert entry.options == {}

    warehouse.server.add_kms_key(KMS_KEY)
    result = await submit(hass, flow_id, values)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.state is ConfigEntryState.LOADED
    with warehouse.connecting() as connection:
        states, events = (
            connection.tables.get_table(f"home.{name}") for name in ("sensor_data", "events")
        )
    assert states.labels == events.labels == {"team": "home"}
    assert states.encryption_configuration is None
    assert events.encryption_configuration.kms_key_name == KMS_KEY
    assert await hass.config_entries.async_unload(entry.entry_id)
