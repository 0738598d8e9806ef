"""The databases that the recorder supports, each a real one that a test has to itself.

A test that is for all of them is marked `ON_EACH_DATABASE`, which sets the fixture `database`. What
does not depend on the database is marked `ON_ANY_DATABASE`: it is tested on SQLite, and on all of
them if the environment has `EVERY_DATABASE`. The databases `postgresql_ascii` and
`postgresql_ascii_utf8` keep any bytes as text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance, session_scope
import pytest
from sqlalchemy import Connection, Engine, create_engine, insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

_DATABASES = ["sqlite", "mysql", "postgresql"]
ON_EACH_DATABASE = pytest.mark.parametrize("database", _DATABASES)
ON_ANY_DATABASE = pytest.mark.parametrize(
    "database", _DATABASES if os.environ.get("EVERY_DATABASE") else _DATABASES[:1]
)


@dataclass(frozen=True, slots=True)
class _Server:
    """A database server on this machine, and how to get one."""

    url: str
    administration: str
    """The database to make others from."""
    create: str
    drop: str
    start: str


COPIES = "copies"
"""A PostgreSQL that copies go to: the environment's COPY_SERVER, where there is one."""
_POSTGRESQL = "127.0.0.1:5432"
_START_POSTGRESQL = "docker run -d -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres:15"
_SERVERS = {
    "mysql": _Server(
        url="mysql+pymysql://root@127.0.0.1:3306/{}?charset=utf8mb4",
        administration="mysql",
        create="CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        drop="DROP DATABASE {}",
        start="docker run -d -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 mariadb:10.11",
    ),
    **{
        f"postgresql_ascii{suffix}": _Server(
            url=f"postgresql+psycopg2://postgres@127.0.0.1:5432/{{}}{query}",
            administration="postgres",
            create="CREATE DATABASE {} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"
            " TEMPLATE template0",
            drop="DROP DATABASE {} WITH (FORCE)",
            start=_START_POSTGRESQL,
        )
        for suffix, query in (("", ""), ("_utf8", "?client_encoding=utf8"))
    },
    **{
        name: _Server(
            url=f"postgresql+psycopg2://postgres@{address}/{{}}",
            administration="postgres",
            create="CREATE DATABASE {}",
            drop="DROP DATABASE {} WITH (FORCE)",
            start=_START_POSTGRESQL,
        )
        for name, address in (
            ("postgresql", _POSTGRESQL),
            (COPIES, os.environ.get("COPY_SERVER", _POSTGRESQL)),
        )
    },
}


@contextmanager
def empty_database(database: str, folder: Path) -> Iterator[str]:
    """Make an empty database, of SQLite in a folder, and yield its URL; drop it afterwards."""
    name = f"recorder_{uuid4().hex}"
    if database == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    server = _SERVERS[database]
    with _administration(database, server) as engine:
        with engine.connect() as connection:
            connection.exec_driver_sql(server.create.format(name))
        yield server.url.format(name)
        with engine.connect() as connection:
            connection.exec_driver_sql(server.drop.format(name))


@contextmanager
def _administration(database: str, server: _Server) -> Iterator[Engine]:
    """Connect to a server; skip the test where there is none, but not in continuous integration."""
    engine = create_engine(
        server.url.format(server.administration), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    try:
        engine.connect().close()
    except OperationalError as err:
        message = f"there is no {database} server; start one with: {server.start}\n{err}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    yield engine
    engine.dispose()


async def in_recorder[*Ts, T](hass: HomeAssistant, call: Callable[[*Ts], T], *args: *Ts) -> T:
    """Run a function where the recorder wants its database to be used."""
    return await get_instance(hass).async_add_executor_job(call, *args)


async def in_database[T](hass: HomeAssistant, change: Callable[[Connection], T]) -> T:
    """Use the recorder's database behind its back."""

    def use() -> T:
        with session_scope(hass=hass) as session:
            return change(session.connection())

    return await in_recorder(hass, use)


async def insert_rows(hass: HomeAssistant, model: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows into a table of the recorder; each has the same columns."""
    values = list(rows)
    await in_database(hass, lambda connection: connection.execute(insert(model.__table__), values))


async def keep_text_inline(hass: HomeAssistant, table: str, column: str) -> None:
    """Give a legacy column the type that it has where the database was made before 2022."""
    change = {
        "sqlite": None,  # A column takes any text there.
        "mysql": f"ALTER TABLE {table} MODIFY {column} LONGTEXT",
        "postgresql": f"ALTER TABLE {table} ALTER COLUMN {column} TYPE TEXT",
    }

    def alter(connection: Connection) -> None:
        if statement := change[connection.dialect.name]:
            connection.exec_driver_sql(statement)

    await in_database(hass, alter)
