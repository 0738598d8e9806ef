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
import re

from .errors import ApiError, invalid_query
from .schema import Json, columns_of

type Tokens = list[str | Tokens]
type Find = Callable[[str], Json | None]
"""Returns the resource of a table or view by the name that a statement has for it."""

_TOKEN = re.compile(
    r"(?P<left_out>\s+|--[^\n]*|#[^\n]*|/\*.*?\*/)"
    r"|'(?:\\.|[^'\\])*'"
    r'|"(?:\\.|[^"\\])*"'
    r"|(?:`[^`]*`|\w+)(?:\.(?:`[^`]*`|\w+))*"
    r"|<=|>=|!=|<>|.",
    re.DOTALL,
)
_SET_OPERATORS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_CLAUSES = frozenset({"FROM", "WHERE", "GROUP", "HAVING", "QUALIFY", "WINDOW", "ORDER", "LIMIT"})
_BEFORE_TABLE = frozenset({"FROM", "JOIN", ","})
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
    for unfiltered in _unfiltered(_tree(sql), find):
        raise unfiltered.refusal()


def _tree(sql: str) -> Tokens:
    """Return the tokens of a statement; those in parentheses are a list of their own."""
    stack: list[Tokens] = [[]]
    for match in _TOKEN.finditer(sql):
        text = match[0]
        if match["left_out"]:
            continue
        if text == "(":
            stack.append([])
        elif text == ")" and len(stack) > 1:
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            stack[-1].append(text.replace("`", ""))
    return stack[0]


def _unfiltered(tokens: Tokens, find: Find) -> Iterator[Unfiltered]:
    for token in tokens:
        if isinstance(token, list):
            yield from _unfiltered(token, find)
    for select in _split(tokens, _SET_OPERATORS):
        conditions = _split(_clause(select, "WHERE"), {"AND"})
        if any(_word(token) == "OR" for condition in conditions for token in condition):
            conditions = []
        for name in _tables(_clause(select, "FROM")):
            for unfiltered in _required(find(name), find):
                if not any(_filters(condition, unfiltered) for condition in conditions):
                    yield unfiltered


def _required(found: Json | None, find: Find) -> Iterator[Unfiltered]:
    """Yield the tables that a query of a table or view has to filter."""
    if found is None:
        return
    if "view" in found:
        yield from _unfiltered(_tree(found["view"]["query"]), find)
    elif found.get("requirePartitionFilter"):
        yield Unfiltered(found)


def _filters(condition: Tokens, unfiltered: Unfiltered) -> bool:
    words = list(_flat(condition))
    # A word behind a number is a unit of time, as in INTERVAL 1 DAY.
    words = [word for before, word in pairwise(["", *words]) if not before.isdigit()]
    names = {word.rpartition(".")[2].casefold() for word in words}
    columns = {column.key for column in columns_of(unfiltered.table["schema"])}
    return (
        columns & names == {unfiltered.column.casefold()}
        and bool(_COMPARISONS & {word.upper() for word in words})
        and "select" not in names
    )


def _split(tokens: Tokens, words: frozenset[str] | set[str]) -> list[Tokens]:
    parts: list[Tokens] = [[]]
    for token in tokens:
        if _word(token) in words:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _clause(select: Tokens, clause: str) -> Tokens:
    """Return what stands between the word of a clause and the next one."""
    inside = False
    found: Tokens = []
    for token in select:
        if _word(token) in _CLAUSES:
            inside = _word(token) == clause
            if inside:
                found.append(token)
        elif inside:
            found.append(token)
    return found


def _tables(from_: Tokens) -> Iterator[str]:
    for before, token in pairwise(from_):
        if _word(before) in _BEFORE_TABLE and isinstance(token, str):
            yield token


def _word(token: str | Tokens) -> str:
    return token.upper() if isinstance(token, str) else ""


def _flat(tokens: Tokens) -> Iterator[str]:
    for token in tokens:
        if isinstance(token, str):
            yield token
        else:
            yield from _flat(token)
