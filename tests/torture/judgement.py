"""The last word: a home that rests, and all that is in BigQuery."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.home.comparison import Key, Query
from tests.home.integration import DATASET

from .corrected_verdict import judge
from .destination import PROJECT
from .machine import Machine
from .odd_rows import OddRows, odd_rows
from .odd_verdict import ODD_ROWS, judge_odd, without_odd
from .salvage import legible
from .verdict import Verdicts

ORDER = 60.0
"""Seconds by which the order of ids may differ from that of times."""


def judge_home(
    machine: Machine,
    query: Query,
    odd: OddRows,
    up_to: Mapping[str, int],
    say: Callable[[str], None],
) -> Verdicts:
    """Compare what can be read of the recorder, up to the id of each table, with BigQuery."""
    dataset = f"{PROJECT}.{DATASET}"
    with legible(machine.home.database) as database:
        verdicts = judge(database, query, dataset, machine.ledger, up_to=up_to)
    logged = query(
        f"SELECT table_name, SUM(row_count) AS n FROM `{dataset}.export_log` GROUP BY table_name"  # noqa: S608
    )
    numbers = {row["table_name"]: row["n"] for row in logged}
    for table, verdict in verdicts.items():
        say(
            f"{table} has {verdict.rows} rows, the export log speaks of"
            f" {numbers.get(table, 0)}; the recorder has had {machine.ledger[table].ever.total()}"
        )
    rejected = machine.checkpoint.with_name(f"{machine.checkpoint.name}.rejected.jsonl")
    with legible(machine.home.database, odd=True) as database:
        rows = odd_rows(database)
    odd_verdict = judge_odd(rows, odd, query, dataset, rejected, up_to=up_to)
    return {
        **without_told(without_odd(verdicts, odd), machine.table_position.gaps),
        ODD_ROWS: odd_verdict,
    }


def without_told(verdicts: Verdicts, gaps: Mapping[str, tuple[float, float]]) -> Verdicts:
    """Return the verdicts less those untold rows that lie in a gap, from a time to another."""
    return {
        table: replace(
            verdict,
            untold=Counter(
                {key: n for key, n in verdict.untold.items() if not _lies_in(key, gaps.get(table))}
            ),
        )
        for table, verdict in verdicts.items()
    }


def _lies_in(key: Key, gap: tuple[float, float] | None) -> bool:
    # States of one commit are numbered out of order.
    return gap is not None and gap[0] - ORDER <= key[1] / 1_000_000 <= gap[1] + ORDER
