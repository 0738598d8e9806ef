"""Reading a table of the recorder in the order of its ids."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from homeassistant.components.recorder.models import process_timestamp
from homeassistant.core import HomeAssistant
from sqlalchemy import (
    Connection,
    DateTime,
    Select,
    func,
)
from sqlalchemy.exc import DBAPIError

from .connections import RecorderDatabase
from .damage import first_damage, newest_readable
from .plan import PIECE_ROWS, is_plain, plan_of
from .source_table import (
    HIGHEST_ID,
    Anchor,
    ExportedIds,
    IdRange,
    SourceTable,
    fingerprint,
    is_time,
)
from .statements import (
    fetch,
    fetch_before_damage,
    fetch_by_ids,
    is_damaged,
    is_undecodable,
)

_COUNTED = 20_000
"""Ids whose rows are counted, in a millisecond. A quarter of them is enough for an estimate."""
_DAY = 86_400.0
_SHORTEST = 3_600.0
"""Seconds; what is recorded in less than an hour is too little to estimate a day."""


@dataclass(frozen=True, slots=True)
class Extent:
    """From which id to which a table has rows, and how many are added in a day."""

    first: int
    last: int
    per_day: float

    @property
    def rows(self) -> int:
        """Return how many rows there are at most: ids of deleted ones are counted, too."""
        return self.last - self.first + 1


class TableReader[Row: tuple[Any, ...]]:
    """Reads the rows of one table for one run.

    Its methods block, and belong on the recorder's own executor. Each is one short read
    transaction: a longer one would hold up the recorder's checkpoints.
    """

    def __init__(self, hass: HomeAssistant, table: SourceTable) -> None:
        """Prepare to read; nothing is read yet."""
        self._database = RecorderDatabase(hass)
        self._table = table
        self._plan = plan_of(table)
        self._is_plain: bool | None = None

    def connected(self) -> AbstractContextManager[Connection]:
        """Return a context in which all that this thread reads is read in one transaction."""
        return self._database.connected()

    def newest_id(self) -> int:
        """Return the highest id up to which all rows are final, or 0 when there is no such row."""
        with self._database.connected() as connection:
            try:
                return connection.execute(self._plan.newest).scalar() or 0
            except DBAPIError as err:
                if not is_damaged(err.orig):
                    raise
            return newest_readable(connection, self._plan.newest, self._plan.rows)

    def oldest_id(self) -> int | None:
        """Return the lowest id, or None when there is no row at all."""
        with self._database.connected() as connection:
            try:
                return cast(int | None, connection.execute(self._plan.oldest).scalar())
            except DBAPIError as err:
                if not is_damaged(err.orig):
                    raise
            return 1  # Where the rows that can be read begin is found when they are read.

    def latest_id(self) -> int | None:
        """Return the id of the row with the highest time; None if there is none, or damage."""
        with self._database.connected() as connection:
            try:
                return cast(int | None, connection.execute(self._plan.latest).scalar())
            except DBAPIError as err:
                if not is_damaged(err.orig):
                    raise
                return None

    def fingerprints(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the fingerprints of those rows that there are, and can be read, by id."""
        with self._database.connected() as connection:
            rows, _ = fetch_by_ids(connection, self._plan.marks, list(ids))
            return {id_: fingerprint(values) for id_, *values in rows}

    def count(self, after: int, until: int | None = None) -> int:
        """Return how many rows that are final have `after` < id <= `until`.

        Beyond 20,000 ids it is an estimate: of all ids there are as many rows as of the newest. To
        count millions of rows takes seconds, and is asked for every five minutes. Where rows are
        damaged, it is how many there are at most.
        """
        last = min(self.newest_id(), HIGHEST_ID if until is None else until)
        if last <= after:
            return 0
        if last - after > _COUNTED:
            after = max(after, (self.oldest_id() or 1) - 1)
        ids = max(0, last - after)
        if ids <= _COUNTED:
            return self._count(after, last)
        sampled = _COUNTED // 4
        estimate = round(ids * self._count(last - sampled, last) / sampled)
        return max(1, estimate)  # Rows that are looked for may be among the others alone.

    def _count(self, after: int, until: int) -> int:
        """Return how many rows there are, by reading all of them."""
        return self._counted(self._plan.waiting, {"after": after, "until": until})

    def _counted(self, statement: Select[Any], bounds: Mapping[str, Any]) -> int:
        with self._database.connected() as connection:
            try:
                ((waiting,),) = fetch(connection, statement, bounds)
                return cast(int, waiting)
            except DBAPIError as err:
                if not is_damaged(err.orig):
                    raise
        return max(0, int(bounds["until"]) - int(bounds["after"]))

    def repeats(self, after: int, until: int, exported: ExportedIds) -> Mapping[int, int]:
        """Return how many exported rows have the same identity as a row, by the id of that row.

        The rows are those with `after` < id <= `until`; rows without such a repeat are left out.
        """
        if self._plan.repeats is None:
            return {}
        older, newer = exported
        bounds = {
            "after": after,
            "until": until,
            "up_to": older.until,
            "again_after": newer.after,
            "again_until": newer.until,
        }
        with self._database.connected() as connection:
            return dict(connection.execute(self._plan.repeats, bounds).tuples().all())

    def times(self, after: int, until: int) -> list[tuple[float | None, float | None]]:
        """Return two times of the rows with `after` < id <= `until`, in seconds since 1970.

        The first says which partition in BigQuery a row belongs to, the second identifies the row.
        """
        with self._database.connected() as connection:
            bounds = {"after": after, "until": until}
            rows = fetch(connection, self._plan.times, bounds)
        return [(_first_time(times), _first_time(times[-1:])) for times in rows]

    def oldest_time(self, after: int) -> float | None:
        """Return the time of about the oldest row with `after` < id, in seconds since 1970.

        It is the time by which the recorder purges, and the lowest of the next 1,250 rows: the
        order of ids differs from that of times by minutes, or, after the clock was wrong, by as
        much as that. It is None where there is no such row, one of them is damaged, or the recorder
        purges none.
        """
        if self._plan.oldest_time is None:
            return None
        with self._database.connected() as connection:
            try:
                found = fetch(connection, self._plan.oldest_time, {"after": after})
            except DBAPIError as err:
                if not is_damaged(err.orig):
                    raise
                return None
        return _first_time(found[0])

    def extent(self) -> Extent | None:
        """Return the range of ids and the growth of the table, or None when it is empty.

        Each query looks up a few rows by an index, however many there are.
        """
        with self._database.connected() as connection:
            first, last = self._ends(connection)
            if first is None or last is None:
                return None
            until = _first_time(fetch(connection, self._plan.time_of_row, {"id": last})[0])
            if period := self._table.period:
                # Statistics may be kept for ever, so their number says nothing about a day; but
                # each period has about as many as the latest.
                try:
                    bounds = {"time": until}
                    together = connection.execute(self._plan.together, bounds).scalar_one()
                    return Extent(first, last, together * _DAY / period)
                except DBAPIError as err:
                    if not is_damaged(err.orig):
                        raise
            since = _first_time(fetch(connection, self._plan.time_of_row, {"id": first})[0])
        seconds = max(_SHORTEST, (until or 0.0) - (since or 0.0))
        return Extent(first, last, (last - first + 1) * _DAY / seconds)

    def _ends(self, connection: Connection) -> tuple[int | None, int | None]:
        """Return the first and the last id; where pages are damaged, of rows that can be read."""
        plan = self._plan
        found: list[int | None] = []
        for end in (plan.oldest, plan.newest_of_all):
            try:
                id_: int | None = connection.execute(end).scalar()
                fetch(connection, plan.time_of_row, {"id": id_})
            except DBAPIError as err:
                if not is_damaged(err.orig):
                    raise
                newest = newest_readable(connection, plan.newest_of_all, plan.rows)
                first = first_damage(connection, plan.rows, 0, newest).until + 1
                id_ = newest if found else first
            found.append(id_)
        first_id, last_id = found
        return first_id, last_id

    def partition_time(self, row: Sequence[Any]) -> float | None:
        """Return the time that says which partition a row belongs to, in seconds since 1970."""
        return _first_time([row[index] for index in self._plan.times_places])

    def times_of(self, row: Sequence[Any]) -> tuple[float | None, float | None]:
        """Return the two times of a row that was read, as `times` does."""
        return self.partition_time(row), _first_time([row[self._plan.times_places[-1]]])

    def damage(self, after: int, until: int) -> IdRange:
        """Return the first ids with `after` < id <= `until` whose rows cannot be read.

        They are damaged, or missing on a damaged page. The range is empty where all can be read.
        """
        with self._database.connected() as connection:
            return first_damage(connection, self._plan.rows, after, until)

    def narrow(self, first: float, last: float) -> None:
        """Read few rows from now on outside the partitions between two times, in seconds.

        All rows are read where the times are of another kind, which needs other statements.
        """
        times = self._table.times
        if not isinstance(times[0].type, DateTime):
            # No index helps with a sum: one of the times would give all rows of the span, to be
            # sorted by id again for each piece.
            time = (func.coalesce(*times) if len(times) > 1 else times[0]) + 0
            rows = plan_of(self._table).rows.where(time.between(first, last))
            self._plan = replace(self._plan, rows=rows)

    def _next_rows(
        self, connection: Connection, after: int, until: int, limit: int
    ) -> Sequence[Row]:
        """Return the next rows with `after` < id <= `until`, at most up to a damaged page."""
        bounds = {"first": after + 1, "until": until, "limit": min(limit, PIECE_ROWS)}
        if self._is_plain is None:
            self._is_plain = is_plain(self._plan.rows, connection.dialect)
        if self._is_plain:
            try:
                return self._plain_rows(connection, bounds)
            except DBAPIError as err:
                if not (is_undecodable(err.orig) or is_damaged(err.orig)):
                    raise
        rows, _ = fetch_before_damage(connection, self._plan.rows, bounds)
        return cast(Sequence[Row], rows)

    def _plain_rows(self, connection: Connection, bounds: Mapping[str, int]) -> Sequence[Row]:
        """Return rows as plain tuples, as the driver returns them.

        A thousand more objects, one for each row, would often make Python's garbage collector
        traverse all of Home Assistant; plain tuples it leaves alone.
        """
        result = connection.execute(self._plan.rows, bounds)
        errors = connection.dialect.loaded_dbapi.Error
        try:
            rows = cast(Sequence[Row], result.cursor.fetchall())
            # Each connection of the recorder may cache 16 MiB of pages. These pages are read once,
            # and would stay in the cache for ever.
            result.cursor.execute("PRAGMA shrink_memory")
            return rows
        except errors as err:
            raise DBAPIError.instance(str(self._plan.rows), bounds, err, errors) from err
        finally:
            result.close()

    def _anchor(self, row: Row) -> Anchor:
        return self._table.anchor(row)


def _first_time(times: Sequence[Any]) -> float | None:
    """Return the first value that is a time, in seconds since 1970; mostly the others are NULL."""
    for time in times:
        if isinstance(time, datetime):
            return process_timestamp(time).timestamp()
        if is_time(time):
            return time
    return None
