"""The options of a config entry, and their defaults."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from homeassistant.const import (
    CONF_ATTRIBUTE,
    CONF_DOMAINS,
    CONF_ENTITIES,
    CONF_ENTITY_ID,
    CONF_EXCLUDE,
    CONF_INCLUDE,
    CONF_NAME,
    CONF_TYPE,
    CONF_UNIT_OF_MEASUREMENT,
)
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS
from homeassistant.util import dt as dt_util

from ..bigquery.storage_write import StorageWriteDelivery
from ..bigquery.table_settings import TableSettings
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
    CONF_EXPORT_TIME,
    CONF_FREQUENCY,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_INTEGRATIONS,
    CONF_KEY_DAYS,
    CONF_KMS_KEY,
    CONF_LABELS,
    CONF_MATERIALIZED_VIEWS,
    CONF_MINUTES,
    CONF_MONTH_DAY,
    CONF_NOTIFICATIONS,
    CONF_OWN_COLUMNS,
    CONF_PARTITION_DAYS,
    CONF_PARTITION_FILTER,
    CONF_PRIVACY,
    CONF_QUERIES,
    CONF_QUERIES_ALL_USERS,
    CONF_QUERIES_OTHER_DATASETS,
    CONF_QUERY_DAY_MEGABYTES,
    CONF_QUERY_MEGABYTES,
    CONF_RECORDER_PREFIX,
    CONF_TABLE_LABELS,
    CONF_TABLES,
    CONF_VALUE_UNIT,
    CONF_WEEKDAYS,
)
from ..export.dimensions.snapshot import DimensionTable
from ..export.recorder_tables import RECORDER_TABLES, RecorderTable
from ..export.tables import DEFAULT_TABLES, DIMENSION_TABLES, TABLES
from ..rows.ambient import ContextEntity
from ..rows.column_groups import ColumnGroup
from ..rows.context import Choice
from ..rows.daily_statistics import DAILY_STATISTICS
from ..rows.entity_filter import EntityFilter, Selection
from ..rows.event_presets import EventPreset
from ..rows.events import DEFAULT_EVENTS, EventChoice
from ..rows.export_log import EXPORT_LOG
from ..rows.own_columns import OwnColumn, with_own_columns
from ..rows.privacy import Coordinates, PrivacyChoice
from ..rows.table import ColumnType, Table
from .choices import Notifications, PartitionFilter, QueryChoice
from .schedule import Frequency, Schedule, Weekday
from .usable_options import usable_options

_FILTERS = {PartitionFilter.ON.value: True, PartitionFilter.OFF.value: False}


def _recorder_tables(
    names: Collection[str], own_columns: Sequence[OwnColumn] = ()
) -> tuple[RecorderTable, ...]:
    return tuple(
        replace(declared, table=with_own_columns(declared.table, own_columns))
        for name, declared in RECORDER_TABLES.items()
        if name in names
    )


def _dimension_tables(names: Collection[str]) -> tuple[DimensionTable, ...]:
    return tuple(table for name, table in DIMENSION_TABLES.items() if name in names)


@dataclass(frozen=True, slots=True)
class Options:
    """The options that the user has chosen, and the defaults of all others."""

    delivery: str = StorageWriteDelivery.name
    batch_rows: int = 2_000
    compress: bool = False
    """Whether rows are compressed for the Storage Write API; load jobs always compress them."""
    schedule: Schedule = field(default_factory=Schedule)
    recorder_tables: tuple[RecorderTable, ...] = field(
        default_factory=lambda: _recorder_tables(DEFAULT_TABLES)
    )
    dimension_tables: tuple[DimensionTable, ...] = field(
        default_factory=lambda: _dimension_tables(DEFAULT_TABLES)
    )
    daily_statistics: bool = DAILY_STATISTICS.name in DEFAULT_TABLES
    """Whether statistics are exported by the day, too."""
    choice: Choice = field(default_factory=Choice)
    """Which entities and events; labels are ids here."""
    columns: frozenset[ColumnGroup] = frozenset(ColumnGroup)
    privacy: PrivacyChoice = field(default_factory=PrivacyChoice)
    table_settings: TableSettings = field(default_factory=TableSettings)
    recorder_prefix: str = ""
    """What stands before the recorder's names of tables in those of views: a dataset with a dot, a
    prefix, or both; empty = no views."""
    materialized_views: bool = False
    """Whether BigQuery keeps materialized views, and bills their refreshes."""
    notifications: Notifications = Notifications.ERRORS
    key_days: int = 365
    """The maximum age of a key, in days; 0 = no maximum."""
    check_sums: bool = True
    """Whether the sums of statistics are compared with the readings of their meters."""
    queries: QueryChoice = field(default_factory=QueryChoice)

    @property
    def tables(self) -> list[Table]:
        """Return all tables that have to be in BigQuery."""
        return [
            *(table.table for table in self.recorder_tables),
            *(table.table for table in self.dimension_tables),
            *((DAILY_STATISTICS,) if self.daily_statistics else ()),
            EXPORT_LOG,
        ]

    @property
    def all_tables(self) -> Mapping[str, Table]:
        """Return all tables that may be chosen, by their names, with own columns."""
        own_columns = self.choice.own_columns
        return {name: with_own_columns(table, own_columns) for name, table in TABLES.items()}


DEFAULTS = Options()
"""The default of each option."""


def options_from(options: Mapping[str, Any]) -> Options:
    """Return the options of a config entry; what cannot be used has its default."""
    options = usable_options(options).values
    tables = options.get(CONF_TABLES, DEFAULT_TABLES)
    own_columns = _own_columns(options.get(CONF_OWN_COLUMNS, ()))
    return Options(
        delivery=options.get(CONF_DELIVERY, DEFAULTS.delivery),
        batch_rows=int(options.get(CONF_BATCH_ROWS, DEFAULTS.batch_rows)),
        compress=options.get(CONF_COMPRESS, DEFAULTS.compress),
        schedule=_schedule(options),
        recorder_tables=_recorder_tables(tables, own_columns),
        dimension_tables=_dimension_tables(tables),
        daily_statistics=DAILY_STATISTICS.name in tables,
        choice=Choice(
            events=EventChoice(
                frozenset(options.get(CONF_EVENTS, DEFAULT_EVENTS)),
                frozenset(map(EventPreset, options.get(CONF_EVENT_PRESETS, ()))),
            ),
            context_entities=_context_entities(options.get(CONF_CONTEXT_ENTITIES, ())),
            entities=EntityFilter(
                _selection(options.get(CONF_INCLUDE, {})), _selection(options.get(CONF_EXCLUDE, {}))
            ),
            own_columns=own_columns,
        ),
        columns=frozenset(map(ColumnGroup, options.get(CONF_COLUMNS, DEFAULTS.columns))),
        privacy=_privacy(options.get(CONF_PRIVACY, {})),
        table_settings=_table_settings(options),
        recorder_prefix=options.get(CONF_RECORDER_PREFIX, DEFAULTS.recorder_prefix),
        materialized_views=options.get(CONF_MATERIALIZED_VIEWS, DEFAULTS.materialized_views),
        notifications=Notifications(options.get(CONF_NOTIFICATIONS, DEFAULTS.notifications)),
        key_days=int(options.get(CONF_KEY_DAYS, DEFAULTS.key_days)),
        check_sums=options.get(CONF_CHECK_SUMS, DEFAULTS.check_sums),
        queries=_queries(options),
    )


def _context_entities(items: Iterable[Mapping[str, str]]) -> tuple[ContextEntity, ...]:
    return tuple(ContextEntity(item[CONF_ENTITY_ID], item[CONF_NAME]) for item in items)


def _own_columns(items: Iterable[Mapping[str, Any]]) -> tuple[OwnColumn, ...]:
    return tuple(
        OwnColumn(
            item[CONF_NAME],
            ColumnType(item[CONF_TYPE]),
            attribute=item.get(CONF_ATTRIBUTE, ""),
            unit=item.get(CONF_UNIT_OF_MEASUREMENT, ""),
            value_unit=item.get(CONF_VALUE_UNIT, ""),
            selection=_selection(item),
        )
        for item in items
    )


def _schedule(values: Mapping[str, Any]) -> Schedule:
    default = DEFAULTS.schedule
    return Schedule(
        frequency=Frequency(values.get(CONF_FREQUENCY, default.frequency)),
        at=dt_util.parse_time(values.get(CONF_EXPORT_TIME, "")) or default.at,
        minutes=int(values.get(CONF_MINUTES, default.minutes)),
        weekdays=frozenset(map(Weekday, values.get(CONF_WEEKDAYS, default.weekdays))),
        month_day=int(values.get(CONF_MONTH_DAY, default.month_day)),
    )


def _queries(values: Mapping[str, Any]) -> QueryChoice:
    default = DEFAULTS.queries
    return QueryChoice(
        enabled=values.get(CONF_QUERIES, default.enabled),
        megabytes=int(values.get(CONF_QUERY_MEGABYTES, default.megabytes)),
        day_megabytes=int(values.get(CONF_QUERY_DAY_MEGABYTES, default.day_megabytes)),
        other_datasets=values.get(CONF_QUERIES_OTHER_DATASETS, default.other_datasets),
        all_users=values.get(CONF_QUERIES_ALL_USERS, default.all_users),
    )


def _table_settings(values: Mapping[str, Any]) -> TableSettings:
    days = values.get(CONF_PARTITION_DAYS)
    return TableSettings(
        partition_days=None if days is None else int(days),
        kms_key=values.get(CONF_KMS_KEY) or None,
        partition_filter=_FILTERS.get(values.get(CONF_PARTITION_FILTER, "")),
        labels=tuple(label_parts(label) for label in values.get(CONF_TABLE_LABELS, ())),
    )


def label_parts(text: str) -> tuple[str, str]:
    """Return the key and the value of a label that is written with a colon between them."""
    key, _, value = text.partition(":")
    return key, value


def _selection(values: Mapping[str, Sequence[str]]) -> Selection:
    return Selection(
        entities=frozenset(values.get(CONF_ENTITIES, ())),
        globs=tuple(values.get(CONF_ENTITY_GLOBS, ())),
        domains=tuple(values.get(CONF_DOMAINS, ())),
        devices=frozenset(values.get(CONF_DEVICES, ())),
        areas=frozenset(values.get(CONF_AREAS, ())),
        labels=frozenset(values.get(CONF_LABELS, ())),
        integrations=frozenset(values.get(CONF_INTEGRATIONS, ())),
    )


def _privacy(values: Mapping[str, Any]) -> PrivacyChoice:
    default = DEFAULTS.privacy
    return PrivacyChoice(
        dropped=tuple(values.get(CONF_DROPPED, default.dropped)),
        coordinates=Coordinates(values.get(CONF_COORDINATES, default.coordinates)),
        hash_users=values.get(CONF_HASH_USERS, default.hash_users),
        hidden=tuple(values.get(CONF_HIDDEN, default.hidden)),
    )
