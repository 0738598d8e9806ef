"""Values of own columns: where they are in a state, in which unit, and whether they fit a type.

What a column takes is said on BigQuery's page "Supported protocol buffer and Arrow data types";
what becomes a value of another type follows its page "Conversion functions", `CAST`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import partial
from math import isfinite
import re
from typing import Any

from homeassistant.components.recorder.statistics import STATISTIC_UNIT_TO_UNIT_CONVERTER
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.util import dt as dt_util
import orjson

from ..source.source_table import END_SECOND, FIRST_SECOND
from .json_objects import as_json
from .local_time import SECOND, microseconds
from .own_columns import OwnColumn
from .sensor_data import is_available, state_numeric
from .table import ColumnType, timestamp

type Attributes = Mapping[str, Any]
type _Read = Callable[[Any], Any]

_UNIT = "_unit"
"""What follows the name of an attribute in that of the one with its unit."""
_INT64 = 1 << 63
_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,30}\s*", re.ASCII)
_BOOLS: Mapping[object, bool] = {
    **dict.fromkeys((1, "1", "true", "on", "yes", "enable"), True),
    **dict.fromkeys((0, "0", "false", "off", "no", "disable"), False),
}
"""What Home Assistant's own `boolean` takes, of numbers these two alone."""


def units() -> list[str]:
    """Return the units that values can be converted to."""
    return sorted(str(unit) for unit in STATISTIC_UNIT_TO_UNIT_CONVERTER if unit)


def can_convert(before: str, after: str) -> bool:
    """Return whether Home Assistant converts one unit into another."""
    converter = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(after)
    return converter is not None and before in converter.VALID_UNITS


def names_of(column: OwnColumn) -> frozenset[str]:
    """Return the names of the attributes of which one is needed for a value."""
    return frozenset({column.attribute, column.attribute.partition(".")[0]})


def attribute_reader(column: OwnColumn, zone: tzinfo) -> Callable[[Attributes], Any]:
    """Return what reads a column's value from attributes, or raises one of `UNENCODABLE`.

    It raises where a value does not fit the column. None is NULL: the attribute is not there.
    """
    fit, find = _fit(column.type, zone), _finder(column.attribute)
    if column.unit:
        unit_of, converters = _unit_finder(column), Converters(column.unit)
        return lambda attributes: (
            None
            if (value := find(attributes)) is None
            else _number(converters[unit_of(attributes)](fit(value)))
        )
    if "." not in (name := column.attribute):  # most of them: without another call
        return lambda attributes: None if (value := attributes.get(name)) is None else fit(value)
    return lambda attributes: None if (value := find(attributes)) is None else fit(value)


def state_reader(column: OwnColumn, zone: tzinfo) -> Callable[[str | None, str | None], Any]:
    """Return what reads a column's value from a state and its unit; raises likewise.

    A state that is unavailable or unknown has no value.
    """
    fit: _Read = _parsed if column.type is ColumnType.JSON else _fit(column.type, zone)
    converters = Converters(column.unit)

    def read(state: str | None, unit: str | None) -> object:
        if not is_available(state):
            return None
        value = fit(state)
        if not column.unit:
            return value
        return _number(converters[unit or column.value_unit](value))

    return read


class Converters(dict[str, Callable[[float], float]]):
    """Home Assistant's functions that convert values of a unit into another one."""

    def __init__(self, after: str) -> None:
        """Begin without any."""
        super().__init__()
        self._after = after

    def __missing__(self, before: str) -> Callable[[float], float]:
        """Find the function for a unit. Raises ValueError."""
        if not can_convert(before, self._after):
            raise ValueError("its unit is not known, or of something else")
        converter = STATISTIC_UNIT_TO_UNIT_CONVERTER[self._after]
        self[before] = found = converter.converter_factory(before, self._after)
        return found


def _finder(path: str) -> Callable[[Attributes], Any]:
    """Return what finds an attribute by its name, else by a path with dots."""
    first, *rest = path.split(".")
    if not rest:
        return lambda attributes: attributes.get(path)

    def find(attributes: Attributes) -> object:
        if path in attributes:
            return attributes[path]
        return _found(attributes.get(first), rest)

    return find


def _found(value: object, path: Sequence[str]) -> object:
    """Return what is at a path in a value: of a list by a number, or of each of its objects."""
    for place, name in enumerate(path):
        match value:
            case dict():
                value = value.get(name)
            case list() if name.isdecimal():
                value = value[int(name)] if int(name) < len(value) else None
            case list():
                rest = path[place:]
                return [_found(part, rest) for part in value if isinstance(part, dict)]
            case _:
                return None
    return value


def _unit_finder(column: OwnColumn) -> Callable[[Attributes], str]:
    """Return what finds the unit of a column's values in attributes, empty for none."""
    parts = reversed(column.attribute.split("."))
    name = next((part for part in parts if not part.isdecimal()), "") + _UNIT
    units = STATISTIC_UNIT_TO_UNIT_CONVERTER[column.unit].VALID_UNITS

    def find(attributes: Attributes) -> str:
        return (
            attributes.get(name)
            or column.value_unit
            or _kept_unit(units, attributes)
            or column.home_unit
        )

    return find


def _kept_unit(units: Collection[str | None], attributes: Attributes) -> str | None:
    """Return which of some units attributes have of others, if it is one."""
    found = {
        unit
        for name, unit in attributes.items()
        if (name == ATTR_UNIT_OF_MEASUREMENT or name.endswith(_UNIT))
        and isinstance(unit, str)
        and unit in units
    }
    return found.pop() if len(found) == 1 else None


def _fit(type_: ColumnType, zone: tzinfo) -> _Read:
    """Return what returns a value as a column of a type takes it, or raises ValueError."""
    return partial(_timestamp, zone) if type_ is ColumnType.TIMESTAMP else _FITS[type_]


def _text(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)


def _number(value: Any) -> float:  # noqa: ANN401
    if type(value) is float and isfinite(value):
        return value
    if isinstance(value, str):
        value = state_numeric(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("it is no number")
    number = float(value)
    if not isfinite(number):
        raise ValueError("it is no finite number")
    return number


def _integer(value: object) -> int:
    if type(value) is int and -_INT64 <= value < _INT64:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    elif not isinstance(value, int) and (number := _number(value)).is_integer():
        value = int(number)
    if isinstance(value, bool) or not isinstance(value, int) or not -_INT64 <= value < _INT64:
        raise ValueError("it is no whole number of 64 bits")
    return value


def _bool(value: object) -> bool:
    if isinstance(value, str):
        value = value.strip().lower()
    if isinstance(value, str | int) and value in _BOOLS:
        return _BOOLS[value]
    raise ValueError("it is neither true nor false")


def _timestamp(zone: tzinfo, value: object) -> int:
    """Return a time in microseconds: of ISO 8601, or in seconds since 1970.

    One without a zone is the home's, as in Home Assistant.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return microseconds(value)
    found = dt_util.parse_datetime(value) if isinstance(value, str) else None
    if not isinstance(found, datetime):
        raise ValueError("it is no time")
    time = timestamp(found if found.tzinfo else found.replace(tzinfo=zone))
    if not FIRST_SECOND * SECOND <= time < END_SECOND * SECOND:
        raise ValueError("it is not in the years 1 to 9999")
    return time


def _parsed(state: Any) -> str | None:  # noqa: ANN401
    """Return the JSON that a state is; that of `null` is NULL."""
    return None if (value := orjson.loads(state)) is None else as_json(value)


_FITS: Mapping[ColumnType, _Read] = {
    ColumnType.BOOL: _bool,
    ColumnType.FLOAT64: _number,
    ColumnType.INT64: _integer,
    ColumnType.JSON: as_json,
    ColumnType.STRING: _text,
}
