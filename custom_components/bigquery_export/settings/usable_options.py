"""The options that this version can use, of those that a config entry has.

They may be of a later version, from a backup or after a downgrade, or be edited by hand. What
cannot be used has its default, or what keeps most at home where that is about privacy. Where the
default may export more than was chosen, nothing can be exported until the user has chosen again.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
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
from homeassistant.core import valid_entity_id
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS
from homeassistant.util import dt as dt_util

from ..bigquery import DELIVERIES
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
from ..export.tables import TABLES
from ..rows.column_groups import ColumnGroup
from ..rows.event_presets import EventPreset
from ..rows.own_columns import OWN_TYPES, is_column_name, is_taken
from ..rows.own_values import can_convert
from ..rows.privacy import Coordinates
from ..rows.table import ColumnType
from .choices import MAX_QUERY_MEGABYTES, RECORDER_PREFIX, Notifications, PartitionFilter
from .schedule import Frequency, Weekday

type Usable = Callable[[Any], Any]
"""Returns as much of a value as can be used; raises ValueError or TypeError if that is nothing."""


@dataclass(frozen=True, slots=True)
class UsableOptions:
    """Options that can be used, as a config entry stores them."""

    values: Mapping[str, Any]
    unusable: tuple[str, ...]
    """Names of those that cannot be used, or not as a whole."""
    more: tuple[str, ...]
    """Names of those without which more might be exported than was chosen."""


def usable_options(options: Mapping[str, Any]) -> UsableOptions:
    """Return the options that can be used; those that are not known are left out."""
    values, unusable = _usable(options, _OPTIONS)
    more = [
        name
        for name in unusable
        if name in _ENTITIES or (name in _WHAT_IS_EXPORTED and name not in values)
    ]
    return UsableOptions(
        values,
        tuple(sorted({*unusable, *(options.keys() - _OPTIONS.keys())})),
        tuple(sorted(more)),
    )


def _usable(
    values: Mapping[str, Any], fields: Mapping[str, Usable]
) -> tuple[dict[str, Any], list[str]]:
    found: dict[str, Any] = {}
    unusable = []
    for name in fields.keys() & values.keys():
        try:
            found[name] = fields[name](values[name])
        except ValueError, TypeError, OverflowError:
            unusable.append(name)
            if name in _STRICT:
                found[name] = _STRICT[name]
        else:
            before = values[name]
            if found[name] != (list(before) if isinstance(before, tuple) else before):
                unusable.append(name)
    return found, unusable


def _one_of(names: Collection[str]) -> Usable:
    def one(value: object) -> str:
        if value not in names:
            raise ValueError("no such choice")
        return str(value)

    return one


def _some_of(names: Collection[str], *, empty: bool = True) -> Usable:
    def some(values: object) -> list[str]:
        known = [value for value in _texts(values) if value in names]
        if not known and (values or not empty):
            raise ValueError("none is known")
        return known

    return some


def _number(lowest: int, highest: int) -> Usable:
    def number(value: object) -> float | str:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError("no number")
        if not lowest <= int(value) <= highest:
            raise ValueError("not in the range")
        return value

    return number


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _prefix(value: object) -> str:
    if (text := _text(value)) and not RECORDER_PREFIX.fullmatch(text):
        raise ValueError("no prefix")
    return text


def _time(value: object) -> str:
    if dt_util.parse_time(text := _text(value)) is None:
        raise ValueError("no time")
    return text


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _list(values: object) -> list[object]:
    if not isinstance(values, list | tuple):
        raise TypeError("no list")
    return list(values)


def _texts(values: object) -> list[str]:
    if isinstance(values, str):
        return [values]
    return [value for value in _list(values) if isinstance(value, str)]


def _entity_ids(values: object) -> list[str]:
    return [value for value in _texts(values) if valid_entity_id(value)]


def _context_entities(items: object) -> list[object]:
    return [
        item
        for item in _list(items)
        if isinstance(item, Mapping)
        and isinstance(item.get(CONF_ENTITY_ID), str)
        and isinstance(item.get(CONF_NAME), str)
    ]


def _own_columns(items: object) -> list[object]:
    """Return own columns as far as they can be used: a name of ours may be a later version's."""
    found: dict[str, object] = {}
    for item in _list(items):
        if isinstance(item, Mapping) and _is_own_column(item):
            found.setdefault(item[CONF_NAME].casefold(), item)
    return list(found.values())


def _is_own_column(item: Mapping[str, Any]) -> bool:
    texts = (CONF_NAME, CONF_ATTRIBUTE, CONF_UNIT_OF_MEASUREMENT, CONF_VALUE_UNIT)
    values = [item.get(name, "") for name in texts]
    lists = [item.get(name, []) for name in (CONF_DOMAINS, CONF_ENTITY_GLOBS, CONF_INTEGRATIONS)]
    if not all(isinstance(value, str) for value in values):
        return False
    if not all(isinstance(texts, list) and texts == _texts(texts) for texts in lists):
        return False
    name, _, unit, _ = values
    is_usable = item.get(CONF_TYPE) in OWN_TYPES and is_column_name(name) and not is_taken(name)
    return is_usable and (
        not unit or (item[CONF_TYPE] == ColumnType.FLOAT64 and can_convert(unit, unit))
    )


def _section(fields: Mapping[str, Usable]) -> Usable:
    def section(values: object) -> dict[str, Any]:
        if not isinstance(values, Mapping):
            raise TypeError("no section")
        return _usable(values, fields)[0]

    return section


_SELECTION: Mapping[str, Usable] = {
    CONF_ENTITIES: _entity_ids,
    **dict.fromkeys(
        (
            *(CONF_ENTITY_GLOBS, CONF_DOMAINS, CONF_DEVICES, CONF_AREAS, CONF_LABELS),
            CONF_INTEGRATIONS,
        ),
        _texts,
    ),
}
_PRIVACY: Mapping[str, Usable] = {
    CONF_DROPPED: _texts,
    CONF_COORDINATES: _one_of(list(Coordinates)),
    CONF_HASH_USERS: _flag,
    CONF_HIDDEN: _texts,
}
_STRICT: Mapping[str, Any] = {
    CONF_COORDINATES: Coordinates.DROP.value,
    CONF_HASH_USERS: True,
    CONF_HIDDEN: ["*"],
    CONF_PRIVACY: {
        CONF_COORDINATES: Coordinates.DROP.value,
        CONF_HASH_USERS: True,
        CONF_HIDDEN: ["*"],
    },
    CONF_WEEKDAYS: [weekday.value for weekday in Weekday],
}
"""What a choice that cannot be read is taken for, where the default may tell more than it did, or
export nothing."""
_ENTITIES = (CONF_INCLUDE, CONF_EXCLUDE)
"""A part of these may say less than the whole."""
_WHAT_IS_EXPORTED = (CONF_TABLES, CONF_EVENTS, CONF_COLUMNS)
"""Of these a part is less than the whole, and the default may be more."""
_OPTIONS: Mapping[str, Usable] = {
    CONF_TABLES: _some_of(TABLES, empty=False),
    CONF_EVENTS: _texts,
    CONF_EVENT_PRESETS: _some_of(list(EventPreset)),
    CONF_CONTEXT_ENTITIES: _context_entities,
    CONF_COLUMNS: _some_of(list(ColumnGroup)),
    CONF_OWN_COLUMNS: _own_columns,
    CONF_INCLUDE: _section(_SELECTION),
    CONF_EXCLUDE: _section(_SELECTION),
    CONF_PRIVACY: _section(_PRIVACY),
    CONF_FREQUENCY: _one_of(list(Frequency)),
    CONF_EXPORT_TIME: _time,
    CONF_MINUTES: _number(1, 24 * 60),
    CONF_WEEKDAYS: _some_of(list(Weekday)),
    CONF_MONTH_DAY: _number(1, 31),
    CONF_DELIVERY: _one_of(list(DELIVERIES)),
    CONF_BATCH_ROWS: _number(1, 100_000),
    CONF_COMPRESS: _flag,
    CONF_PARTITION_DAYS: _number(0, 100_000),
    CONF_PARTITION_FILTER: _one_of(list(PartitionFilter)),
    CONF_TABLE_LABELS: _texts,
    CONF_KMS_KEY: _text,
    CONF_RECORDER_PREFIX: _prefix,
    CONF_MATERIALIZED_VIEWS: _flag,
    CONF_NOTIFICATIONS: _one_of(list(Notifications)),
    CONF_KEY_DAYS: _number(0, 100_000),
    CONF_CHECK_SUMS: _flag,
    CONF_QUERIES: _flag,
    CONF_QUERY_MEGABYTES: _number(1, MAX_QUERY_MEGABYTES),
    CONF_QUERY_DAY_MEGABYTES: _number(1, MAX_QUERY_MEGABYTES),
    CONF_QUERIES_OTHER_DATASETS: _flag,
    CONF_QUERIES_ALL_USERS: _flag,
}
