"""Queries of tables that require a filter of their partitions.

Sources: querying-partitioned-tables, "Require a partition filter in queries"; views-intro and
managing-partitioned-tables: the filter of a query of a view counts for the table behind it. It
must be a condition of its own (not one of two, by OR) on the partitioning column and constants.
Of statements, what stands behind FROM and JOIN is looked at, and a filter counts only in the
WHERE of the same SELECT.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from .errors import ApiError, invalid_query
from .schema import Json, columns_of, query_of
from .sql_tokens import SET_OPERATORS, Tokens, conditions, flat, split, tables, tree

type Find = Callable[[str], Json | None]
"""Returns the resource of a table or view by the name that a statement has for it."""

_COMPARISONS = frozenset({"=", "<", ">", "<=", ">=", "BETWEEN", "IN"})


@dataclass(frozen=True, slots=True)
class Unfiltered:
    """A table that a query reads without the filter that it requires."""

    table: Json

    @property
    def column(self) -> str:
        """Return the partitioning column."""
        return str(self.table["timePartitioning"]["field"])

    def refusal(self) -> ApiError:
        """Return what BigQuery answers."""
        reference = self.table["tableReference"]
        name = f"{reference['projectId']}.{reference['datasetId']}.{reference['tableId']}"
        return invalid_query(
            f"Cannot query over table '{name}' without a filter over column(s) '{self.column}'"
            " that can be used for partition elimination"
        )


def check_filters(sql: str, find: Find) -> None:
    """Refuse a statement that reads a table without the filter that it requires."""
    for unfiltered in _unfiltered(tree(sql), find):
        raise unfiltered.refusal()


def _unfiltered(tokens: Tokens, find: Find) -> Iterator[Unfiltered]:
    for token in tokens:
        if isinstance(token, list):
            yield from _unfiltered(token, find)
    for select in split(tokens, SET_OPERATORS):
        filters = conditions(select)
        for name in tables(select):
            for unfiltered in _required(find(name), find):
                if not any(_filters(condition, unfiltered) for condition in filters):
                    yield unfiltered


def _required(found: Json | None, find: Find) -> Iterator[Unfiltered]:
    """Yield the tables that a query of a table or view has to filter."""
    if found is None:
        return
    if query := query_of(found):
        yield from _unfiltered(tree(query), find)
    elif found.get("requirePartitionFilter"):
        yield Unfiltered(found)


def _filters(condition: Tokens, unfiltered: Unfiltered) -> bool:
    words = list(flat(condition))
    # A word behind a number is a unit of time, as in INTERVAL 1 DAY.
    words = [word for before, word in pairwise(["", *words]) if not before.isdigit()]
    names = {word.rpartition(".")[2].casefold() for word in words}
    columns = {column.key for column in columns_of(unfiltered.table["schema"])}
    return (
        columns & names == {unfiltered.column.casefold()}
        and bool(_COMPARISONS & {word.upper() for word in words})
        and "select" not in names
    )
