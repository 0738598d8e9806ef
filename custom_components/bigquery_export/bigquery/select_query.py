"""Queries that users write: what BigQuery says of one before it runs, and running it.

A dry run is free, and says what kind of statement it is, what it refers to and how many bytes it
reads (API reference, `JobStatistics2`). The statement is never read here, but for words of what a
dry run does not tell: functions that are billed by other things than bytes, and metadata.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
import re
from typing import Any, cast

from google.api_core.exceptions import Conflict, NotFound, from_http_response
from google.cloud.bigquery import (
    ArrayQueryParameter,
    QueryJob,
    QueryJobConfig,
    ScalarQueryParameter,
    SchemaField,
)
from google.cloud.bigquery.retry import DEFAULT_RETRY
import orjson

from ..errors import ExportError, QuotaExceededError, RefusedError, TableNotFoundError
from .capped_query import LABELS
from .connection import Connection
from .errors import one_line
from .prices import LEAST_QUERY_BYTES

_MEGABYTE = 2**20
"""Bytes are billed in megabytes, rounded up ("BigQuery pricing")."""
_MOST_TABLES = 50
"""A job that refers to more tables has no complete list of them (`referencedTables`)."""
_UNTOLD = re.compile(
    r"\b(AI|ML|EXTERNAL_QUERY|EXTERNAL_OBJECT_TRANSFORM|INFORMATION_SCHEMA)\b", re.IGNORECASE
)
"""Words of functions that call models or other databases, whose price is not that of bytes, and of
metadata, which also tell of other datasets."""
_ESCAPE = re.compile(r"\\(?:[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)")
"""Escape sequences, which quoted identifiers have like strings ("Lexical structure")."""
_TOO_MANY_BYTES = "bytesBilledLimitExceeded"
_ENDED_EARLY = frozenset({"stopped", "timeout"})
"""Reasons of a job that was canceled, or was stopped because it took too long ("Error messages").
"""
_JOB_SECONDS = 60
_MAX_RESULT_BYTES = 8 * 2**20
"""Bytes of rows in an answer, as JSON: a page of BigQuery has 10 MB at most."""
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(60.0)
_WAITS = (0.1, 0.2, 0.5, 1.0)
"""Seconds between looks whether a job has ended; the last one is repeated."""


@dataclass(eq=False)
class QueryInvalidError(ExportError):
    """BigQuery cannot run a query, and says why."""

    key = "query_invalid"
    message: str


@dataclass(eq=False)
class QueryTooLongError(QueryInvalidError):
    """BigQuery has ended a query: it takes longer than one may, or it was canceled."""

    key = "query_too_long"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named parameter of a query. A list has the type of its elements."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True, slots=True)
class Statement:
    """A query as it is asked: SQL, and the values of its named parameters."""

    sql: str
    parameters: tuple[Parameter, ...] = ()

    @property
    def untold(self) -> str | None:
        """Return a word of something whose price or source a dry run does not tell."""
        match = _UNTOLD.search(_ESCAPE.sub(_unescaped, self.sql))
        return match[0] if match else None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer: its name, its type, and whether each value is a list."""

    name: str
    type: str
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """A table or routine that a query refers to."""

    project: str
    dataset: str
    name: str

    def __str__(self) -> str:
        """Return its full name."""
        return f"{self.project}.{self.dataset}.{self.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What BigQuery says of a query without running it."""

    statement_type: str
    tables: tuple[Resource, ...]
    routines: tuple[Resource, ...]
    bytes: int
    """How many bytes it reads at most."""
    columns: tuple[Column, ...]

    @property
    def lists_all_tables(self) -> bool:
        """Return whether `tables` are all that it refers to."""
        return len(self.tables) < _MOST_TABLES

    @property
    def billed(self) -> int:
        """Return how many bytes it is billed for at least, if it reads as many as it says."""
        return max(_rounded(self.bytes), LEAST_QUERY_BYTES * len(self.tables))

    @property
    def most_billed(self) -> int:
        """Return how many bytes it is billed for at most: each table is billed for 10 MB."""
        return _rounded(self.bytes) + LEAST_QUERY_BYTES * max(1, len(self.tables))


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query, and what it was billed for."""

    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    """Their values as JSON has them; times in ISO 8601."""
    is_truncated: bool
    """Whether there were more rows."""
    bytes_billed: int
    is_cached: bool


def plan_query(connection: Connection, statement: Statement) -> Plan:
    """Return what BigQuery says of a query; it is free, and blocks.

    Raises ExportError, a QueryInvalidError where BigQuery cannot run it.
    """
    destination = connection.destination
    config = _config(connection, statement)
    config.dry_run = True
    configuration = config.to_api_repr()
    configuration["query"]["query"] = statement.sql
    body = {
        "configuration": configuration,
        "jobReference": {"projectId": destination.project, "location": destination.location},
    }
    url = f"{destination.api_endpoint}/bigquery/v2/projects/{destination.project}/jobs"

    def ask() -> Mapping[str, Any]:
        response = connection.http.post(url, json=body, timeout=_TIMEOUT)
        if not response.ok:
            raise from_http_response(response)
        job: Mapping[str, Any] = response.json()
        return job

    with query_errors(connection):
        job = _RETRY(ask)()
    _check(job.get("status", {}).get("errorResult"))
    statistics = job.get("statistics", {})
    query = statistics.get("query", {})
    return Plan(
        str(query.get("statementType", "")),
        _resources(query.get("referencedTables", ()), "tableId"),
        _resources(query.get("referencedRoutines", ()), "routineId"),
        int(query.get("totalBytesProcessed") or statistics.get("totalBytesProcessed") or 0),
        _columns(map(SchemaField.from_api_repr, query.get("schema", {}).get("fields", ()))),
    )


def run_query(
    connection: Connection, statement: Statement, job_id: str, *, max_bytes: int, max_rows: int
) -> Answer:
    """Run a query as the job of an id, and return its rows; this blocks.

    The job ends after a minute, and before it would be billed for more than `max_bytes`. Raises
    ExportError; whether the job was begun is then told by `billed_for`.
    """
    config = _config(connection, statement)
    config.maximum_bytes_billed = max_bytes
    config.job_timeout_ms = _JOB_SECONDS * 1000
    with query_errors(connection):
        job = _begin(connection, statement, config, job_id)
        waits = iter(_WAITS)
        while not job.done(retry=_RETRY, timeout=_TIMEOUT):
            connection.wait(next(waits, _WAITS[-1]))
        _check(job.error_result)
        found = job.result(retry=_RETRY, timeout=_TIMEOUT, max_results=max_rows)
        rows, size = [], 0
        for row in found:
            connection.wait(0)
            rows.append({name: _value(value) for name, value in row.items()})
            size += len(orjson.dumps(rows[-1]))
            if size > _MAX_RESULT_BYTES:
                break
        job.reload(retry=_RETRY, timeout=_TIMEOUT)
    return Answer(
        _columns(found.schema),
        rows,
        len(rows) < (found.total_rows or 0),
        int(job.total_bytes_billed or 0),
        bool(job.cache_hit),
    )


def billed_for(connection: Connection, job_id: str, booked: int, late: bool) -> int | None:
    """Return for how many bytes a job was billed, None while that is not known; this blocks.

    That is what the job says, whether it has failed or not. One that was canceled or has taken too
    long may be billed (API reference, `jobs.cancel`): if it does not say for how many bytes, it is
    for those that were `booked`. A job that has failed otherwise is billed for nothing, nor is one
    that BigQuery does not know when it is too `late` for a request to be on its way. Raises
    ExportError.
    """
    with connection.errors():
        try:
            job = _existing(connection, job_id)
        except NotFound:
            return 0 if late else None
    if job.state != "DONE":
        return None
    if job.total_bytes_billed is not None:
        return int(job.total_bytes_billed)
    return booked if (job.error_result or {}).get("reason") in _ENDED_EARLY else 0


@contextmanager
def query_errors(connection: Connection) -> Iterator[None]:
    """Raise Google's errors as ExportErrors; what is wrong with the query is no other error."""
    try:
        with connection.errors():
            yield
    except (RefusedError, TableNotFoundError) as err:
        raise QueryInvalidError(message=err.message) from err


def _check(error: Mapping[str, Any] | None) -> None:
    """Raise ExportError if a job has ended with an error: it may have reached its cap."""
    if not error:
        return
    message, reason = one_line(str(error.get("message"))), error.get("reason")
    if reason == _TOO_MANY_BYTES:
        raise QuotaExceededError(message=message)
    if reason in _ENDED_EARLY:
        raise QueryTooLongError(message=message)
    raise QueryInvalidError(message=message)


def _begin(
    connection: Connection, statement: Statement, config: QueryJobConfig, job_id: str
) -> QueryJob:
    """Begin a job, or return it where an answer was lost: an id is used once."""
    try:
        return connection.tables.query(
            statement.sql,
            job_config=config,
            job_id=job_id,
            job_retry=None,
            retry=_RETRY,
            timeout=_TIMEOUT,
        )
    except Conflict:
        return _existing(connection, job_id)


def _existing(connection: Connection, job_id: str) -> QueryJob:
    location = connection.destination.location
    job = connection.tables.get_job(job_id, location=location, retry=_RETRY, timeout=_TIMEOUT)
    return cast(QueryJob, job)


def _config(connection: Connection, statement: Statement) -> QueryJobConfig:
    config = QueryJobConfig(
        default_dataset=connection.destination.dataset_reference,
        query_parameters=[_parameter(parameter) for parameter in statement.parameters],
        use_legacy_sql=False,
    )
    config.labels = LABELS
    return config


def _parameter(parameter: Parameter) -> ScalarQueryParameter | ArrayQueryParameter:
    kind = ArrayQueryParameter if isinstance(parameter.value, list) else ScalarQueryParameter
    return kind(parameter.name, parameter.type, parameter.value)


def _resources(references: Sequence[Mapping[str, str]], name: str) -> tuple[Resource, ...]:
    return tuple(
        Resource(reference["projectId"], reference["datasetId"], reference[name])
        for reference in references
    )


def _columns(fields: Iterable[SchemaField]) -> tuple[Column, ...]:
    return tuple(
        Column(field.name, field.field_type, repeated=field.mode == "REPEATED") for field in fields
    )


def _unescaped(escape: re.Match[str]) -> str:
    """Return the character that an escape sequence has the code of, if it is one of ASCII."""
    text = escape[0]
    if len(text) == 2:
        return text
    code = int(text[2:], 16) if text[1] in "xXuU" else int(text[1:], 8)
    return chr(code) if code < 128 else text


def _rounded(size: int) -> int:
    return -(-size // _MEGABYTE) * _MEGABYTE


def _value(value: object) -> object:
    """Return a value as JSON has it."""
    match value:
        case Decimal():
            return float(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes():
            return value.hex()
        case dict():
            return {name: _value(part) for name, part in value.items()}
        case list():
            return [_value(part) for part in value]
        case None | bool() | int() | float() | str():
            return value
        case _:  # An interval or a range, as SQL writes it.
            return str(value)
