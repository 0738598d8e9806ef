"""JSON objects of the recorder's, repaired where their text can mean only one thing.

What a JSON column takes is said on BigQuery's page "Working with JSON data" (at most 500 levels),
and in RFC 8259: neither NaN nor infinities, no control characters, and only whole characters.
"""

from collections.abc import Mapping
import json
import math
from typing import Any, NamedTuple, cast

import orjson

from ..source.statements import as_text

_MAX_DEPTH = 500
_BYTE_ORDER_MARK = "\ufeff"


class JsonObject(NamedTuple):
    """A JSON object that the recorder has as text."""

    text: str | None
    """As it can be sent; None where it cannot be."""
    values: dict[str, Any]
    """What it holds: nothing where it cannot be sent."""
    damaged: bool = False
    """Whether the recorder has it otherwise."""


_NONE = JsonObject(None, {})
_LOST = JsonObject(None, {}, damaged=True)


def json_object(recorded: str | None) -> JsonObject:
    """Return a JSON object as it can be sent: word for word, repaired, or not at all."""
    if recorded is None:
        return _NONE
    try:
        values = orjson.loads(recorded)
    except orjson.JSONDecodeError:
        return _repaired(recorded)
    if not isinstance(values, dict):
        return _LOST
    if _may_be_deep(recorded) and not _is_flat_enough(values):
        return _LOST
    if as_json(values) != recorded and _repeats_a_name(recorded):
        return JsonObject(as_json(values), values, damaged=True)
    return JsonObject(recorded, values)


def as_json(value: object) -> str:
    """Return a value as text."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # It has more levels than orjson writes, which are half of what it reads.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _repaired(recorded: str) -> JsonObject:
    """Return an object of which only some values are not JSON."""
    try:
        text = recorded.removeprefix(_BYTE_ORDER_MARK)
        read = json.loads(text, strict=False, parse_int=_number, parse_float=_number)
        values = _clean(read)
        if not isinstance(values, dict) or not _is_flat_enough(values):
            return _LOST
        return JsonObject(as_json(values), values, damaged=True)
    except ValueError, TypeError, RecursionError:
        return _LOST


def _number(text: str) -> int | float | None:
    """Return a number as orjson does: one that is no whole number of 64 bits as a float."""
    try:
        return cast(int | float, orjson.loads(text))
    except orjson.JSONDecodeError:
        return None  # It is larger than any number that JSON is read as.


def _clean(value: object) -> object:
    """Return a value without what JSON has no word for: NaN, infinities and half characters."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_clean(part) for part in value]
        case dict():
            return {as_text(_clean(name)): _clean(part) for name, part in value.items()}
    return value


def _repeats_a_name(text: str) -> bool:
    """Return whether an object in a text has a name twice, of which Home Assistant reads the last.

    BigQuery's pages do not say which one it would keep.
    """

    def check(members: list[tuple[str, Any]]) -> None:
        found.append(len(dict(members)) < len(members))

    found: list[bool] = []
    try:
        json.loads(text, object_pairs_hook=check, parse_int=str, parse_float=str)
    except RecursionError:
        return False
    return any(found)


def _may_be_deep(text: str) -> bool:
    return len(text) > _MAX_DEPTH and text.count("[") + text.count("{") > _MAX_DEPTH


def _is_flat_enough(values: Mapping[str, Any]) -> bool:
    """Return whether a value has no more levels than BigQuery takes."""
    level: list[Any] = [values]
    for _ in range(_MAX_DEPTH):
        level = [
            part
            for container in level
            for part in (container.values() if isinstance(container, dict) else container)
            if isinstance(part, dict | list)
        ]
        if not level:
            return True
    return False
