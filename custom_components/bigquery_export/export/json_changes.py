"""What makes one JSON value of another: short where little has changed.

{"intent": ..}      of an object: what has changed of its members, by name
["array", [..]]     of an array: parts one after another, `[first, until]` for elements that
were there, `[value]` for another one
[value]             another value
[]                  of a member: there is none any more
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

type Json = Any
"""A value as `orjson.loads` returns it."""

_ARRAY = "array"
_GONE: list[Json] = []


def difference(before: Json, after: Json) -> Json:
    """Return what `changed` makes `after` of `before` with. Equal numbers are one value."""
    if isinstance(before, dict) and isinstance(after, dict):
        return dict(_members(before, after))
    if isinstance(before, list) and isinstance(after, list):
        return [_ARRAY, _parts(before, after)]
    return [after]


def changed(before: Json, change: Json) -> Json:
    """Return a value with a change, which leaves `before` as it is.

    Raises ValueError, LookupError or TypeError when the change is none of this value.
    """
    match change:
        case dict():
            after = {**before}
            for name, member in change.items():
                if member == _GONE:
                    del after[name]
                else:
                    after[name] = changed(before.get(name), member)
            return after
        case ["array", parts]:
            return [element for part in parts for element in _elements(before, part)]
        case [value]:
            return value
    raise ValueError("it is no change")


def _members(before: Mapping[str, Json], after: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """Yield the members that have changed, in the order in which they are afterwards."""
    for name in before.keys() - after.keys():
        yield name, _GONE
    for name, value in after.items():
        if name not in before:
            yield name, [value]
        elif value != before[name]:
            yield name, difference(before[name], value)


def _parts(before: Sequence[Json], after: Sequence[Json]) -> list[list[Json]]:
    places = {orjson.dumps(element): place for place, element in enumerate(before)}
    parts: list[list[Json]] = []
    until = -1
    for element in after:
        place = places.get(orjson.dumps(element))
        if place is None:
            parts.append([element])
            until = -1
        elif place == until:
            until = parts[-1][1] = until + 1
        else:
            until = place + 1
            parts.append([place, until])
    return parts


def _elements(before: Sequence[Json], part: Sequence[Json]) -> Sequence[Json]:
    match part:
        case [first, until]:
            return before[first:until]
        case [element]:
            return [element]
    raise ValueError("it is no part of an array")
