"""The databases of older versions: put back where a recorder finds them, and copied to compare."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
import gzip
from pathlib import Path
import sqlite3
from typing import Any

from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Older:
    """A database as an older Home Assistant left it."""

    name: str
    schema: int
    database: str = "sqlite"
    change: str = ""
    """SQL that was run on it since."""
    rebuilt: bool = False
    """Whether Home Assistant makes the table of the states anew."""

    def restore(self, url: str) -> None:
        """Put the database where there is an empty one."""
        if self.database == "sqlite":
            path = Path(make_url(url).database or "")
            path.write_bytes(gzip.decompress((HERE / f"{self.name}.db.gz").read_bytes()))
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(self.change)
            return
        dump = gzip.decompress((HERE / f"{self.name}.{self.database}.sql.gz").read_bytes()).decode()
        # MariaDB's client library takes many statements at once only when it is asked to.
        arguments = {"client_flag": _MANY_STATEMENTS} if self.database == "mysql" else {}
        with opened(url, **arguments) as engine, closing(engine.raw_connection()) as connection:
            with closing(connection.cursor()) as cursor:
                cursor.execute(dump)
                # Each statement of MariaDB has a result, and an error shows in its own.
                while self.database == "mysql" and cursor.nextset():
                    pass
            connection.commit()


_MANY_STATEMENTS = 1 << 16
"""CLIENT.MULTI_STATEMENTS of MariaDB's protocol."""


@contextmanager
def opened(url: str, **arguments: Any) -> Iterator[Engine]:
    """Open a recorder's database beside the recorder, and leave no connection behind."""
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
    yield engine
    engine.dispose()


def copy_to_sqlite(url: str, path: Path) -> None:
    """Copy the rows of a recorder's database to a file, with values as the recorder keeps there."""
    with (
        opened(url) as engine,
        engine.connect() as recorder,
        closing(sqlite3.connect(path)) as copy,
    ):
        for table in inspect(engine).get_table_names():
            rows = recorder.exec_driver_sql(f"SELECT * FROM {table}")  # noqa: S608 - our own
            columns = [f'"{name}"' for name in rows.keys()]  # noqa: SIM118 - rows are no dict
            copy.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            copy.executemany(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})",  # noqa: S608
                (tuple(map(_in_sqlite, row)) for row in rows),
            )
        copy.commit()


def _in_sqlite(value: object) -> object:
    """Return a value as it is in SQLite: times are text there, in UTC."""
    if isinstance(value, datetime):
        in_utc = value.astimezone(UTC) if value.tzinfo else value
        return in_utc.strftime("%Y-%m-%d %H:%M:%S.%f")
    return bytes(value) if isinstance(value, memoryview) else value
