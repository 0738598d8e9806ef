"""The values of a query's parameters, as a call of an action or a form has them."""

from collections.abc import Mapping
from datetime import date, datetime
import re
from typing import Any

from homeassistant.util import dt as dt_util

from ..bigquery.select_query import Parameter

TYPES = ("BOOL", "DATE", "FLOAT64", "INT64", "STRING", "TIMESTAMP")
"""Types that a parameter can be given."""
_NAME = re.compile(r"[A-Za-z_]\w{0,127}", re.ASCII)


class ParameterError(ValueError):
    """A parameter cannot be used; its argument is the name."""


def parameters_of(values: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """Return parameters by their values, or by `type` and `value`. Raises ParameterError."""
    return tuple(_parameter(name, value) for name, value in values.items())


def typed(name: str, type_: str, value: object) -> Parameter:
    """Return a parameter of a type, to which its value is converted. Raises ParameterError."""
    try:
        if isinstance(value, list):
            return Parameter(name, type_, [_converted(type_, part) for part in value])
        return Parameter(name, type_, _converted(type_, value))
    except (TypeError, ValueError, OverflowError) as err:
        raise ParameterError(name) from err


def _parameter(name: str, value: object) -> Parameter:
    if not _NAME.fullmatch(name):
        raise ParameterError(name)
    if isinstance(value, Mapping):
        type_ = str(value.get("type", "")).upper()
        if type_ not in TYPES or value.keys() != {"type", "value"}:
            raise ParameterError(name)
        return typed(name, type_, value["value"])
    types = {_type_of(part) for part in (value if isinstance(value, list) else [value])}
    if len(types) != 1 or None in types:
        raise ParameterError(name)
    return typed(name, str(types.pop()), value)


def _type_of(value: object) -> str | None:
    """Return the type of a value, None if it has none: a boolean is a number to Python."""
    kinds = {bool: "BOOL", int: "INT64", float: "FLOAT64", str: "STRING"}
    if isinstance(value, datetime):
        return "TIMESTAMP"
    return "DATE" if isinstance(value, date) else kinds.get(type(value))


def _converted(type_: str, value: object) -> bool | int | float | str | date | datetime:
    match type_:
        case "TIMESTAMP":
            return _moment(value)
        case "DATE":
            found = value if type(value) is date else dt_util.parse_date(str(value))
            if found is None:
                raise ValueError("no date")
            return found
        case "INT64":
            return _whole(value)
        case "FLOAT64":
            return float(_number(value))
        case "BOOL":
            if not isinstance(value, bool):
                raise TypeError("neither true nor false")
            return value
        case _:
            if not isinstance(value, str | int | float):
                raise TypeError("no text")
            return str(value)


def _moment(value: object) -> datetime:
    """Return a time in UTC; one without a time zone is local time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return dt_util.utc_from_timestamp(value)
    found = value if isinstance(value, datetime) else dt_util.parse_datetime(str(value))
    if found is None:
        raise ValueError("no time")
    return dt_util.as_utc(found)


def _whole(value: object) -> int:
    number = int(_number(value))
    if float(_number(value)) != number or not -(2**63) <= number < 2**63:
        raise ValueError("no whole number")
    return number


def _number(value: object) -> int | float | str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError("no number")
    return value
