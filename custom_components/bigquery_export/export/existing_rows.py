"""Finding rows that are in BigQuery already, and the rows of a batch that are not."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from ..rows.encoded_rows import EncodedRows
from ..rows.table import Table
from .row_index import RowIndex


class FoundRow(NamedTuple):
    """What identifies a row in BigQuery."""

    name: str
    time: int
    """Microseconds since 1970."""
    id: int
    """The recorder's id when it was sent: another database may have given it another one since."""


class ExistingRows(Protocol):
    """Reads what is in the tables; its methods block and raise ExportError."""

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return in how many seconds `rows` has all that was committed before a time, 0 if now.

        The time is in milliseconds since 1970 by BigQuery's clock; the answer is when that will be
        so at the latest, most likely. Unless `query` is false, a query may be made, which knows all
        rows at once, if the key may run one.
        """

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table, by its first day."""


def without_existing(
    batch: EncodedRows,
    table: Table,
    existing_rows: ExistingRows,
    repeats: Mapping[int, int] | None = None,
) -> EncodedRows:
    """Return the rows of a batch that are not in BigQuery; this blocks.

    Where the batch has more rows of one identity than BigQuery, the last of them are returned.
    `repeats` says by the recorder's id how many rows before the batch have the same identity as one
    in it: those are in BigQuery. Raises ExportError.
    """
    keys = list(zip(batch.names, batch.times, strict=True))
    places = zip(batch.times, batch.ids, strict=True)
    index = RowIndex(list(zip(keys, places, strict=True)), renamed=table.renamed)
    for name, time, id_ in _rows(batch, table, existing_rows):
        index.add((name, time), (time, id_))
    if repeats:
        by_key = {
            key: repeats[id_] for id_, key in zip(batch.ids, keys, strict=True) if id_ in repeats
        }
        for key, number in by_key.items():
            index.ignore(key, number)
    return batch.only(index.missing())


def without_sent(batch: EncodedRows, table: Table, existing_rows: ExistingRows) -> EncodedRows:
    """Return the rows of a batch that are not in BigQuery with the same ids; this blocks."""
    sent = set(_rows(batch, table, existing_rows))
    rows = zip(batch.names, batch.times, batch.ids, strict=True)
    return batch.only([index for index, row in enumerate(rows) if row not in sent])


def _rows(batch: EncodedRows, table: Table, existing_rows: ExistingRows) -> Iterator[FoundRow]:
    """Yield what is in the partitions that a batch belongs to."""
    for start in sorted({table.partition_start(day) for day in batch.days}):
        yield from existing_rows.rows(table, start)
