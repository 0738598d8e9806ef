"""The options of a config entry, with what holds where a user has chosen nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from homeassistant.const import CONF_DOMAINS, CONF_ENTITIES, CONF_EXCLUDE, CONF_INCLUDE
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS
from homeassistant.util import dt as dt_util

from ..bigquery.table_settings import TableSettings
from ..const import (
    CONF_AREAS,
    CONF_BATCH_ROWS,
    CONF_COLUMNS,
    CONF_CONTEXT_ENTITIES,
    CONF_COORDINATES,
    CONF_DELIVERY,
    CONF_DEVICES,
    CONF_DROPPED,
    CONF_EVENTS,
    CONF_EXPORT_TIME,
    CONF_FREQUENCY,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_INTEGRATIONS,
    CONF_KEY_DAYS,
    CONF_KMS_KEY,
    CONF_LABELS,
    CONF_MINUTES,
    CONF_MONTH_DAY,
    CONF_NOTIFICATIONS,
    CONF_PARTITION_DAYS,
    CONF_PARTITION_FILTER,
    CONF_PRIVACY,
    CONF_TABLE_LABELS,
    CONF_TABLES,
    CONF_WEEKDAYS,
    DEFAULT_BATCH_ROWS,
    DEFAULT_DELIVERY,
    DEFAULT_EXPORT_TIME,
    DEFAULT_FREQUENCY,
    DEFAULT_KEY_DAYS,
    DEFAULT_MINUTES,
    DEFAULT_NOTIFICATIONS,
)
from ..export.dimensions.snapshot import DimensionTable
from ..export.recorder_tables import RECORDER_TABLES, RecorderTable
from ..export.tables import DEFAULT_TABLES, DIMENSION_TABLES
from ..home.context_entities import context_entities_from
from ..rows.column_groups import ColumnGroup
from ..rows.context import Choice
from ..rows.entity_filter import EntityFilter, Selection
from ..rows.events import DEFAULT_EVENTS, EventChoice
from ..rows.export_log import EXPORT_LOG
from ..rows.privacy import DEFAULT_DROPPED, Coordinates, PrivacyChoice
from ..rows.table import Table
from .schedule import Frequency, Schedule, Weekday


class Notifications(StrEnum):
    """Of what a user is notified."""

    OFF = "off"
    ERRORS = "errors"
    ALL = "all"


class PartitionFilter(StrEnum):
    """Whether queries of large tables have to say which partitions they are about."""

    KEEP = "keep"
    ON = "on"
    OFF = "off"


_FILTERS = {PartitionFilter.ON.value: True, PartitionFilter.OFF.value: False}


@dataclass(frozen=True, slots=True)
class Options:
    """What a user has chosen."""

    delivery: str
    batch_rows: int
    schedule: Schedule
    sources: tuple[RecorderTable, ...]
    snapshots: tuple[DimensionTable, ...]
    choice: Choice
    """Of which entities, and what of the recorder; labels are ids there."""
    columns: frozenset[ColumnGroup]
    privacy: PrivacyChoice
    table_settings: TableSettings
    notifications: Notifications
    key_days: int
    """How long a key may be in use before a new one is advised; 0 = for ever."""

    @property
    def tables(self) -> list[Table]:
        """Return all tables that have to be in BigQuery."""
        return [
            *(source.table for source in self.sources),
            *(snapshot.table for snapshot in self.snapshots),
            EXPORT_LOG,
        ]


def options_from(options: Mapping[str, Any]) -> Options:
    """Return the options of a config entry."""
    tables = options.get(CONF_TABLES, DEFAULT_TABLES)
    return Options(
        delivery=options.get(CONF_DELIVERY, DEFAULT_DELIVERY),
        batch_rows=int(options.get(CONF_BATCH_ROWS, DEFAULT_BATCH_ROWS)),
        schedule=_schedule(options),
        sources=tuple(source for name, source in RECORDER_TABLES.items() if name in tables),
        snapshots=tuple(snapshot for name, snapshot in DIMENSION_TABLES.items() if name in tables),
        choice=Choice(
            events=EventChoice(frozenset(options.get(CONF_EVENTS, DEFAULT_EVENTS))),
            context_entities=context_entities_from(options.get(CONF_CONTEXT_ENTITIES, ())),
            entities=EntityFilter(
                _selection(options.get(CONF_INCLUDE, {})), _selection(options.get(CONF_EXCLUDE, {}))
            ),
        ),
        columns=frozenset(map(ColumnGroup, options.get(CONF_COLUMNS, ColumnGroup))),
        privacy=_privacy(options.get(CONF_PRIVACY, {})),
        table_settings=_table_settings(options),
        notifications=Notifications(options.get(CONF_NOTIFICATIONS, DEFAULT_NOTIFICATIONS)),
        key_days=int(options.get(CONF_KEY_DAYS, DEFAULT_KEY_DAYS)),
    )


def _schedule(values: Mapping[str, Any]) -> Schedule:
    return Schedule(
        frequency=Frequency(values.get(CONF_FREQUENCY, DEFAULT_FREQUENCY)),
        at=dt_util.parse_time(values.get(CONF_EXPORT_TIME, "")) or DEFAULT_EXPORT_TIME,
        minutes=int(values.get(CONF_MINUTES, DEFAULT_MINUTES)),
        weekdays=frozenset(map(Weekday, values.get(CONF_WEEKDAYS, ()))),
        month_day=int(values.get(CONF_MONTH_DAY, 1)),
    )


def _table_settings(values: Mapping[str, Any]) -> TableSettings:
    return TableSettings(
        partition_days=values.get(CONF_PARTITION_DAYS),
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
    return PrivacyChoice(
        dropped=tuple(values.get(CONF_DROPPED, DEFAULT_DROPPED)),
        coordinates=Coordinates(values.get(CONF_COORDINATES, Coordinates.KEEP)),
        hash_users=values.get(CONF_HASH_USERS, False),
        hidden=tuple(values.get(CONF_HIDDEN, ())),
    )
