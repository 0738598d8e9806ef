"""Looking for rows that may be in BigQuery already."""

from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from .state_encoder import EncodedRows


class Lookup(Protocol):
    """Reads what is in the table; its methods block and raise ExportError."""

    def rows(self, day: int) -> Iterator[tuple[str, int]]:
        """Yield entity_id and last_updated of this installation's rows in one partition.

        `day` is in days since 1970, last_updated in microseconds.
        """


def without_known(batch: EncodedRows, lookup: Lookup) -> EncodedRows:
    """Return the rows of a batch that are not in BigQuery; this blocks.

    Rows are known by entity_id and last_updated and never by the recorder's id. Where more of the
    same are wanted than there are, the rest is sent.
    """
    wanted = Counter(key[:2] for key in batch.keys)
    known: Counter[tuple[str, int]] = Counter()
    for day in sorted({key.day for key in batch.keys}):
        known.update(row for row in lookup.rows(day) if row in wanted)
    new = EncodedRows(refused=batch.refused)
    for id_, key, data in zip(batch.ids, batch.keys, batch.data, strict=True):
        if known[key[:2]] > 0:
            known[key[:2]] -= 1
        else:
            new.ids.append(id_)
            new.keys.append(key)
            new.data.append(data)
    return new
