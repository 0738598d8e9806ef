"""What the tables beside `sensor_data` must hold, worked out anew from the recorder's rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
import json
import math
from pathlib import Path
import sqlite3
from typing import Any

from ulid_transform import bytes_to_ulid

from .compare import newest_state_id
from .comparison import EPOCH, Key, Values, micros, reading
from .local_time import Place, local_values

EVENTS = (
    "automation_triggered",
    "call_service.scene",
    "logbook_entry",
    "script_started",
    "zha_event",
)
"""The events that are chosen, by the names that the options have for them."""
STATES = "sensor_data"
MEAN_TYPES = ("none", "arithmetic", "circular")
ORIGINS = ("LOCAL", "REMOTE")


class Kind(StrEnum):
    """What a column of BigQuery holds, as far as its values look different in an answer."""

    BOOL = "BOOL"
    CLOCK = "CLOCK"
    FLOAT = "FLOAT"
    INT = "INT"
    JSON = "JSON"
    TEXT = "TEXT"
    TIME = "TIME"


@dataclass(frozen=True, slots=True)
class RecordedTable:
    """A table of BigQuery: its columns, and the rows that a recorder has for it."""

    name: str
    id: str
    """The column with the recorder's id."""
    identity: tuple[str, str]
    """The columns that identify a row; the first is empty when a time is enough."""
    columns: dict[str, Kind]
    rows: Callable[[sqlite3.Connection, Place], Iterator[Values]]
    """Yields the rows that may be exported, as BigQuery must hold them."""

    def key(self, values: Values) -> Key:
        """Return what identifies a row."""
        text, time = self.identity
        return (values[text] if text else self.name, values[time])

    def tuple(self, values: Values) -> tuple[object, ...]:
        """Return a row's values in the order of the columns."""
        return tuple(values[name] for name in self.columns)


def newest_ids(database: Path) -> dict[str, int]:
    """Return the recorder's highest id of each table; of its runs, of those that have ended."""
    newest = {STATES: newest_state_id(database)}
    with reading(database) as recorder:
        for table, statement in _NEWEST.items():
            newest[table] = recorder.execute(statement).fetchone()[0] or 0
    return newest


def canonical(text: str) -> str:
    """Return JSON as the one text that says the same."""
    return json.dumps(json.loads(text), sort_keys=True)


# A run that has not ended, and all behind it, will be exported later.
_ENDED = (
    "FROM recorder_runs WHERE run_id < coalesce("
    '(SELECT min(run_id) FROM recorder_runs WHERE "end" IS NULL), 1 << 62)'
)
_NEWEST = {
    "statistics": "SELECT max(id) FROM statistics",
    "statistics_short_term": "SELECT max(id) FROM statistics_short_term",
    "events": "SELECT max(event_id) FROM events",
    "recorder_runs": f"SELECT max(run_id) {_ENDED}",
    "schema_changes": "SELECT max(change_id) FROM schema_changes",
}
_LOCAL = {
    "local_time": Kind.CLOCK,
    "hour_of_day": Kind.INT,
    "day_of_week": Kind.INT,
    "month": Kind.INT,
    "is_weekend": Kind.BOOL,
    "is_daylight": Kind.BOOL,
    "time_of_day": Kind.TEXT,
    "season": Kind.TEXT,
}


def _statistics(table: str, period: timedelta) -> RecordedTable:
    columns = (
        "statistics.id, statistic_id, source, name, unit_of_measurement, unit_class, mean_type,"
        " has_sum, start_ts, last_reset_ts, created_ts, mean, mean_weight, min, max, state, sum"
    )
    numbers = ("mean", "mean_weight", "min", "max", "state", "sum")

    def rows(recorder: sqlite3.Connection, place: Place) -> Iterator[Values]:
        for (
            id_,
            statistic_id,
            source,
            name,
            unit,
            unit_class,
            mean_type,
            has_sum,
            start_ts,
            reset_ts,
            created_ts,
            *measured,
        ) in recorder.execute(
            f"SELECT {columns} FROM {table} AS statistics"  # noqa: S608 - our own names
            " JOIN statistics_meta AS meta ON meta.id = metadata_id ORDER BY statistics.id"
        ):
            start = micros(start_ts)
            yield {
                "statistic_id": statistic_id,
                "statistic_source": source,
                "name": name,
                "unit_of_measurement": unit,
                "unit_class": unit_class,
                "mean_type": MEAN_TYPES[mean_type],
                "has_sum": bool(has_sum),
                "start": start,
                "end": start + period // timedelta(microseconds=1),
                "last_reset": None if reset_ts is None else micros(reset_ts),
                "created": None if created_ts is None else micros(created_ts),
                "deleted": False,
                # An integration's own statistic has a colon there, and no domain of an entity.
                "domain": statistic_id.split(".")[0] if ":" not in statistic_id else None,
                "id": id_,
                **dict(zip(numbers, map(_finite, measured), strict=True)),
                **local_values(start, place),
            }

    return RecordedTable(
        name=table,
        id="id",
        identity=("statistic_id", "start"),
        columns={
            "statistic_id": Kind.TEXT,
            "statistic_source": Kind.TEXT,
            "name": Kind.TEXT,
            "unit_of_measurement": Kind.TEXT,
            "unit_class": Kind.TEXT,
            "mean_type": Kind.TEXT,
            "has_sum": Kind.BOOL,
            "start": Kind.TIME,
            "end": Kind.TIME,
            **dict.fromkeys(numbers, Kind.FLOAT),
            "last_reset": Kind.TIME,
            "created": Kind.TIME,
            "deleted": Kind.BOOL,
            "domain": Kind.TEXT,
            "id": Kind.INT,
            **_LOCAL,
        },
        rows=rows,
    )


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _event_rows(recorder: sqlite3.Connection, place: Place) -> Iterator[Values]:
    for event_id, event_type, text, fired_ts, index, origin, *contexts in recorder.execute(
        "SELECT event_id, types.event_type, coalesce(shared_data, events.event_data),"
        " time_fired_ts, origin_idx, origin,"
        " context_id_bin, context_user_id_bin, context_parent_id_bin"
        " FROM events JOIN event_types AS types USING (event_type_id)"
        " LEFT JOIN event_data AS data USING (data_id) ORDER BY event_id"
    ):
        data = {} if text is None else json.loads(text)
        if event_type not in EVENTS and f"{event_type}.{data.get('domain')}" not in EVENTS:
            continue
        fired = micros(fired_ts)
        context, user, parent = contexts
        entity_id = _entity_id([data, data.get("service_data", {})])
        yield {
            "event_type": event_type,
            "event_data": None if text is None else canonical(text),
            "time_fired": fired,
            "origin": origin if index is None else ORIGINS[index],
            "context_id": context and bytes_to_ulid(context),
            "context_user_id": user and user.hex(),
            "context_parent_id": parent and bytes_to_ulid(parent),
            "entity_id": entity_id,
            "domain": data.get("domain") or (entity_id and entity_id.split(".")[0]),
            "service": data.get("service"),
            "user_id": data.get("user_id"),
            "event_id": event_id,
            **local_values(fired, place),
        }


def _entity_id(texts: Iterable[Values]) -> str | None:
    """Return the first entity that is named, unless there are several together."""
    for data in texts:
        named = data.get("entity_id")
        if isinstance(named, list) and len(named) == 1:
            named = named[0]
        if isinstance(named, str):
            return named
    return None


def _run_rows(recorder: sqlite3.Connection, place: Place) -> Iterator[Values]:
    for run_id, start, end, closed_incorrect, created in recorder.execute(
        f'SELECT run_id, start, "end", closed_incorrect, created {_ENDED} ORDER BY run_id'
    ):
        yield {
            "start": _from_text(start),
            "end": _from_text(end),
            "closed_incorrect": bool(closed_incorrect),
            "created": _from_text(created),
            "run_id": run_id,
        }


def _schema_rows(recorder: sqlite3.Connection, place: Place) -> Iterator[Values]:
    for change_id, schema_version, changed in recorder.execute(
        "SELECT change_id, schema_version, changed FROM schema_changes ORDER BY change_id"
    ):
        yield {
            "changed": _from_text(changed),
            "schema_version": schema_version,
            "change_id": change_id,
        }


def _from_text(text: str) -> int:
    """Return the microseconds since 1970 of a time that the recorder keeps as text, in UTC."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


RECORDED = (
    _statistics("statistics", timedelta(hours=1)),
    _statistics("statistics_short_term", timedelta(minutes=5)),
    RecordedTable(
        name="events",
        id="event_id",
        identity=("event_type", "time_fired"),
        columns={
            "event_type": Kind.TEXT,
            "event_data": Kind.JSON,
            "time_fired": Kind.TIME,
            "origin": Kind.TEXT,
            "context_id": Kind.TEXT,
            "context_user_id": Kind.TEXT,
            "context_parent_id": Kind.TEXT,
            "entity_id": Kind.TEXT,
            "domain": Kind.TEXT,
            "service": Kind.TEXT,
            "user_id": Kind.TEXT,
            "event_id": Kind.INT,
            **_LOCAL,
        },
        rows=_event_rows,
    ),
    RecordedTable(
        name="recorder_runs",
        id="run_id",
        identity=("", "start"),
        columns={
            "start": Kind.TIME,
            "end": Kind.TIME,
            "closed_incorrect": Kind.BOOL,
            "created": Kind.TIME,
            "run_id": Kind.INT,
        },
        rows=_run_rows,
    ),
    RecordedTable(
        name="schema_changes",
        id="change_id",
        identity=("", "changed"),
        columns={"changed": Kind.TIME, "schema_version": Kind.INT, "change_id": Kind.INT},
        rows=_schema_rows,
    ),
)
"""All tables but `sensor_data`."""
TABLES = (STATES, *(table.name for table in RECORDED))

_PARSERS: dict[Kind, Callable[[Any], object]] = {
    Kind.BOOL: lambda value: {"true": True, "false": False}[str(value).lower()],
    Kind.CLOCK: datetime.fromisoformat,
    Kind.FLOAT: float,
    Kind.INT: int,
    Kind.JSON: lambda value: canonical(value if isinstance(value, str) else json.dumps(value)),
    Kind.TEXT: str,
    Kind.TIME: int,
}


def parsed(table: RecordedTable, row: Values) -> Values:
    """Return a row of an answer of BigQuery with values that can be compared."""
    return {
        name: None if row[name] is None else _PARSERS[kind](row[name])
        for name, kind in table.columns.items()
    }
