"""The service account's key: reading it and making credentials of it."""

from collections.abc import Mapping
from ipaddress import ip_address
import json
from typing import Any, override
from urllib.parse import urlsplit

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.auth.credentials import DEFAULT_UNIVERSE_DOMAIN, Credentials
from google.auth.crypt import RSASigner
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials as ServiceAccountCredentials

from .errors import token_errors

SCOPES = ("https://www.googleapis.com/auth/bigquery",)
"""Enough for the tables, the Storage Write API and jobs, and for nothing but BigQuery."""


class NotJsonError(ValueError):
    """The text is not a JSON object."""


class NotAServiceAccountKeyError(ValueError):
    """The JSON is not the key of a service account."""


def read_key(text: str) -> dict[str, Any]:
    """Return a service account's key from the text of its file.

    Raises NotJsonError or NotAServiceAccountKeyError, neither of which quotes the text.
    """
    try:
        key = json.loads(text)
    except ValueError:
        raise NotJsonError from None
    if not isinstance(key, dict):
        raise NotJsonError
    if key.get("type") != "service_account" or not isinstance(key.get("project_id"), str):
        raise NotAServiceAccountKeyError
    make_credentials(key)
    _try_key(_private_key(key))
    return key


def check_key(key: Mapping[str, Any]) -> None:
    """Ask Google for a token, to see whether it accepts the key; this blocks.

    Raises KeyRefusedError or UnreachableError.
    """
    refresh(make_credentials(key), key)


def refresh(credentials: Credentials, key: Mapping[str, Any]) -> None:
    """Get a new token, unless there is a valid one; this blocks.

    Raises KeyRefusedError or UnreachableError.
    """
    if not credentials.valid:
        with token_errors(str(key["token_uri"])):
            credentials.refresh(Request())


class _TokenCredentials(Credentials):
    """Credentials that request a service account's tokens, and nothing else.

    google-auth's credentials of a service account may also ask Google's IAM service, in a thread of
    their own, in which regions a token may be used. Its base class, which is in its documentation,
    refreshes tokens and nothing else.
    """

    def __init__(self, account: ServiceAccountCredentials) -> None:
        """Prepare; no token is requested yet."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._account = account

    @property
    @override
    def universe_domain(self) -> str:
        return str(self._account.universe_domain)

    @override
    def refresh(self, request: Request) -> None:
        self._account.refresh(request)
        self.token = self._account.token
        self.expiry = self._account.expiry


def make_credentials(key: Mapping[str, Any], *, private: bool = False) -> Credentials:
    """Return credentials for BigQuery; Google is not asked yet.

    With `private`, for an endpoint in a private network from which nothing else can be reached,
    they request tokens and nothing else.

    Raises NotAServiceAccountKeyError when the key is damaged, or would send its signature over
    an open connection.
    """
    try:
        credentials = ServiceAccountCredentials(
            RSASigner(_private_key(key), key["private_key_id"]),
            service_account_email=key["client_email"],
            token_uri=key["token_uri"],
            project_id=key.get("project_id"),
            universe_domain=key.get("universe_domain", DEFAULT_UNIVERSE_DOMAIN),
            scopes=SCOPES,
        )
    except KeyError:
        raise NotAServiceAccountKeyError from None
    if not is_safe(str(key["token_uri"])):
        raise NotAServiceAccountKeyError
    return _TokenCredentials(credentials) if private else credentials


def _private_key(key: Mapping[str, Any]) -> RSAPrivateKey:
    """Return the private part of a key. Raises NotAServiceAccountKeyError.

    Google's library would check the numbers of the key each time. That takes 65 ms, or much longer
    on a small machine, and no other thread of Home Assistant can run meanwhile.
    """
    try:
        private_key = load_pem_private_key(
            key["private_key"].encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except AttributeError, KeyError, TypeError, UnsupportedAlgorithm, ValueError:
        raise NotAServiceAccountKeyError from None
    if not isinstance(private_key, RSAPrivateKey):
        raise NotAServiceAccountKeyError
    return private_key


def _try_key(private_key: RSAPrivateKey) -> None:
    """Sign something, to see whether a new key can be used; it takes 1 ms.

    Raises NotAServiceAccountKeyError.
    """
    try:
        signature = private_key.sign(b"", PKCS1v15(), SHA256())
        private_key.public_key().verify(signature, b"", PKCS1v15(), SHA256())
    except InternalError, InvalidSignature, ValueError:
        raise NotAServiceAccountKeyError from None


def is_safe(url: str) -> bool:
    """Return whether a URL is https, or plain http that does not leave this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def is_loopback(host: str) -> bool:
    """Return whether a host name can only mean this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
