"""A proxy that answers gRPC's calls itself, with an HTTP status and a page (RFC 9113, RFC 7541)."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

_PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_STATUS = 8
"""The index of `:status` in the static table of HPACK."""


@contextmanager
def answering_pages(status: int) -> Iterator[str]:
    """Answer each call with a status; give the address. Close all clients before this ends."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                _answer(self, status)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        accepting = Thread(target=server.serve_forever, args=(0.01,))
        accepting.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            accepting.join()


def _answer(client: StreamRequestHandler, status: int) -> None:
    client.rfile.read(_PREFACE)
    client.wfile.write(_frame(_SETTINGS, 0, 0, b""))
    while head := client.rfile.read(9):
        length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
        stream = int.from_bytes(head[5:])
        client.rfile.read(length)
        if kind == _SETTINGS and not flags & _ACK:
            client.wfile.write(_frame(_SETTINGS, _ACK, 0, b""))
        if kind == _HEADERS:
            text = str(status).encode()
            fields = bytes([_STATUS, len(text)]) + text
            client.wfile.write(_frame(_HEADERS, _END_HEADERS, stream, fields))
            client.wfile.write(_frame(_DATA, _END_STREAM, stream, b"<html></html>"))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload
