"""Dimension tables: a row is sent when the values of a key change, or the key is gone.

    read -> compare with what was sent -> send what differs -> write the file -> commit

The file (snapshot_file.py) has what is in BigQuery before the commit and what is there after it.
The commit moves the table's position from one to the other; a crash in between is settled as for
any transaction (journal.py). Without a file, or a position that belongs to it, everything is sent
again as of now, which the views do not show as a change.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import batched
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util

from ...rows.columns import Values
from ...rows.encoded_rows import EncodedRows, RejectedRow, RowKey
from ...rows.local_time import DAY
from ...rows.table import Table, timestamp
from ...source.plan import PIECE_ROWS
from ...source.source_table import Anchor
from ..chunk import Chunk
from ..positions import Position
from ..session import Session
from .snapshot_file import Generation, Sent, SnapshotFile

MAX_GONE = 5_000
"""Keys that are gone whose last values are kept in the file."""


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """The current values of a key."""

    values: Values
    """The columns of scope `entity`, as JSON has them; a row is sent when they change."""
    modified: int = 0
    """When any of the values was last changed, in microseconds since 1970; 0 if not known."""


@dataclass(frozen=True, slots=True)
class DimensionReader:
    """Reads the current rows of a dimension table."""

    read: Callable[[], Awaitable[Mapping[str, DimensionRow]]]
    """Returns all current rows by their keys."""
    version: Callable[[], object] = lambda: None
    """Returns a value that is equal as long as the rows are the same, or None if that is unknown.

    It is much quicker than to read the rows.
    """


@dataclass(slots=True)
class Compared:
    """With which rows a table was last found to be up to date, in this process."""

    version: object = None
    """That of the reader."""
    position: Position | None = None
    """That of the table."""

    def is_same(self, version: object, position: Position) -> bool:
        """Return whether nothing has changed since."""
        return version is not None and (version, position) == (self.version, self.position)


@dataclass(frozen=True, slots=True)
class DimensionTable:
    """The declaration of one dimension table."""

    table: Table
    change: Callable[[Values | None, Values], Values] = lambda before, now: {}
    """Returns further columns of a row, from its values before and now."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One dimension table, with its file and what reads it, for one export."""

    type: DimensionTable
    file: SnapshotFile
    reader: DimensionReader
    compared: Compared = field(default_factory=Compared)


async def async_export_snapshot(session: Session, snapshot: Snapshot) -> None:
    """Send what has changed in a dimension table.

    Raises ExportError, and anything that reading the current rows raises.
    """
    await _SnapshotExport(session, snapshot).async_export()


def last_known(hass: HomeAssistant, entry_id: str, table: str, name: str) -> dict[str, Values]:
    """Return the rows of a table that were sent last, by the value of a column; this blocks."""
    generations = SnapshotFile(hass, entry_id, table).load()
    return {
        str(sent.values.get(name)): sent.values
        for generation in generations
        for sent in sorted(generation.rows.values(), key=lambda sent: not sent.removed)
    }


@dataclass(frozen=True, slots=True)
class _Change:
    """A key whose row differs from the one sent last."""

    before: Values | None
    now: Sent
    modified: int


@dataclass(frozen=True, slots=True)
class _Changes:
    """The changes that one snapshot has found."""

    generation: Generation
    """What is in BigQuery once all rows are sent."""
    looked_before: int | None
    """When the snapshot was taken that is in BigQuery, or None where that is not known."""
    looked_until: int
    rows: list[_Change] = field(default_factory=list)


class _SnapshotExport:
    """Exports one dimension table in one run, in one transaction."""

    def __init__(self, session: Session, snapshot: Snapshot) -> None:
        """Prepare the export; nothing is read yet."""
        self._session = session
        self._table = snapshot.type.table
        self._change = snapshot.type.change
        self._file = snapshot.file
        self._reader = snapshot.reader
        self._compared = snapshot.compared
        self._encoding = session.delivery.encoding(self._table)
        self._run = self._encoding.fragment(session.run_values)
        self._started = timestamp(session.result.started)
        session.result.rows[self._table.name] = 0

    async def async_export(self) -> None:
        """Send what has changed since the last time. Raises ExportError."""
        journal, name = self._session.journal, self._table.name
        # What changes while it is read is found the next time.
        version = self._reader.version()
        if self._compared.is_same(version, journal.checkpoint.position(name)):
            return
        await self._async_compare()
        self._compared.version = version
        self._compared.position = journal.checkpoint.position(name)

    async def _async_compare(self) -> None:
        """Send those rows that differ from what was sent. Raises ExportError."""
        journal, name = self._session.journal, self._table.name
        generations = await self._session.async_block(self._file.load)
        looked = timestamp(dt_util.utcnow())
        rows = await self._reader.read()
        before = journal.checkpoint.position(name)
        changes = await self._session.async_block(_compare, before, generations, rows, looked)
        if not changes.rows:
            return
        if await journal.async_claim():
            before = journal.checkpoint.position(name)
            changes = await self._session.async_block(_compare, before, generations, rows, looked)
        number = changes.generation.number

        def moved(chunk: Chunk) -> Position:
            return replace(
                before,
                cursor=number,
                in_doubt_until=0,
                rows=before.rows + chunk.rows,
                rejected=before.rejected + chunk.rejected,
            )

        async with self._session.transaction(
            self._table,
            start=before.cursor,
            until=number,
            last=Anchor(number, ""),
            after=moved,
        ) as chunk:
            await self._async_fill(chunk, changes)
            base = [one for one in generations if one.number == before.cursor]
            await self._session.async_block(self._file.save, [*base, changes.generation])

    async def _async_fill(self, chunk: Chunk, changes: _Changes) -> None:
        """Send all rows in batches."""
        for batch in batched(changes.rows, self._session.batch_rows, strict=False):
            rows = EncodedRows()
            for piece in batched(batch, PIECE_ROWS, strict=False):
                rows.extend(await self._session.async_block(self._encode, changes, piece))
                await self._session.async_rest()
            await self._session.async_keep_rejected(chunk, rows)
            await self._session.async_send(chunk, rows)

    def _encode(self, changes: _Changes, piece: Iterable[_Change]) -> EncodedRows:
        rows = EncodedRows()
        number = changes.generation.number
        for change in piece:
            values = self._values(changes, change)
            try:
                data = self._encoding.row(self._run, self._encoding.fragment(values))
            except (ValueError, TypeError, OverflowError) as err:
                rows.rejected.append(RejectedRow(values, str(err), encoded=True))
            else:
                name, time = (values[column] for column in self._table.identity)
                rows.add(number, RowKey(name, time, values[self._table.partition_by] // DAY), data)
        return rows

    def _values(self, changes: _Changes, change: _Change) -> dict[str, Any]:
        since = changes.looked_before
        # A time after that of the snapshot is from a clock that was wrong.
        known = since is not None and since < change.modified <= changes.looked_until
        return {
            **change.now.values,
            **self._change(change.before, change.now.values),
            "removed": change.now.removed,
            "valid_from": change.modified if known else self._started,
            "generation": changes.generation.number,
        }


def _compare(
    position: Position,
    generations: list[Generation],
    current: Mapping[str, DimensionRow],
    looked: int,
) -> _Changes:
    """Return what differs from what was sent, or everything if it is not known what was sent."""
    certain = [one for one in generations if one.number == position.cursor]
    if position.in_doubt_until > position.cursor:
        # BigQuery has forgotten whether it has a later one.
        certain = []
    base = (certain or generations or [Generation(0, 0, {})])[-1]
    in_doubt_until = position.bounded(position.cursor).in_doubt_until
    latest = max(position.cursor, in_doubt_until, *(one.number for one in generations))
    number = max(latest + 1, looked // 1_000)
    rows: dict[str, Sent] = {}
    found: list[_Change] = []
    for key, now in _now(base, current).items():
        before = base.rows.get(key)
        same = before == now
        rows[key] = before if before and same else now
        if not (same and certain):
            row = current.get(key)
            found.append(
                _Change(before.values if before else None, now, row.modified if row else 0)
            )
    generation = Generation(number, looked, rows)
    until = timestamp(dt_util.utcnow())
    return _Changes(generation, base.looked if certain else None, until, found)


def _now(base: Generation, rows: Mapping[str, DimensionRow]) -> dict[str, Sent]:
    """Return the current values of all keys, and the last ones of keys that are gone."""
    gone = {key: sent for key, sent in base.rows.items() if key not in rows}
    long_gone = [key for key, sent in gone.items() if sent.removed][-MAX_GONE:]
    newly_gone = [key for key, sent in gone.items() if not sent.removed]
    return {key: Sent(row.values) for key, row in rows.items()} | {
        key: replace(gone[key], removed=True) for key in (*long_gone, *newly_gone)
    }
