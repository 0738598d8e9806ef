"""Rows from a file, as an export sends them now."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..rows.encoded_rows import EncodedRows, RejectedRow, RowKey
from ..rows.encoding import Encoding
from ..rows.local_time import DAY
from ..rows.table import Table
from .rejected_rows import RejectedEntry


def reencoded(
    table: Table,
    entries: Iterable[RejectedEntry],
    encoding: Encoding,
    run_values: Mapping[str, Any],
) -> EncodedRows:
    """Return rows of a table with the values of this run; what cannot be encoded is rejected.

    Own columns that the user has removed since are left out.
    """
    rows = EncodedRows()
    names = {column.name for column in table.columns}
    name, time = table.identity
    for entry in entries:
        values = {**entry.row, table.id: entry.id}
        try:
            known = {name: value for name, value in values.items() if name in names}
            data = encoding.row(encoding.fragment({**known, **run_values}))
            key = RowKey(values[name], values[time], values[table.partition_by] // DAY)
        except (ValueError, TypeError, KeyError) as err:
            rows.rejected.append(RejectedRow(values, str(err), encoded=True))
        else:
            rows.add(entry.id or 0, key, data)
    return rows
