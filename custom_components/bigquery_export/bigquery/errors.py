"""Google's errors, each mapped to the ExportError that says what a user can do about it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import re

from google.api_core import exceptions as google
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.cloud.bigquery_storage_v1.types import StorageError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
import grpc
from grpc_status.rpc_status import from_call
from requests.exceptions import RequestException

from ..errors import (
    AccessDeniedError,
    ApiDisabledError,
    ColumnsUnknownError,
    ExportError,
    KeyRefusedError,
    KmsKeyError,
    PermissionMissingError,
    ProjectNotFoundError,
    QuotaExceededError,
    RefusedError,
    TableNotFoundError,
    UnreachableError,
)

_PERMISSION = re.compile(
    r"ermission '?(?P<permission>[\w.]+)'? denied on (?P<resource>.+?)(?: \(or|\.?$)"
    r"|does not have (?P<lacking>[\w.]+) permission in (?P<where>.+?)\.?$"
)
"""The two ways in which BigQuery says it."""
_STORAGE_PERMISSIONS = {
    # The Storage Write API has its own names for permissions.
    "TABLES_GET": "bigquery.tables.get",
    "TABLES_UPDATE_DATA": "bigquery.tables.updateData",
}
_KMS = re.compile(r"Cloud KMS|cloudkms\.|/cryptoKeys/")
"""What messages about a customer-managed key have, and no others."""
_QUOTA_REASONS = ("quotaExceeded", "rateLimitExceeded")
"""Reasons of a 403 that is transient (BigQuery's page "Error messages")."""
EXTRA_FIELDS = StorageError.StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS
_MAX_MESSAGE = 400


@contextmanager
def google_errors(
    project: str, endpoint: str, unreachable: type[UnreachableError] = UnreachableError
) -> Iterator[None]:
    """Raise Google's errors as ExportErrors."""
    try:
        yield
    except google.RetryError as err:
        raise _export_error(err.cause or err, project, endpoint, unreachable) from err
    except (google.GoogleAPIError, GoogleAuthError, RequestException) as err:
        raise _export_error(err, project, endpoint, unreachable) from err


@contextmanager
def token_errors(endpoint: str) -> Iterator[None]:
    """Raise errors of the token endpoint as ExportErrors."""
    try:
        yield
    except RefreshError as err:
        if err.retryable:
            raise UnreachableError(endpoint=endpoint, message=_message(err)) from err
        raise KeyRefusedError(message=_message(err)) from err
    except (TransportError, RequestException) as err:
        raise UnreachableError(endpoint=endpoint, message=_message(err)) from err


def _export_error(
    err: BaseException, project: str, endpoint: str, unreachable: type[UnreachableError]
) -> ExportError:
    message = _message(err)
    match err:
        case RefreshError() if not err.retryable:
            return KeyRefusedError(message=message)
        case google.ClientError() if _KMS.search(message):
            # What follows names the account to grant a role to, as the sentence does in general.
            return KmsKeyError(message=message.partition(" Please grant")[0])
        case google.Forbidden():
            return _forbidden(err, message, project)
        case google.NotFound() if message.startswith("Not found: Project"):
            return ProjectNotFoundError(project=project)
        case google.NotFound():
            return TableNotFoundError(message=message)
        case google.TooManyRequests():
            return QuotaExceededError(message=message, retry_after=_retry_after(err))
        case google.ServerError() | google.Unauthorized() | google.Aborted() | google.RetryError():
            return unreachable(endpoint=endpoint, message=message, retry_after=_retry_after(err))
        case google.InvalidArgument() if EXTRA_FIELDS in _storage_errors(err):
            return ColumnsUnknownError(message=message)
        case google.GoogleAPIError():
            return RefusedError(message=message)
        case _:
            return unreachable(endpoint=endpoint, message=message)


def _forbidden(err: google.Forbidden, message: str, project: str) -> ExportError:
    reason = _details(err).get("reason")
    if reason in _QUOTA_REASONS:
        return QuotaExceededError(message=message, retry_after=_retry_after(err))
    if reason == "accessNotConfigured" or "has not been used in project" in message:
        return ApiDisabledError(project=project)
    if match := _PERMISSION.search(message):
        permission = match["permission"] or match["lacking"]
        return PermissionMissingError(
            permission=_STORAGE_PERMISSIONS.get(permission, permission),
            resource=match["resource"] or match["where"],
        )
    if reason == "accessDenied" or isinstance(err, google.PermissionDenied):
        return AccessDeniedError(message=message)
    return RefusedError(message=message)


def _details(err: BaseException) -> dict[str, str]:
    """Return the first of the errors that a REST answer lists ("Error messages" in the API)."""
    errors = getattr(err, "errors", None)
    return errors[0] if errors and isinstance(errors[0], dict) else {}


def _storage_errors(err: google.GoogleAPICallError) -> set[int]:
    """Return the codes of the Storage Write API with which a call ended."""
    statuses = [from_call(call) for call in err.errors if isinstance(call, grpc.Call)]
    return {code for status in statuses if status for code in storage_codes(status)}


def storage_codes(status: Status) -> set[int]:
    """Return the codes of the Storage Write API in a status."""
    codes = set()
    for detail in status.details:
        if detail.Unpack(storage_error := StorageError.pb()()):
            codes.add(storage_error.code)
    return codes


def _retry_after(err: BaseException) -> float | None:
    """Return the seconds that Google asks to wait: by a header, or by a detail of gRPC."""
    response = getattr(err, "response", None)
    headers = getattr(response, "headers", None) or {}
    with suppress(KeyError, ValueError):
        return max(0.0, float(headers["Retry-After"]))
    for detail in getattr(err, "details", None) or ():
        if isinstance(detail, RetryInfo):
            return max(0.0, detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9)
    return None


def _message(err: BaseException) -> str:
    """Return Google's message, or why there was no answer, as one line that is not too long."""
    text = _details(err).get("message") or getattr(err, "message", None)
    if text is None:
        # The libraries wrap the reason for a missing answer three times and more.
        while cause := err.__cause__ or err.__context__:
            err = cause
        text = err.args[0] if err.args and isinstance(err.args[0], str) else str(err)
    return " ".join(str(text or type(err).__name__).split())[:_MAX_MESSAGE]
