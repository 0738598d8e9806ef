"""What can go wrong with a call, in the words of BigQuery.

Sources: error-messages ("Error table": reasons and their HTTP codes), troubleshoot-quotas (quota
errors), storage.proto (StorageError, row_errors, stream_errors), write-api-best-practices and
AIP-193 for the gRPC codes. Where a page gives a reason without a message the words are ours.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from google.cloud.bigquery_storage_v1 import types
import grpc
import orjson

from .append_rows import tell_row_errors
from .calls import AnswerDamagedError, AnswerLostError, Call, Damage, ForeignAnswerError
from .errors import ApiError, StorageApiError, StorageErrorCode

GRPC_METHODS = frozenset(
    {
        *("CreateWriteStream", "AppendRows", "GetWriteStream", "FinalizeWriteStream"),
        *("BatchCommitWriteStreams", "FlushRows"),
    }
)
REST_METHODS = frozenset(
    {
        *("datasets.list", "datasets.insert", "datasets.get", "tables.list", "tables.insert"),
        *("tables.get", "tables.patch", "tables.update", "tables.delete", "tabledata.list"),
        "tables.testIamPermissions",
        *("routines.list", "routines.insert", "routines.get", "routines.update", "routines.delete"),
        *("jobs.query", "jobs.getQueryResults", "jobs.insert", "jobs.upload", "jobs.get", "token"),
    }
)


@dataclass(frozen=True, slots=True)
class Details:
    """What a rule says about its fault besides the kind."""

    done: bool = False
    """Do the work first: the client only believes that it was not done."""

    retry_after: int | None = None
    """Seconds for the Retry-After header."""

    status: int = 403
    """The HTTP status of a foreign answer."""

    code: str = "INVALID_STREAM_STATE"
    """The StorageErrorCode of a commit's stream_errors."""

    rows: tuple[int, ...] = ()
    """Indices of the rows that have row_errors."""

    containing: str = ""
    """Text; rows whose bytes contain it have row_errors, and other requests pass."""

    content: str = ""
    """The body of a foreign answer, as UTF-8."""

    content_type: str = "text/html; charset=utf-8"
    """The content type of a foreign answer."""

    location: str = ""
    """Where a foreign answer redirects to."""

    billed: int | None = None
    """The bytes that a stopped job says it was billed for; None for one that does not say."""


class Kind(Protocol):
    """One way to go wrong."""

    @property
    def methods(self) -> frozenset[str]:
        """The methods that can go wrong like this."""

    def concerns(self, call: Call, details: Details) -> bool:
        """Say whether the call has what the fault is about."""

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        """Do the work or not, and return an answer or raise."""


@dataclass(frozen=True, slots=True)
class _Kind:
    methods: frozenset[str] = GRPC_METHODS | REST_METHODS

    def concerns(self, call: Call, details: Details) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Late(_Kind):
    """Nothing but the delay that every rule can have."""

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        return await work()


@dataclass(frozen=True, slots=True)
class _Lost(_Kind):
    """The connection breaks; gRPC makes UNAVAILABLE of it."""

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        if details.done:
            await work()
        raise AnswerLostError


@dataclass(frozen=True, slots=True)
class _Damaged(_Kind):
    methods: frozenset[str] = REST_METHODS
    damage: Damage = Damage.CUT

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        raise AnswerDamagedError(await work(), self.damage)


@dataclass(frozen=True, slots=True)
class _Foreign(_Kind):
    """A proxy, a filter or a login page answers; BigQuery may have done its work all the same."""

    methods: frozenset[str] = REST_METHODS
    content: str | None = None
    """The body, where it is not one of the rule's."""

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        if details.done:
            await work()
        raise ForeignAnswerError(
            details.status,
            details.content if self.content is None else self.content,
            details.content_type,
            details.location,
            details.retry_after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused(_Kind):
    error: ApiError | StorageApiError = field()

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        if details.done:
            await work()
        if isinstance(self.error, ApiError):
            raise replace(self.error, retry_after=details.retry_after)
        raise replace(self.error)


@dataclass(frozen=True, slots=True)
class _RowErrors(_Kind):
    """Source: storage.proto, AppendRowsResponse.row_errors: no row of the request is appended."""

    methods: frozenset[str] = frozenset({"AppendRows"})

    def concerns(self, call: Call, details: Details) -> bool:
        return bool(_chosen_rows(call, details))

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        response = types.AppendRowsResponse.pb()(write_stream=call.resource)
        message = "The local BigQuery was asked to refuse this row."
        tell_row_errors([(index, message) for index in _chosen_rows(call, details)], response)
        return response


@dataclass(frozen=True, slots=True)
class _StreamErrors(_Kind):
    """Source: storage.proto, BatchCommitWriteStreamsResponse.stream_errors: no commit happens."""

    methods: frozenset[str] = frozenset({"BatchCommitWriteStreams"})

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        response = types.BatchCommitWriteStreamsResponse.pb()()
        for stream in call.request.write_streams:
            response.stream_errors.add(
                code=StorageErrorCode.__members__[details.code].value,
                entity=stream,
                error_message=f"The local BigQuery was asked to answer {details.code}.",
            )
        return response


@dataclass(frozen=True, slots=True)
class _Stopped(_Kind):
    """A query job ends as one that was canceled or has taken too long; it is billed all the same.

    Sources: error-messages, "stopped"; rest/v2/jobs/cancel: "Cancelled jobs may still incur costs".
    Whether such a job has totalBytesBilled is in no page. The message is that of jobTimeoutMs, as
    users of the client libraries report it.
    """

    methods: frozenset[str] = frozenset({"jobs.insert", "jobs.get"})

    async def act(self, call: Call, work: Callable[[], Awaitable[Any]], details: Details) -> Any:
        response = await work()
        job = orjson.loads(response.body)
        if "jobId" not in job["jobReference"]:
            return response  # A dry run.
        message = "Job execution was cancelled: Job timed out after 60 sec"
        error = {"reason": "stopped", "message": message}
        job["status"] = {"state": "DONE", "errorResult": error, "errors": [error]}
        query = job["statistics"]["query"]
        del query["totalBytesBilled"]
        if details.billed is not None:
            query["totalBytesBilled"] = str(details.billed)
        response.body = orjson.dumps(job)
        return response


def _chosen_rows(call: Call, details: Details) -> list[int]:
    rows = call.request.proto_rows.rows.serialized_rows
    if details.containing:
        text = details.containing.encode()
        return [index for index, row in enumerate(rows) if text in row]
    return [index for index in details.rows if index < len(rows)]


# The reasons and HTTP codes are those of error-messages; authError, conditionNotMet and 429 are
# answers of Google's API front end, which that page does not list.
_REST_ERRORS = (
    ApiError(400, "invalid", "Invalid value"),
    ApiError(400, "invalid_grant", "Invalid JWT Signature."),
    ApiError(400, "tableUnavailable", "Table is temporarily unavailable."),
    ApiError(401, "authError", "Request had invalid authentication credentials.", "Authorization"),
    ApiError(403, "accessDenied", "Access Denied: the local BigQuery was asked to refuse this."),
    ApiError(
        403,
        "rateLimitExceeded",
        "Exceeded rate limits: too many table update operations for this table.",
    ),
    ApiError(
        403,
        "quotaExceeded",
        "Quota exceeded: Your project exceeded quota for the local BigQuery.",
    ),
    ApiError(
        403, "billingNotEnabled", "Billing has not been enabled for this project. Enable billing."
    ),
    ApiError(
        403,
        "accessNotConfigured",
        "BigQuery API has not been used in this project before or it is disabled.",
    ),
    ApiError(404, "notFound", "Not found: the local BigQuery was asked not to find this."),
    ApiError(409, "duplicate", "Already Exists: the local BigQuery was asked to say so."),
    ApiError(412, "conditionNotMet", "Precondition Failed", "If-Match"),
    ApiError(429, "tooManyRequests", "Resource has been exhausted (e.g. check quota)."),
    ApiError(500, "internalError", "An internal error occurred and the request was not completed."),
    ApiError(503, "backendError", "Error encountered during execution. Retrying may help."),
)

# The messages of the first two are those that users of the client libraries report.
_GRPC_ERRORS = (
    StorageApiError(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "Exceeds 'AppendRows throughput' quota, user_id: local"
    ),
    StorageApiError(grpc.StatusCode.UNAVAILABLE, "The connection is draining."),
    StorageApiError(grpc.StatusCode.ABORTED, "The operation was aborted."),
    StorageApiError(grpc.StatusCode.INTERNAL, "Internal error encountered."),
    StorageApiError(
        grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."
    ),
    StorageApiError(grpc.StatusCode.PERMISSION_DENIED, "The caller does not have permission"),
    StorageApiError(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline exceeded."),
    StorageApiError(grpc.StatusCode.NOT_FOUND, "Requested entity was not found."),
    StorageApiError(grpc.StatusCode.CANCELLED, "The operation was cancelled."),
    StorageApiError(
        grpc.StatusCode.INVALID_ARGUMENT, "Stream has been finalized and cannot be appended."
    ),
    StorageApiError(grpc.StatusCode.FAILED_PRECONDITION, "The stream has expired."),
)

_PAGE = """\
<!DOCTYPE html>
<html><head><title>Network Access</title></head>
<body><h1>Please sign in</h1><p>Your connection is not allowed to reach this site.</p></body></html>
"""

_FREE_TIER = "BigQuery: Streaming insert is not allowed in the free tier"
"""Source: streaming-data-into-bigquery, "Before you begin"."""
_ROW_POLICY = "Access Denied: rows of a table with row-level security cannot be listed."

KINDS: Mapping[str, Kind] = {
    "delay": _Late(),
    "drop": _Lost(),
    "cut_body": _Damaged(damage=Damage.CUT),
    "corrupt_json": _Damaged(damage=Damage.CORRUPT),
    "page": _Foreign(content=_PAGE),
    "empty": _Foreign(content=""),
    "foreign": _Foreign(),
    "free_tier": _Refused(
        GRPC_METHODS, error=StorageApiError(grpc.StatusCode.PERMISSION_DENIED, _FREE_TIER)
    ),
    "row_policy": _Refused(
        frozenset({"tabledata.list"}), error=ApiError(403, "accessDenied", _ROW_POLICY)
    ),
    "row_errors": _RowErrors(),
    "stream_errors": _StreamErrors(),
    "stopped": _Stopped(),
    **{error.reason: _Refused(REST_METHODS, error=error) for error in _REST_ERRORS},
    **{error.code.name: _Refused(GRPC_METHODS, error=error) for error in _GRPC_ERRORS},
}
