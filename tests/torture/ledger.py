"""What the recorder ever had, and what an export has promised to keep."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
import sqlite3

from tests.home.comparison import Key, micros, reading
from tests.home.home_assistant import PLACE
from tests.home.recorded import RECORDED, STATES, TABLES


class TableLedger:
    """Remembers the rows of one table through everything that the recorder loses."""

    def __init__(self) -> None:
        """Begin with an empty recorder and no export."""
        self.ever: Counter[Key] = Counter()
        """Rows that the recorder has had, and how many of each at the same time at most."""
        self.owed: Counter[Key] = Counter()
        """Rows of which an export that ended well has said that they are in BigQuery."""
        self.now: Counter[Key] = Counter()
        """Rows that the recorder had when it was looked at last."""
        self.exported_up_to = 0
        """Rows of the recorder up to this id are owed."""
        self.versions: dict[Key, set[tuple[object, ...]]] = {}
        """What rows were like; none of states, which are never written again."""

    def look_at(self, rows: Iterable[tuple[int, Key]]) -> None:
        """Remember what a recorder that rests has."""
        owed: Counter[Key] = Counter()
        self.now = Counter()
        for id_, key in rows:
            self.now[key] += 1
            if id_ <= self.exported_up_to:
                owed[key] += 1
        self.ever |= self.now
        self.owed |= owed


class Ledger(dict[str, TableLedger]):
    """The ledgers of all tables."""

    def __init__(self) -> None:
        """Begin with an empty recorder and no export."""
        super().__init__({table: TableLedger() for table in TABLES})

    @property
    def exported_up_to(self) -> dict[str, int]:
        """Return up to which ids the rows of each table are owed."""
        return {table: ledger.exported_up_to for table, ledger in self.items()}

    @exported_up_to.setter
    def exported_up_to(self, ids: dict[str, int]) -> None:
        for table, ledger in self.items():
            ledger.exported_up_to = ids[table]

    def look_at(self, database: Path) -> None:
        """Remember what a recorder that rests has; do this before it loses any of it."""
        with reading(database) as recorder:
            self[STATES].look_at(_states(recorder))
            for table in RECORDED:
                ledger = self[table.name]
                keys: list[tuple[int, Key]] = []
                for values in table.rows(recorder, PLACE):
                    key = table.key(values)
                    keys.append((values[table.id], key))
                    ledger.versions.setdefault(key, set()).add(table.tuple(values))
                ledger.look_at(keys)


def _states(recorder: sqlite3.Connection) -> Iterable[tuple[int, Key]]:
    for state_id, entity_id, updated in recorder.execute(
        "SELECT state_id, meta.entity_id, last_updated_ts FROM states"
        " JOIN states_meta AS meta USING (metadata_id)"
    ):
        yield state_id, (entity_id, micros(updated))
