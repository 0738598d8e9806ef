"""Google's answers, and what a user can do about each."""

from google.api_core import exceptions as google
from google.auth.exceptions import TransportError
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
import pytest
import requests
from requests.exceptions import ConnectionError as RequestsConnectionError, ProxyError, SSLError

from custom_components.bigquery_export.bigquery.errors import google_errors
from custom_components.bigquery_export.errors import (
    AccessDeniedError,
    ApiDisabledError,
    BillingDisabledError,
    ClockError,
    ExportError,
    InterceptedError,
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
from custom_components.bigquery_export.export.backoff import delay

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
            {
                "permission": "bigquery.datasets.get",
                "resource": "dataset p:d",
                "role": "BigQuery Data Editor on the dataset",
            },
        ),
        (
            rest(
                google.Forbidden,
                "accessDenied",
                "Access Denied: Project p: User does not have bigquery.jobs.create permission in"
                " project p.",
            ),
            PermissionMissingError,
            {
                "permission": "bigquery.jobs.create",
                "resource": "project p",
                "role": "BigQuery Job User on the project",
            },
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
                "role": "BigQuery Data Editor on the dataset",
            },
        ),
        (
            rest(
                google.Forbidden,
                "accessNotConfigured",
                "BigQuery API has not been used in project 1 before or it is disabled.",
            ),
            ApiDisabledError,
            {"project": "p", "api": "BigQuery API"},
        ),
        (
            rest(google.Forbidden, "accessNotConfigured", "Access Not Configured."),
            ApiDisabledError,
            {"project": "p", "api": "BigQuery API"},
        ),
        (
            google.PermissionDenied("BigQuery Storage API is disabled."),
            ApiDisabledError,
            {"project": "p", "api": "BigQuery Storage API"},
        ),
        (
            google.PermissionDenied(
                "A service is off",
                error_info=ErrorInfo(
                    reason="SERVICE_DISABLED",
                    metadata={"service": "bigquerystorage.googleapis.com"},
                ),
            ),
            ApiDisabledError,
            {"project": "p", "api": "BigQuery Storage API"},
        ),
        (
            rest(
                google.Forbidden,
                "accessNotConfigured",
                "Cloud Resource Manager API has not been used in project 1 before.",
            ),
            ApiDisabledError,
            {"project": "p", "api": "Cloud Resource Manager API"},
        ),
        (
            rest(
                google.Forbidden,
                "accessNotConfigured",
                "Identity and Access Management (IAM) API has not been used in project 1 before.",
            ),
            ApiDisabledError,
            {"project": "p", "api": "Identity and Access Management (IAM) API"},
        ),
        (
            google.PermissionDenied(
                "BigQuery Storage API has not been used in project 1 before or it is disabled."
            ),
            ApiDisabledError,
            {"project": "p", "api": "BigQuery Storage API"},
        ),
        (
            rest(google.Forbidden, "quotaExceeded", "Quota exceeded: too much"),
            QuotaExceededError,
            {"message": "Quota exceeded: too much"},
        ),
        (
            rest(google.Forbidden, "accessDenied", "Access Denied: p:d"),
            AccessDeniedError,
            {"message": "Access Denied: p:d"},
        ),
        (google.PermissionDenied("no"), AccessDeniedError, {"message": "no"}),
        (
            rest(google.Forbidden, "rateLimitExceeded", "Exceeded rate limits"),
            QuotaExceededError,
            {"message": "Exceeded rate limits"},
        ),
        (google.ResourceExhausted("too much"), QuotaExceededError, {"message": "too much"}),
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
            google.PermissionDenied("Received http2 header with status: 403"),
            InterceptedError,
            {"endpoint": ENDPOINT, "message": "Received http2 header with status: 403"},
        ),
        (
            retried(
                google.ServiceUnavailable("HTTP proxy returned response code 407: ipv4:1.2.3.4")
            ),
            InterceptedError,
            {"endpoint": ENDPOINT, "message": "HTTP proxy returned response code 407"},
        ),
        (
            ProxyError("Cannot connect to proxy."),
            InterceptedError,
            {"endpoint": ENDPOINT, "message": "Cannot connect to proxy"},
        ),
        (
            SSLError("CERTIFICATE_VERIFY_FAILED: self-signed certificate"),
            InterceptedError,
            {
                "endpoint": ENDPOINT,
                "message": "CERTIFICATE_VERIFY_FAILED: self-signed certificate",
            },
        ),
        *[
            (SSLError(text), ClockError, {"message": text})
            for text in (
                "CERTIFICATE_VERIFY_FAILED: certificate is not yet valid",
                "CERTIFICATE_VERIFY_FAILED: certificate has expired",
            )
        ],
        (google.Unauthenticated("reason"), TokenRefusedError, {"message": "reason"}),
        *[
            (error, UnreachableError, {"endpoint": ENDPOINT, "message": "reason"})
            for error in (
                google.ServiceUnavailable("reason"),
                google.InternalServerError("reason"),
                google.Aborted("reason"),
                google.Cancelled("reason"),
                google.DeadlineExceeded("reason"),
                RequestsConnectionError("reason"),
                TransportError("reason"),
                google.Unknown("reason"),
                google.BadGateway("reason"),
                google.GatewayTimeout("reason"),
                retried(google.ServiceUnavailable("reason")),
                retried(google.Cancelled("reason")),
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


@pytest.mark.parametrize(
    "message",
    [
        "BigQuery: Streaming insert is not allowed in the free tier",
        "Access Denied: BigQuery BigQuery: Billing is not enabled for this project",
        "Billing has not been enabled for this project. Enable billing at https://a.example",
        "The billing account for the owning project is disabled in state absent",
    ],
)
@pytest.mark.parametrize("kind", [google.Forbidden, google.PermissionDenied])
def test_no_billing(kind: type[google.Forbidden], message: str) -> None:
    """A role would not help where only load jobs do."""
    with pytest.raises(BillingDisabledError) as raised, google_errors("p", ENDPOINT):
        raise rest(kind, "accessDenied", message)
    assert raised.value.message == message


@pytest.mark.parametrize(
    "message",
    [
        "Access Denied: Table p:d.t: rows cannot be listed because of row access policies",
        "Access Denied: Table p:d.t: tabledata.list is not allowed with row-level security",
        "Access Denied: BigQuery BigQuery: User has neither fine-grained reader nor masked get"
        ' permission to get data protected by policy tag "a : b" on column p:d.t.name',
    ],
)
def test_hidden_rows(message: str) -> None:
    """Where policies keep an account from reading, the sentence names them."""
    with pytest.raises(RowsHiddenError) as raised, google_errors("p", ENDPOINT):
        raise rest(google.Forbidden, "accessDenied", message)
    assert raised.value.message == message


def test_storage_api_is_disabled() -> None:
    """Where Google does not name the API, it is the one that was called."""
    error_info = ErrorInfo(reason="SERVICE_DISABLED")
    with (
        pytest.raises(ApiDisabledError) as raised,
        google_errors("p", ENDPOINT, StorageUnreachableError),
    ):
        raise google.PermissionDenied("A service is off", error_info=error_info)
    assert raised.value.api == "BigQuery Storage API"


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
    with pytest.raises(UnreachableError) as raised, google_errors("p", ENDPOINT):
        raise wrapped
    assert raised.value.message == "[Errno 111] Connection refused"


@pytest.mark.parametrize(
    ("details", "message"),
    [
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:9: Failed to"
            " connect to remote host: connect: Connection refused (111)",
            "Connection refused (111)",
        ),
        (
            "DNS resolution failed for a.example:443: C-ares status is not ARES_SUCCESS qtype=A"
            " name=a.example is_balancer=0: Domain name not found",
            "Domain name not found",
        ),
        (
            "errors resolving a.example:443: [field:hostname lookup error:address lookup failed for"
            " a.example:443: Domain name not found]",
            "Domain name not found",
        ),
        ("recvmsg:Connection reset by peer: ipv6:[::1]:9: Connection reset", "Connection reset"),
        (
            "Getting metadata from plugin failed with error: ('invalid_grant', {})",
            "there was no token",
        ),
        (
            "Permission 'A' denied on resource 'B': ask",
            "Permission 'A' denied on resource 'B': ask",
        ),
    ],
)
def test_debug_text(details: str, message: str) -> None:
    """What only developers of gRPC can read is in no sentence."""
    with pytest.raises(UnreachableError) as raised, google_errors("p", ENDPOINT):
        raise google.ServiceUnavailable(details)
    assert raised.value.message == message


def test_messages_are_short() -> None:
    """A message fits into a sentence, however long Google's answer is."""
    with pytest.raises(RefusedError) as raised, google_errors("p", ENDPOINT):
        raise google.BadRequest("x" * 10_000)
    assert len(raised.value.message) == 400


def test_other_errors_pass() -> None:
    """What is not Google's is not hidden."""
    with pytest.raises(ZeroDivisionError), google_errors("p", ENDPOINT):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120.0), ("0", 0.0), ("-5", 0.0), ("soon", None), (None, None)]
)
def test_retry_after_header(header: str | None, seconds: float | None) -> None:
    """How long Google asks to wait is read from its answer."""
    response = requests.Response()
    if header is not None:
        response.headers["Retry-After"] = header
    with pytest.raises(QuotaExceededError) as raised, google_errors("p", ENDPOINT):
        raise google.TooManyRequests("too much", response=response)
    assert raised.value.retry_after == seconds


def test_retry_after_detail() -> None:
    """In gRPC it is a detail of the status."""
    detail = RetryInfo()
    detail.retry_delay.seconds = 90
    with pytest.raises(UnreachableError) as raised, google_errors("p", ENDPOINT):
        raise google.ServiceUnavailable("later", details=[detail])
    assert raised.value.retry_after == 90


@pytest.mark.parametrize("failures", [1, 2, 5, 40])
def test_backoff(failures: int) -> None:
    """The time to wait doubles up to six hours, varies from nothing on, and is what Google asks."""
    longest = min(6 * 3600, 60 * 2**failures)
    delays = [delay(failures, None) for _ in range(300)]
    assert 0 <= min(delays) < 0.2 * longest
    assert 0.8 * longest < max(delays) <= longest
    assert delay(failures, 5 * 3600) >= 5 * 3600
    assert delay(failures, 10**9) <= 6 * 3600
