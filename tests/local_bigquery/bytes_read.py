"""How many bytes a query reads, as a dry run tells.

A table's partitions are left out by conditions alone that compare its partitioning column itself
with a constant, in the WHERE of the SELECT that reads the table. BigQuery leaves out more in some
cases (it takes conditions into views and subqueries); it is nowhere promised when. All columns
count that a SELECT names anywhere, or `*`.

Sources: querying-partitioned-tables, "Best practices for partition pruning"; estimate-costs, "Data
size calculation based on data type".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from .emulator import Exclusive
from .partition_filter import Find
from .schema import Column, Json, columns_of, query_of
from .sql_tokens import SET_OPERATORS, Tokens, conditions, flat, split, tables, tree

_COMPARISONS = frozenset({"=", "<", ">", "<=", ">="})
_LENGTHS = {
    "BOOL": "1",
    "STRING": "2 + BYTE_LENGTH({0})",
    "JSON": "BYTE_LENGTH(TO_JSON_STRING({0}))",
}
"""The bytes of a value; those of all other types are 8."""
_BEFORE_STAR = frozenset({"SELECT", "DISTINCT", ",", "."})
_UNITS = ("HOUR", "DAY", "MONTH", "YEAR")
"""In capitals, as our SQL has them: columns have small letters."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a SELECT reads of a table: columns, and the partitions that conditions leave."""

    table: Json
    columns: tuple[Column, ...]
    conditions: tuple[str, ...]

    @property
    def statement(self) -> str:
        """Return the query that counts the bytes."""
        reference = self.table["tableReference"]
        name = ".".join(reference[key] for key in ("projectId", "datasetId", "tableId"))
        lengths = " + ".join(map(_length, self.columns)) or "0"
        where = " AND ".join(self.conditions) or "TRUE"
        return f"SELECT IFNULL(SUM({lengths}), 0) AS n FROM `{name}` WHERE {where}"  # noqa: S608


async def bytes_read(emulator: Exclusive, project: str, sql: str, find: Find, options: Json) -> int:
    """Return how many bytes a query reads; `options` are those of jobs.query, for parameters."""
    total = 0
    for read in reads(tree(sql), find):
        (row,) = await emulator.query(project, read.statement, options)
        total += int(row["n"])
    return total


def reads(tokens: Tokens, find: Find) -> Iterator[Read]:
    """Yield what a query reads of each table that it names, once for each time."""
    for token in tokens:
        if isinstance(token, list):
            yield from reads(token, find)
    for select in split(tokens, SET_OPERATORS):
        for name in tables(select):
            found = find(name)
            if found and (query := query_of(found)):
                yield from reads(tree(query), find)
            elif found:
                yield Read(found, _columns(select, found), tuple(_bounds(select, found)))


def _columns(select: Tokens, table: Json) -> tuple[Column, ...]:
    columns = columns_of(table["schema"])
    pairs = pairwise(["", *map(str, select)])
    if any(after == "*" and before.upper() in _BEFORE_STAR for before, after in pairs):
        return tuple(columns)
    names = {part.casefold() for token in flat(select) for part in token.split(".")}
    return tuple(column for column in columns if column.key in names)


def _bounds(select: Tokens, table: Json) -> Iterator[str]:
    partitioning = table.get("timePartitioning") or {}
    field = partitioning.get("field")
    names = {column.key for column in columns_of(table["schema"])}
    for condition in conditions(select):
        if field is None or len(condition) < 3:
            continue
        column, operator, *constant = condition
        words = _words(constant)
        if (
            isinstance(column, str)
            and column.rpartition(".")[2].casefold() == field.casefold()
            and operator in _COMPARISONS
            and not words & (names | {"select"})
        ):
            begins = f"TIMESTAMP_TRUNC(`{field}`, {partitioning['type']})"
            value = f"CAST({_text(constant)} AS TIMESTAMP)"
            if operator in (">=", ">", "="):
                value = f"TIMESTAMP_TRUNC({value}, {partitioning['type']})"
            operator = ">=" if operator == ">" else operator
            yield f"{begins} {operator} {value}"


def _words(tokens: Tokens) -> set[str]:
    """Return the words of a constant, without units of time: behind a number, or what is cut to."""
    words = list(flat(tokens))
    truncates = any(word.upper() == "TIMESTAMP_TRUNC" for word in words)
    words = [
        word
        for before, word in pairwise(["", *words])
        if not (before.isdigit() or (truncates and before == "," and word in _UNITS))
    ]
    return {part.casefold() for word in words for part in word.split(".")}


def _text(tokens: Tokens) -> str:
    text = ""
    for token in tokens:
        part = f"({_text(token)})" if isinstance(token, list) else token
        text += part if text.endswith("@") or isinstance(token, list) else f" {part}"
    return text.strip()


def _length(column: Column) -> str:
    if column.mode == "REPEATED":
        values = f"UNNEST(`{column.name}`) AS x"
        return f"IFNULL((SELECT SUM(2 + BYTE_LENGTH(x)) FROM {values}), 0)"  # noqa: S608
    length = _LENGTHS.get(column.type, "8").format(f"`{column.name}`")
    return f"IF(`{column.name}` IS NULL, 0, {length})"
