"""Those rows of a batch that are not in BigQuery yet."""

from collections.abc import Callable, Mapping

from ..rows.encoded_rows import EncodedRows
from ..rows.table import Table
from .existing_rows import version_of
from .partition_cache import CachedRow, PartitionCache
from .row_index import RowIndex, key_of, place_of

type Decode = Callable[[bytes], Mapping[str, object]]


def without_existing(
    batch: EncodedRows,
    table: Table,
    cache: PartitionCache,
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
    rows = _keys_and_places(batch)
    index = RowIndex(rows, renamed=table.renamed)
    newest: dict[int, CachedRow] = {}
    found, deleted = cache.read(table, batch.days, batch.times)
    for row in found:
        index.add(row.key, row.place)
        if table.versions and row.key in index.wanted:
            newest[row.key] = max(newest.get(row.key, row), row, key=lambda one: one.exported)
    if repeats:
        by_key = {
            key: repeats[id_]
            for id_, (key, _) in zip(batch.ids, rows, strict=True)
            if id_ in repeats
        }
        for key, number in by_key.items():
            index.ignore(key, number)
    same = set()
    if newest and decode:
        for (key, _), name, id_, data in zip(rows, batch.names, batch.ids, batch.data, strict=True):
            known = newest.get(key)
            if known is None or known.exported < deleted.get(name, 0):
                continue
            if known.version == hash(version_of(table, decode(data))):
                same.add(id_)
    return batch.only(index.missing()), same


def without_sent(batch: EncodedRows, table: Table, cache: PartitionCache) -> EncodedRows:
    """Return the rows of a batch that are not in BigQuery with the same ids; this blocks.

    Raises ExportError.
    """
    found, _ = cache.read(table, batch.days, batch.times)
    sent = {(row.key, row.place) for row in found}
    rows = enumerate(_keys_and_places(batch))
    return batch.only([index for index, row in rows if row not in sent])


def _keys_and_places(batch: EncodedRows) -> list[tuple[int, int]]:
    return [
        (key_of(name, time), place_of(time, id_))
        for name, time, id_ in zip(batch.names, batch.times, batch.ids, strict=True)
    ]
