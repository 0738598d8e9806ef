"""What BigQuery tells of a query job: the kind of statement, what it refers to, what it bills.

Sources: rest/v2/Job, JobStatistics2 ("statementType", "referencedTables", "referencedRoutines",
"totalBytesBilled": nothing of a job that fails); bigquery pricing, "On-demand compute pricing".
"""

from collections.abc import Callable, Sequence
import re

from .bytes_read import reads
from .errors import invalid_query
from .partition_filter import Find
from .schema import Json
from .sql_tokens import TOKEN, tree

_READING = frozenset({"SELECT", "WITH", "FROM", "("})
_SCRIPT = frozenset(
    {
        *("BEGIN", "CALL", "DECLARE", "EXECUTE", "FOR", "IF", "LOOP", "RAISE", "REPEAT"),
        *("RETURN", "SET", "WHILE"),
    }
)
_PLAIN = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "ASSERT"})
_OTHERS = {"EXPORT": "EXPORT_DATA", "LOAD": "LOAD_DATA", "TRUNCATE": "TRUNCATE_TABLE"}
_OBJECT = re.compile(
    r"(CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:TEMP\w*\s+)?"
    r"(?:(MATERIALIZED)\s+)?(TABLE\s+FUNCTION|\w+)",
    re.IGNORECASE,
)
_MOST_TABLES = 50
"""A job that refers to more has no complete list."""


def statement_type(sql: str) -> str:
    """Return what BigQuery calls the kind of a statement; raises ApiError for none."""
    tokens = [match[0] for match in TOKEN.finditer(sql) if not match["left_out"]]
    while tokens and tokens[-1] == ";":
        tokens.pop()
    first = tokens[0].upper() if tokens else ""
    if ";" in tokens or first in _SCRIPT:
        return "SCRIPT"
    if first in _READING:
        return "SELECT"
    if first in _PLAIN:
        return first
    text = " ".join(tokens)
    if match := _OBJECT.match(text):
        kind = "_".join(part.upper().replace(" ", "_") for part in match.groups() if part)
        made = kind == "CREATE_TABLE" and re.search(r"\bAS\s+(\(\s*)?(SELECT|WITH)\b", text, re.I)
        return f"{kind}_AS_SELECT" if made else kind
    if first not in _OTHERS:
        raise invalid_query(f'Syntax error: Unexpected identifier "{tokens[0] if tokens else ""}"')
    return _OTHERS[first]


def statistics_of(
    sql: str, expanded: str, find: Find, called: Callable[[str], Sequence[Json]]
) -> Json:
    """Return the kind of a statement, and what it refers to.

    `expanded` is the statement with the queries of its table functions, `find` returns a table by
    the name that a statement has for it, and `called` the references of the functions it calls.
    """
    kind = statement_type(sql)
    if kind != "SELECT":
        return {"statementType": kind}
    tables = [read.table["tableReference"] for read in reads(tree(expanded), find)]
    distinct = list({str(reference): reference for reference in tables}.values())
    said: Json = {"statementType": kind}
    if distinct:
        said["referencedTables"] = distinct[:_MOST_TABLES]
    if routines := called(sql):
        said["referencedRoutines"] = list(routines)
    return said
