"""Requests to one InfluxDB, and its errors as ours."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import gzip
import re
import socket
from threading import Lock
from typing import Any, override
from urllib.parse import urlencode

import certifi
import orjson
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, InvalidHeader, SSLError
from urllib3.util import Retry, Timeout, make_headers

from ...errors import ExportError, StoppedError
from .influxdb_errors import (
    InfluxdbAccessError,
    InfluxdbNotFoundError,
    InfluxdbRefusedError,
    InfluxdbTlsError,
    InfluxdbUnreachableError,
)
from .influxdb_settings import InfluxdbSettings, Version

_TIMEOUT = Timeout(connect=10, read=60)
_COMPRESSION = 1
_REFUSED_POINTS = (400, 422)
"""Of points: version 2 has 422 for what does not fit its fields (its page "Troubleshoot issues
writing data"), versions 1 and 3 have 400."""
_TOO_LARGE = 413
_PASSING = (408, 429, 500, 502, 503, 504)
_LINE = re.compile(r"unable to parse '.*': ", re.DOTALL)
"""The beginning of a message that quotes the whole line."""
_DROPPED = re.compile(r"partial write: .* dropped=(\d+)", re.DOTALL)
_VERSION = re.compile(r"v?(\d+)\.")
_LONGEST_MESSAGE = 300


@dataclass(eq=False)
class PointsRefusedError(Exception):
    """Some points of a request were not taken; others may have been."""

    reason: str
    dropped: int = 0
    """How many were not, if the server has said so."""
    lines: frozenset[int] = frozenset()
    """Which lines were not, from 0 on, if the server has said so."""


class TooLargeError(PointsRefusedError):
    """The request has more bytes than the server takes."""


class InfluxdbServer:
    """Writes points to one database. Its methods block and raise ExportError."""

    def __init__(self, settings: InfluxdbSettings) -> None:
        """Connect to nothing yet."""
        self.settings = settings
        self._sockets: set[socket.socket] = set()
        self._lock = Lock()
        self._stopped = False
        self._pool = self._new_pool()

    def write(self, lines: Sequence[str]) -> None:
        """Write points, and return when they are durable.

        Raises PointsRefusedError when some of them are not taken.
        """
        body = gzip.compress("\n".join((*lines, "")).encode(), _COMPRESSION)
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain; charset=utf-8"}
        answer = self._request("POST", self._target(), body, headers)
        if answer.status not in (200, 204):
            raise self._error(answer)

    def version(self) -> str:
        """Return the version that the server says it has, or an empty text."""
        answer = self._request("GET", "/ping", None, {})
        said = answer.headers.get("X-Influxdb-Version", "") or _document(answer).get("version", "")
        return str(said)[:_LONGEST_MESSAGE]

    def is_other_version(self, version: str) -> bool:
        """Return whether this version is known to be another one than the user has selected."""
        found = _VERSION.match(version)
        return found is not None and found[1] != self.settings.version

    def stop(self) -> None:
        """Let no request begin any more, and end the waiting for an answer of any."""
        with self._lock:
            self._stopped = True
            sockets = list(self._sockets)
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Do as `stop`, and close the connections."""
        self.stop()
        self._pool.close()

    def _target(self) -> str:
        """Return path and query of a write.

        They are on the pages "InfluxDB API reference" of version 1, "InfluxDB OSS v2 API", and
        "Use compatibility APIs" of version 3, which takes version 2's, without organization.
        """
        settings = self.settings
        if settings.version is Version.ONE:
            return "/write?" + urlencode({"db": settings.database, "precision": "u"})
        query = {"bucket": settings.database, "precision": "us"}
        if settings.version is Version.TWO:
            query["org"] = settings.organization
        return "/api/v2/write?" + urlencode(query)

    def _authorization(self) -> Mapping[str, str]:
        """Return the header. Raises InfluxdbAccessError for a token that fits in none."""
        settings = self.settings
        if settings.version is not Version.ONE:
            if not (settings.secret.isascii() and settings.secret.isprintable()):
                message = "the token has a line break or another character that cannot be sent"
                raise InfluxdbAccessError(server=settings.server, message=message)
            return {"Authorization": f"Token {settings.secret}"} if settings.secret else {}
        if not settings.username:
            return {}
        # As make_headers does for ASCII alone.
        pair = f"{settings.username}:{settings.secret}".encode().decode("latin-1")
        return make_headers(basic_auth=pair)

    def _request(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        path = urllib3.util.parse_url(self.settings.url).path or ""
        with self._errors():
            if self._stopped:
                raise StoppedError
            return self._pool.urlopen(
                method,
                f"{path}{target}",
                body=body,
                headers={**headers, **self._authorization()},
                retries=False,
                redirect=False,
                timeout=_TIMEOUT,
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise errors of the connection as ours."""
        server = self.settings.server
        try:
            yield
        except (HTTPError, OSError, ValueError) as err:
            if self._stopped:
                raise StoppedError from None
            message = _message_of(err)
            if isinstance(err, SSLError):
                raise InfluxdbTlsError(server=server, message=message) from None
            raise InfluxdbUnreachableError(server=server, message=message) from None

    def _error(self, answer: urllib3.BaseHTTPResponse) -> Exception:
        """Return what an answer means that is not a success."""
        status, server = answer.status, self.settings.server
        document = _document(answer)
        message = _said(document) or f"{status} {answer.reason or ''}".strip()
        if status in _REFUSED_POINTS:
            dropped = _DROPPED.search(message)
            return PointsRefusedError(
                message, int(dropped[1]) if dropped else 0, frozenset(_named_lines(document))
            )
        if status == _TOO_LARGE:
            return TooLargeError(message)
        return self._error_of_request(status, message, server, _seconds_to_wait(answer))

    def _error_of_request(
        self, status: int, message: str, server: str, seconds: float | None
    ) -> ExportError:
        if status in _PASSING:
            return InfluxdbUnreachableError(server=server, message=message, retry_after=seconds)
        if status in (401, 403):
            return InfluxdbAccessError(server=server, message=message)
        if status == 404:
            return InfluxdbNotFoundError(server=server, message=message)
        return InfluxdbRefusedError(message=f"{message} ({status})")

    def _new_pool(self) -> urllib3.HTTPConnectionPool:
        """Return connections that can be ended while they wait for an answer."""
        remember = self._remember

        class PlainConnection(HTTPConnection):
            @override
            def connect(self) -> None:
                super().connect()
                remember(self.sock)

        class EncryptedConnection(HTTPSConnection):
            @override
            def connect(self) -> None:
                super().connect()
                remember(self.sock)

        url = urllib3.util.parse_url(self.settings.url)
        if url.scheme != "https":
            plain = urllib3.HTTPConnectionPool(url.host or "", url.port)
            plain.ConnectionCls = PlainConnection
            return plain
        verified = self.settings.verify_ssl
        encrypted = urllib3.HTTPSConnectionPool(
            url.host or "",
            url.port,
            cert_reqs="CERT_REQUIRED" if verified else "CERT_NONE",
            assert_hostname=None if verified else False,
            ca_certs=certifi.where() if verified else None,
        )
        encrypted.ConnectionCls = EncryptedConnection
        return encrypted

    def _remember(self, one: socket.socket | None) -> None:
        """Remember a connection that was just made. Raises StoppedError."""
        with self._lock:
            self._sockets = {known for known in self._sockets if known.fileno() >= 0}
            if one is not None:
                self._sockets.add(one)
            if self._stopped:
                raise StoppedError


def _document(answer: urllib3.BaseHTTPResponse) -> Mapping[str, Any]:
    try:
        document = orjson.loads(answer.data)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _said(document: Mapping[str, Any]) -> str:
    """Return what a server says, without the lines that it quotes."""
    named = document.get("data")
    if isinstance(named, list) and named and isinstance(named[0], dict):
        said = named[0].get("error_message")
    else:
        said = document.get("error") or document.get("message")
    return _LINE.sub("unable to parse: ", str(said or ""))[:_LONGEST_MESSAGE].strip()


def _named_lines(document: Mapping[str, Any]) -> Iterator[int]:
    """Yield which lines were refused, from 0 on, where version 3 names them, from 1 on."""
    named = document.get("data")
    for line in named if isinstance(named, list) else ():
        if isinstance(line, dict) and isinstance(number := line.get("line_number"), int):
            yield number - 1


def _seconds_to_wait(answer: urllib3.BaseHTTPResponse) -> float | None:
    with suppress(InvalidHeader, ValueError):
        return Retry().get_retry_after(answer)
    return None


def _message_of(err: Exception) -> str:
    """Return what has failed, without the connection's representation before it.

    What is raised before a request is sent may quote its headers.
    """
    if isinstance(err, ValueError) and not isinstance(err, HTTPError):
        return "the request cannot be sent"
    text = str(err).rpartition(">: ")[2] or type(err).__name__
    return text.rpartition("Caused by ")[2].strip("()")[:_LONGEST_MESSAGE]
