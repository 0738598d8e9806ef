"""Reading a key, and the addresses that it may be sent to."""

import json
import threading
from typing import Any
from urllib.parse import urlsplit

from awesomeversion import AwesomeVersion
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
import google.auth
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials
import pytest
from requests import Response, Session

from custom_components.bigquery_export.bigquery.credentials import (
    is_safe,
    make_credentials,
    read_key,
    refresh,
)
from custom_components.bigquery_export.bigquery.key_file import (
    NotAServiceAccountKeyError,
    NotJsonError,
)
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://oauth2.googleapis.com/token", True),
        ("https://bigquery-home.p.googleapis.com", True),
        ("http://127.0.0.1:9050", True),
        ("http://127.8.9.10", True),
        ("http://[::1]:9050/token", True),
        ("http://localhost:9050", True),
        ("http://192.168.1.5", False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost.example.com", False),
        ("http://0.0.0.0:9050", False),
        ("http://user@127.0.0.1", False),
        ("https://user:password@bigquery.googleapis.com", False),
        ("https://bigquery.googleapis.com?x=1", False),
        ("ftp://127.0.0.1", False),
        ("bigquery.googleapis.com", False),
        ("https://", False),
        ("https://a:b", False),
        ("http://[::1", False),
        ("http://[0:0:0:0:0:0:0:1]:9050", True),
        ("https://[2001:db8::17]:8443/", True),
        ("https://2001:db8::17", False),
        ("https://2001:db8::17:443", False),
        ("https://[fe80::1%25eth0]:9060", False),
        ("https://[fe80::1%eth0]", False),
        ("http://[fe80::1]", False),
        ("https://[g::1]", False),
        ("https://[192.0.2.1]", False),
        ("https://[::1]:99999", False),
        ("https://big query.example", False),
        ("https://bücher.example", True),
        ("", False),
    ],
)
def test_safe_addresses(url: str, *, safe: bool) -> None:
    """A token travels encrypted, or stays on this machine."""
    assert is_safe(url) is safe


def test_no_error_quotes_the_key(warehouse: Warehouse) -> None:
    """A key with a mistake in it is still a secret."""
    key = warehouse.create_key()
    secret = key["private_key"]
    for text in (json.dumps(key)[:-1], json.dumps({**key, "token_uri": "http://192.0.2.1"})):
        with pytest.raises((NotJsonError, NotAServiceAccountKeyError)) as raised:
            read_key(text)
        assert secret not in repr(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__ or raised.value.__context__ is None


def pem(private_key: Any) -> str:
    """Return a private key as the file of a service account has it."""
    encoding = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return str(private_key.private_bytes(*encoding).decode())


def test_damaged_private_keys(warehouse: Warehouse) -> None:
    """A private key of another kind, or whose numbers do not fit, is found out at once."""
    key = warehouse.create_key()
    assert read_key(json.dumps(key)) == key
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_numbers()
    damaged = rsa.RSAPrivateNumbers(
        p=numbers.p,
        q=numbers.q,
        d=numbers.d + 2,
        dmp1=numbers.dmp1 + 2,
        dmq1=numbers.dmq1,
        iqmp=numbers.iqmp,
        public_numbers=numbers.public_numbers,
    ).private_key(unsafe_skip_rsa_key_validation=True)
    for private_key in ("", "-----BEGIN", 7, None, pem(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(NotAServiceAccountKeyError):
            read_key(json.dumps({**key, "private_key": private_key}))
    with pytest.raises(NotAServiceAccountKeyError):
        read_key(json.dumps({**key, "private_key": pem(damaged)}))
    for missing in ("private_key", "private_key_id", "client_email", "token_uri"):
        with pytest.raises(NotAServiceAccountKeyError):
            read_key(json.dumps({name: key[name] for name in key if name != missing}))


def test_scope(warehouse: Warehouse) -> None:
    """The token is good for BigQuery and for nothing else."""
    credentials = make_credentials(warehouse.create_key())
    assert isinstance(credentials, Credentials)
    assert credentials.scopes == ("https://www.googleapis.com/auth/bigquery",)


LOOK_UPS = (
    "GOOGLE_AUTH_TRUST_BOUNDARY_ENABLED",
    "GOOGLE_SDK_EXPERIMENTAL_PYTHON_REGIONAL_ACCESS_BOUNDARY_LOOKUP_ENABLED",
)
"""The variables with which google-auth looks up regions, by its version."""


def hosts_asked(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, *, private: bool
) -> set[str | None]:
    """Return who is asked for what a request to BigQuery needs, where google-auth asks most."""
    hosts = set()
    send = Session.request

    def noted(session: Session, method: str, url: str, **options: Any) -> Response:
        hosts.add(urlsplit(url).hostname)
        return send(session, method, url, **options)

    for variable in LOOK_UPS:
        monkeypatch.setenv(variable, "true")
    monkeypatch.setattr(Session, "request", noted)
    credentials = make_credentials(warehouse.create_key(), private=private)
    before = set(threading.enumerate())
    headers: dict[str, str] = {}
    credentials.before_request(Request(), "GET", warehouse.destination.api_endpoint, headers)
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert headers["authorization"].startswith("Bearer ")
    return hosts


def test_private_networks_are_not_left(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse
) -> None:
    """With an endpoint of the user's own, only the token's server is asked."""
    assert hosts_asked(monkeypatch, warehouse, private=True) == {"127.0.0.1"}


@pytest.mark.skipif(
    AwesomeVersion(google.auth.__version__) < "2.50", reason="this google-auth looks up nothing"
)
def test_regions_are_looked_up(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse) -> None:
    """The test above would see it, and where Google's own endpoints are used nothing is changed."""
    asked = hosts_asked(monkeypatch, warehouse, private=False)
    assert asked == {"127.0.0.1", "iamcredentials.googleapis.com"}


def test_private_credentials(warehouse: Warehouse) -> None:
    """They are what the account's are to Google's clients: its universe, and tokens that expire."""
    key = warehouse.create_key()
    credentials = make_credentials({**key, "universe_domain": "example.com"}, private=True)
    assert credentials.universe_domain == "example.com"
    assert not credentials.valid
    refresh(credentials)
    assert credentials.valid
    assert credentials.expiry is not None
