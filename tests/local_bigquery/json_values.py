"""Values in lines of JSON: which JSON a column takes, and what it becomes.

Source: loading-data-cloud-storage-json, "Limitations" (dates, times, integers) and "Load JSON
data"; data-types (ranges). The texts after "Could not" are those that users of load jobs report.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
import math
import re
from typing import Any

import orjson

from .values import json_fragment

type Convert = Callable[[Any], Any]

_INT64 = 2**63
_EXACT_INTEGER = 2**53
_TIME = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_ZONE = r" ?(?:Z|UTC|[+-]\d{2}:\d{2})"
_TIMESTAMP = re.compile(rf"\d{{4}}([-/])\d{{2}}\1\d{{2}}(?:{_TIME}(?:{_ZONE})?)?", re.ASCII)
_DATETIME = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}(?:{_TIME})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
        if abs(number) >= _EXACT_INTEGER:
            # BigQuery takes it and may store another number, which no user wants.
            raise ValueError(
                f"The local BigQuery takes integers beyond 2^53 - 1 only as text; Value: {value}"
            )
    else:
        raise ValueError(f"Could not convert value to integer. Value: {value}")
    if not -_INT64 <= number < _INT64:
        raise ValueError(f"Could not convert value to integer (out of range). Value: {value}")
    return number


def _float(value: Any) -> float | str:
    try:
        number = float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        number = None
    if number is None or isinstance(value, bool):
        raise ValueError(f"Could not convert value to float. Value: {value}")
    return number if math.isfinite(number) else str(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    raise ValueError(f"Could not convert value to boolean. Value: {value}")


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"Could not convert value to string. Value: {value}")


def _timestamp(value: Any) -> datetime:
    """Read a time; one without a zone is in UTC."""
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        raise ValueError(
            f"Could not parse '{value}' as a timestamp. Required format is"
            f" YYYY-MM-DD HH:MM[:SS[.SSSSSS]] or YYYY/MM/DD HH:MM[:SS[.SSSSSS]] Value: {value}"
        )
    date_part, time_part = value[:10].replace("/", "-"), value[10:].replace("UTC", "Z")
    moment = datetime.fromisoformat(date_part + time_part[:1] + time_part[1:].replace(" ", ""))
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"Timestamp is out of the years 1 to 9999. Value: {value}") from None


def _datetime(value: Any) -> datetime:
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        raise ValueError(f"Could not parse '{value}' as a datetime. Value: {value}")
    return datetime.fromisoformat(value)


def _date(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError(
            f"Could not parse '{value}' as a date. Required format is YYYY-MM-DD Value: {value}"
        )
    return date.fromisoformat(value)


def _json(value: Any) -> orjson.Fragment:
    """Return the value itself: a text is a JSON string and is not parsed."""
    return json_fragment(orjson.dumps(value).decode())


CONVERT: dict[str, Convert] = {
    "BOOL": _boolean,
    "DATE": _date,
    "DATETIME": _datetime,
    "FLOAT64": _float,
    "INT64": _integer,
    "JSON": _json,
    "STRING": _string,
    "TIMESTAMP": _timestamp,
}
