"""Compare both sides after everything that has happened."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.home.compare import Key, Query, compare
from tests.home.home_assistant import TIME_ZONE

from .ledger import Ledger


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in BigQuery."""

    rows: int
    """All rows of the table."""
    lost: Counter[Key]
    """Rows of the recorder, or that it has purged after an export, which BigQuery does not have."""
    duplicated: Counter[Key]
    """Rows that BigQuery has more often than the recorder ever had."""
    invented: Counter[Key]
    """Rows that the recorder never had."""
    different: list[str]
    """Values that are not those of the recorder."""

    @property
    def ok(self) -> bool:
        """Say whether each row is there exactly once, as it was."""
        return not (self.lost or self.duplicated or self.invented or self.different)


def judge(database: Path, query: Query, table: str, ledger: Ledger, *, up_to: int) -> Verdict:
    """Compare a recorder that rests, and what the ledger remembers, with BigQuery.

    Rows up to the state_id `up_to` must be there.
    """
    ledger.look_at(database)
    comparison = compare(database, query, table, up_to=up_to, time_zone=TIME_ZONE)
    gone = Counter({key: n for key, n in ledger.owed.items() if key not in ledger.now})
    surplus = comparison.duplicated + comparison.foreign
    return Verdict(
        rows=int(query(f"SELECT COUNT(*) AS n FROM `{table}`")[0]["n"]),  # noqa: S608
        lost=comparison.lost + (gone - comparison.foreign),
        # A row that was there twice may have been purged once.
        duplicated=+Counter(
            {key: ledger.now[key] + n - max(1, ledger.ever[key]) for key, n in surplus.items()}
        ),
        invented=Counter(
            {key: n for key, n in comparison.foreign.items() if key not in ledger.ever}
        ),
        different=[str(difference) for difference in comparison.differences],
    )
