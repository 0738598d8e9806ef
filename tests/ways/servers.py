"""The servers that Home Assistant sends changes to, or that ask for them: each one of our own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import os
from pathlib import Path
import socket
import subprocess
from urllib.error import URLError
from urllib.request import urlopen

from tests.home.home_assistant import free_port
from tests.machine.patience import wait_until

from .packages import Program

_SECONDS_TO_START = 30
_SECONDS_TO_STOP = 10


@contextmanager
def mqtt_broker(mosquitto: Program, folder: Path) -> Iterator[int]:
    """Run a broker without passwords, and yield its port."""
    port = free_port()
    settings = folder / "mosquitto.conf"
    # Unpacked only, there is no user that it could become.
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    with _running(mosquitto, ["-c", str(settings)], folder / "mosquitto.log"):
        wait_until(lambda: _listens(port), _SECONDS_TO_START)
        yield port


@contextmanager
def prometheus_server(prometheus: Program, folder: Path, settings: str) -> Iterator[str]:
    """Run Prometheus with settings, and yield its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    path = folder / "prometheus.yml"
    path.write_text(settings)
    options = [f"--config.file={path}", f"--storage.tsdb.path={folder / 'prometheus'}"]
    options.append(f"--web.listen-address=127.0.0.1:{port}")
    with _running(prometheus, options, folder / "prometheus.log"):
        wait_until(lambda: _is_ready(f"{url}/-/ready"), _SECONDS_TO_START)
        yield url


@contextmanager
def _running(program: Program, options: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program.path), *options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=os.environ | program.environment,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _is_ready(url: str) -> bool:
    with suppress(URLError, ConnectionError), urlopen(url, timeout=1) as answer:  # noqa: S310
        return bool(answer.status == 200)
    return False
