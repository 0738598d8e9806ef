"""A selection of the rows that were exported: a span of time, and entities."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...rows.encoded_rows import EncodedRows
from ...rows.table import Table

_ENTITY_ID = "entity_id"
_STATISTIC_ID = "statistic_id"


@dataclass(frozen=True, slots=True)
class RowSelection:
    """Rows of a time from `start` on and before `end`, of some entities; or all of them."""

    start: int | None = None
    """Microseconds since 1970."""
    end: int | None = None
    entities: frozenset[str] | None = None
    """Entities as BigQuery knows them."""

    def may_have(self, table: Table) -> bool:
        """Return whether the selection may have rows of a table: not every table has entities."""
        return (
            self.entities is None
            or table.identity[0] in (_ENTITY_ID, _STATISTIC_ID)
            or any(column.name == _ENTITY_ID for column in table.columns)
        )

    def has_time(self, time: int) -> bool:
        """Return whether a time is in the span, in microseconds since 1970."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)

    def of(
        self, rows: EncodedRows, table: Table, decode: Callable[[bytes], Mapping[str, Any]]
    ) -> EncodedRows:
        """Return the selected ones of a table's rows; `decode` returns the values of a row."""
        if self == RowSelection():
            return rows
        by_name = table.identity[0] in (_ENTITY_ID, _STATISTIC_ID)

        def has_entity(index: int) -> bool:
            if self.entities is None:
                return True
            name = rows.names[index] if by_name else decode(rows.data[index]).get(_ENTITY_ID)
            return name in self.entities

        return rows.only(
            [
                index
                for index, time in enumerate(rows.times)
                if self.has_time(time) and has_entity(index)
            ]
        )
