"""Finding rows that are in BigQuery already, and the rows of a batch that are not."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from ..rows.encoded_rows import EncodedRows
from ..rows.table import Table
from .row_index import RowIndex

type Decode = Callable[[bytes], Mapping[str, object]]


class FoundRow(NamedTuple):
    """What identifies a row in BigQuery."""

    name: str
    time: int
    """Microseconds since 1970."""
    id: int
    """The recorder's id when it was sent: another database may have given it another one since."""
    exported: int = 0
    """When it was sent, in microseconds since 1970; like `version` of tables with `versions`."""
    version: tuple[object, ...] = ()
    """The values of the table's `versions`."""
    deletes: bool = False
    """Whether it is none of the recorder's, but deletes what was sent before under its name."""


class ExistingRows(Protocol):
    """Reads what is in the tables; its methods block and raise ExportError."""

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return in how many seconds `rows` has all that was committed before a time, 0 if now.

        The time is in milliseconds since 1970 by BigQuery's clock; the answer is when that will be
        so at the latest, most likely. Unless `query` is false, a query may be made, which knows all
        rows at once, if the key may run one.
        """

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table, by its first day.

        Of a table with `versions` also those that delete others.
        """


def without_existing(
    batch: EncodedRows,
    table: Table,
    existing_rows: ExistingRows,
    repeats: Mapping[int, int] | None = None,
    decode: Decode | None = None,
) -> tuple[EncodedRows, set[int]]:
    """Return the rows of a batch that are not in BigQuery; this blocks.

    Also returns the ids of those that are there as they are now, in a table with `versions`, where
    `decode` returns the values of a row.

    Where the batch has more rows of one identity than BigQuery, the last of them are returned.
    `repeats` says by the recorder's id how many rows before the batch have the same identity as one
    in it: those are in BigQuery. Raises ExportError.
    """
    keys = list(zip(batch.names, batch.times, strict=True))
    places = zip(batch.times, batch.ids, strict=True)
    index = RowIndex(list(zip(keys, places, strict=True)), renamed=table.renamed)
    newest: dict[tuple[str, int], FoundRow] = {}
    deleted: dict[str, int] = {}
    for found in _rows(batch, table, existing_rows):
        key = found.name, found.time
        if found.deletes:
            deleted[found.name] = max(deleted.get(found.name, 0), found.exported)
            continue
        index.add(key, (found.time, found.id))
        if table.versions and key in index.wanted:
            newest[key] = max(newest.get(key, found), found, key=lambda row: row.exported)
    if repeats:
        by_key = {
            key: repeats[id_] for id_, key in zip(batch.ids, keys, strict=True) if id_ in repeats
        }
        for key, number in by_key.items():
            index.ignore(key, number)
    same = set()
    if newest and decode:
        for key, id_, data in zip(keys, batch.ids, batch.data, strict=True):
            row = newest.get(key)
            if row is None or row.exported < deleted.get(row.name, 0):
                continue
            if row.version == version_of(table, decode(data)):
                same.add(id_)
    return batch.only(index.missing()), same


def version_of(table: Table, values: Mapping[str, object]) -> tuple[object, ...]:
    """Return the values of a row that tell it from its earlier versions."""
    return tuple(values.get(name) for name in table.versions)


def without_sent(batch: EncodedRows, table: Table, existing_rows: ExistingRows) -> EncodedRows:
    """Return the rows of a batch that are not in BigQuery with the same ids; this blocks."""
    found = _rows(batch, table, existing_rows)
    sent = {(row.name, row.time, row.id) for row in found if not row.deletes}
    rows = zip(batch.names, batch.times, batch.ids, strict=True)
    return batch.only([index for index, row in enumerate(rows) if row not in sent])


def _rows(batch: EncodedRows, table: Table, existing_rows: ExistingRows) -> Iterator[FoundRow]:
    """Yield what is in the partitions that a batch belongs to."""
    for start in sorted({table.partition_start(day) for day in batch.days}):
        yield from existing_rows.rows(table, start)
