"""Dimension tables: a row is sent when the values of a key change, or the key is gone.

    read -> compare with what was sent -> send what differs -> write the file -> commit

The file (snapshot_file.py) has what is in BigQuery before the commit and what is there after it.
The commit moves the table's position from one to the other; a crash in between is settled as for
any transaction (journal.py). Without a file, or a position that belongs to it, everything is sent
again as of now, which the views do not show as a change.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
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
class EarlierValues:
    """Some values of a key that it has no longer; all others were as in the row before."""

    values: Values
    """With the column that numbers them."""
    since: int
    """Since when it had them, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class DimensionRow:
    """The current values of a key."""

    values: Values
    """The columns of scope `entity`, as JSON has them; a row is sent when they change."""
    modified: int = 0
    """When any of the values was last changed, in microseconds since 1970; 0 if not known."""
    earlier: tuple[EarlierValues, ...] = ()
    """What a reader that follows changes has seen before, oldest first: each is sent once."""
    removed: bool = False
    """Whether the key is gone since `modified`; `values` has no more than its number then."""


@dataclass(frozen=True, slots=True)
class DimensionReader:
    """Reads the current rows of a dimension table."""

    read: Callable[[], Awaitable[Mapping[str, DimensionRow]]]
    """Returns all current rows by their keys."""
    version: Callable[[], object] = lambda: None
    """Returns a value that is equal as long as the rows are the same, or None if that is unknown.

    It is much quicker than to read the rows.
    """
    forget: Callable[[Mapping[str, Values]], None] | None = None
    """Takes what is known to be in BigQuery: what was before need not be read any more."""


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
    number: str = ""
    """The column that numbers what a key was, where its reader knows what was before."""
    default: bool = True
    """Whether it is exported unless the user chooses."""


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
    valid_from: int
    """Microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class _Changes:
    """The changes that one snapshot has found."""

    generation: Generation
    """What is in BigQuery once all rows are sent."""
    rows: list[_Change]


class _SnapshotExport:
    """Exports one dimension table in one run, in one transaction."""

    def __init__(self, session: Session, snapshot: Snapshot) -> None:
        """Prepare the export; nothing is read yet."""
        self._session = session
        self._type = snapshot.type
        self._table = snapshot.type.table
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
        sent = _certain(journal.checkpoint.position(name), generations)
        if sent and self._reader.forget:
            self._reader.forget({key: row.values for key, row in sent.rows.items()})
        looked = timestamp(dt_util.utcnow())
        rows = await self._reader.read()
        before = journal.checkpoint.position(name)
        comparison = _Comparison(generations, rows, looked, self._started, self._type.number)
        changes = await self._session.async_block(comparison.changes, before)
        if not changes.rows:
            return
        if await journal.async_claim():
            before = journal.checkpoint.position(name)
            changes = await self._session.async_block(comparison.changes, before)
        number = changes.generation.number

        def moved(chunk: Chunk) -> Position:
            return before.at_generation(number, rows=chunk.rows, rejected=chunk.rejected)

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
        return {
            **change.now.values,
            **self._type.change(change.before, change.now.values),
            "removed": change.now.removed,
            "valid_from": change.valid_from,
            "generation": changes.generation.number,
        }


def _certain(position: Position, generations: Iterable[Generation]) -> Generation | None:
    """Return what is known to be in BigQuery: nothing where it has forgotten what it has."""
    if position.in_doubt_until > position.cursor:
        return None
    return next((one for one in generations if one.number == position.cursor), None)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Compares what is true now with what was sent."""

    generations: Sequence[Generation]
    current: Mapping[str, DimensionRow]
    looked: int
    """When the current rows were read, or a moment before."""
    started: int
    """When the export began. Both in microseconds since 1970."""
    number: str
    """The column that numbers what a key was."""

    def changes(self, position: Position) -> _Changes:
        """Return what differs from what was sent, or everything if that is not known."""
        certain = _certain(position, self.generations)
        base = certain or (self.generations[-1] if self.generations else Generation(0, 0, {}))
        in_doubt_until = position.bounded(position.cursor).in_doubt_until
        latest = max(position.cursor, in_doubt_until, *(one.number for one in self.generations))
        number = max(latest + 1, self.looked // 1_000)
        # A time after that of the snapshot is from a clock that was wrong.
        until = timestamp(dt_util.utcnow())
        rows: dict[str, Sent] = {}
        found: list[_Change] = []
        for key in _keys(base, self.current):
            before, row = base.rows.get(key), self.current.get(key)
            last, valid_from = before, 0
            for now, since in _steps(before, row, self.number):
                if now == last and (certain or last is not before):
                    continue
                known = (certain or (row and row.earlier)) and base.looked < since <= until
                valid_from = max(since if known else self.started, valid_from + 1)
                found.append(_Change(last.values if last else None, now, valid_from))
                last = now
            if last:
                rows[key] = before if before == last and before else last
        return _Changes(Generation(number, self.looked, rows), found)


def _keys(base: Generation, current: Mapping[str, DimensionRow]) -> list[str]:
    """Return all keys that are there, and those that are gone as far as they are remembered."""
    gone = {key: sent for key, sent in base.rows.items() if key not in current}
    long_gone = [key for key, sent in gone.items() if sent.removed][-MAX_GONE:]
    return [*current, *long_gone, *(key for key, sent in gone.items() if not sent.removed)]


def _steps(
    before: Sent | None, row: DimensionRow | None, number: str
) -> Iterator[tuple[Sent, int]]:
    """Yield what a key was since its row that was sent last, and what it is now, with the times.

    A time is in microseconds since 1970, and 0 if it is not known.
    """
    if row is None:
        if before:
            yield replace(before, removed=True), 0
        return
    if row.removed and before is None:
        return
    values: Values = {**row.values, **before.values} if before else row.values
    for earlier in row.earlier:
        if before is None or earlier.values[number] > (before.values.get(number) or 0):
            values = {**values, **earlier.values}
            yield Sent(values), earlier.since
    yield Sent({**values, **row.values} if row.removed else row.values, row.removed), row.modified
