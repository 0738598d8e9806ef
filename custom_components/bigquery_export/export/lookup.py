"""Looking for rows that may be in BigQuery already."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Protocol

from ..rows.encoded_rows import EncodedRows
from ..rows.tables import Table


class Lookup(Protocol):
    """Reads what is in the tables; its methods block and raise ExportError."""

    def rows(self, table: Table, partition: str) -> Iterator[tuple[str, int]]:
        """Yield what identifies this installation's rows in one partition of a table.

        The second part of it is in microseconds since 1970.
        """


def without_known(
    batch: EncodedRows, table: Table, lookup: Lookup, repeats: Mapping[int, int] | None = None
) -> EncodedRows:
    """Return the rows of a batch that are not in BigQuery; this blocks.

    Rows are known by what identifies them and never by the recorder's id. Where more of the same
    are wanted than there are, the rest is sent. `repeats` says by the recorder's id how many rows
    before the batch are known by the same as one in it: those are in BigQuery.
    """
    wanted = Counter(key[:2] for key in batch.keys)
    known: Counter[tuple[str, int]] = Counter()
    for partition in sorted({table.partition(key.day) for key in batch.keys}):
        known.update(row for row in lookup.rows(table, partition) if row in wanted)
    if repeats:
        known.subtract(
            {
                key[:2]: repeats[id_]
                for id_, key in zip(batch.ids, batch.keys, strict=True)
                if id_ in repeats
            }
        )
    new = EncodedRows(refused=batch.refused)
    for id_, key, data in zip(batch.ids, batch.keys, batch.data, strict=True):
        if known[key[:2]] > 0:
            known[key[:2]] -= 1
        else:
            new.ids.append(id_)
            new.keys.append(key)
            new.data.append(data)
    return new
