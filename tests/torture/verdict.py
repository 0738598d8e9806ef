"""Compare both sides after everything that has happened."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.home.compare import compare
from tests.home.compare_recorded import compare_recorded
from tests.home.comparison import Comparison, Key, Query
from tests.home.home_assistant import PLACE
from tests.home.recorded import RECORDED, STATES

from .ledger import Ledger
from .table_ledger import TableLedger

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
    outlived: Counter[Key] = field(default_factory=Counter)
    """Rows that a view shows though Home Assistant has deleted them."""
    destroyed: Counter[Key] = field(default_factory=Counter)
    """Rows that can no longer be read, and that BigQuery does not have."""
    untold: Counter[Key] = field(default_factory=Counter)
    """Those of them that are in no gap of which the export tells."""

    @property
    def ok(self) -> bool:
        """Say whether each row is there exactly once, as it was."""
        wrong = (self.lost, self.duplicated, self.invented, self.different, self.outlived)
        return not (any(wrong) or self.untold)


type Verdicts = Mapping[str, Verdict]
"""What was found, by table."""


def judge_comparisons(
    database: Path, query: Query, dataset: str, ledger: Ledger, *, up_to: Mapping[str, int]
) -> Verdicts:
    """Compare a recorder that rests, and what the ledger remembers, with BigQuery.

    Of each table but those of statistics the rows up to the id in `up_to` must be there.
    """
    comparisons = {
        STATES: compare(
            database,
            query,
            f"{dataset}.{STATES}",
            up_to=up_to[STATES],
            time_zone=PLACE.time_zone,
            sample=SAMPLE,
        )
    } | {
        table.name: compare_recorded(
            database,
            query,
            dataset,
            table,
            up_to=up_to[table.name],
            place=PLACE,
            versions=ledger[table.name].versions,
        )
        for table in RECORDED
        if table.name not in ledger.corrected
    }
    return {
        table: judge_table(comparison, ledger[table], rows=count(query, f"{dataset}.{table}"))
        for table, comparison in comparisons.items()
    }


def count(query: Query, table: str) -> int:
    """Return how many rows a table has."""
    return int(query(f"SELECT COUNT(*) AS n FROM `{table}`")[0]["n"])  # noqa: S608


def judge_table(comparison: Comparison, ledger: TableLedger, *, rows: int) -> Verdict:
    """Judge one table by what was found, and what the recorder has had."""
    gone = Counter({key: n for key, n in ledger.owed.items() if key not in ledger.now})
    surplus = comparison.duplicated + comparison.foreign
    destroyed = Counter({key: n for key, n in ledger.destroyed.items() if key not in ledger.now})
    destroyed -= comparison.foreign
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
        destroyed=destroyed,
        untold=destroyed & ledger.untold,
    )
