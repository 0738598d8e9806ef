"""What the recorder ever had, and what an export has promised to keep."""

from collections import Counter
from contextlib import closing
from pathlib import Path
import sqlite3

from tests.home.compare import Key, micros


class Ledger:
    """Remembers rows through everything that the recorder loses."""

    def __init__(self) -> None:
        """Begin with an empty recorder and no export."""
        self.ever: Counter[Key] = Counter()
        """Rows that the recorder has had, and how many of each at the same time at most."""
        self.owed: Counter[Key] = Counter()
        """Rows of which an export that ended well has said that they are in BigQuery."""
        self.now: Counter[Key] = Counter()
        """Rows that the recorder had when it was looked at last."""
        self.exported_up_to = 0
        """Rows of the recorder up to this state_id are owed."""

    def look_at(self, database: Path) -> None:
        """Remember what a recorder that rests has; do this before it loses any of it."""
        owed: Counter[Key] = Counter()
        self.now = Counter()
        with closing(sqlite3.connect(database)) as recorder:
            for state_id, entity_id, updated in recorder.execute(
                "SELECT state_id, meta.entity_id, last_updated_ts FROM states"
                " JOIN states_meta AS meta USING (metadata_id)"
            ):
                key = (entity_id, micros(updated))
                self.now[key] += 1
                if state_id <= self.exported_up_to:
                    owed[key] += 1
        self.ever |= self.now
        self.owed |= owed
