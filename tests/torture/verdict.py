"""Compare both sides after everything that has happened."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.home.compare_recorded import compare_all
from tests.home.comparison import Comparison, Key, Query
from tests.home.home_assistant import PLACE

from .ledger import Ledger, TableLedger

SAMPLE = 2_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one table of BigQuery."""

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


type Verdicts = Mapping[str, Verdict]
"""What was found, by table."""


def judge(
    database: Path, query: Query, dataset: str, ledger: Ledger, *, up_to: Mapping[str, int]
) -> Verdicts:
    """Compare a recorder that rests, and what the ledger remembers, with BigQuery.

    Of each table the rows up to the id in `up_to` must be there.
    """
    ledger.look_at(database)
    comparisons = compare_all(
        database,
        query,
        dataset,
        up_to=up_to,
        place=PLACE,
        sample=SAMPLE,
        versions={table: remembered.versions for table, remembered in ledger.items()},
    )
    return {
        table: judge_table(
            comparison,
            ledger[table],
            rows=int(query(f"SELECT COUNT(*) AS n FROM `{dataset}.{table}`")[0]["n"]),  # noqa: S608
        )
        for table, comparison in comparisons.items()
    }


def judge_table(comparison: Comparison, ledger: TableLedger, *, rows: int) -> Verdict:
    """Judge one table by what was found, and what the recorder has had."""
    gone = Counter({key: n for key, n in ledger.owed.items() if key not in ledger.now})
    surplus = comparison.duplicated + comparison.foreign
    return Verdict(
        rows=rows,
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
