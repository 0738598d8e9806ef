"""What a materialized view may be, of those that BigQuery can refresh row by row.

Sources: BigQuery's pages "Create materialized views" (supported SQL, partitioned and clustered
views) and "Manage materialized views", and the API reference of tables.
It takes less than BigQuery: one SELECT of one table, without WITH, joins and UNNEST, and no view
that is read anew as a whole. Nothing is kept of the rows: a query is answered, and billed, as if
the view had never been refreshed.
"""

from collections.abc import Iterator
from itertools import pairwise

from .errors import invalid
from .partition_filter import Find, check_filters
from .schema import Json
from .sql_tokens import Tokens, flat, split, tables, tree, word

AGGREGATES = frozenset(
    {"ANY_VALUE", "APPROX_COUNT_DISTINCT", "ARRAY_AGG", "AVG", "BIT_AND", "BIT_OR", "BIT_XOR"}
    | {"COUNT", "COUNTIF", "LOGICAL_AND", "LOGICAL_OR", "MAX", "MAX_BY", "MIN", "MIN_BY", "SUM"}
)
"""Functions that the page lists; nothing may be computed of what they give."""
_SCALARS = frozenset({"COALESCE", "DATE", "DATETIME_TRUNC", "IF", "IFNULL", "TIMESTAMP_TRUNC"})
_TRUNCATES = "TIMESTAMP_TRUNC"
_REFUSED = frozenset(
    {"HAVING", "QUALIFY", "WINDOW", "OVER", "ORDER", "LIMIT", "WITH", "DISTINCT", "JOIN", "UNNEST"}
    | {"UNION", "INTERSECT", "EXCEPT"}
)
_ALIGNED = {"DAY": {"HOUR", "DAY"}, "MONTH": {"HOUR", "DAY", "MONTH"}}
"""To what the partitioning column of the table may be cut, by the partitions of the view."""
_MINUTE, _WEEK = 60_000, 7 * 24 * 60 * 60_000
_CHANGEABLE = frozenset({"description", "labels", "expirationTime", "friendlyName"})
"""What tables.patch may change; the view's query it may not."""


def check_materialized(body: Json, find: Find) -> None:
    """Refuse a materialized view that BigQuery does not make; raises ApiError."""
    declared = body["materializedView"]
    if "schema" in body or "view" in body:
        raise invalid("A materialized view has neither a schema of its own nor another query.")
    if declared.get("allowNonIncrementalDefinition"):
        raise invalid("The local BigQuery has incremental materialized views only.")
    interval = int(declared.get("refreshIntervalMs", 30 * _MINUTE))
    if not _MINUTE <= interval <= _WEEK:
        raise invalid("The refresh interval must be between 1 minute and 7 days.")
    query = declared["query"]
    check_filters(query, find)
    select = tree(query)
    words = {token.upper() for token in flat(select)}
    wrong = words & _REFUSED | {one for one in words if one.startswith(("CURRENT_", "RAND"))}
    if wrong or [token.upper() for token in flat(select)].count("SELECT") != 1:
        raise _unsupported(", ".join(sorted(wrong)) or "subqueries")
    named = list(tables(select))
    base = find(named[0]) if len(named) == 1 else None
    if base is None or base["type"] != "TABLE":
        raise _unsupported("anything but one table")
    columns = dict(_columns(select))
    for expression in columns.values():
        _check_functions(expression)
    _check_partitions(body.get("timePartitioning"), base, columns)


def check_change(old: Json, body: Json) -> None:
    """Refuse a change of a materialized view that BigQuery does not make; raises ApiError."""
    changed = {key for key, value in body.items() if value != old.get(key)}
    if wrong := changed - _CHANGEABLE - {"tableReference", "etag"}:
        raise invalid(f"Cannot change {', '.join(sorted(wrong))} of a materialized view.")


def _columns(select: Tokens) -> Iterator[tuple[str, Tokens]]:
    """Yield the names of a SELECT's columns, each with its expression."""
    words = [word(token) for token in select]
    listed = select[words.index("SELECT") + 1 : words.index("FROM")]
    for item in split(listed, {","}):
        *expression, before, name = ["", *item] if len(item) == 1 else item
        if word(before) == "AS" and isinstance(name, str):
            yield name, expression
        elif len(item) == 1 and isinstance(name, str) and name != "*":
            yield name, item
        else:
            raise _unsupported("a column without a name")


def _check_functions(expression: Tokens) -> None:
    """Refuse functions that a materialized view may not have, and what is computed of them."""
    calls = [word(name) for name, inner in _calls(expression)]
    if unknown := set(calls) - AGGREGATES - _SCALARS:
        raise _unsupported(", ".join(sorted(unknown)))
    aggregates = AGGREGATES.intersection(calls)
    if aggregates and (len(expression) != 2 or word(expression[0]) not in AGGREGATES):
        raise _unsupported(f"what is computed of {', '.join(sorted(aggregates))}")


def _calls(tokens: Tokens) -> Iterator[tuple[str | Tokens, Tokens]]:
    for before, token in pairwise(["", *tokens]):
        if isinstance(token, list):
            if word(before).isidentifier():
                yield before, token
            yield from _calls(token)


def _check_partitions(partitioning: Json | None, base: Json, columns: dict[str, Tokens]) -> None:
    """Refuse partitions that are not aligned with those of the table."""
    if partitioning is None:
        return
    expression = columns.get(partitioning.get("field", ""), [])
    of_base = base.get("timePartitioning") or {}
    unit = partitioning.get("type")
    cut = "DAY"
    if len(expression) == 2 and word(expression[0]) == _TRUNCATES:
        column, _, last = (*expression[1], "", "", "")[:3]
        expression, cut = [column], word(last)
    if expression != [of_base.get("field")] or cut not in _ALIGNED.get(str(unit), ()):
        raise invalid("The partitioning column of a materialized view must be that of its table.")
    if unit != of_base.get("type"):
        raise invalid("The partitions of a materialized view must be as long as its table's.")


def _unsupported(what: str) -> Exception:
    return invalid(f"Unsupported in a materialized view: {what}.")
