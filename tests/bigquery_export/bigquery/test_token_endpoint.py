"""What the token endpoint may answer, and whose fault it is: over the wire."""

from collections.abc import Iterator
from datetime import timedelta
import json
from typing import Any

from google.auth import _helpers
import pytest

from custom_components.bigquery_export.bigquery import credentials, token_endpoint
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.credentials import check_key
from custom_components.bigquery_export.errors import (
    ClockError,
    ExportError,
    InterceptedError,
    KeyRefusedError,
    UnreachableError,
)
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR

PAGE = "<html><head><title>Log in &amp; surf</title></head><body>Please</body></html>"


@pytest.fixture(autouse=True)
def cleared(warehouse: Warehouse) -> Iterator[None]:
    """Leave no fault for the next test."""
    yield
    warehouse.server.clear_faults()


@pytest.fixture(autouse=True)
def quick_google(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Google's library try again at once, and not for long."""
    retry = credentials._RETRY.with_delay(0.01, 0.02).with_timeout(0.1)
    monkeypatch.setattr(credentials, "_RETRY", retry)
    monkeypatch.setattr("google.auth._exponential_backoff.time.sleep", lambda _: None)


def oauth(error: object, description: object = None) -> str:
    """Return an error as RFC 6749 has it, section 5.2."""
    return json.dumps({"error": error, "error_description": description})


FOREIGN: list[dict[str, Any]] = [
    *[
        {"status": status, "content": content}
        for status in (200, 403, 404, 407, 500, 502, 511)
        for content in ("", PAGE)
    ],
    *[
        {"status": status, "content_type": "application/json", "content": content}
        for status in (200, 400)
        for content in ("[]", "7", "null", '"invalid_grant"', "{}", "{", '{"status": "login"}')
    ],
    {"status": 200, "content": '{"access_token": null}'},
    {"status": 200, "content": '{"access_token": 7, "expires_in": 3600}'},
    {"status": 200, "content": '{"access_token": "two words", "expires_in": 3600}'},
    {"status": 200, "content": '{"access_token": "t", "expires_in": "soon"}'},
    {"status": 200, "content": '{"access_token": "t", "expires_in": 1e999}'},
    {"status": 200, "content": '{"access_token": "t", "expires_in": 1e300}'},
    {"status": 200, "content": '{"access_token": "t", "expires_in": []}'},
    {"status": 200, "content": '{"access_token": "t", "expires_in": NaN}'},
    {"status": 200, "content": '{"access_token": "t\\n", "expires_in": 3600}'},
    {"status": 200, "content": "[" * 100_000},
    {"status": 400, "content": '{"error":' * 100_000},
    {"status": 400, "content": oauth(["invalid_grant"])},
    {"status": 200, "content": oauth("invalid_grant")},
    {"status": 503, "content": oauth("invalid_grant")},
    {"status": 403, "content": oauth({"code": 403, "status": "PERMISSION_DENIED"})},
    {"status": 403, "content": oauth("forbidden", "by the filter")},
    {"status": 302, "location": "http://192.0.2.1/login?mac=1"},
    {"status": 307, "location": "http://192.0.2.1/"},
    {"status": 308, "location": "http://[::1"},
    {"status": 204},
]


@pytest.mark.parametrize("answer", FOREIGN, ids=lambda answer: repr(answer)[:100])
def test_other_answers(warehouse: Warehouse, answer: dict[str, Any]) -> None:
    """Whatever is not Google's may pass by itself, and the sentence says what has answered."""
    key = warehouse.create_key()
    warehouse.server.add_fault("token", "foreign", times=None, **answer)
    with pytest.raises(InterceptedError) as raised:
        check_key(key)
    assert raised.value.endpoint == key["token_uri"]
    began = f"HTTP {answer['status']} ", "a redirect to no address"
    assert raised.value.message.startswith(began)
    title = "Log in &amp; surf" if answer.get("content") == PAGE else ""
    assert title in raised.value.message
    assert "mac=" not in raised.value.message
    warehouse.server.clear_faults()
    check_key(key)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("foreign", {"status": 200, "content": PAGE}),
        ("foreign", {"status": 403}),
        ("foreign", {"status": 302, "location": "http://192.0.2.1/"}),
        ("drop", {}),
        ("cut_body", {}),
        ("corrupt_json", {}),
    ],
)
def test_passing_answers(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, kind: str, rule: dict[str, Any]
) -> None:
    """One of them is ridden out."""
    # However long the first answer takes on a busy machine, there is time for a second one.
    monkeypatch.setattr(credentials, "_RETRY", credentials._RETRY.with_timeout(60))
    warehouse.server.add_fault("token", kind, **rule)
    check_key(warehouse.create_key())
    assert [rule["fired"] for rule in warehouse.server.faults()] == [1]


@pytest.mark.parametrize(
    ("error", "description", "expected"),
    [
        ("invalid_grant", "Invalid JWT Signature.", KeyRefusedError),
        ("invalid_grant", "Invalid grant: account not found", KeyRefusedError),
        ("invalid_grant", None, KeyRefusedError),
        ("invalid_client", "The OAuth client was not found.", KeyRefusedError),
        ("unauthorized_client", "Client is unauthorized", KeyRefusedError),
        ("disabled_client", "The OAuth client was disabled.", KeyRefusedError),
        ("deleted_client", "The OAuth client was deleted.", KeyRefusedError),
        (
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable"
            " timeframe. Check your iat and exp values in the JWT claim.",
            ClockError,
        ),
        ("invalid_grant", "Token used too early", ClockError),
        ("invalid_grant", "Invalid JWT: exp is in the past", ClockError),
        ("internal_failure", "Backend Error", UnreachableError),
        ("temporarily_unavailable", None, UnreachableError),
        ("access_denied", "Account restricted", InterceptedError),
    ],
)
@pytest.mark.parametrize("status", [400, 401])
def test_words_of_google(
    warehouse: Warehouse,
    error: str,
    description: str | None,
    expected: type[ExportError],
    status: int,
) -> None:
    """Google's own words about a key are believed, unless they are about the time."""
    content = oauth(error, description)
    warehouse.server.add_fault("token", "foreign", times=None, status=status, content=content)
    with pytest.raises(ExportError) as raised:
        check_key(warehouse.create_key())
    assert type(raised.value) is expected
    if expected is not InterceptedError:
        assert (description or error).removesuffix(".") in raised.value.placeholders["message"]


@pytest.mark.parametrize(
    ("status", "content"),
    [(503, ""), (429, PAGE), (400, oauth("temporarily_unavailable"))],
)
def test_asked_to_wait(warehouse: Warehouse, status: int, content: str) -> None:
    """It is known for how long, whoever asks for it."""
    warehouse.server.add_fault(
        "token", "foreign", times=None, status=status, content=content, retry_after=1_800
    )
    with pytest.raises(UnreachableError) as raised:
        check_key(warehouse.create_key())
    assert raised.value.retry_after == 1_800


@pytest.mark.parametrize("hours", [-2, 2, 25, -24 * 30, 24 * 365 * 5, -24 * 365 * 20])
def test_wrong_clock(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    """A clock that is hours or years off is no fault of the key."""
    utcnow = _helpers.utcnow
    with monkeypatch.context() as clock:
        wrong = utcnow() + timedelta(hours=hours)  # type: ignore[no-untyped-call]
        clock.setattr(_helpers, "utcnow", lambda: wrong)
        with pytest.raises(ClockError):
            check_key(warehouse.create_key())
    check_key(warehouse.create_key())


def test_no_answer_in_time(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that takes too long does not answer."""
    monkeypatch.setattr(token_endpoint, "_TIMEOUT", 0.2)
    warehouse.server.add_fault("token", "delay", seconds=5)
    with pytest.raises(UnreachableError) as raised:
        check_key(warehouse.create_key())
    assert type(raised.value) is UnreachableError


def connected(warehouse: Warehouse) -> Connection:
    """Return a connection to a table, which has a token that has expired by now."""
    warehouse.create_table()
    connection = Connection.open(warehouse.create_key(DATA_EDITOR), warehouse.destination)
    connection._credentials.expiry = _helpers.utcnow() - timedelta(hours=1)
    return connection


@pytest.mark.parametrize("api", ["REST", "gRPC"])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"status": 400, "content": oauth("invalid_grant", "account not found")},
            KeyRefusedError,
        ),
        ({"status": 407, "content": PAGE}, InterceptedError),
    ],
)
def test_token_expires_between(
    warehouse: Warehouse,
    api: str,
    answer: dict[str, Any],
    expected: type[ExportError],
) -> None:
    """It is the same where a client renews the token by itself."""

    def call() -> None:
        if api == "REST":
            with connection.errors():
                list(connection.tables.list_datasets())
        else:
            with connection.storage_errors():
                connection.storage.get_write_stream(name="projects/p/x", retry=None)

    with connected(warehouse) as connection:
        warehouse.server.add_fault("token", "foreign", times=None, **answer)
        with pytest.raises(ExportError) as raised:
            call()
    assert type(raised.value) is expected
    assert "metadata" not in raised.value.placeholders["message"]
