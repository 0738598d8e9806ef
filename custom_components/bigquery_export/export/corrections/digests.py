"""Digests of the statistics that were exported, by which corrections are found.

Home Assistant changes statistics afterwards, and does not record it: it adjusts sums, converts
units, imports into the past, renames and clears. A digest of a statistic in a period is the number
of its rows and the sum of their hashes. One is kept of the rows as they were sent, and compared
with one of the rows as they are now.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from marshal import dumps
from typing import Any, Self

import orjson

from ...rows.table import PartitionUnit
from ...source.statistics import Statistic, StatisticsPiece

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400
_HASHES = 1 << 64
_MARSHAL = 2
"""The version of the format: in newer ones the bytes depend on other references to a value."""


def month(date: datetime) -> int:
    """Return the number of a calendar month."""
    return date.year * 12 + date.month - 1


def day(date: datetime) -> int:
    """Return the number of a day."""
    return date.toordinal()


class Periods(dict[int, int]):
    """Numbers of periods by the number of a day since 1970, in UTC."""

    def __init__(self, number: Callable[[datetime], int]) -> None:
        """Begin with an empty cache."""
        super().__init__()
        self._number = number

    def __missing__(self, day: int) -> int:
        """Return the number of the period; raises OverflowError outside the years 1 to 9999."""
        number = self[day] = self._number(_EPOCH + timedelta(days=day))
        return number


PERIODS = {PartitionUnit.DAY: Periods(day), PartitionUnit.MONTH: Periods(month)}
"""A period is a partition, so that all rows that are sent of a period are in one."""


@dataclass(slots=True)
class Digest:
    """A digest of the rows of a statistic in a period."""

    rows: int = 0
    hashes: int = 0
    """The sum of their hashes; modulo 2^64 where it is stored or compared."""
    first: float = float("inf")
    """The earliest start of a row, in seconds since 1970."""
    last: float = float("-inf")
    """The latest start of a row, in seconds since 1970."""

    def like(self, other: Digest) -> bool:
        """Return whether both digests are equal, and so of the same rows."""
        return self.rows == other.rows and (self.hashes - other.hashes) % _HASHES == 0

    def add(self, other: Digest) -> None:
        """Add other rows."""
        self.rows += other.rows
        self.hashes += other.hashes
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


class Digests:
    """Digests by statistic_id and period."""

    def __init__(self, periods: Periods) -> None:
        """Begin without rows."""
        self._periods = periods
        self._salts: dict[Statistic, bytes] = {}
        self.by_statistic: dict[str, dict[int, Digest]] = {}

    def add(self, piece: StatisticsPiece, ids: Collection[int] | None = None) -> None:
        """Add rows, or only those with some ids; rows that cannot be encoded are left out.

        A hash is of all values of a row but its id, and of its statistic's metadata. It is the same
        in each process and with each version of Python.
        """
        from_bytes, numbers = int.from_bytes, self._periods
        places = self._places(piece)
        for row in piece.rows:
            if ids is not None and row[0] not in ids:
                continue
            start: float = row[2]  # type: ignore[assignment]
            try:
                salt, periods = places[row[1]]
                number = numbers[int(start // _DAY)]
            except KeyError, TypeError, ValueError, OverflowError:
                continue  # No statistic, no time, or none that BigQuery has.
            hashed = from_bytes(blake2b(salt + dumps(row[2:], _MARSHAL), digest_size=8).digest())
            if (digest := periods.get(number)) is None:
                periods[number] = Digest(1, hashed, start, start)
                continue
            digest.rows += 1
            digest.hashes += hashed
            if start < digest.first:
                digest.first = start
            elif start > digest.last:
                digest.last = start

    def include(self, other: Digests) -> None:
        """Add the rows of other digests."""
        for statistic_id, periods in other.by_statistic.items():
            mine = self.by_statistic.setdefault(statistic_id, {})
            for number, digest in periods.items():
                mine.setdefault(number, Digest()).add(digest)

    def get(self, statistic_id: str, number: int) -> Digest | None:
        """Return the digest of a statistic in a period, if there are rows."""
        return self.by_statistic.get(statistic_id, {}).get(number)

    def numbers(self) -> set[tuple[str, int]]:
        """Return all statistics and periods that have rows."""
        return {
            (statistic_id, number)
            for statistic_id, periods in self.by_statistic.items()
            for number in periods
        }

    def put(self, statistic_id: str, number: int, digest: Digest | None) -> None:
        """Replace the digest of a statistic in a period; None stands for no rows."""
        periods = self.by_statistic.setdefault(statistic_id, {})
        if digest:
            periods[number] = digest
        elif periods.pop(number, None) and not periods:
            del self.by_statistic[statistic_id]

    def forget(self, others: Mapping[str, Mapping[str, Any]]) -> None:
        """Remove the digests of all statistics and periods that `others`, as JSON, have."""
        for statistic_id, by_number in others.items():
            for number in by_number:
                self.put(statistic_id, int(number), None)

    def as_json(self) -> dict[str, dict[str, list[float]]]:
        """Return them as they are written to a file."""
        return {
            statistic_id: {
                str(number): [digest.rows, digest.hashes % _HASHES, digest.first, digest.last]
                for number, digest in periods.items()
            }
            for statistic_id, periods in self.by_statistic.items()
            if periods
        }

    @classmethod
    def from_json(cls, periods: Periods, data: Mapping[str, Mapping[str, Any]]) -> Self:
        """Return them as they were written."""
        digests = cls(periods)
        for statistic_id, by_number in data.items():
            for number, (rows, hashes, first, last) in by_number.items():
                digest = Digest(int(rows), int(hashes), float(first), float(last))
                digests.put(statistic_id, int(number), digest)
        return digests

    def _places(self, piece: StatisticsPiece) -> dict[int | None, tuple[bytes, dict[int, Digest]]]:
        """Return the salt of the hashes, and the digests by period, by metadata_id."""
        return {
            metadata_id: (
                self._salt(statistic),
                self.by_statistic.setdefault(statistic.statistic_id, {}),
            )
            for metadata_id in {row[1] for row in piece.rows}
            if metadata_id is not None and (statistic := piece.statistics.get(metadata_id))
        }

    def _salt(self, statistic: Statistic) -> bytes:
        if (salt := self._salts.get(statistic)) is None:
            salt = self._salts[statistic] = salt_of(statistic)
        return salt


def salt_of(statistic: Statistic) -> bytes:
    """Return the salt of a statistic: the bytes that all its hashes begin with."""
    return blake2b(orjson.dumps(tuple(statistic)), digest_size=8).digest()
