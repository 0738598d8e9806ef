"""Views: what BigQuery makes none of.

Sources: views, "View limitations" (each table with its dataset, no query parameters) and "Required
permissions" (those to query each table, too).
"""

from collections.abc import Iterator
from itertools import pairwise

from .access import Caller
from .errors import access_denied, invalid, invalid_query, not_found
from .names import TableName
from .query_statistics import statement_type
from .schema import Json
from .sql_tokens import SET_OPERATORS, Tokens, clause, flat, split, tree, word

_BEFORE_TABLE = frozenset({"FROM", "JOIN", ","})


def check_view(project: str, body: Json, caller: Caller) -> None:
    """Refuse a view that BigQuery does not make, if this declares one; raises ApiError."""
    if "view" not in body:
        return
    if not (query := body["view"].get("query", "")).strip():
        raise invalid("Required parameter is missing: query")
    if statement_type(query) != "SELECT":
        raise invalid_query("Only SELECT statements are allowed in view queries.")
    tokens = tree(query)
    if "@" in flat(tokens):
        raise invalid_query("Query parameters cannot be used in views.")
    named = list(_named(tokens))
    aliases = {*_aliases(tokens)}
    tables = {name.rpartition(".")[2].casefold() for name in named if "." in name}
    for name in named:
        first, *rest = name.split(".")
        if not rest and first.casefold() not in aliases:
            raise invalid_query(
                f'Table "{name}" must be qualified with a dataset (e.g. dataset.table).'
            )
        if rest and first.casefold() not in aliases | tables:  # Else it is an array of one.
            _check_read(TableName(*[project, *name.split(".")][-3:]), caller)


def _check_read(name: TableName, caller: Caller) -> None:
    """Refuse to read what is not there, or what the caller may not read."""
    if not caller.may("bigquery.tables.getData", name.project, name.dataset):
        raise access_denied(
            f"Table {name}: User does not have permission to query table {name},"
            " or perhaps it does not exist."
        )
    location = caller.catalog.existing_dataset(name.project, name.dataset)["location"]
    if caller.catalog.table(name) is None:
        raise not_found(f"Table {name} was not found in location {location}")


def _named(tokens: Tokens) -> Iterator[str]:
    """Yield what a query reads, by its name; functions are none of it."""
    for token in tokens:
        if isinstance(token, list):
            yield from _named(token)
    if "SELECT" not in map(word, tokens):
        return  # As in EXTRACT(HOUR FROM time).
    for select in split(list(_without_comparisons(tokens)), SET_OPERATORS):
        read = clause(select, "FROM")
        for before, token, after in zip(read, read[1:], [*read[2:], ""], strict=False):
            is_name = isinstance(token, str) and isinstance(after, str) and after != "-"
            if is_name and word(before) in _BEFORE_TABLE:
                yield str(token)


def _without_comparisons(tokens: Tokens) -> Iterator[str | Tokens]:
    """Yield tokens without the FROM of IS DISTINCT FROM."""
    for before, token in pairwise(["", *tokens]):
        if (word(before), word(token)) != ("DISTINCT", "FROM"):
            yield token


def _aliases(tokens: Tokens) -> Iterator[str]:
    """Yield the names that a query gives itself: of common table expressions, and behind AS."""
    for before, token in pairwise(["", *tokens]):
        if isinstance(token, list):
            yield from _aliases(token)
        elif word(before) == "AS":
            yield token.casefold()
    for name, as_, query in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if isinstance(name, str) and word(as_) == "AS" and isinstance(query, list):
            yield name.casefold()
