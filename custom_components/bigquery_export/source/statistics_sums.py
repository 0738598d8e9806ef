"""Sums of statistics that the database computes, by which rows that have changed are found.

To read a row takes Python longer than the database takes to add it up, which it does while other
threads run.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple, cast

from homeassistant.components.recorder.db_schema import Statistics
from homeassistant.core import HomeAssistant
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Select,
    bindparam,
    case,
    cast as sql_cast,
    func,
    literal_column,
    select,
)

from .connections import RecorderDatabase
from .source_table import END_SECOND, FIRST_SECOND, SourceTable
from .statements import fetch
from .statistics import METADATA, Statistic, as_statistic

SUMMED_IDS = 20_000
"""Ids whose rows are added up at once, in about 20 ms; so many rows cannot exceed 64 bits."""
_DAY = 86_400
_PRIME = 2_147_483_647
_SQUARES = 140_737_488_355_213
"""A prime below 2^47: 20,000 rows that are smaller come to less than 2^62."""
_LARGEST = 4e18
"""Larger numbers have no place in 64 bits."""
_FRACTION = float(1 << 61)
_TICKS = float(1 << 20)
"""In a second; a time comes to less than 2^53 of them."""
_VALUES = {
    "mean": 0.0975,
    "mean_weight": 0.0612,
    "min": 0.1153,
    "max": 0.0843,
    "state": 0.1219,
    "sum": 0.0731,
}
"""Factors, by which a value that changes its column is noticed."""
_TIMES = {"start_ts": 1.1 * _TICKS, "created_ts": 1.3 * _TICKS, "last_reset_ts": 1.7 * _TICKS}
_WHOLE, _PART, _TIME = 104_729_001, 98_765_431, 112_345_601


class DaySum(NamedTuple):
    """The sum of the rows of one statistic that begin on one day, in UTC."""

    metadata_id: int
    """0 for rows without a statistic."""
    first: object
    """The earliest start of a row, in seconds since 1970, or what is in place of it."""
    last: object
    """The latest start."""
    rows: int
    sum: int | None
    """None where a value of one of the rows is too large, or no number."""


class StatisticsSums:
    """Adds up the rows of one table of statistics.

    Of each row a number is computed, of all columns but its id: the values are multiplied by a
    factor for each column and added, which gives a double; its bits, and the times, are mixed to a
    number, which is squared. So changes of several rows do not cancel each other, as the change of
    a sum depends on all that its row has. These integers are added exactly, in any order.

    A change is missed if it is below the precision of that double, which is 1e-14 of the largest
    value in the row, or of 1 where all are smaller, or of a time and below 2 µs; if only the sign
    of a zero changes; if it is of a text in a column of numbers, which SQLite keeps, and the
    recorder does not write; and otherwise once in about 2^31 times.

    Sums of different databases, or of different statements, are not to be compared. Methods block,
    and belong on the recorder's own executor. Each is one short read. They raise SQLAlchemyError
    also where a database cannot compute with the values that it has.
    """

    def __init__(self, hass: HomeAssistant, table: SourceTable) -> None:
        """Prepare to read; nothing is read yet."""
        self._database = RecorderDatabase(hass)
        self._total, self._by_day = _statements(table)

    def statistics(self) -> dict[int, Statistic]:
        """Return the metadata of all statistics, by the recorder's number of it."""
        with self._database.connected() as connection:
            rows = fetch(connection, METADATA)
        return {int(id_): as_statistic(*values) for id_, *values in rows}

    def statement(self) -> str:
        """Return what identifies the database's kind, and how sums are computed."""
        with self._database.connected() as connection:
            dialect = connection.dialect
        text = f"{dialect.name} {self._by_day.compile(dialect=dialect)}"
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def total(self, after: int, until: int) -> int | None:
        """Return the sum of the rows with `after` < id <= `until`, which are 20,000 at most.

        It is None where a value is too large, or no number.
        """
        ((rows, summed, sum_),) = self._fetch(self._total, after, until)
        return int(sum_ or 0) if summed == rows else None

    def by_day(self, after: int, until: int) -> list[DaySum]:
        """Return the sums of these rows by statistic and day.

        Where a time is no whole second, or before 1970, one sum may be of two days, as `first` and
        `last` tell. Rows without a time have sums of their own.
        """
        return [
            DaySum(metadata_id or 0, first, last, rows, int(sum_ or 0) if summed == rows else None)
            for metadata_id, day, first, last, rows, summed, sum_ in self._fetch(
                self._by_day, after, until
            )
        ]

    def _fetch(self, statement: Select[Any], after: int, until: int) -> list[tuple[Any, ...]]:
        with self._database.connected() as connection:
            return list(fetch(connection, statement, {"after": after, "until": until}))


@cache
def _statements(table: SourceTable) -> tuple[Select[Any], Select[Any]]:
    """Return the statements for the sum of all rows, and for those by statistic and day."""
    model = cast(type[Statistics], table.columns[0].class_)  # or its equal of five minutes
    # An offset keeps databases from putting an expression in each place that refers to it.
    read = (
        select(
            model.metadata_id,
            model.start_ts,
            _weighted(_VALUES, model).label("value"),
            _weighted(_TIMES, model).label("time"),
        )
        .where(model.id > bindparam("after"), model.id <= bindparam("until"))
        .offset(_number(0))
        .subquery()
    )
    start, value, time = read.c.start_ts, read.c.value, read.c.time
    whole = _as_integer(value)
    mixed = (
        whole % _number(_PRIME) * _number(_WHOLE)
        + _as_integer((value - whole) * _number(_FRACTION)) % _number(_PRIME) * _number(_PART)
        + _as_integer(time) % _number(_PRIME) * _number(_TIME)
    ) % _number(_PRIME)
    is_small = [number.between(_number(-_LARGEST), _number(_LARGEST)) for number in (value, time)]
    is_time = start.between(_number(FIRST_SECOND), _number(END_SECOND))
    row = (
        select(
            read.c.metadata_id,
            start,
            case((is_time, _as_integer(start) // _number(_DAY))).label("day"),
            case((is_small[0] & is_small[1], mixed)).label("mixed"),
        )
        .offset(_number(0))
        .subquery()
    )
    key = row.c.metadata_id, row.c.day
    square = row.c.mixed * row.c.mixed % _number(_SQUARES)
    sums = func.count(), func.count(row.c.mixed), func.sum(square)
    ends = func.min(row.c.start_ts), func.max(row.c.start_ts)
    return select(*sums), select(*key, *ends, *sums).group_by(*key)


def _weighted(factors: Mapping[str, float], model: type[Statistics]) -> ColumnElement[Any]:
    """Return the sum of columns, each with its factor; NULL is a number that no value has."""
    terms = [
        func.coalesce(getattr(model, name) * _number(factor), _number(factor * 1.2345))
        for name, factor in factors.items()
    ]
    return sum(terms[1:], terms[0])


def _as_integer(number: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the integer near a number; databases round it differently."""
    return sql_cast(number, BigInteger)


def _number(value: float) -> ColumnElement[Any]:
    """Return a number that is part of the statement."""
    return literal_column(repr(value), BigInteger if isinstance(value, int) else Double)
