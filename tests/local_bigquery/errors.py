"""Errors as Google's APIs answer them: JSON over HTTP, statuses over gRPC.

Sources: error-messages (reasons and HTTP codes), storage.proto (StorageError, RowError).
"""

from dataclasses import dataclass
from typing import Any

from google.cloud.bigquery_storage_v1 import types
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status
import grpc

type ProtoMessage = Any
"""A protobuf message: its attributes come from a descriptor, not from a class."""

StorageErrorCode = types.StorageError.StorageErrorCode

_STATUS_OF_HTTP = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


@dataclass(eq=False)
class ApiError(Exception):
    """A REST call that is refused, with the HTTP status and the reason of error-messages."""

    http_status: int
    reason: str
    message: str
    location: str | None = None
    retry_after: int | None = None
    """Seconds that the Retry-After header asks to wait."""

    def __str__(self) -> str:
        """Return the message."""
        return self.message

    def body(self) -> dict[str, Any]:
        """Return the JSON that BigQuery sends."""
        error = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location:
            error["location"] = self.location
        return {
            "error": {
                "code": self.http_status,
                "message": self.message,
                "errors": [error],
                "status": _STATUS_OF_HTTP.get(self.http_status, "UNKNOWN"),
            }
        }


def unauthenticated() -> ApiError:
    """No access token, or one that is not valid (any more)."""
    return ApiError(
        401, "authError", "Request had invalid authentication credentials.", "Authorization"
    )


def access_denied(message: str) -> ApiError:
    """Return the refusal of a caller without the permission that the message names."""
    return ApiError(403, "accessDenied", f"Access Denied: {message}")


def not_found(resource: str) -> ApiError:
    """Return the refusal for a resource such as "Table p:d.t"."""
    return ApiError(404, "notFound", f"Not found: {resource}")


def duplicate(resource: str) -> ApiError:
    """Return the refusal to make a resource again."""
    return ApiError(409, "duplicate", f"Already Exists: {resource}")


def invalid(message: str) -> ApiError:
    """Return the refusal of a request whose content is wrong."""
    return ApiError(400, "invalid", message)


def invalid_query(message: str) -> ApiError:
    """Return the refusal of a statement."""
    return ApiError(400, "invalidQuery", message)


def condition_not_met() -> ApiError:
    """Return the refusal of an update that was made from another version of the resource."""
    return ApiError(412, "conditionNotMet", "Precondition Failed", "If-Match")


def not_implemented(what: str) -> ApiError:
    """Return the refusal of what BigQuery has and the local BigQuery has not."""
    return ApiError(501, "notImplemented", f"The local BigQuery does not offer {what}.")


@dataclass(eq=False)
class StorageApiError(Exception):
    """A Storage Write API call, or one request of it, that is refused."""

    code: grpc.StatusCode
    message: str
    storage_code: int = 0
    entity: str = ""

    def status(self) -> Status:
        """Return the status with its StorageError, as a response's `error` carries it."""
        status = Status(code=self.code.value[0], message=self.message)
        if self.storage_code:
            detail = AnyMessage()
            detail.Pack(
                types.StorageError.pb()(
                    code=int(self.storage_code), entity=self.entity, error_message=self.message
                )
            )
            status.details.append(detail)
        return status

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        """Return the metadata in which gRPC carries a status with details when a call ends."""
        return (("grpc-status-details-bin", self.status().SerializeToString()),)
