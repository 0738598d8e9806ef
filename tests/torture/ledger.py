"""What the recorder ever had, and what an export has promised to keep."""

from collections.abc import Iterable
from pathlib import Path
import sqlite3

from tests.home.comparison import Key, Values, micros, reading
from tests.home.home_assistant import PLACE
from tests.home.recorded import RECORDED, STATES, TABLES, RecordedTable

from .corrected_ledger import CORRECTED, CorrectedLedger, row_context
from .table_ledger import TableLedger

type RowsById = dict[str, dict[int, Key]]
"""By table, what identifies the row that an id stands for."""


class Ledger(dict[str, TableLedger]):
    """The ledgers of all tables."""

    def __init__(self) -> None:
        """Begin with an empty recorder and no export."""
        super().__init__({table: TableLedger() for table in TABLES})
        self.corrected = {table: CorrectedLedger() for table in CORRECTED}
        self.update(self.corrected)

    @property
    def exported_up_to(self) -> dict[str, int]:
        """Return up to which ids the rows of each table are owed."""
        return {table: ledger.exported_up_to for table, ledger in self.items()}

    @exported_up_to.setter
    def exported_up_to(self, ids: dict[str, int]) -> None:
        for table, ledger in self.items():
            ledger.exported_up_to = ids[table]

    def look_at(self, database: Path) -> None:
        """Remember what a recorder that rests has: before it loses any of it, and afterwards."""
        for name, remembered in self.corrected.items():
            remembered.begin(row_context(database, name))
        with reading(database) as recorder:
            self[STATES].look_at(_states(recorder))
            for table in RECORDED:
                ledger = self[table.name]
                keys: list[tuple[int, Key]] = []
                for values in table.rows(recorder, PLACE):
                    key = table.key(values)
                    keys.append((values[table.id], key))
                    ledger.versions.setdefault(key, set()).add(_version(table, values))
                ledger.look_at(keys)

    def replaced(self) -> None:
        """Remember that the database was set aside, or another one put in its place."""
        for ledger in self.corrected.values():
            ledger.replaced()

    def corrected_since(self, before: RowsById, after: RowsById) -> None:
        """Remember what corrections did to rows that were exported before."""
        for table, ledger in self.corrected.items():
            ledger.corrected_since(before[table], after[table])


def rows_by_id(database: Path) -> RowsById:
    """Return which rows of statistics there are."""
    with reading(database) as recorder:
        return {
            name: {values["id"]: table.key(values) for values in table.rows(recorder, PLACE)}
            for name, table in CORRECTED.items()
        }


def _version(table: RecordedTable, values: Values) -> tuple[object, ...]:
    return CORRECTED.get(table.name, table).tuple(values)


def _states(recorder: sqlite3.Connection) -> Iterable[tuple[int, Key]]:
    for state_id, entity_id, updated in recorder.execute(
        "SELECT state_id, meta.entity_id, last_updated_ts FROM states"
        " JOIN states_meta AS meta USING (metadata_id)"
    ):
        yield state_id, (entity_id, micros(updated))
