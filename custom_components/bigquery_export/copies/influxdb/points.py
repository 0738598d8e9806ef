"""Rows as points in line protocol: one declaration of a table makes them, too.

A point is known by its measurement, tags and time: one that is written again takes the place of
the one before (InfluxDB's page "Handle duplicate data points"). So the tags are what identifies a
row, and nothing that may differ when it is sent again. All points of a table have the same tags:
in InfluxDB 3 those of a table never change (its page "Use compatibility APIs").

What the format allows is said on InfluxDB's page "Line protocol": no line breaks in values, no
empty tags, no keys that begin with an underscore or are "time".
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
import json
from typing import Any

import orjson

from ...bigquery.ndjson import NdjsonEncoding
from ...rows.export_log import EXPORT_LOG
from ...rows.table import Column, ColumnType, Mode, Table, timestamp

DOMAIN_TAG = "domain"
_OF_ENTITIES = ("entity_id", "statistic_id")
_LINE_ENDS = str.maketrans({"\r": " ", "\n": " "})
_TEXT = str.maketrans({"\\": r"\\", '"': r"\"", "\r": " ", "\n": " "})
_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\r": r"\ ", "\n": r"\ ", "\\": "/"})
"""A backslash cannot be escaped in a tag, and would escape what comes after it."""


@dataclass(frozen=True, slots=True)
class Point:
    """A row as InfluxDB has it."""

    series: str
    """Measurement and tags."""
    time: int
    """Microseconds since 1970."""
    fields: str

    @property
    def line(self) -> str:
        """Return the point in line protocol, without the end of the line."""
        return f"{self.series} {self.fields} {self.time}"


class Points:
    """Makes the points of one table."""

    def __init__(self, table: Table) -> None:
        """Decide by the declaration of the table which columns are tags."""
        self.table = table
        name, time = table.identity
        if table is EXPORT_LOG:
            name, time = "table_name", table.partition_by
        self.time = time
        """The column with the time of a point."""
        self.tags = tuple(sorted({"source", name}))
        """The columns that are tags, in the order in which InfluxDB keeps them."""
        self._name = name
        self._has_domain = name in _OF_ENTITIES
        left_out = {*self.tags, time, *([DOMAIN_TAG] if self._has_domain else ())}
        self._fields = {
            column.name: (field_key(column.name), _writer(column))
            for column in table.columns
            if column.name not in left_out
        }

    @property
    def encoding(self) -> NdjsonEncoding:
        """Return how rows are encoded that `point` takes: as JSON, and JSON in it as text."""
        columns = (
            replace(column, type=ColumnType.STRING) if column.type is ColumnType.JSON else column
            for column in self.table.columns
        )
        return NdjsonEncoding(replace(self.table, columns=tuple(columns)))

    def point(self, values: Mapping[str, Any]) -> Point:
        """Return a row as a point; its values are as JSON has them."""
        written = self._fields
        fields = []
        for name, value in values.items():
            if (known := written.get(name)) and (text := known[1](value)) is not None:
                fields.append(f"{known[0]}={text}")
        return Point(self.series(values), microseconds(values[self.time]), ",".join(fields))

    def series(self, values: Mapping[str, Any]) -> str:
        """Return measurement and tags of a row."""
        return ",".join((self.table.name, *self._tags(values)))

    def _tags(self, values: Mapping[str, Any]) -> Iterator[str]:
        if self._has_domain:
            name = str(values[self._name])
            # Of external statistics it is what comes before a colon.
            domain = name.partition(":" if ":" in name else ".")[0]
            yield f"{DOMAIN_TAG}={domain.translate(_TAG) or '-'}"
        for column in self.tags:
            yield f"{column}={str(values.get(column, '')).translate(_TAG) or '-'}"


def field_key(column: str) -> str:
    """Return the name of a column as the key of a field: few names are reserved."""
    return f"own_{column}" if column == "time" or column.startswith("_") else column


def read_row(row: bytes) -> dict[str, Any]:
    """Return the values of an encoded row, as JSON has them."""
    values: dict[str, Any] = orjson.loads(row)
    return values


def microseconds(value: str) -> int:
    """Return a TIMESTAMP, as JSON has it, in microseconds since 1970."""
    return timestamp(datetime.fromisoformat(value))


def _writer(column: Column) -> Callable[[Any], str | None]:
    """Return what writes the value of a column as that of a field; None is no field."""
    if column.mode is Mode.REPEATED:
        return lambda value: _text(json.dumps(value, ensure_ascii=False))
    return _WRITERS[column.type]


def _text(value: str) -> str:
    return f'"{value.translate(_TEXT)}"'


def _json(value: str) -> str | None:
    return None if value.strip() == "null" else _text(value)


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _integer(value: int | str) -> str:
    return f"{value}i"


def _float(value: float) -> str:
    return repr(float(value))


def _time(value: str) -> str:
    return f"{microseconds(value)}i"


_WRITERS: Mapping[ColumnType, Callable[[Any], str | None]] = {
    ColumnType.BOOL: _boolean,
    ColumnType.DATE: _text,
    ColumnType.DATETIME: _text,
    ColumnType.FLOAT64: _float,
    ColumnType.INT64: _integer,
    ColumnType.JSON: _json,
    ColumnType.STRING: _text,
    ColumnType.TIMESTAMP: _time,
}
