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
                rows: dict[Key, object] = {}
                for values in table.rows(recorder, PLACE):
                    key = table.key(values)
                    keys.append((values[table.id], key))
                    rows[key] = version = _version(table, values)
                    ledger.versions.setdefault(key, set()).add(version)
                if isinstance(ledger, CorrectedLedger):
                    # Before the ledger learns that a check has made something certain.
                    ledger.note_changes(rows)
                ledger.look_at(keys)

    def of_copy(self) -> Ledger:
        """Return the ledger of a copy of the recorder.

        What was ever recorded, and is owed, is of both.
        """
        ledger = Ledger()
        ledger.update({table: remembered.of_copy() for table, remembered in self.items()})
        ledger.corrected = {
            table: remembered
            for table, remembered in ledger.items()
            if isinstance(remembered, CorrectedLedger)
        }
        return ledger

    @property
    def looks(self) -> int:
        """Return how often the recorder was looked at."""
        return max(ledger.looks for ledger in self.corrected.values())

    def others_sent(self, looks: int, of: Ledger | None = None) -> None:
        """Remember that digests are as they were after so many looks.

        `of` is the ledger of a second machine that has sent rows since, if there is one.
        """
        for table, ledger in self.corrected.items():
            ledger.others_sent(looks, of.corrected[table] if of else None)

    def replaced(self) -> None:
        """Remember that the database was set aside, or another one put in its place."""
        for ledger in self.corrected.values():
            ledger.replaced()

    def another_database(self) -> None:
        """Remember that an empty database has taken the place of this one: nothing is owed."""
        self.replaced()
        self.exported_up_to = dict.fromkeys(TABLES, 0)

    def need_not_tell(self) -> None:
        """Remember that the export may have forgotten what it has told, or has nothing to tell.

        Its checkpoint is another one, or the database is.
        """
        for ledger in self.values():
            ledger.untold.clear()

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
