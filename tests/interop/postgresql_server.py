"""A PostgreSQL of our own, with TimescaleDB in its databases or without."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import shutil
import signal
import subprocess
from tempfile import TemporaryDirectory

import psycopg

from tests.home.home_assistant import free_port

from .debian_suite import is_unpacked, unpacked
from .server_process import running, server_user

NAME = "timescaledb"
"""The folder in .tools."""
_PACKAGE = "postgresql-17-timescaledb"
_SUITE = "trixie"
_PROGRAMS = "usr/lib/postgresql/*/bin"
_SETTINGS = {
    "fsync": "off",  # Nobody pulls a plug, and the folder is deleted.
    "max_connections": "50",
}
_TIMESCALE = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
}


@dataclass(frozen=True, slots=True)
class PostgresqlServer:
    """A server on this machine that lets its user in without a password."""

    port: int
    user: str = "postgres"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection that commits each statement."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=self.user, autocommit=True
        )


def is_there() -> bool:
    """Return whether it has been unpacked."""
    return is_unpacked(NAME)


def get() -> Path:
    """Return the folder of its programs, unpacked. Raises MissingPackageError."""
    wanted = [f"{_PROGRAMS}/{name}" for name in ("initdb", "postgres")]
    folder = unpacked(NAME, suite=_SUITE, package=_PACKAGE, programs=wanted)
    (programs,) = folder.glob(_PROGRAMS)
    return programs


@contextmanager
def postgresql_server(folder: Path, *, timescale: bool) -> Iterator[PostgresqlServer]:
    """Run a server whose databases have TimescaleDB, or do not, and yield it.

    Its log is in the folder, all else in one that is deleted. Raises MissingPackageError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    programs = get()
    with _data_folder() as data:
        options = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8")
        _run(programs / "initdb", f"--pgdata={data}", "--no-sync", *options)
        server = PostgresqlServer(free_port())
        settings = {
            **_SETTINGS,
            **(_TIMESCALE if timescale else {}),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "port": str(server.port),
        }
        command = [str(programs / "postgres"), "-D", str(data), *_options(settings)]
        with running(
            command,
            folder / "server.log",
            lambda: _answers(server),
            ends_by=signal.SIGINT,
            user=server_user(),
        ):
            if timescale:  # All databases are made like this one.
                with server.connect("template1") as connection:
                    connection.execute("CREATE EXTENSION timescaledb")
            yield server


@contextmanager
def timescale_database(folder: Path) -> Iterator[str]:
    """Run a server, and yield the URL of an empty database with TimescaleDB."""
    with postgresql_server(folder, timescale=True) as server:
        with server.connect() as connection:
            connection.execute("CREATE DATABASE home")
        yield f"postgresql://{server.user}@127.0.0.1:{server.port}/home"


@contextmanager
def _data_folder() -> Iterator[Path]:
    """Make a folder that the user of the server may go to, unlike those of tests."""
    with TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if user := server_user():
            shutil.chown(folder, user)
        yield folder / "data"


def _options(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _answers(server: PostgresqlServer) -> bool:
    try:
        server.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def _run(program: Path, *arguments: str) -> None:
    command = [str(program), *arguments]
    subprocess.run(command, check=True, capture_output=True, user=server_user(), cwd="/")
