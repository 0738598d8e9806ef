"""Values of protobuf rows, and what they become in a line of JSON.

Source: supported-data-types, "Supported protocol buffer data types".
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
import math
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
import orjson

type Convert = Callable[[Any], Any]
"""From a value that protobuf parsed to one that JSON can carry; raises ValueError."""

_INTEGERS = frozenset({Field.TYPE_INT32, Field.TYPE_INT64, Field.TYPE_UINT32})
_TYPES_OF_COLUMN = {
    "BOOL": _INTEGERS | {Field.TYPE_BOOL, Field.TYPE_UINT64},
    "DATE": frozenset({Field.TYPE_INT32, Field.TYPE_INT64, Field.TYPE_STRING}),
    "DATETIME": frozenset({Field.TYPE_INT64, Field.TYPE_STRING}),
    "FLOAT64": frozenset({Field.TYPE_DOUBLE, Field.TYPE_FLOAT}),
    "INT64": _INTEGERS,
    "JSON": frozenset({Field.TYPE_STRING}),
    "STRING": frozenset({Field.TYPE_STRING}),
    "TIMESTAMP": _INTEGERS,
}

_EPOCH = datetime(1970, 1, 1)
_FIRST_DAY = date(1970, 1, 1).toordinal()
_MIN_MICROSECONDS = -62_135_596_800_000_000
_MAX_MICROSECONDS = 253_402_300_799_999_999
_MAX_JSON_DEPTH = 500


def converter(column_type: str, field_type: int) -> Convert | None:
    """Return what turns a value of the field into one for the column.

    None means that BigQuery does not take this protobuf type for this column. The function that is
    returned raises ValueError, with a text for the row's error.
    """
    if field_type not in _TYPES_OF_COLUMN.get(column_type, ()):
        return None
    if field_type == Field.TYPE_STRING:
        return _FROM_STRING[column_type]
    return _FROM_NUMBER[column_type]


def instant(value: date) -> datetime:
    """Return the time of a converted DATE, DATETIME or TIMESTAMP, to compare with a bound."""
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def _string(value: object) -> str:
    # proto2 does not look at the bytes of a string; the parser hands over what is not UTF-8.
    if isinstance(value, bytes):
        raise ValueError("is not valid UTF-8")
    return str(value)


def json_fragment(value: object) -> orjson.Fragment:
    """Return a text of JSON as it is to stand in a line of JSON; raises ValueError."""
    text = _string(value)
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error}") from None
    if text.count("[") + text.count("{") > _MAX_JSON_DEPTH and _depth(text) > _MAX_JSON_DEPTH:
        raise ValueError(f"has JSON nested deeper than {_MAX_JSON_DEPTH} levels")
    # The text "null" ends as NULL, because lines of JSON have no other word for the JSON null.
    # A line feed can only stand between tokens; in a line of JSON it would end the row.
    return orjson.Fragment(text.replace("\n", " ").replace("\r", " ").encode())


def _depth(text: str) -> int:
    """Return how deep a valid JSON text is nested; source: data-types, "JSON type"."""
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _timestamp(microseconds: int) -> datetime:
    if not _MIN_MICROSECONDS <= microseconds <= _MAX_MICROSECONDS:
        raise ValueError(f"has {microseconds} microseconds, outside the years 1 to 9999")
    return _EPOCH + timedelta(microseconds=microseconds)


def _date_from_days(days: int) -> date:
    try:
        return date.fromordinal(_FIRST_DAY + days)
    except ValueError, OverflowError:
        raise ValueError(f"has {days} days, outside the years 1 to 9999") from None


def _date_from_text(value: object) -> date:
    text = _string(value)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is not a DATE: {text!r}") from None


def _datetime_from_text(value: object) -> datetime:
    text = _string(value)
    try:
        result = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"is not a DATETIME: {text!r}") from None
    if result.tzinfo is not None:
        raise ValueError(f"is a DATETIME with a time zone: {text!r}")
    return result


def _datetime_from_packed(packed: int) -> datetime:
    """Read the civil time encoding: microseconds in 20 bits, and fields of 6, 6, 5, 5, 4 and 14."""
    try:
        return datetime(
            packed >> 46,
            packed >> 42 & 15,
            packed >> 37 & 31,
            packed >> 32 & 31,
            packed >> 26 & 63,
            packed >> 20 & 63,
            packed & 0xFFFFF,
        )
    except ValueError, OverflowError:
        raise ValueError(f"is not a packed DATETIME: {packed}") from None


def _float(value: float) -> float | str:
    # JSON has no word for these three; DuckDB reads them from text.
    return value if math.isfinite(value) else str(value)


def _same(value: int) -> int:
    return value


_FROM_STRING: dict[str, Convert] = {
    "DATE": _date_from_text,
    "DATETIME": _datetime_from_text,
    "JSON": json_fragment,
    "STRING": _string,
}
_FROM_NUMBER: dict[str, Convert] = {
    "BOOL": bool,
    "DATE": _date_from_days,
    "DATETIME": _datetime_from_packed,
    "FLOAT64": _float,
    "INT64": _same,
    "TIMESTAMP": _timestamp,
}
