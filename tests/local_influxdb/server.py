"""The HTTP API of a local InfluxDB: writes and pings. What its pages do not allow is refused.

* version 1: the pages "InfluxDB API reference" and "Troubleshoot errors";
* version 2: "InfluxDB OSS v2 API", `POST /api/v2/write`, and "Troubleshoot issues writing data";
* version 3: "Use compatibility APIs to write data" and "Use the v3 write API", partial writes.

The messages of version 1 are those that 1.6.7 was seen to answer. There are no queries: tests read
`Storage`.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
import gzip
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import socket
import ssl
from threading import Event, Thread
from typing import Any, override
from urllib.parse import parse_qsl, urlsplit
import zlib

from .line_protocol import Line, LineError, parse
from .storage import ConflictError, Storage

_FACTORS = {
    1: {"ns": 1, "u": 1_000, "ms": 1_000_000, "s": 1_000_000_000},
    2: {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000},
    3: {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000},
}
_PARAMETERS = {
    1: {"db", "precision"},
    2: {"bucket", "org", "precision"},
    3: {"bucket", "precision"},
}
_VERSIONS = {1: "1.8.10", 2: "v2.7.12", 3: "3.4.1"}
_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request."""

    status: int
    document: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class LocalInfluxdb:
    """A server with one database, and what a test wants of it."""

    version: int = 2
    database: str = "home"
    organization: str = "family"
    username: str = ""
    secret: str = "s3same"  # noqa: S105
    may_write: bool = True
    largest: int = 25_000_000
    """Bytes of a request, as they are sent."""
    storage: Storage = field(default_factory=Storage)
    others: set[str] = field(default_factory=set)
    """Names of other databases, whose points are forgotten."""
    answers: list[Answer] = field(default_factory=list)
    """What the next writes are answered, without being looked at."""
    lost_answers: int = 0
    """So many writes are taken, and the connection ends before the answer."""
    hanging: Event | None = None
    """Writes wait for this."""
    requests: list[tuple[str, int]] = field(default_factory=list)
    """Path and status of each request."""
    port: int = 0
    is_encrypted: bool = False

    def __post_init__(self) -> None:
        """Let the storage have the rules of the version."""
        self.storage.has_fixed_tags = self.version == 3

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http{'s' if self.is_encrypted else ''}://127.0.0.1:{self.port}"

    @property
    def data(self) -> dict[str, Any]:
        """Return the data of a subentry that copies there."""
        data = {
            "version": str(self.version),
            "url": self.url,
            "database": self.database,
            "token": self.secret,
            "verify_ssl": True,
        }
        if self.version == 1:
            data["username"] = self.username
        if self.version == 2:
            data["organization"] = self.organization
        return data

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Return the points of a table."""
        return self.storage.rows(table)

    def ping(self, headers: Message) -> Answer:
        """Say which version it is; version 3 says so only to those who have a token."""
        version = {"X-Influxdb-Version": _VERSIONS[self.version]}
        if self.version < 3:
            return Answer(204, None, version)
        if not self._knows(headers):
            return self._refusal(401, "unauthorized access")
        return Answer(200, {"version": _VERSIONS[3], "revision": "0"}, version)

    def write(self, target: str, headers: Message, body: bytes) -> Answer:
        """Take points."""
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path != ("/write" if self.version == 1 else "/api/v2/write"):
            return self._refusal(404, "path not found")
        if not self._knows(headers):
            return self._refusal(401, "unauthorized access")
        if query.keys() != _PARAMETERS[self.version]:
            return self._refusal(400, f"unexpected parameters: {sorted(query)}")
        if query.get("org", self.organization) != self.organization:
            return self._refusal(404, f'organization name "{query["org"]}" not found')
        database = query["db" if self.version == 1 else "bucket"]
        if database not in (self.database, *self.others):
            what = "database" if self.version != 2 else "bucket"
            return self._refusal(404, f'{what} not found: "{database}"')
        if not self.may_write:
            return self._refusal(403, f'not authorized to write to database "{database}"')
        if len(body) > self.largest:
            return self._refusal(413, "Request Entity Too Large")
        storage = self.storage if database == self.database else Storage()
        return self._take(storage, query["precision"], headers, body)

    def _take(self, storage: Storage, precision: str, headers: Message, body: bytes) -> Answer:
        factor = _FACTORS[self.version].get(precision)
        if factor is None:
            return self._refusal(400, f"invalid precision {precision}")
        if headers.get("Content-Type") != "text/plain; charset=utf-8":
            return self._refusal(400, "unexpected Content-Type")
        if headers.get("Content-Encoding") != "gzip":
            return self._refusal(400, "tests want compressed points")
        try:
            lines = gzip.decompress(body).decode().split("\n")
        except OSError, EOFError, zlib.error, UnicodeDecodeError:
            return self._refusal(400, "the body is not compressed text")
        if lines.pop() or not lines:
            return self._refusal(400, "the last line has no end, or there is none")
        return self._put(storage, lines, factor)

    def _put(self, storage: Storage, lines: Sequence[str], factor: int) -> Answer:
        """Take all lines that can be taken."""
        unreadable: list[tuple[int, str]] = []
        unfit: list[tuple[int, str]] = []
        parsed: list[tuple[int, Line]] = []
        for number, text in enumerate(lines):
            try:
                parsed.append((number, parse(text, factor)))
            except LineError as err:
                unreadable.append((number, f"unable to parse '{text}': {err}"))
        if unreadable and self.version == 2:
            return self._refusal(400, unreadable[0][1])  # Nothing of it is written.
        for number, line in parsed:
            try:
                storage.put(line)
            except ConflictError as err:
                unfit.append((number, str(err)))
        if not (unreadable or unfit):
            return Answer(204)
        if self.version == 3:
            return self._partial(lines, sorted(unreadable + unfit))
        if not unfit:
            return self._refusal(400, f"partial write: {unreadable[0][1]} dropped=0")
        said = f"partial write: {unfit[0][1]} dropped={len(unfit)}"
        if self.version == 2:
            return self._refusal(422, f"failure writing points to database: {said}")
        return self._refusal(400, said)

    def _partial(self, lines: Sequence[str], refused: Sequence[tuple[int, str]]) -> Answer:
        named = [
            {"original_line": lines[number], "line_number": number + 1, "error_message": said}
            for number, said in refused[:_MOST_NAMED]
        ]
        return Answer(400, {"error": "partial write of line protocol occurred", "data": named})

    def _refusal(self, status: int, message: str) -> Answer:
        if self.version == 2:
            return Answer(status, {"code": "refused", "message": message})
        return Answer(status, {"error": message}, {"X-Influxdb-Error": message[:100]})

    def _knows(self, headers: Message) -> bool:
        """Return whether a request says who sends it, as the version wants it."""
        said = headers.get("Authorization")
        if self.version == 1:
            if not self.username:
                return said is None
            pair = b64encode(f"{self.username}:{self.secret}".encode()).decode()
            return said == f"Basic {pair}"
        return said == f"Token {self.secret}"


def _handler(influxdb: LocalInfluxdb) -> type[BaseHTTPRequestHandler]:
    """Return what answers the requests of one server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # Head and body go together.

        def do_GET(self) -> None:
            found = self.path == "/ping"
            self._answer(influxdb.ping(self.headers) if found else Answer(404))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if influxdb.hanging:
                influxdb.hanging.wait(60)
            if influxdb.answers:
                self._answer(influxdb.answers.pop(0))
                return
            answer = influxdb.write(self.path, self.headers, body)
            if influxdb.lost_answers:
                influxdb.lost_answers -= 1
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self._answer(answer)

        def _answer(self, answer: Answer) -> None:
            influxdb.requests.append((urlsplit(self.path).path, answer.status))
            body = b"" if answer.document is None else json.dumps(answer.document).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Write no log."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._connections: set[Any] = set()

    @override
    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        self._connections.add(request)
        super().process_request(request, client_address)

    @override
    def server_close(self) -> None:
        """End all connections, and wait for what answers them."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let clients go away as they like."""


@contextmanager
def serve(influxdb: LocalInfluxdb, context: ssl.SSLContext | None = None) -> Iterator[None]:
    """Serve it on a port of this machine."""
    server = _Server(("127.0.0.1", influxdb.port), _handler(influxdb))
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        influxdb.is_encrypted = True
    influxdb.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
