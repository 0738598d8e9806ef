"""What a comparison of a recorder with BigQuery finds, and how it reads the two."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
from typing import Any

type Key = tuple[str, int]
"""What identifies a row: an id such as the entity's, and microseconds since 1970."""
type Values = dict[str, Any]
type Query = Callable[[str], list[Values]]
"""Runs SQL in BigQuery and returns the rows with the REST API's values."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BLOCK = 1_000
ROWS_PER_ANSWER = 10_000


class IncompleteAnswerError(Exception):
    """BigQuery said that there are other rows than it returned; the text says how many."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A value in BigQuery that is not what the recorder says."""

    key: Key
    column: str
    recorder: object
    bigquery: object


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found. Rows up to some id of the recorder must all be there; later ones may be."""

    recorder: int
    """Rows of the recorder up to that id."""
    bigquery: int
    """Rows of BigQuery, less those that the recorder wrote later."""
    lost: Counter[Key]
    """Rows of the recorder that BigQuery does not have."""
    duplicated: Counter[Key]
    """Rows that BigQuery has more often than the recorder."""
    foreign: Counter[Key]
    """Rows of BigQuery that the recorder does not have at all."""
    sampled: int
    """Rows of which every value was compared."""
    differences: list[Difference]

    @property
    def ok(self) -> bool:
        """Say whether both hold the same."""
        return not (self.lost or self.duplicated or self.foreign or self.differences)


type Comparisons = Mapping[str, Comparison]
"""What was found, by table."""


def all_ok(comparisons: Comparisons) -> bool:
    """Say whether both hold the same of all tables."""
    return all(comparison.ok for comparison in comparisons.values())


def compare_keys(
    must: Counter[Key],
    may: Counter[Key],
    there: Counter[Key],
    *,
    sampled: int,
    differences: list[Difference],
) -> Comparison:
    """Compare the rows that must be in BigQuery, and those that may be, with those that are."""
    surplus = there - must - may
    recorded = must.keys() | may.keys()
    return Comparison(
        recorder=must.total(),
        bigquery=there.total() - ((there - must) & may).total(),
        lost=must - there,
        duplicated=Counter({key: n for key, n in surplus.items() if key in recorded}),
        foreign=Counter({key: n for key, n in surplus.items() if key not in recorded}),
        sampled=sampled,
        differences=differences,
    )


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a recorder's database to read it."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as recorder:
        yield recorder


def micros(timestamp: float) -> int:
    """Return the microseconds since 1970 of a time in the recorder, rounded as `datetime` does."""
    return (datetime.fromtimestamp(timestamp, UTC) - EPOCH) // timedelta(microseconds=1)


def rows_by_id(query: Query, table: str, id_: str, columns: str) -> Iterator[list[Values]]:
    """Yield a table's rows in answers that are not too long; one without an id is left out.

    Raises IncompleteAnswerError.
    """
    for first, last, number_of_rows in _ranges(query, table, id_):
        rows = query(
            f"SELECT {columns} FROM `{table}` WHERE {id_} BETWEEN {first} AND {last}"  # noqa: S608
        )
        if len(rows) != number_of_rows:
            raise IncompleteAnswerError(f"{len(rows)} of {number_of_rows} rows of {table}")
        yield rows


def _ranges(query: Query, table: str, id_: str) -> Iterator[tuple[int, int, int]]:
    """Yield ranges of ids, and their rows, that are few enough for one answer each."""
    blocks = query(
        f"SELECT DIV({id_}, {BLOCK}) AS block, COUNT(*) AS number_of_rows"  # noqa: S608
        f" FROM `{table}` WHERE {id_} IS NOT NULL GROUP BY block ORDER BY block"
    )
    first = last = total = 0
    for block in blocks:
        number_of_rows = int(block["number_of_rows"])
        if total and total + number_of_rows > ROWS_PER_ANSWER:
            yield first, last, total
            first, total = last + 1, 0
        last = (int(block["block"]) + 1) * BLOCK - 1
        total += number_of_rows
    if total:
        yield first, last, total
