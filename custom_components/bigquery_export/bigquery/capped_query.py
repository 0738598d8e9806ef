"""Queries whose price is known before they run, and capped.

A query is asked first how many bytes it reads, which is free (BigQuery's page "Estimate and
control costs"). It is the most that it reads, also of clustered tables, and BigQuery lets none run
that would read more than its cap ("Limit query costs by restricting the number of bytes billed").
"""

from collections.abc import Iterator, Sequence

from google.cloud.bigquery import QueryJob, QueryJobConfig, Row, ScalarQueryParameter
from google.cloud.bigquery.retry import DEFAULT_RETRY

from .connection import Connection

LABELS = {"application": "bigquery_export"}
"""By these a user finds the queries, and what they cost, among all others."""
LEAST = 10 * 1024 * 1024
"""Bytes that are billed at least for each table of a query ("BigQuery pricing")."""
_ROUNDED = 1024 * 1024
"""Bytes are billed in megabytes, rounded up (the same page)."""
_TIMEOUT = 60.0
_RETRY = DEFAULT_RETRY.with_timeout(60.0)


def query_size(
    connection: Connection, statement: str, parameters: Sequence[ScalarQueryParameter]
) -> int:
    """Return how many bytes a query is billed for at most; it is not run. Raises ExportError."""
    with connection.errors():
        job = _begin(connection, statement, parameters, QueryJobConfig(dry_run=True))
        return int(job.total_bytes_processed or 0)


def query_rows(
    connection: Connection,
    statement: str,
    parameters: Sequence[ScalarQueryParameter],
    *,
    cap: int,
) -> Iterator[Row]:
    """Yield the rows of a query that reads about `cap` bytes at most. Raises ExportError."""
    config = QueryJobConfig(maximum_bytes_billed=_limit(cap))
    with connection.errors():
        job = _begin(connection, statement, parameters, config)
        yield from job.result(retry=_RETRY, timeout=_TIMEOUT)


def _limit(size: int) -> int:
    """Return how many bytes may be billed for a query of a size.

    Rows may come to the table after its size was asked for, so there is a little more.
    """
    return -(-max(size, LEAST) // _ROUNDED) * _ROUNDED + LEAST


def _begin(
    connection: Connection,
    statement: str,
    parameters: Sequence[ScalarQueryParameter],
    config: QueryJobConfig,
) -> QueryJob:
    config.labels = LABELS
    config.use_query_cache = False
    config.query_parameters = list(parameters)
    return connection.tables.query(statement, job_config=config, retry=_RETRY, timeout=_TIMEOUT)
