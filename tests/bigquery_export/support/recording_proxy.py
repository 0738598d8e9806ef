"""What goes over the wire: a forwarder that remembers every byte."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import re
import socket
from threading import Thread
from urllib.parse import urlsplit
import zlib

_GZIP = re.compile(rb"\x1f\x8b\x08")


class Wire:
    """Forwards connections to a server, and remembers what is sent to it."""

    def __init__(self, endpoint: str, host: str) -> None:
        """Listen at an address of this machine for connections to the server of an endpoint."""
        self._server = urlsplit(endpoint)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._host = f"[{host}]" if ":" in host else host
        self._listener = socket.create_server((host, 0), family=family)
        self._received: list[bytearray] = []
        self._answers: list[bytearray] = []
        self._sockets = [self._listener]
        self._threads: list[Thread] = []
        self._run(self._accept)

    @property
    def endpoint(self) -> str:
        """Return the address to send to instead."""
        return f"http://{self._host}:{self._listener.getsockname()[1]}"

    @property
    def sent(self) -> bytes:
        """Return everything that was sent, and unpacked once more what of it was compressed."""
        sent = b"\n".join(map(bytes, self._received))
        return b"\n".join([sent, *_unpacked(sent)])

    @property
    def size(self) -> int:
        """Return how many bytes went over the wire, both ways."""
        return sum(map(len, (*self._received, *self._answers)))

    def close(self) -> None:
        """Take no more connections, and end those that there are."""
        for one in list(self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()
        for one in self._sockets:
            one.close()

    def _run(self, target: Callable[..., None], *args: object) -> None:
        thread = Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._server.hostname, self._server.port))
                received = bytearray()
                answered = bytearray()
                self._received.append(received)
                self._answers.append(answered)
                self._sockets += [client, server]
                self._run(_forward, client, server, received)
                self._run(_forward, server, client, answered)


@contextmanager
def tapped(endpoint: str, host: str = "127.0.0.1") -> Iterator[Wire]:
    """Forward what is sent to an endpoint, for as long as this is open."""
    wire = Wire(endpoint, host)
    try:
        yield wire
    finally:
        wire.close()


def _forward(source: socket.socket, target: socket.socket, memory: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            memory += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _unpacked(data: bytes) -> Iterator[bytes]:
    for found in _GZIP.finditer(data):
        with suppress(zlib.error):
            yield zlib.decompressobj(31).decompress(data[found.start() :])
