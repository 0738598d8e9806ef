"""Sums of the recorder's rows by statistic and period, and what digests rows with such sums have.

That rows with some sum have some digest stays true whatever happens to the recorder, to BigQuery or
to the files: so rows that have the same sum as before need not be read to know their digest.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from ...source.source_table import is_time
from ...source.statistics import Statistic
from ...source.statistics_sums import DaySum
from .digests import Digests, Periods, salt_of

_DAY = 86_400
_SUMS = 1 << 64
"""Sums are compared modulo this."""


@dataclass(slots=True)
class PeriodSum:
    """The sum of the rows of a statistic in a period."""

    rows: int = 0
    sum: int | None = 0
    """It has the statistic's metadata, too; None where it is not known."""
    first: float = float("inf")
    """The earliest start of a row, in seconds since 1970."""
    last: float = float("-inf")
    """The latest start of a row, in seconds since 1970."""


class Sums:
    """Sums by statistic_id and period."""

    def __init__(self, periods: Periods, statistics: Mapping[int, Statistic]) -> None:
        """Begin without rows; statistics are by their metadata_id."""
        self.statistics = identified(statistics)
        """What identifies the metadata of all statistics."""
        self._periods = periods
        self._statistics = statistics
        self._salts: dict[Statistic, int] = {}
        self.total: int | None = 0
        """The sum of all rows, without metadata; None where it is not known."""
        self.by_statistic: dict[str, dict[int, PeriodSum]] = {}

    @property
    def rows(self) -> int:
        """Return how many rows were added up, without those that no digest has."""
        return sum(period.rows for _, _, period in self.periods())

    def periods(self) -> Iterator[tuple[str, int, PeriodSum]]:
        """Yield the sums with their statistic_id and the number of the period."""
        for statistic_id, periods in self.by_statistic.items():
            for number, period in periods.items():
                yield statistic_id, number, period

    def add(self, days: Iterable[DaySum]) -> None:
        """Add the sums of days."""
        for day in days:
            self.total = added(self.total, day.sum)
            if (statistic := self._statistics.get(day.metadata_id)) is None:
                continue
            ends = [end for end in (day.first, day.last) if is_time(end)]
            numbers = {int(end // _DAY) for end in ends}
            # Which rows a sum of two days has is not known.
            known = day.sum if len(ends) == 2 and len(numbers) == 1 else None
            for number in {self._periods[number] for number in numbers}:
                periods = self.by_statistic.setdefault(statistic.statistic_id, {})
                period = periods.setdefault(number, PeriodSum())
                period.rows += day.rows
                salted = None if known is None else known + day.rows * self._salt(statistic)
                period.sum = added(period.sum, salted)
                period.first = min(period.first, *ends)
                period.last = max(period.last, *ends)

    def include(self, known: Known) -> None:
        """Add sums that are known; how many rows they are of is not."""
        self.total = added(self.total, known.total)
        for statistic_id, periods in known.sums.items():
            mine = self.by_statistic.setdefault(statistic_id, {})
            for number, sum_ in periods.items():
                found = mine.setdefault(number, PeriodSum())
                found.sum = added(found.sum, sum_)

    def _salt(self, statistic: Statistic) -> int:
        if (salt := self._salts.get(statistic)) is None:
            salt = self._salts[statistic] = int.from_bytes(salt_of(statistic))
        return salt


@dataclass(frozen=True, slots=True)
class Known:
    """What was known of the recorder's rows up to an id: which sums and which digests they had."""

    cursor: int
    statement: str
    """How the sums were computed: others are not compared with them."""
    statistics: str
    """What identifies the metadata of all statistics."""
    total: int | None
    """The sum of all rows, if each of them is of a digest that is known."""
    sums: Mapping[str, Mapping[int, int]]
    """Sums by statistic_id and period."""
    digests: Digests
    """The digests of these statistics and periods, and perhaps of others."""
    read: float
    """When all rows were last read, in seconds since 1970."""

    def get(self, statistic_id: str, number: int) -> int | None:
        """Return the sum of a statistic in a period, if it is known."""
        return self.sums.get(statistic_id, {}).get(number)

    def as_json(self) -> dict[str, Any]:
        """Return it as it is written to a file, without the digests and the cursor."""
        return {
            "statement": self.statement,
            "statistics": self.statistics,
            "total": self.total,
            "read": self.read,
            "sums": {
                statistic_id: {str(number): sum_ for number, sum_ in periods.items()}
                for statistic_id, periods in self.sums.items()
            },
        }


def known_from_json(data: Mapping[str, Any] | None, cursor: int, digests: Digests) -> Known | None:
    """Return what was written, or None where nothing was."""
    if not data:
        return None
    sums = {
        statistic_id: {int(number): sum_ for number, sum_ in periods.items()}
        for statistic_id, periods in data["sums"].items()
    }
    return Known(
        cursor, data["statement"], data["statistics"], data["total"], sums, digests, data["read"]
    )


def known_of(
    sums: Sums, current: Digests, exported: Digests, cursor: int, statement: str, read: float
) -> Known:
    """Return what is to be known of rows up to an id, whose sums and digests were just found.

    It is kept beside the digests of what was `exported`, so only where these are the same.
    """
    kept: dict[str, dict[int, int]] = {}
    complete = exported.numbers() == current.numbers()
    for statistic_id, number, period in sums.periods():
        then, now = exported.get(statistic_id, number), current.get(statistic_id, number)
        if then and now and then.like(now) and period.sum is not None:
            kept.setdefault(statistic_id, {})[number] = period.sum
        else:
            complete = False
    total = sums.total if complete else None
    return Known(cursor, statement, sums.statistics, total, kept, exported, read)


def added(one: int | None, other: int | None) -> int | None:
    """Return the sum of two sums, None if one of them is not known."""
    return None if one is None or other is None else (one + other) % _SUMS


def identified(statistics: Mapping[int, Statistic]) -> str:
    """Return what identifies the metadata of statistics."""
    rows = sorted((id_, *statistic) for id_, statistic in statistics.items())
    return blake2b(orjson.dumps(rows), digest_size=8).hexdigest()
