"""Which columns of an answer a saved query takes its values from."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from homeassistant.components.sensor import CONF_STATE_CLASS, SensorDeviceClass
from homeassistant.components.sensor.const import NON_NUMERIC_DEVICE_CLASSES
from homeassistant.const import (
    CONF_DEVICE_CLASS,
    CONF_UNIT_OF_MEASUREMENT,
    MAX_LENGTH_STATE_STATE,
)
import orjson

from ..bigquery.select_query import Column
from .refusals import (
    ColumnMissingError,
    ColumnTypeError,
    ColumnUnknownError,
    StatisticColumnsError,
)
from .saved_query import CONF_COLUMN

START = "start"
SUM = "sum"
MEAN = "mean"
_WITH = {SUM: ("state",), MEAN: ("min", "max")}
"""What may stand beside a sum or a mean."""
_NUMBERS = ("FLOAT", "INTEGER", "NUMERIC", "BIGNUMERIC", "FLOAT64", "INT64")
_SHOWN_NUMBERS = "FLOAT64, INT64, NUMERIC"
_NOT_ONE_VALUE = ("RECORD", "STRUCT")

type SensorValue = str | int | float | None


def sensor_column(columns: Sequence[Column], data: Mapping[str, Any]) -> str:
    """Return the column whose value is the state of a sensor. Raises ExportError."""
    name = data.get(CONF_COLUMN)
    known = ", ".join(column.name for column in columns)
    if not name and len(columns) != 1:
        raise ColumnMissingError(known=known)
    column = _named(columns, name) if name else columns[0]
    if column is None:
        raise ColumnUnknownError(column=str(name), known=known)
    device_class = data.get(CONF_DEVICE_CLASS)
    if device_class == SensorDeviceClass.TIMESTAMP:
        _check_type(column, ("TIMESTAMP",), "TIMESTAMP")
    elif device_class == SensorDeviceClass.DATE:
        _check_type(column, ("DATE",), "DATE")
    elif is_numeric(data):
        _check_type(column, _NUMBERS, _SHOWN_NUMBERS)
    elif column.repeated or column.type in _NOT_ONE_VALUE:
        raise ColumnTypeError(column=column.name, type=_type(column), needed="STRING")
    return column.name


def is_numeric(data: Mapping[str, Any]) -> bool:
    """Return whether a sensor shows numbers alone."""
    device_class = data.get(CONF_DEVICE_CLASS)
    has_number = bool(device_class) and device_class not in NON_NUMERIC_DEVICE_CLASSES
    return has_number or bool(data.get(CONF_UNIT_OF_MEASUREMENT) or data.get(CONF_STATE_CLASS))


def sensor_value(value: object) -> SensorValue:
    """Return a value of an answer as a state; one that is no finite number is none."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return value if isfinite(value) else None
        case None | int():
            return value
        case str():
            return value[:MAX_LENGTH_STATE_STATE]
    return orjson.dumps(value).decode()[:MAX_LENGTH_STATE_STATE]


def statistic_columns(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the columns with the values of a statistic, beside its start. Raises ExportError."""
    known = ", ".join(column.name for column in columns)
    start = _named(columns, START)
    if start is None:
        raise ColumnUnknownError(column=START, known=known)
    _check_type(start, ("TIMESTAMP",), "TIMESTAMP")
    names = [
        name
        for leader, others in _WITH.items()
        if _named(columns, leader)
        for name in (leader, *others)
    ]
    found = [column for name in names if (column := _named(columns, name))]
    if not found:
        raise StatisticColumnsError(known=known)
    for column in found:
        _check_type(column, _NUMBERS, _SHOWN_NUMBERS)
    return tuple(column.name for column in found)


def _named(columns: Iterable[Column], name: str) -> Column | None:
    return next((column for column in columns if column.name == name), None)


def _check_type(column: Column, types: Collection[str], needed: str) -> None:
    """Raise ColumnTypeError unless a column has one of some types."""
    if column.repeated or column.type not in types:
        raise ColumnTypeError(column=column.name, type=_type(column), needed=needed)


def _type(column: Column) -> str:
    return f"ARRAY<{column.type}>" if column.repeated else column.type
