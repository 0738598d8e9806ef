"""Which rows of a damaged database cannot be read.

SQLite finds a damaged page when it reads it, and all others can be read nevertheless: a row is
found by its id through pages that have the ids of whole ranges of rows.
"""

from contextlib import suppress
from itertools import count
from typing import Any

from sqlalchemy import Connection, Select, bindparam
from sqlalchemy.exc import DBAPIError

from .source_table import HIGHEST_ID, IdRange
from .statements import fetch_before_damage, is_damaged

_EACH = 10_000
"""Ids that are tried one by one: a page has some hundred rows at most, so more are of a page that
leads to others, none of which can be found."""
_STRIDE = 1_000
_STRIDES = 1_000
"""How often to look so many ids ahead, before the steps are doubled."""
_OF_A_PAGE = 1_000
"""Ids before the first one that can be found again that are tried one by one, too, and behind the
newest one before a damage."""


def first_damage(connection: Connection, rows: Select[Any], after: int, until: int) -> IdRange:
    """Return the first ids with `after` < id <= `until` whose rows cannot be read.

    `rows` has the parameters `first`, `until` and `limit`, and the id as its first column. The time
    that this takes is bounded, however much is damaged.
    """
    probe = _Probe(connection, rows, until)
    start = probe.last_before(after)
    tried = range(start + 1, min(start + _EACH, until) + 1)
    start = next((id_ - 1 for id_ in tried if not probe.can_read(id_)), until)
    if start >= until:
        return IdRange(until, until)
    end = start
    while end < until and end - start < _EACH and not probe.can_read(end + 1):
        end += 1
    if end - start < _EACH:
        return IdRange(start, end)
    found = probe.found_again(end)
    for id_ in range(max(end, found - _OF_A_PAGE) + 1, found + 1):
        if probe.can_read(id_):
            return IdRange(start, id_ - 1)
    return IdRange(start, found)


def newest_readable(connection: Connection, newest: Select[Any], rows: Select[Any]) -> int:
    """Return the highest id that can be read; 0 if there is none.

    `newest` selects the highest id, and `rows` is as for `first_damage`.
    """
    id_ = rows.selected_columns[0]
    up_to = newest.where(id_ <= bindparam("up_to"))
    probe = _Probe(connection, rows, HIGHEST_ID)
    best = _newest_from(connection, up_to, 0)
    while (found := probe.first_behind(best)) is not None:
        best = max(found, _newest_from(connection, up_to, found))
    return best


def _newest_from(connection: Connection, up_to: Select[Any], low: int) -> int:
    """Return the highest id before a damage behind `low`, which can be read."""
    high, best = HIGHEST_ID, 0
    while high - low > 1:
        middle = (low + high) // 2
        try:
            best = connection.execute(up_to, {"up_to": middle}).scalar() or 0
            low = middle
        except DBAPIError as err:
            if not is_damaged(err.orig):
                raise
            high = middle
    return best


class _Probe:
    """Tries to read rows."""

    def __init__(self, connection: Connection, rows: Select[Any], until: int) -> None:
        """Prepare to read rows up to an id."""
        self._connection = connection
        self._rows = rows
        self._until = until
        id_ = rows.selected_columns[0]
        self._one = rows.where(id_ == bindparam("id"))

    def last_before(self, after: int) -> int:
        """Return about the last id before the first damage; the highest one if there is none."""
        with suppress(_DamagedError):
            while found := self._read(after, limit=_STRIDE):
                after = found[-1][0]
            return self._until
        return after

    def can_read(self, id_: int) -> bool:
        """Return whether a row can be read, or is not there."""
        try:
            # To compare with one id reads no other page than that of the row.
            self._read(0, id=id_, limit=1, statement=self._one)
        except _DamagedError:
            return False
        return True

    def found_again(self, after: int) -> int:
        """Return about the first id after which a row is found again; the highest if none is."""
        steps = (_STRIDE << max(0, step - _STRIDES) for step in count())
        low = high = after
        for step in steps:
            low, high = high, high + step
            if high >= self._until:
                return self._until
            if self._finds(high):
                break
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._finds(middle) else (middle, high)
        return high

    def first_behind(self, after: int) -> int | None:
        """Return the first row that can be read after a damage behind `after`, if there is one."""
        tried = range(after + 1, after + _OF_A_PAGE)
        found = next((id_ for id_ in tried if self._finds(id_)), 0)
        if not found and (found := self.found_again(after)) >= self._until:
            return None
        rows = self._read(found, limit=1)
        return int(rows[0][0]) if rows else None

    def _finds(self, after: int) -> bool:
        try:
            self._read(after, limit=1)
        except _DamagedError:
            return False
        return True

    def _read(
        self, after: int, *, statement: Select[Any] | None = None, **values: int
    ) -> list[tuple[Any, ...]]:
        bounds = {"first": after + 1, "until": self._until, **values}
        try:
            rows, _ = fetch_before_damage(
                self._connection, self._rows if statement is None else statement, bounds
            )
        except DBAPIError as err:
            if not is_damaged(err.orig):
                raise
            raise _DamagedError from err
        return list(rows)


class _DamagedError(Exception):
    """What was to be read is damaged."""
