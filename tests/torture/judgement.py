"""The last word: a home that rests, and all that is in BigQuery."""

from collections.abc import Callable, Mapping

from tests.home.comparison import Query

from .corrected_verdict import judge
from .integration import DATASET, PROJECT
from .machine import Machine
from .odd_rows import OddRows, odd_rows
from .odd_verdict import ODD_ROWS, judge_odd, without_odd
from .salvage import legible
from .verdict import Verdicts


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
    return {**without_odd(verdicts, odd), ODD_ROWS: odd_verdict}
