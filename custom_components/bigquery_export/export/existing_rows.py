"""Looking for rows that may be in BigQuery already."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from ..rows.encoded_rows import EncodedRows
from ..rows.table import Table


class FoundRow(NamedTuple):
    """What a row in BigQuery is known by."""

    name: str
    time: int
    """Microseconds since 1970."""
    id: int | None
    """The recorder's id when it was sent: another database may have given it another one since."""


class ExistingRows(Protocol):
    """Reads what is in the tables; its methods block and raise ExportError."""

    def is_empty(self, table: Table) -> bool:
        """Return whether a table has no row at all, of whomever."""

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield this installation's rows in one partition of a table, by its first day."""


def without_known(
    batch: EncodedRows, table: Table, lookup: ExistingRows, repeats: Mapping[int, int] | None = None
) -> EncodedRows:
    """Return the rows of a batch that are not in BigQuery; this blocks.

    Rows are known by what identifies them. Where more of the same are wanted than there are, the
    rest is sent. `repeats` says by the recorder's id how many rows before the batch are known by
    the same as one in it: those are in BigQuery.

    The recorder's id says something only beside the time, to the microsecond, of a row whose name
    the recorder has changed since.
    """
    keys = list(zip(batch.names, batch.times, strict=True))
    wanted = Counter(keys)
    places = set(zip(batch.times, batch.ids, strict=True)) if table.renamed else set()
    known: Counter[tuple[str, int]] = Counter()
    renamed: set[tuple[int, int | None]] = set()
    for row in _rows(batch, table, lookup):
        if row[:2] in wanted:
            known[row[:2]] += 1
        elif row[1:] in places:
            renamed.add(row[1:])
    if repeats:
        known.subtract(
            {key: repeats[id_] for id_, key in zip(batch.ids, keys, strict=True) if id_ in repeats}
        )
    new = []
    for index, (key, id_) in enumerate(zip(keys, batch.ids, strict=True)):
        if known[key] > 0:
            known[key] -= 1
        elif (key[1], id_) not in renamed:
            new.append(index)
    return batch.only(new)


def without_sent(batch: EncodedRows, table: Table, lookup: ExistingRows) -> EncodedRows:
    """Return the rows of a batch that were not sent as they are, with their ids; this blocks."""
    sent = set(_rows(batch, table, lookup))
    rows = zip(batch.names, batch.times, batch.ids, strict=True)
    return batch.only([index for index, row in enumerate(rows) if row not in sent])


def _rows(batch: EncodedRows, table: Table, lookup: ExistingRows) -> Iterator[FoundRow]:
    """Yield what is in the partitions that a batch belongs to."""
    for start in sorted({table.partition_start(day) for day in batch.days}):
        yield from lookup.rows(table, start)
