"""Rows as load jobs take them: newline-delimited JSON.

Which JSON a column takes is said on BigQuery's page "Loading JSON data from Cloud Storage": dates
with dashes, integers beyond 2^53 - 1 as text, and a column of type JSON the value itself. NULL in
a REPEATED column is an error, so what has no value is left out.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import compress, count
import json
import math
from types import NoneType
from typing import Any

import orjson

from ..rows.encoding import Values, one_by_one
from ..rows.table import Column, ColumnType, Mode, Table, timestamp
from ..rows.times import Times
from ..rows.ulids import Contexts
from .columnar_json import Member, encode

type _Convert = Callable[[Any], Any]
type _Shape = tuple[tuple[str, ...], tuple[type, ...]]

_EPOCH = datetime(1970, 1, 1)
_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z
_INT64 = 2**63
_EXACT_INTEGER = 2**53
_MAX_PLANS = 1_000
_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


@dataclass(frozen=True, slots=True)
class _Plan:
    """How columns are encoded whose values have certain Python types."""

    nulls: list[str]
    """Columns whose values are None, which are left out."""
    conversions: list[tuple[str, _Convert]]
    """Columns whose values have to be converted; those that become None are left out."""


class NdjsonEncoding:
    """Encodes the rows of a table, one line each.

    A fragment holds members without the braces around them; a row is fragments with commas
    between them and braces around. A JSON column whose whole value is `null` is NULL afterwards:
    a load job cannot tell the two apart.
    """

    def __init__(self, table: Table) -> None:
        """Take the columns from the declaration of the table."""
        self._columns = {column.name: column for column in table.columns}
        self._plans: dict[_Shape, _Plan] = {}

    def fragment(self, values: Mapping[str, Any]) -> bytes:
        """Encode some columns of a row, by name; None is NULL.

        Raises ValueError when a value cannot be encoded, or there is no such column.
        """
        # The types come in few combinations: each is planned once, not for every row.
        shape = (tuple(values), tuple(map(type, values.values())))
        plan = self._plans.get(shape) or self._plan(shape)
        members = dict(values)
        for name in plan.nulls:
            del members[name]
        for name, convert in plan.conversions:
            if (value := convert(members[name])) is None:
                del members[name]
            else:
                members[name] = value
        try:
            return orjson.dumps(members, option=_OPTIONS)[1:-1]
        except orjson.JSONEncodeError as err:
            raise ValueError(f"it cannot be written as JSON: {err}") from None

    def fragments(self, columns: Mapping[str, Values]) -> list[bytes]:
        """Encode some columns of many rows; no value is None. Raises ValueError."""
        if any(isinstance(values, Times | Contexts) for values in columns.values()):
            members = [
                Member(name, values, self._column(name).type is ColumnType.DATETIME)
                for name, values in columns.items()
            ]
            if (encoded := encode(members)) is not None:
                return encoded
        rows = zip(*map(one_by_one, columns.values()), strict=True)
        return [self.fragment(dict(zip(columns, row, strict=True))) for row in rows]

    def together(self, *fragments: bytes) -> bytes:
        """Put fragments of a row together to one; an empty one has no columns."""
        return b",".join(filter(None, fragments) if b"" in fragments else fragments)

    def row(self, *fragments: bytes) -> bytes:
        """Put a row together from its fragments: a line without its end."""
        return b"{%b}" % b",".join(filter(None, fragments) if b"" in fragments else fragments)

    def rows(self, *fragments: Sequence[bytes]) -> list[bytes]:
        """Put many rows together: of the first fragments, and the second ones, and so on.

        What some of the rows lack comes last.
        """
        whole: list[Sequence[bytes]] = []
        rare: list[Sequence[bytes]] = []
        for column in fragments:
            (whole if all(column) else rare).append(column)
        if len(whole) < 2:
            return list(map(self.row, *fragments, strict=True))
        # Braces, and what few rows have, are joined to the first and last fragments: both are much
        # shorter than a row.
        first, *others, last = whole
        opened = {fragment: b"{" + fragment for fragment in set(first)}
        ends = list(last)
        for column in rare:
            for place in compress(count(), column):
                ends[place] = b"%b,%b" % (ends[place], column[place])
        closed = [b"%b}" % fragment for fragment in ends]
        lines = zip(map(opened.__getitem__, first), *others, closed, strict=True)
        return list(map(b",".join, lines))

    def decode(self, row: bytes, names: Container[str] | None = None) -> dict[str, Any]:
        """Return the values of a row that are not NULL, by name, as `fragment` takes them.

        `names` has those of the columns that are wanted; others of the row are left out. Raises
        ValueError when it is not a row of this table.
        """
        return {
            name: _read(self._column(name), value, text)
            for name, value, text in _members(row)
            if names is None or name in names
        }

    def _plan(self, shape: _Shape) -> _Plan:
        plan = _Plan([], [])
        for name, type_ in zip(*shape, strict=True):
            column = self._column(name)
            if type_ is NoneType:
                plan.nulls.append(name)
            elif convert := _conversion(column, type_):
                plan.conversions.append((name, convert))
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        self._plans[shape] = plan
        return plan

    def _column(self, name: str) -> Column:
        column = self._columns.get(name)
        if column is None:
            raise ValueError(f"there is no column {name}")
        return column


def _conversion(column: Column, type_: type) -> _Convert | None:
    """Return how a column's values of this type become JSON; None if they stay as they are."""
    if column.mode is not Mode.REPEATED:
        return _single_conversion(column, type_)
    if not issubclass(type_, list | tuple):
        raise ValueError(f"{column.name} has to be a list, and not {type_.__name__}")
    return lambda items: [_item(column, item) for item in items] or None


def _single_conversion(column: Column, type_: type) -> _Convert | None:
    types, convert = _CONVERSIONS[column.type]
    if not issubclass(type_, types) or (type_ is bool and column.type is not ColumnType.BOOL):
        raise ValueError(f"{column.name} has to be {column.type}, and not {type_.__name__}")
    return convert


def _item(column: Column, item: object) -> object:
    convert = _single_conversion(column, type(item))
    return item if convert is None else convert(item)


def _integer(value: int) -> int | str:
    if -_EXACT_INTEGER < value < _EXACT_INTEGER:
        return value
    if not -_INT64 <= value < _INT64:
        raise ValueError(f"{value} is out of range")
    return str(value)


def _float(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return float(value)


def _time(value: int) -> datetime:
    try:
        return _EPOCH + timedelta(0, 0, value)
    except OverflowError:
        raise ValueError(f"{value} microseconds are not in the years 1 to 9999") from None


def _date(value: int) -> str:
    try:
        return (_EPOCH + timedelta(value)).date().isoformat()
    except OverflowError:
        raise ValueError(f"{value} days are not in the years 1 to 9999") from None


def _datetime(value: int | str) -> str:
    return value if isinstance(value, str) else _time(value).isoformat(" ", "microseconds")


def _json(text: str) -> orjson.Fragment:
    """Return JSON text as it is, so that no number loses a digit, but in one line."""
    orjson.loads(text)
    # Line ends are only between values: JSON has none inside of text.
    return orjson.Fragment(text.encode().translate(_LINE_ENDS).strip())


_CONVERSIONS: Mapping[ColumnType, tuple[type | tuple[type, ...], _Convert | None]] = {
    ColumnType.BOOL: (bool, None),
    ColumnType.DATE: (int, _date),
    ColumnType.DATETIME: ((int, str), _datetime),
    ColumnType.FLOAT64: ((float, int), _float),
    ColumnType.INT64: (int, _integer),
    ColumnType.JSON: (str, _json),
    ColumnType.STRING: (str, None),
    ColumnType.TIMESTAMP: (int, _time),
}

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
"""Leaves numbers as text: a JSON column may have longer ones than Python reads."""


def _members(row: bytes) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and text of the value of each member of a row; raises ValueError."""
    line = row.decode()
    place = 1
    if line == "{}":
        return
    while place < len(line):
        name, place = _DECODER.raw_decode(line, place)
        value, end = _DECODER.raw_decode(line, place + 1)
        yield name, value, line[place + 1 : end]
        place = end + 1
    if line[:1] + line[-1:] != "{}":
        raise ValueError("it is not a JSON object")


def _read(column: Column, value: Any, text: str) -> object:  # noqa: ANN401
    """Return a value as `ColumnType` has it; `text` is its JSON."""
    if column.mode is Mode.REPEATED and column.type is not ColumnType.JSON:
        return [_read_single(column.type, item) for item in value]
    return text if column.type is ColumnType.JSON else _read_single(column.type, value)


def _read_single(type_: ColumnType, value: Any) -> object:  # noqa: ANN401
    match type_:
        case ColumnType.DATE:
            return (date.fromisoformat(value) - _EPOCH.date()).days
        case ColumnType.FLOAT64:
            return float(value)
        case ColumnType.INT64:
            return int(value)
        case ColumnType.TIMESTAMP:
            return timestamp(datetime.fromisoformat(value))
        case _:
            return value
