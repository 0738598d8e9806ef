"""Errors as Google's client of the Storage Write API raises them."""

from google.api_core import exceptions
from google.cloud.bigquery_storage_v1 import types
from google.rpc.status_pb2 import Status


def storage_error(error: exceptions.GoogleAPICallError) -> types.StorageError:
    """Return the StorageError in the details of a call that ended."""
    (trailing,) = (
        value
        for key, value in error.errors[0].trailing_metadata()
        if key == "grpc-status-details-bin"
    )
    return details(Status.FromString(trailing))


def details(status: Status) -> types.StorageError:
    """Return the StorageError in a status."""
    message = types.StorageError.pb()()
    assert status.details[0].Unpack(message)
    error: types.StorageError = types.StorageError.wrap(message)
    return error


GRPC_ANSWERS: dict[str, type[exceptions.GoogleAPICallError]] = {
    "RESOURCE_EXHAUSTED": exceptions.ResourceExhausted,
    "UNAVAILABLE": exceptions.ServiceUnavailable,
    "ABORTED": exceptions.Aborted,
    "INTERNAL": exceptions.InternalServerError,
    "UNAUTHENTICATED": exceptions.Unauthenticated,
    "PERMISSION_DENIED": exceptions.PermissionDenied,
    "DEADLINE_EXCEEDED": exceptions.DeadlineExceeded,
    "NOT_FOUND": exceptions.NotFound,
    "CANCELLED": exceptions.Cancelled,
    "INVALID_ARGUMENT": exceptions.InvalidArgument,
    "FAILED_PRECONDITION": exceptions.FailedPrecondition,
}
