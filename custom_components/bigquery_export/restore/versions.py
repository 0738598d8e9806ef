"""The rows of a month in BigQuery, resolved as the view `statistics_latest` does.

For each statistic and hour it is the row that was exported last, unless a row with `deleted` was
exported later whose `start` and `end` are around it.
"""

from array import array
from bisect import insort
from collections.abc import Iterable, Iterator
from itertools import batched
from math import isnan, nan
from time import sleep
from typing import NamedTuple

from ..bigquery.listed_statistics import HourVersion, StatisticMetadata

MAX_ROWS = 500_000
"""Rows that are kept at once: 44 MB."""
_PAUSE_EVERY = 100
_PAUSE = 0.002
"""Seconds to pause after so many rows, so that other threads get their turn."""
_MICROSECONDS = 1e6
_WIDTH = 11


class Hour(NamedTuple):
    """An hour of a statistic in BigQuery; times are in seconds since 1970."""

    start: float
    mean: float | None
    mean_weight: float | None
    min: float | None
    max: float | None
    last_reset: float | None
    state: float | None
    sum: float | None
    metadata: StatisticMetadata


class MonthRows:
    """Rows of one month of some statistics, in little memory."""

    def __init__(self, after: str = "") -> None:
        """Begin without rows; statistics up to `after`, by their id, are left out."""
        self.after = after
        self.until: str | None = None
        """The last statistic whose rows are kept, where there are too many; None for all."""
        self._rows: dict[str, array[float]] = {}
        self._number = 0
        self._deleted: dict[str, list[tuple[int, int, int]]] = {}
        self._metadata: dict[StatisticMetadata, int] = {}

    def add(self, row: HourVersion) -> None:
        """Add a row, or what one deletes."""
        name = row.statistic_id
        if name <= self.after or (self.until is not None and name > self.until):
            return
        if row.deletes:
            insort(self._deleted.setdefault(name, []), (row.start, row.end, row.exported))
            return
        number = self._metadata.setdefault(row.metadata, len(self._metadata))
        values = (row.mean, row.mean_weight, row.min, row.max)
        self._rows.setdefault(name, array("d")).extend(
            (
                row.start,
                row.exported,
                row.id,
                number,
                *map(_number, values),
                nan if row.last_reset is None else row.last_reset,
                _number(row.state),
                _number(row.sum),
            )
        )
        self._number += 1
        if self._number > MAX_ROWS and len(self._rows) > 1:
            self._halve()

    def _halve(self) -> None:
        """Keep only the first half of the statistics, by their id."""
        names = sorted(self._rows)
        self.until = names[len(names) // 2 - 1]
        self._rows = {name: rows for name, rows in self._rows.items() if name <= self.until}
        self._deleted = {name: rows for name, rows in self._deleted.items() if name <= self.until}
        self._number = sum(map(len, self._rows.values())) // _WIDTH

    @property
    def names(self) -> list[str]:
        """Return the statistics, by their id."""
        return sorted(self._rows)

    def hours(self, name: str) -> list[Hour]:
        """Return the hours of a statistic as they are valid, in the order of their times."""
        newest: dict[float, tuple[float, ...]] = {}
        for row in batched(self._rows[name], _WIDTH, strict=True):
            before = newest.get(row[0])
            if before is None or row[1:3] > before[1:3]:
                newest[row[0]] = row
        deleted = self._deleted.get(name, ())
        metadata = list(self._metadata)
        return [
            _hour(row, metadata)
            for start, row in sorted(newest.items())
            if not any(
                first <= start < end and row[1] < exported for first, end, exported in deleted
            )
        ]


def month_rows(rows: Iterable[HourVersion], after: str = "") -> MonthRows:
    """Return rows, read with pauses for other threads; this blocks."""
    found = MonthRows(after)
    for row in unhurried(rows):
        found.add(row)
    return found


def unhurried[T](items: Iterable[T]) -> Iterator[T]:
    """Yield items, with pauses for other threads."""
    for number, item in enumerate(items, start=1):
        if number % _PAUSE_EVERY == 0:
            sleep(_PAUSE)
        yield item


def _hour(row: tuple[float, ...], metadata: list[StatisticMetadata]) -> Hour:
    start, _, _, number, mean, weight, minimum, maximum, last_reset, state, total = row
    return Hour(
        start / _MICROSECONDS,
        _value(mean),
        _value(weight),
        _value(minimum),
        _value(maximum),
        None if isnan(last_reset) else last_reset / _MICROSECONDS,
        _value(state),
        _value(total),
        metadata[int(number)],
    )


def _number(value: float | None) -> float:
    return nan if value is None else value


def _value(number: float) -> float | None:
    return None if isnan(number) else number
