"""The form of the options: its sections with their fields, and their suggested values."""

from collections.abc import Mapping
from typing import Any

from homeassistant.components.recorder import is_entity_recorded  # type: ignore[attr-defined]
from homeassistant.const import (
    CONF_DOMAINS,
    CONF_ENTITIES,
    CONF_ENTITY_ID,
    CONF_EXCLUDE,
    CONF_INCLUDE,
    CONF_NAME,
)
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import section
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS
from homeassistant.helpers.selector import (
    AreaSelector,
    AreaSelectorConfig,
    BooleanSelector,
    DeviceSelector,
    DeviceSelectorConfig,
    EntitySelector,
    EntitySelectorConfig,
    LabelSelector,
    LabelSelectorConfig,
    ObjectSelector,
    ObjectSelectorConfig,
    TextSelector,
)
import probatio

from ..const import (
    CONF_AREAS,
    CONF_BATCH_ROWS,
    CONF_CHECK_SUMS,
    CONF_COLUMNS,
    CONF_COMPRESS,
    CONF_CONTEXT_ENTITIES,
    CONF_COORDINATES,
    CONF_DELIVERY,
    CONF_DEVICES,
    CONF_DROPPED,
    CONF_EVENT_PRESETS,
    CONF_EVENTS,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_INTEGRATIONS,
    CONF_KEY_DAYS,
    CONF_KMS_KEY,
    CONF_LABELS,
    CONF_MATERIALIZED_VIEWS,
    CONF_NOTIFICATIONS,
    CONF_OWN,
    CONF_PARTITION_DAYS,
    CONF_PARTITION_FILTER,
    CONF_PRIVACY,
    CONF_QUERIES,
    CONF_QUERIES_ALL_USERS,
    CONF_QUERIES_OTHER_DATASETS,
    CONF_QUERY_DAY_MEGABYTES,
    CONF_QUERY_MEGABYTES,
    CONF_QUERYING,
    CONF_RECORDER_PREFIX,
    CONF_SCHEDULE,
    CONF_SECURITY,
    CONF_STATISTICS,
    CONF_STORAGE,
    CONF_TABLE_LABELS,
    CONF_TABLES,
    CONF_TRANSFER,
    CONF_WHAT,
)
from ..export.tables import DEFAULT_TABLES, TABLES
from ..rows.column_groups import ColumnGroup
from ..rows.event_presets import EventPreset
from ..rows.events import DEFAULT_EVENTS
from ..rows.privacy import Coordinates
from ..settings.choices import MAX_QUERY_MEGABYTES, Notifications, PartitionFilter
from ..settings.options import DEFAULTS
from ..settings.schedule import Frequency
from ..settings.usable_options import usable_options
from ..translation import async_load_translations, async_number
from .destination_form import DELIVERY_SELECTOR
from .own_columns_form import OWN_COLUMNS_SCHEMA
from .schedule_form import SCHEDULE_SCHEMA, ScheduleSection
from .selectors import TEXTS, choice, choices, number, open_choices

_MAX_PARTITIONS = 10_000
"""A table has no more partitions (BigQuery's page "Quotas and limits", "Partitioned tables")."""
_SELECTION = probatio.Schema(
    {
        probatio.Optional(CONF_ENTITIES): EntitySelector(EntitySelectorConfig(multiple=True)),
        probatio.Optional(CONF_ENTITY_GLOBS): TEXTS,
        probatio.Optional(CONF_DOMAINS): open_choices([]),
        probatio.Optional(CONF_DEVICES): DeviceSelector(DeviceSelectorConfig(multiple=True)),
        probatio.Optional(CONF_AREAS): AreaSelector(AreaSelectorConfig(multiple=True)),
        probatio.Optional(CONF_LABELS): LabelSelector(LabelSelectorConfig(multiple=True)),
        probatio.Optional(CONF_INTEGRATIONS): open_choices([]),
    }
)
_PRIVACY = probatio.Schema(
    {
        probatio.Optional(CONF_DROPPED, default=list(DEFAULTS.privacy.dropped)): TEXTS,
        probatio.Optional(CONF_COORDINATES, default=DEFAULTS.privacy.coordinates.value): choice(
            Coordinates, CONF_COORDINATES
        ),
        probatio.Optional(CONF_HASH_USERS, default=DEFAULTS.privacy.hash_users): BooleanSelector(),
        probatio.Optional(CONF_HIDDEN): TEXTS,
    }
)
_SECURITY = probatio.Schema(
    {probatio.Required(CONF_KEY_DAYS, default=DEFAULTS.key_days): number(0, 3_650, unit="d")}
)
_STATISTICS = probatio.Schema(
    {probatio.Required(CONF_CHECK_SUMS, default=DEFAULTS.check_sums): BooleanSelector()}
)
_EVENTS = [
    # Common events; any other can be typed.
    "automation_triggered",
    "call_service.scene",
    "logbook_entry",
    "mobile_app_notification_action",
    "script_started",
    "tag_scanned",
    "zha_event",
]
_WHAT = probatio.Schema(
    {
        probatio.Required(CONF_TABLES, default=list(DEFAULT_TABLES)): probatio.All(
            choices(TABLES, CONF_TABLES), probatio.Length(min=1)
        ),
        probatio.Required(CONF_EVENTS, default=sorted(DEFAULT_EVENTS)): open_choices(_EVENTS),
        probatio.Optional(CONF_EVENT_PRESETS, default=[]): choices(EventPreset, CONF_EVENT_PRESETS),
        probatio.Optional(CONF_CONTEXT_ENTITIES): ObjectSelector(
            ObjectSelectorConfig(
                fields={
                    CONF_ENTITY_ID: {"selector": EntitySelector(), "required": True},
                    CONF_NAME: {"selector": TextSelector()},
                },
                multiple=True,
                label_field=CONF_ENTITY_ID,
                description_field=CONF_NAME,
                translation_key=CONF_CONTEXT_ENTITIES,
            )
        ),
        probatio.Optional(
            CONF_COLUMNS,
            default=[group.value for group in ColumnGroup if group in DEFAULTS.columns],
        ): choices([group.value for group in ColumnGroup], CONF_COLUMNS),
    }
)
_TRANSFER = probatio.Schema(
    {
        probatio.Required(CONF_DELIVERY, default=DEFAULTS.delivery): DELIVERY_SELECTOR,
        probatio.Required(CONF_BATCH_ROWS, default=DEFAULTS.batch_rows): number(
            1_000, 5_000, step=100
        ),
        probatio.Required(CONF_COMPRESS, default=DEFAULTS.compress): BooleanSelector(),
    }
)
_STORAGE = probatio.Schema(
    {
        probatio.Optional(CONF_PARTITION_DAYS): number(0, _MAX_PARTITIONS, unit="d"),
        probatio.Required(CONF_PARTITION_FILTER, default=PartitionFilter.KEEP.value): choice(
            PartitionFilter, CONF_PARTITION_FILTER
        ),
        probatio.Optional(CONF_TABLE_LABELS): TEXTS,
        probatio.Optional(CONF_KMS_KEY): TextSelector(),
        probatio.Optional(CONF_RECORDER_PREFIX): TextSelector(),
        probatio.Required(
            CONF_MATERIALIZED_VIEWS, default=DEFAULTS.materialized_views
        ): BooleanSelector(),
    }
)
_NOTIFICATIONS = probatio.Schema(
    {
        probatio.Required(CONF_NOTIFICATIONS, default=DEFAULTS.notifications.value): choice(
            Notifications, CONF_NOTIFICATIONS
        ),
    }
)
_QUERYING = probatio.Schema(
    {
        probatio.Required(CONF_QUERIES, default=DEFAULTS.queries.enabled): BooleanSelector(),
        probatio.Required(CONF_QUERY_MEGABYTES, default=DEFAULTS.queries.megabytes): number(
            1, MAX_QUERY_MEGABYTES, unit="MB"
        ),
        probatio.Required(CONF_QUERY_DAY_MEGABYTES, default=DEFAULTS.queries.day_megabytes): number(
            1, MAX_QUERY_MEGABYTES, unit="MB"
        ),
        probatio.Required(
            CONF_QUERIES_OTHER_DATASETS, default=DEFAULTS.queries.other_datasets
        ): BooleanSelector(),
        probatio.Required(
            CONF_QUERIES_ALL_USERS, default=DEFAULTS.queries.all_users
        ): BooleanSelector(),
    }
)
OPTIONS_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_WHAT): section(_WHAT, {"collapsed": False}),
        probatio.Optional(CONF_OWN): section(OWN_COLUMNS_SCHEMA, {"collapsed": True}),
        probatio.Optional(CONF_INCLUDE): section(_SELECTION, {"collapsed": True}),
        probatio.Optional(CONF_EXCLUDE): section(_SELECTION, {"collapsed": True}),
        probatio.Optional(CONF_PRIVACY): section(_PRIVACY, {"collapsed": True}),
        probatio.Optional(CONF_SCHEDULE): ScheduleSection(DEFAULTS.schedule.frequency),
        probatio.Optional(CONF_TRANSFER): section(_TRANSFER, {"collapsed": True}),
        probatio.Optional(CONF_STORAGE): section(_STORAGE, {"collapsed": True}),
        probatio.Optional(CONF_STATISTICS): section(_STATISTICS, {"collapsed": True}),
        probatio.Optional(CONF_QUERYING): section(_QUERYING, {"collapsed": True}),
        probatio.Optional(CONF_NOTIFICATIONS): section(_NOTIFICATIONS, {"collapsed": True}),
        probatio.Optional(CONF_SECURITY): section(_SECURITY, {"collapsed": True}),
    }
)
_FLAT = {
    CONF_WHAT: _WHAT,
    CONF_OWN: OWN_COLUMNS_SCHEMA,
    CONF_SCHEDULE: SCHEDULE_SCHEMA,
    CONF_TRANSFER: _TRANSFER,
    CONF_STORAGE: _STORAGE,
    CONF_STATISTICS: _STATISTICS,
    CONF_QUERYING: _QUERYING,
    CONF_NOTIFICATIONS: _NOTIFICATIONS,
    CONF_SECURITY: _SECURITY,
}
"""Sections of the form that the options do not have: there their fields are at the top level."""


def options_schema(frequency: Frequency) -> probatio.Schema:
    """Return the form with the fields that belong to a frequency."""
    return probatio.Schema({**OPTIONS_SCHEMA.schema, CONF_SCHEDULE: ScheduleSection(frequency)})


def chosen_options(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the submitted options as a config entry stores them."""
    options = {name: values for name, values in user_input.items() if name not in _FLAT}
    for name in _FLAT:
        options.update(user_input.get(name, {}))
    return options


def suggested_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a config entry as the form has them, as far as they can be used."""
    options = usable_options(options).values
    flat = {str(field) for schema in _FLAT.values() for field in schema.schema}
    values = {name: value for name, value in options.items() if name not in flat}
    for name, schema in _FLAT.items():
        fields = map(str, schema.schema)
        values[name] = {field: options[field] for field in fields if field in options}
    return values


async def async_recorded_entities(hass: HomeAssistant) -> dict[str, str]:
    """Return how many entities there are, and how many of them the recorder records."""
    await async_load_translations(hass)
    entity_ids = hass.states.async_entity_ids()
    recorded = sum(is_entity_recorded(hass, entity_id) for entity_id in entity_ids)
    return {
        "entities": async_number(hass, len(entity_ids)),
        "recorded": async_number(hass, recorded),
    }
