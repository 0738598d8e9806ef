"""A port that passes bytes on to a server, until the connections are broken off."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import socket
from threading import Lock, Thread

_BYTES = 65_536


class _Connection:
    """A connection of a client's, and the one to the server that belongs to it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._ends = (client, server)
        self.is_waiting = False
        """Whether the client has sent something, and has no answer yet."""
        self._threads = [
            Thread(target=self._pass_on, args=way, daemon=True)
            for way in ((client, server, True), (server, client, False))
        ]
        for thread in self._threads:
            thread.start()

    def break_off(self) -> None:
        """End both, as a network does that goes away."""
        for one in self._ends:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End both, with their threads."""
        self.break_off()
        for thread in self._threads:
            thread.join(10)
        for one in self._ends:
            one.close()

    def _pass_on(self, one: socket.socket, other: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while found := one.recv(_BYTES):
                self.is_waiting = asks
                other.sendall(found)
        self.break_off()


class BreakablePort:
    """Passes on what comes to a port of its own."""

    def __init__(self, target: int) -> None:
        """Listen; `target` is the server's port."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[_Connection] = []
        self._lock = Lock()
        self.port: int = self._listener.getsockname()[1]

    def break_off(self) -> bool:
        """End connections that wait for an answer; return whether there were any."""
        with self._lock:
            waiting = [one for one in self._connections if one.is_waiting]
            self._connections = [one for one in self._connections if not one.is_waiting]
        for one in waiting:
            one.close()
        return bool(waiting)

    def serve(self) -> None:
        """Take connections until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                with self._lock:
                    self._connections.append(_Connection(client, server))

    def close(self) -> None:
        """End all."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._connections:
            one.close()


@contextmanager
def breakable_port(target: int) -> Iterator[BreakablePort]:
    """Pass on to a server's port as long as this lasts."""
    port = BreakablePort(target)
    thread = Thread(target=port.serve, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        port.close()
        thread.join(10)
