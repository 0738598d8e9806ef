"""Which queries are billed for more bytes than they may be.

Sources: rest/v2/Job, JobConfigurationQuery.maximumBytesBilled; best-practices-costs ("Restrict the
number of bytes billed per query"); estimate-costs (10 MB at least for each table, whole megabytes).
The reason of such a job's error is in no page; client libraries report it as "500 Query exceeded
limit for bytes billed: 163595928. 164626432 or higher required.; reason: bytesBilledLimitExceeded".
"""

from collections.abc import Collection

from .errors import ApiError
from .names import TableName
from .schema import Json

_MEGABYTE = 1024 * 1024
_LEAST = 10 * _MEGABYTE


def billed(processed: int, tables: Collection[TableName]) -> int:
    """Return the bytes that a query is billed for that processes so many bytes of some tables.

    All of it may be in one table; the others are billed nevertheless.
    """
    others = max(0, len(set(tables)) - 1)
    return max(_LEAST, -(-processed // _MEGABYTE) * _MEGABYTE) + others * _LEAST


def refused(query: Json, billed: int) -> ApiError | None:
    """Return why a query that would be billed for so many bytes does not run, or None."""
    limit = int(query.get("maximumBytesBilled") or 0)
    if not limit or billed <= limit:
        return None
    message = f"Query exceeded limit for bytes billed: {limit}. {billed} or higher required."
    return ApiError(400, "bytesBilledLimitExceeded", message)


def failed_job(body: Json, err: ApiError) -> Json:
    """Return a job that has ended with an error."""
    error = {"reason": err.reason, "message": err.message}
    status = {"state": "DONE", "errorResult": error, "errors": [error]}
    return {"kind": "bigquery#job", **body, "status": status}
