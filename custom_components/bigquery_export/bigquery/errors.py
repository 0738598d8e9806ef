"""Google's answers, each mapped once to what a user can do about it."""

from collections.abc import Iterator
from contextlib import contextmanager
import re

from google.api_core import exceptions as google
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from requests.exceptions import RequestException

from ..export.errors import (
    ApiDisabledError,
    ExportError,
    KeyRefusedError,
    PermissionMissingError,
    ProjectNotFoundError,
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
    # The Storage Write API speaks of permissions by names of its own.
    "TABLES_GET": "bigquery.tables.get",
    "TABLES_UPDATE_DATA": "bigquery.tables.updateData",
}
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
        case google.Unauthorized():
            return KeyRefusedError(message=message)
        case google.Forbidden():
            return _forbidden(message, _reason(err), project)
        case google.NotFound() if message.startswith("Not found: Project"):
            return ProjectNotFoundError(project=project)
        case google.NotFound():
            return TableNotFoundError(message=message)
        case google.ServerError() | google.TooManyRequests() | google.RetryError():
            return unreachable(endpoint=endpoint, message=message)
        case google.GoogleAPIError():
            return RefusedError(message=message)
        case _:
            return unreachable(endpoint=endpoint, message=message)


def _forbidden(message: str, reason: str | None, project: str) -> ExportError:
    if reason == "accessNotConfigured" or "has not been used in project" in message:
        return ApiDisabledError(project=project)
    if match := _PERMISSION.search(message):
        permission = match["permission"] or match["lacking"]
        return PermissionMissingError(
            permission=_STORAGE_PERMISSIONS.get(permission, permission),
            resource=match["resource"] or match["where"],
        )
    return RefusedError(message=message)


def _details(err: BaseException) -> dict[str, str]:
    """Return the first of the errors that a REST answer lists ("Error messages" in the API)."""
    errors = getattr(err, "errors", None)
    return errors[0] if errors and isinstance(errors[0], dict) else {}


def _reason(err: BaseException) -> str | None:
    return _details(err).get("reason")


def _message(err: BaseException) -> str:
    """Return what Google said, or why there was no answer, in one line of bearable length."""
    text = _details(err).get("message") or getattr(err, "message", None)
    if text is None:
        # The libraries wrap the reason for a missing answer three times and more.
        while cause := err.__cause__ or err.__context__:
            err = cause
        text = err.args[0] if err.args and isinstance(err.args[0], str) else str(err)
    return " ".join(str(text or type(err).__name__).split())[:_MAX_MESSAGE]
