"""Google's answers, and what a user can do about each."""

from google.api_core import exceptions as google
from google.auth.exceptions import RefreshError, TransportError
import pytest
from requests.exceptions import ConnectionError as RequestsConnectionError

from custom_components.bigquery_export.bigquery.errors import google_errors, token_errors
from custom_components.bigquery_export.export.errors import (
    ApiDisabledError,
    ExportError,
    KeyRefusedError,
    PermissionMissingError,
    ProjectNotFoundError,
    RefusedError,
    StorageUnreachableError,
    TableNotFoundError,
    UnreachableError,
)

ENDPOINT = "https://bigquery.googleapis.com"


def rest(kind: type[google.GoogleAPICallError], reason: str, message: str) -> Exception:
    """Return an error as the client library makes it of a REST answer."""
    return kind(f"GET {ENDPOINT}/x: {message}", errors=[{"reason": reason, "message": message}])


def retried(cause: Exception) -> google.RetryError:
    """Return what the client library raises after the last try."""
    return google.RetryError("Timeout of 10.0s exceeded", cause)


@pytest.mark.parametrize(
    ("error", "expected", "placeholders"),
    [
        (
            rest(
                google.Forbidden,
                "accessDenied",
                "Access Denied: Dataset p:d: Permission bigquery.datasets.get denied on dataset p:d"
                " (or it may not exist).",
            ),
            PermissionMissingError,
            {"permission": "bigquery.datasets.get", "resource": "dataset p:d"},
        ),
        (
            rest(
                google.Forbidden,
                "accessDenied",
                "Access Denied: Project p: User does not have bigquery.jobs.create permission in"
                " project p.",
            ),
            PermissionMissingError,
            {"permission": "bigquery.jobs.create", "resource": "project p"},
        ),
        (
            google.PermissionDenied(
                "Permission 'TABLES_UPDATE_DATA' denied on resource"
                " 'projects/p/datasets/d/tables/t' (or it may not exist)."
            ),
            PermissionMissingError,
            {
                "permission": "bigquery.tables.updateData",
                "resource": "resource 'projects/p/datasets/d/tables/t'",
            },
        ),
        (
            rest(
                google.Forbidden,
                "accessNotConfigured",
                "BigQuery API has not been used in project 1 before or it is disabled.",
            ),
            ApiDisabledError,
            {"project": "p"},
        ),
        (
            google.PermissionDenied(
                "BigQuery Storage API has not been used in project 1 before or it is disabled."
            ),
            ApiDisabledError,
            {"project": "p"},
        ),
        (
            rest(google.Forbidden, "quotaExceeded", "Quota exceeded: too much"),
            RefusedError,
            {"message": "Quota exceeded: too much"},
        ),
        (
            rest(google.Unauthorized, "authError", "Invalid Credentials"),
            KeyRefusedError,
            {"message": "Invalid Credentials"},
        ),
        (
            google.Unauthenticated("Request had invalid authentication credentials."),
            KeyRefusedError,
            {"message": "Request had invalid authentication credentials."},
        ),
        (
            rest(google.NotFound, "notFound", "Not found: Project p"),
            ProjectNotFoundError,
            {"project": "p"},
        ),
        (
            rest(google.NotFound, "notFound", "Not found: Dataset p:d"),
            TableNotFoundError,
            {"message": "Not found: Dataset p:d"},
        ),
        (
            rest(google.BadRequest, "invalid", "Invalid\n value"),
            RefusedError,
            {"message": "Invalid value"},
        ),
        (
            RefreshError("invalid_grant: Account not found", {"error": "invalid_grant"}),
            KeyRefusedError,
            {"message": "invalid_grant: Account not found"},
        ),
        *[
            (error, UnreachableError, {"endpoint": ENDPOINT, "message": "reason"})
            for error in (
                google.ServiceUnavailable("reason"),
                google.InternalServerError("reason"),
                google.TooManyRequests("reason"),
                google.DeadlineExceeded("reason"),
                RequestsConnectionError("reason"),
                TransportError("reason"),
                RefreshError("reason", retryable=True),
                retried(google.ServiceUnavailable("reason")),
            )
        ],
    ],
)
def test_kinds(error: Exception, expected: type[ExportError], placeholders: dict[str, str]) -> None:
    """Each answer becomes the kind of error that says what to do."""
    with pytest.raises(ExportError) as raised, google_errors("p", ENDPOINT):
        raise error
    assert type(raised.value) is expected
    assert raised.value.placeholders == placeholders
    assert raised.value.__cause__ is error


def test_storage_endpoint() -> None:
    """An unreachable Storage Write API is told apart, because its address is another one."""
    with (
        pytest.raises(StorageUnreachableError),
        google_errors("p", ENDPOINT, StorageUnreachableError),
    ):
        raise google.ServiceUnavailable("reason")


def test_reason_of_a_missing_answer() -> None:
    """Of a chain of errors, the message is the first one: what the network said."""
    try:
        try:
            raise ConnectionRefusedError(111, "Connection refused")
        except OSError as err:
            raise RequestsConnectionError("HTTPConnectionPool(...)") from err
    except RequestsConnectionError as err:
        wrapped = TransportError(err)
        wrapped.__cause__ = err
    with pytest.raises(UnreachableError) as raised, token_errors(ENDPOINT):
        raise wrapped
    assert raised.value.message == "[Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RefreshError("invalid_grant: no"), KeyRefusedError),
        (RefreshError("internal_failure", retryable=True), UnreachableError),
        (TransportError("reason"), UnreachableError),
        (RequestsConnectionError("reason"), UnreachableError),
    ],
)
def test_token_endpoint(error: Exception, expected: type[ExportError]) -> None:
    """A refused key is told apart from a token endpoint that does not answer."""
    with pytest.raises(expected), token_errors(ENDPOINT):
        raise error


def test_messages_are_short() -> None:
    """A message fits into a sentence, however long Google's answer is."""
    with pytest.raises(RefusedError) as raised, google_errors("p", ENDPOINT):
        raise google.BadRequest("x" * 10_000)
    assert len(raised.value.message) == 400


def test_other_errors_pass() -> None:
    """What is not Google's is not hidden."""
    with pytest.raises(ZeroDivisionError), google_errors("p", ENDPOINT):
        raise ZeroDivisionError
