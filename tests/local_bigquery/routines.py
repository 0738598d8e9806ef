"""Table functions: what is declared of them, and calls of them in statements.

bqemulator makes macros of them, which know nothing of their arguments' types and hide from us what
a query reads. So they are kept here alone, and a statement that calls one gets its query in the
place of the call, with the arguments in the places of their names.

Sources: rest/v2/routines; table-functions ("Parameter names", "Limitations").
"""

from collections.abc import Callable, Iterator
import hashlib
import re

import orjson

from .access import Caller
from .catalog import Catalog
from .clock import Clock
from .emulator import Emulator
from .errors import (
    ApiError,
    condition_not_met,
    duplicate,
    invalid,
    invalid_query,
    not_found,
    not_implemented,
)
from .named_tables import named_tables
from .schema import Json, columns_of
from .sql_tokens import TOKEN
from .statements import reads_only
from .store import Store

_ID = re.compile(r"\w{1,256}", re.ASCII)
_TYPES = frozenset({"BOOL", "DATE", "DATETIME", "FLOAT64", "INT64", "STRING", "TIMESTAMP"})
_DEPTH = 16
"""How deep functions may call one another (quotas, "Table function limits")."""
type Find = Callable[[str], Json | None]
"""Returns a routine by the name that a statement has for it, or None."""


class Routines:
    """The table functions of all datasets."""

    def __init__(self, store: Store, catalog: Catalog, emulator: Emulator, clock: Clock) -> None:
        """Read what was declared before."""
        self._store = store
        self._catalog = catalog
        self._emulator = emulator
        self._clock = clock
        self._routines = dict(store.all("routine"))

    def all(self, project: str, dataset: str) -> list[Json]:
        """Return the routines of a dataset by their names; raises ApiError (404)."""
        self._catalog.existing_dataset(project, dataset)
        prefix = f"{project}:{dataset}."
        return [body for key, body in sorted(self._routines.items()) if key.startswith(prefix)]

    def existing(self, project: str, dataset: str, routine: str) -> Json:
        """Return a routine; raises ApiError (404)."""
        self._catalog.existing_dataset(project, dataset)
        key = f"{project}:{dataset}.{routine}"
        if (body := self._routines.get(key)) is None:
            raise not_found(f"Routine {key}")
        return body

    async def create(self, project: str, dataset: str, body: Json) -> Json:
        """Make a routine; raises ApiError for a bad declaration, or one that is there."""
        self._catalog.existing_dataset(project, dataset)
        routine = body.get("routineReference", {}).get("routineId", "")
        if not _ID.fullmatch(routine):
            raise invalid(f'Invalid routine ID "{routine}".')
        if (key := f"{project}:{dataset}.{routine}") in self._routines:
            raise duplicate(f"Routine {key}")
        now = str(self._clock.milliseconds())
        return await self._keep(project, dataset, routine, {**body, "creationTime": now})

    async def replace(
        self, project: str, dataset: str, routine: str, body: Json, etag: str | None
    ) -> Json:
        """Replace a routine as a whole; raises ApiError. Source: rest/v2/routines/update."""
        old = self.existing(project, dataset, routine)
        if etag is not None and etag not in (old["etag"], "*"):
            raise condition_not_met()
        body = {**body, "creationTime": old["creationTime"], "etag": old["etag"]}
        return await self._keep(project, dataset, routine, body)

    def delete(self, project: str, dataset: str, routine: str) -> None:
        """Delete a routine; raises ApiError (404)."""
        self.existing(project, dataset, routine)
        self._forget(f"{project}:{dataset}.{routine}")

    def forget_dataset(self, project: str, dataset: str) -> None:
        """Forget the routines of a dataset that is dropped."""
        for key in list(self._routines):
            if key.startswith(f"{project}:{dataset}."):
                self._forget(key)

    def expanded(
        self, project: str, sql: str, default: Json | None = None, caller: Caller | None = None
    ) -> str:
        """Return a statement with the query of each function in the place of its call.

        Raises ApiError for a call that does not fit its function, or that the caller may not make.
        """

        def find(name: str) -> Json | None:
            found = self._found(project, name, default)
            if found and caller:
                reference = found["routineReference"]
                caller.check_dataset(
                    "bigquery.routines.get", reference["projectId"], reference["datasetId"]
                )
            return found

        return _expanded(sql, find)

    def called(self, project: str, sql: str, default: Json | None = None) -> list[Json]:
        """Return the references of the functions that a statement calls, each once."""
        found: dict[str, Json] = {}

        def find(name: str) -> Json | None:
            if routine := self._found(project, name, default):
                reference = routine["routineReference"]
                found[str(reference)] = reference
            return routine

        _expanded(sql, find)
        return list(found.values())

    def _found(self, project: str, name: str, default: Json | None) -> Json | None:
        owner, dataset, routine = ["", "", *name.replace("`", "").split(".")][-3:]
        default = default or {}
        dataset = dataset or default.get("datasetId", "")
        owner = owner or default.get("projectId") or project
        return self._routines.get(f"{owner}:{dataset}.{routine}")

    async def _keep(self, project: str, dataset: str, routine: str, body: Json) -> Json:
        await self._check(project, body)
        reference = {"projectId": project, "datasetId": dataset, "routineId": routine}
        body = {"language": "SQL", **body, "routineReference": reference}
        body["lastModifiedTime"] = str(self._clock.milliseconds())
        digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
        body["etag"] = digest[:22]
        key = f"{project}:{dataset}.{routine}"
        self._routines[key] = body
        self._store.put("routine", {key: body})
        return body

    async def _check(self, project: str, body: Json) -> None:
        """Refuse a bad declaration, or a query that cannot run."""
        if "routineType" not in body:
            raise invalid("Required parameter is missing: routineType")
        if body["routineType"] != "TABLE_VALUED_FUNCTION" or body.get("language", "SQL") != "SQL":
            raise not_implemented("routines other than table functions in SQL")
        if "returnType" in body:
            raise invalid("A table function cannot have a returnType.")
        arguments = _arguments(body)
        query = str(body.get("definitionBody", ""))
        if not reads_only(query):
            raise invalid_query("The body of a table function must be a SELECT statement.")
        if re.search(r"\bWITH\s+RECURSIVE\b", query, re.IGNORECASE):
            # Source: query-syntax, "WITH clause", "CTE rules and constraints".
            raise invalid_query("WITH RECURSIVE is not allowed in functions.")
        self._check_names(project, query, arguments)
        nulls = {name: f"CAST(NULL AS {type_})" for name, type_ in arguments.items()}
        sql = _with_values(self.expanded(project, query), nulls)
        answer = await self._emulator.call(
            "POST",
            f"/projects/{project}/queries",
            {"query": sql, "useLegacySql": False, "dryRun": True},
        )
        if errors := answer.get("errors"):
            raise invalid_query(errors[0]["message"])

    def _check_names(self, project: str, query: str, arguments: dict[str, str]) -> None:
        """Refuse an argument with a column's name, by which BigQuery would take the column."""
        for name in named_tables(self._catalog, project, query, None):
            table = self._catalog.table(name)
            columns = {column.key for column in columns_of((table or {}).get("schema"))}
            if taken := columns & {argument.casefold() for argument in arguments}:
                raise invalid_query(f"{min(taken)} means the column of {name} here.")

    def _forget(self, key: str) -> None:
        del self._routines[key]
        self._store.drop("routine", key)


def _arguments(body: Json) -> dict[str, str]:
    """Return the types of the arguments by name; raises ApiError."""
    found = {}
    for argument in body.get("arguments", []):
        type_ = argument.get("dataType", {}).get("typeKind")
        if argument.get("argumentKind", "FIXED_TYPE") != "FIXED_TYPE" or type_ not in _TYPES:
            raise not_implemented("arguments of this type")
        if not _ID.fullmatch(argument.get("name", "")):
            raise invalid("An argument needs a name.")
        found[str(argument["name"])] = str(type_)
    return found


def _expanded(sql: str, find: Find, depth: int = 0) -> str:
    tokens = [match[0] for match in TOKEN.finditer(sql)]
    parts: list[str] = []
    place = 0
    while place < len(tokens):
        routine = find(tokens[place]) if re.match(r"[`\w]", tokens[place]) else None
        if routine is None or tokens[place + 1 : place + 2] != ["("]:
            parts.append(tokens[place])
            place += 1
            continue
        if depth == _DEPTH:
            raise invalid_query("Table functions are nested too deeply.")
        values, place = _values(tokens, place + 2)
        parts.append(f"({_called(routine, values, find, depth)})")
    return "".join(parts)


def _called(routine: Json, values: list[str], find: Find, depth: int) -> str:
    """Return a routine's query with the values of its arguments."""
    arguments = _arguments(routine)
    if len(arguments) != len(values):
        name = routine["routineReference"]["routineId"]
        raise invalid_query(
            f"No matching signature for table-valued function {name}: it has"
            f" {len(arguments)} arguments."
        )
    casts = {
        name: f"CAST({_expanded(value, find, depth)} AS {type_})"
        for (name, type_), value in zip(arguments.items(), values, strict=True)
    }
    return _with_values(_expanded(str(routine["definitionBody"]), find, depth + 1), casts)


def _with_values(query: str, values: dict[str, str]) -> str:
    """Return a query with values in the places of names, but not of what they are a part of."""
    tokens = [match[0] for match in TOKEN.finditer(query)]
    return "".join(_replaced(tokens, values))


def _replaced(tokens: list[str], values: dict[str, str]) -> Iterator[str]:
    by_name = {name.casefold(): value for name, value in values.items()}
    before = ""
    for token in tokens:
        name = token.replace("`", "").casefold()
        # `AS name` gives a name, `x.name` is a part of x, and @name is a parameter.
        takes = before.upper() not in ("AS", ".", "@")
        yield by_name.get(name, token) if takes else token
        if not token.isspace():
            before = token


def _values(tokens: list[str], place: int) -> tuple[list[str], int]:
    """Return the texts of a call's arguments, and the place behind its parenthesis."""
    values: list[str] = []
    depth, text = 0, ""
    for end, token in enumerate(tokens[place:], place + 1):
        match depth, token:
            case 0, ")":
                return [*values, text] if text.strip() or values else [], end
            case 0, ",":
                values.append(text)
                text = ""
                continue
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token, 0)
        text += token
    raise ApiError(400, "invalidQuery", "Syntax error: a parenthesis is not closed.")
