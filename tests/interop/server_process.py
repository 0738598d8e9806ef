"""A server of our own, which ends when this process does, however that ends."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
import os
from pathlib import Path
import pwd
import signal
import subprocess

from tests.machine.patience import wait_until

_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 30
# Its input ends when nobody holds the other side any more.
_KEEPER = """
"$@" </dev/null & server=$!
cat >/dev/null
kill -s "$SERVER_ENDS_BY" "$server" 2>/dev/null
wait "$server"
"""


def server_user() -> str | None:
    """Return whom a server runs as that refuses to be root's; None where this is not root."""
    if os.geteuid() != 0:
        return None
    users = {one.pw_name for one in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in users), None)


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    is_ready: Callable[[], bool],
    *,
    ends_by: signal.Signals = signal.SIGTERM,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server that writes to a log, once it is ready, and end it by a signal."""
    ends = {"SERVER_ENDS_BY": ends_by.name.removeprefix("SIG")}
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            user=user,
            start_new_session=True,  # Ctrl-C in a terminal is for this process alone.
            env=os.environ | (environment or {}) | ends,
        )
    try:
        wait_until(is_ready, _SECONDS_TO_START)
        yield
    finally:
        keeper.communicate(timeout=_SECONDS_TO_STOP)
