"""Google's errors, each mapped to the ExportError that says what a user can do about it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
import re

from google.api_core import exceptions as google
from google.auth.exceptions import GoogleAuthError
from google.cloud.bigquery_storage_v1.types import StorageError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
import grpc
from grpc_status.rpc_status import from_call
from requests.exceptions import JSONDecodeError, ProxyError, RequestException

from ..errors import (
    AccessDeniedError,
    ApiDisabledError,
    BillingDisabledError,
    ClockError,
    ColumnsUnknownError,
    ExportError,
    InterceptedError,
    KmsKeyError,
    PermissionMissingError,
    ProjectNotFoundError,
    QuotaExceededError,
    RefusedError,
    RowsHiddenError,
    StorageUnreachableError,
    TableNotFoundError,
    TokenRefusedError,
    UnreachableError,
)
from .answers import ForeignAnswerError

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
_API = re.compile(r"([A-Z][\w ()]* API) (?:has not been used|is not enabled|is disabled)")
_APIS = {
    "bigquery.googleapis.com": "BigQuery API",
    "bigquerystorage.googleapis.com": "BigQuery Storage API",
}
"""Names of APIs in Google's console."""
_BILLING_REASONS = ("billingNotEnabled", "BILLING_DISABLED")
_BILLING = re.compile(r"free tier|billing (account|has not been enabled|is not enabled)", re.I)
"""What BigQuery says of a project without billing ("Use the legacy streaming API"; "Error
messages", billingNotEnabled)."""
_HIDDEN = re.compile(r"row[- ](access|level)|policy tag|data polic|fine-grained|masked", re.I)
"""What BigQuery says of rows and columns that the account may not read as they are ("Use row-level
security with other BigQuery features"; "Column-level security")."""
_QUOTA_REASONS = ("quotaExceeded", "rateLimitExceeded")
"""Reasons of a 403 that is transient (BigQuery's page "Error messages")."""
_TOO_MANY_BYTES = re.compile(r"exceeded limit for bytes billed")
"""What BigQuery says of a query that would read more than its cap. Its reason is that of a job,
which the client library makes an error of the server."""
_FOREIGN = re.compile(
    r"Received http2 header with status: \d+|Trying to connect an http1\.x server"
    r"|Data frame with END_STREAM flag received|Bad GRPC frame type"
    r"|HTTP proxy returned response code \d+|Tunnel connection failed.*|CERTIFICATE_VERIFY_FAILED.*"
)
"""What gRPC and OpenSSL say when something else than Google has answered."""
_CERTIFICATE_TIME = re.compile(r"certificate (has expired|is not yet valid)")
_NO_METADATA = "Getting metadata from plugin failed"
"""How gRPC says that there is no token."""
_GRPC_DEBUG = re.compile(
    r"failed to connect to all addresses|DNS resolution failed|errors resolving|\bipv[46]:"
)
"""What only gRPC's account of a connection has, of which the end says what has happened."""
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


def _export_error(
    err: BaseException, project: str, endpoint: str, unreachable: type[UnreachableError]
) -> ExportError:
    message = _message(err)
    match err:
        case google.GoogleAPIError() if _FOREIGN.search(message):
            return missing_answer(err, endpoint, unreachable)
        case google.ClientError() if _KMS.search(message):
            # What follows names the account to grant a role to, as the sentence does in general.
            return KmsKeyError(message=message.partition(" Please grant")[0])
        case google.GoogleAPIError() if _TOO_MANY_BYTES.search(message):
            return QuotaExceededError(message=message)
        case google.Forbidden():
            if api := _disabled_api(err, message, unreachable):
                return ApiDisabledError(project=project, api=api)
            return _forbidden(err, message)
        case google.NotFound() if message.startswith("Not found: Project"):
            return ProjectNotFoundError(project=project)
        case google.NotFound():
            return TableNotFoundError(message=message)
        case google.TooManyRequests():
            return QuotaExceededError(message=message, retry_after=_retry_after(err))
        case google.Unauthorized():
            return TokenRefusedError(message=message)
        case google.ServerError() | google.Aborted() | google.Cancelled() | google.RetryError():
            return unreachable(endpoint=endpoint, message=message, retry_after=_retry_after(err))
        case google.InvalidArgument() if EXTRA_FIELDS in _storage_errors(err):
            return ColumnsUnknownError(message=message)
        case google.GoogleAPIError():
            return RefusedError(message=message)
        case _:
            return missing_answer(err, endpoint, unreachable)


def missing_answer(
    err: BaseException, endpoint: str, unreachable: type[UnreachableError] = UnreachableError
) -> ExportError:
    """Return why an endpoint has not answered, or something else has."""
    message = _message(err)
    if _CERTIFICATE_TIME.search(message):
        return ClockError(message=message)
    is_foreign = isinstance(err, ForeignAnswerError | JSONDecodeError | ProxyError)
    if is_foreign or _FOREIGN.search(message):
        return InterceptedError(endpoint=endpoint, message=message)
    return unreachable(endpoint=endpoint, message=message)


def _disabled_api(
    err: google.Forbidden, message: str, unreachable: type[UnreachableError]
) -> str | None:
    """Return the name of the API that Google says is disabled, or None.

    Sources: BigQuery's page "Error messages", accessNotConfigured; google.api.ErrorReason.
    """
    named = _API.search(message)
    is_disabled = "accessNotConfigured" in (_details(err).get("reason"), err.reason)
    if not (named or is_disabled or err.reason == "SERVICE_DISABLED"):
        return None
    is_storage = unreachable is StorageUnreachableError
    called = "bigquerystorage.googleapis.com" if is_storage else "bigquery.googleapis.com"
    service = str((err.metadata or {}).get("service"))
    return named[1] if named else _APIS.get(service, _APIS[called])


def _forbidden(err: google.Forbidden, message: str) -> ExportError:
    reason = _details(err).get("reason")
    if reason in _QUOTA_REASONS:
        return QuotaExceededError(message=message, retry_after=_retry_after(err))
    if {reason, err.reason} & set(_BILLING_REASONS) or _BILLING.search(message):
        return BillingDisabledError(message=message)
    if _HIDDEN.search(message):
        return RowsHiddenError(message=message)
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
    seconds = asked_to_wait(getattr(response, "headers", None) or {})
    if seconds is not None:
        return seconds
    for detail in getattr(err, "details", None) or ():
        if isinstance(detail, RetryInfo):
            return max(0.0, detail.retry_delay.seconds + detail.retry_delay.nanos / 1e9)
    return None


def asked_to_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that an answer asks to wait, if it does."""
    with suppress(KeyError, ValueError):
        return max(0.0, float(headers["Retry-After"]))
    return None


def _message(err: BaseException) -> str:
    """Return Google's message, or why there was no answer, as one line that is not too long."""
    text = _details(err).get("message") or getattr(err, "message", None)
    if text is None and isinstance(err, ForeignAnswerError):
        text = str(err)
    if text is None:
        # The libraries wrap the reason for a missing answer three times and more.
        while cause := err.__cause__ or err.__context__:
            err = cause
        text = err.args[0] if err.args and isinstance(err.args[0], str) else str(err)
    return _without_debug(one_line(str(text or type(err).__name__)))


def one_line(text: str) -> str:
    """Return a text as one line that is not too long for a sentence."""
    return " ".join(text.split())[:_MAX_MESSAGE]


def _without_debug(message: str) -> str:
    """Return a message without what only developers of gRPC can read."""
    if message.startswith(_NO_METADATA):
        return "there was no token"
    if found := _FOREIGN.search(message):
        return found[0]
    if _GRPC_DEBUG.search(message):
        return re.split(r": |:(?=[A-Z])", message)[-1].rstrip("]")
    return message


def lacks_token(err: BaseException) -> bool:
    """Return whether a call has failed because there was no token, or not a valid one."""
    if isinstance(err, google.RetryError):
        err = err.cause or err
    unavailable = isinstance(err, google.ServiceUnavailable) and _NO_METADATA in str(err.message)
    return unavailable or isinstance(err, google.Unauthorized)
