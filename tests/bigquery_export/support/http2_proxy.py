"""A proxy that answers gRPC's calls itself, with an HTTP status and a page (RFC 9113, RFC 7541)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import socket
from threading import Thread

_PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_STATUS = 8
"""The index of `:status` in the static table of HPACK."""


@contextmanager
def answering_pages(status: int) -> Iterator[str]:
    """Answer each call with a status; give the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_accept, args=(listener, status), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, status: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            Thread(target=_serve, args=(client, status), daemon=True).start()


def _serve(client: socket.socket, status: int) -> None:
    with suppress(OSError, EOFError), client, client.makefile("rb") as received:
        received.read(_PREFACE)
        client.sendall(_frame(_SETTINGS, 0, 0, b""))
        while head := received.read(9):
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            stream = int.from_bytes(head[5:])
            received.read(length)
            if kind == _SETTINGS and not flags & _ACK:
                client.sendall(_frame(_SETTINGS, _ACK, 0, b""))
            if kind == _HEADERS:
                text = str(status).encode()
                fields = bytes([_STATUS, len(text)]) + text
                client.sendall(_frame(_HEADERS, _END_HEADERS, stream, fields))
                client.sendall(_frame(_DATA, _END_STREAM, stream, b"<html></html>"))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload
