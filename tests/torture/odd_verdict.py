"""Say what became of odd rows: each must be in BigQuery once, or among the rejected ones."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import batched
import json
from pathlib import Path

from tests.home.comparison import Key, Query

from .odd_rows import NAMES, OddRow, OddRows
from .verdict import Verdict, Verdicts

ODD_ROWS = "odd rows"
IDS_PER_QUERY = 500
_FOUND: Mapping[str, tuple[str, str]] = {
    "states": ("entity_id", "last_updated"),
    "events": ("TO_JSON_STRING(event_data)", "time_fired"),
}
"""The text and the time in BigQuery by which a row is known."""


def judge_odd(
    rows: Iterable[OddRow],
    known: OddRows,
    query: Query,
    dataset: str,
    rejected: Path,
    *,
    up_to: Mapping[str, int],
) -> Verdict:
    """Judge the odd rows that the recorder has, up to the id in `up_to` of each table.

    `rejected` is the file of rejected rows.
    """
    expected = [row for row in rows if row.exported and row.id <= up_to[NAMES[row.table][0]]]
    sent = _sent(expected, known, query, dataset)
    told = _rejected(rejected)
    return Verdict(
        rows=0,
        lost=Counter(
            _key(row)
            for row in expected
            if not sent[row] and (NAMES[row.table][0], row.id) not in told
        ),
        duplicated=+Counter({_key(row): sent[row] - 1 for row in expected}),
        invented=Counter(),
        different=[],
    )


def without_odd(verdicts: Verdicts, known: OddRows) -> Verdicts:
    """Return the verdicts less what they say of odd rows, which the recorder seems not to have."""
    return {
        table: replace(
            verdict,
            duplicated=_plain(table, verdict.duplicated, known),
            invented=_plain(table, verdict.invented, known),
        )
        for table, verdict in verdicts.items()
    }


def _plain(table: str, rows: Counter[Key], known: OddRows) -> Counter[Key]:
    return Counter({key: n for key, n in rows.items() if not known.is_odd(table, key)})


def _key(row: OddRow) -> Key:
    return str(row), row.id


def _sent(rows: Iterable[OddRow], known: OddRows, query: Query, dataset: str) -> Counter[OddRow]:
    """Return how often BigQuery has each row."""
    sent: Counter[OddRow] = Counter()
    for table, (text, time) in _FOUND.items():
        name, id_ = NAMES[table]
        by_id = {row.id: row for row in rows if row.table == table}
        for ids in batched(by_id, IDS_PER_QUERY, strict=False):
            sql = (
                f"SELECT {id_} AS id, {text} AS text, UNIX_MICROS({time}) AS time"  # noqa: S608
                f" FROM `{dataset}.{name}` WHERE {id_} IN ({', '.join(map(str, ids))})"
            )
            for found in query(sql):
                row = by_id[int(found["id"])]
                at = None if found["time"] is None else int(found["time"])
                if known.is_row(row, str(found["text"]), at):
                    sent[row] += 1
    return sent


def _rejected(path: Path) -> set[tuple[str, int]]:
    """Return tables and ids of the rows in the file."""
    if not path.exists():
        return set()
    entries = map(json.loads, path.read_bytes().splitlines())
    return {(entry["table"], entry["id"]) for entry in entries}
