"""The rows of a copy, compared with those that BigQuery has."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from custom_components.bigquery_export.rows.table import Column, Table
from tests.bigquery_export.support.comparable_rows import comparable_row, compared

type Row = Mapping[str, Any]
type Rows = dict[tuple[str, ...], Counter[str]]
"""By key: how often there is a row with these values."""
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two tables differ in, or all of them together."""

    tables: int = 0
    rows: int = 0
    """Those that BigQuery has."""
    different: int = 0
    """Rows of the same key that have other values."""
    missing: int = 0
    extra: int = 0
    """Rows of the copy that BigQuery does not have, or not so often."""
    examples: tuple[str, ...] = field(default=(), compare=False)

    @property
    def agrees(self) -> bool:
        """Return whether all rows are there once, with all their values."""
        return not (self.different or self.missing or self.extra)

    def __str__(self) -> str:
        """Return the numbers as the last lines have them."""
        return (
            f"tables={self.tables} rows={self.rows} different={self.different}"
            f" missing={self.missing} extra={self.extra}"
        )

    def __add__(self, other: Comparison) -> Comparison:
        """Return what two comparisons found."""
        return Comparison(
            self.tables + other.tables,
            self.rows + other.rows,
            self.different + other.different,
            self.missing + other.missing,
            self.extra + other.extra,
            (*self.examples, *other.examples),
        )


def compare(
    table: Table, columns: Iterable[Column], sent: Iterable[Row], copied: Iterable[Row]
) -> Comparison:
    """Compare all rows of a table by all columns that exports have in common."""
    of_both = compared(columns)
    wanted, found = (_by_key(table, of_both, rows) for rows in (sent, copied))
    different = missing = extra = 0
    examples: list[str] = []
    for key in {**wanted, **found}:
        lacking = wanted.get(key, Counter()) - found.get(key, Counter())
        surplus = found.get(key, Counter()) - wanted.get(key, Counter())
        both = min(lacking.total(), surplus.total())
        different += both
        missing += lacking.total() - both
        extra += surplus.total() - both
        if (lacking or surplus) and len(examples) < SHOWN:
            examples.append(f"{table.name} {key}: BigQuery {[*lacking]}, the copy {[*surplus]}")
    rows = sum(one.total() for one in wanted.values())
    return Comparison(1, rows, different, missing, extra, tuple(examples))


def noticed_last(table: Table, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield rows, of a dimension table those that were noticed last of what they are about.

    What changes while a destination is away is noticed by the others alone.
    """
    if not table.key:
        yield from rows
        return
    newest: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in table.key)
        if key not in newest or newest[key]["valid_from"] < row["valid_from"]:
            newest[key] = row
    yield from newest.values()


def _by_key(table: Table, columns: list[Column], rows: Iterable[Row]) -> Rows:
    """Return rows by what tells them apart, as far as there is anything."""
    names = table.key or (*(name for name in table.identity if name), table.id)
    keys = [column for column in columns if column.name in names]
    found: Rows = {}
    for row in rows:
        key = tuple(comparable_row(row, [column]) for column in keys)
        found.setdefault(key, Counter())[comparable_row(row, columns)] += 1
    return found
