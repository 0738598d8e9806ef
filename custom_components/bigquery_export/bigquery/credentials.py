"""The service account's key: reading it and making credentials of it."""

from collections.abc import Mapping
from ipaddress import ip_address
import re
from typing import Any, override
from urllib.parse import urlsplit

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.api_core.exceptions import RetryError
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import DEFAULT_UNIVERSE_DOMAIN, Credentials
from google.auth.crypt import RSASigner
from google.oauth2.service_account import Credentials as ServiceAccountCredentials

from ..errors import UnreachableError
from .key_file import NotAServiceAccountKeyError, read_key_file
from .token_endpoint import TokenRequest, token_errors

SCOPES = ("https://www.googleapis.com/auth/bigquery",)
"""Enough for the tables, the Storage Write API and jobs, and for nothing but BigQuery."""
_HOST = re.compile(r"[\w.:-]+")
"""A name or an address. The library that sends requests finds no IPv6 address with a zone."""
_RETRY = Retry(predicate=if_exception_type(UnreachableError), initial=0.2, maximum=1.0, timeout=2.0)


def read_key(content: bytes | str) -> dict[str, Any]:
    """Return a service account's key from its file, or from the text of it.

    Raises KeyFileError, which does not quote the content.
    """
    key = read_key_file(content)
    if not isinstance(key.get("project_id"), str):
        raise NotAServiceAccountKeyError
    make_credentials(key)
    _try_key(_private_key(key))
    return key


def check_key(key: Mapping[str, Any]) -> None:
    """Ask Google for a token, to see whether it accepts the key. Blocks, and raises ExportError."""
    refresh(make_credentials(key))


def refresh(credentials: Credentials) -> None:
    """Get a new token, unless there is a valid one; this blocks. Raises ExportError."""
    if not credentials.valid:
        credentials.refresh(None)


class _AccountCredentials(ServiceAccountCredentials):
    """Credentials of a service account, which say whose fault it is when there is no token."""

    @override
    def refresh(self, _: object) -> None:
        """Get a new token by requests of its own. Raises ExportError."""
        try:
            _RETRY(self._refresh_once)()
        except RetryError as err:
            raise err.cause or err from None

    def _refresh_once(self) -> None:
        request = TokenRequest()
        with token_errors(request, self):
            super().refresh(request)  # type: ignore[no-untyped-call]


class _TokenCredentials(Credentials):
    """Credentials that request a service account's tokens, and nothing else.

    google-auth's credentials of a service account may also ask Google's IAM service, in a thread of
    their own, in which regions a token may be used. Its base class, which is in its documentation,
    refreshes tokens and nothing else.
    """

    def __init__(self, account: _AccountCredentials) -> None:
        """Prepare; no token is requested yet."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._account = account

    @property
    @override
    def universe_domain(self) -> str:
        return str(self._account.universe_domain)

    @override
    def refresh(self, _: object) -> None:
        """Get a new token. Raises ExportError."""
        self._account.refresh(None)
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
        credentials = _AccountCredentials(  # type: ignore[no-untyped-call]
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
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or parts.username or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Return whether a host name can only mean this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
