"""What is declared of a table of the recorder, and what identifies its rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeIs

from homeassistant.components.recorder.models import process_timestamp
from homeassistant.util import dt as dt_util
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

FIRST_SECOND = -62_135_596_800
END_SECOND = 253_402_300_800
"""BigQuery's timestamps, and Python's, are those of the years 1 to 9999."""


HIGHEST_ID = (1 << 63) - 1


class IdRange(NamedTuple):
    """Rows with `after` < id <= `until`."""

    after: int
    until: int

    def has(self, id_: int) -> bool:
        """Return whether a row with this id is one of them."""
        return self.after < id_ <= self.until


type ExportedIds = tuple[IdRange, IdRange]
"""Rows that were exported: older ones, and, of a table with a backfill, those newer than it."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A row that identifies the recorder's history: its id, and a fingerprint of its values."""

    id: int
    fingerprint: str


@dataclass(frozen=True, slots=True, eq=False)
class SourceTable:
    """What is read of a table of the recorder: one declaration for each table."""

    columns: tuple[InstrumentedAttribute[Any], ...]
    """The columns of a row in their order; the first is the id."""
    fingerprint: tuple[InstrumentedAttribute[Any], ...]
    """Those that distinguish a row from a later one to which SQLite gives the same id."""
    identity: tuple[InstrumentedAttribute[Any], ...] = ()
    """The columns that identify a row, unless the recorder keeps them unique."""
    times: tuple[InstrumentedAttribute[Any], ...] = ()
    """Columns with times, of which the first that is not NULL says which partition in BigQuery a
    row belongs to; the last is the time that identifies the row."""
    final: ColumnElement[bool] | None = None
    """Whether a row will stay as it is; without a condition all rows do."""
    purged_by: InstrumentedAttribute[Any] | None = None
    """The time by which the recorder decides that a row is old, and deletes it; None where it keeps
    all rows (`recorder/purge.py` in Home Assistant)."""
    period: float | None = None
    """Seconds between two rows of one statistic; None where rows are written at any time."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names that the recorder has for the columns."""
        return tuple(column.key for column in self.columns)

    @property
    def time(self) -> InstrumentedAttribute[Any]:
        """Return the column with the time that identifies a row."""
        return self.times[-1]

    def places(self, some: Sequence[InstrumentedAttribute[Any]]) -> tuple[int, ...]:
        """Return where some of the columns are in a row."""
        return _places(some, self.columns)

    def named(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return the values of a row by the recorder's names for its columns."""
        return dict(zip(self.names, row, strict=True))

    def values(self, rows: Iterable[Sequence[Any]], name: str) -> list[Any]:
        """Return the values of one column of rows, by the recorder's name for it."""
        place = self.names.index(name)
        return [row[place] for row in rows]

    def anchor(self, row: Sequence[Any]) -> Anchor:
        """Return a row as an anchor."""
        return Anchor(row[0], fingerprint([row[place] for place in self.places(self.fingerprint)]))

    def time_of(self, anchor: Anchor) -> float | None:
        """Return the time that identifies a row, in seconds since 1970, if it has one.

        The fingerprint holds it, so the row itself may be deleted.
        """
        (place,) = _places((self.time,), self.fingerprint)
        text = anchor.fingerprint.split(" ")[place]
        try:
            seconds = float(text)
        except ValueError:
            time = dt_util.parse_datetime(text)
            return time.timestamp() if time else None
        return seconds if is_time(seconds) else None


def is_time(value: object) -> TypeIs[float]:
    """Return whether a value from a column of times is one, in seconds since 1970."""
    return isinstance(value, int | float) and FIRST_SECOND <= value < END_SECOND


def fingerprint(values: Sequence[object]) -> str:
    """Return the values of a row as a text that is the same on every database."""
    return " ".join(map(_mark, values))


def _mark(value: object) -> str:
    match value:
        case bytes():
            return value.hex()
        case datetime():
            # PostgreSQL has them with a time zone, the other databases without.
            return process_timestamp(value).isoformat()
        case str():
            # SQLite takes any text for a number; a space would divide two values.
            return repr(value).replace(" ", "\\x20")
    return repr(value)


def _places(
    some: Sequence[InstrumentedAttribute[Any]], columns: Sequence[InstrumentedAttribute[Any]]
) -> tuple[int, ...]:
    """Return the places of some columns; `==` and `index` do not work, as they would make SQL."""
    places = {id(column): place for place, column in enumerate(columns)}
    return tuple(places[id(column)] for column in some)
