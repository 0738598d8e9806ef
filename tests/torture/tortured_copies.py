"""The destinations of copies that are tortured: what breaks in them, and what they have."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from random import Random
from threading import Event
import time
from typing import Any, Protocol

import psycopg

from tests.bigquery_export.support.databases import empty_database
from tests.bigquery_export.support.postgresql_copies import SCHEMA, CopyDatabase
from tests.interop.postgresql_server import timescale_database
from tests.local_influxdb.server import Answer, LocalInfluxdb, serve

from .corrected_ledger import CORRECTED
from .recorded_keys import IDS, KEYS, Key
from .tortured_files import files

_BREAK = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE application_name = 'BigQuery Export' AND datname = current_database()"
)
_NOT_DELETED = """
    AND NOT EXISTS (
        SELECT FROM {table} AS deletion
        WHERE deletion.deleted AND deletion.statistic_id = {table}.statistic_id
          AND {table}.start >= deletion.start AND {table}.start < deletion."end"
          AND {table}.export_timestamp < deletion.export_timestamp
    )
"""
type Say = Callable[[str], None]


class TorturedCopy(Protocol):
    """A destination, while it runs."""

    kind: str
    """The type of its subentries."""

    @property
    def data(self) -> Mapping[str, Any]:
        """Return what its form is filled in with, beside the name."""

    def trouble(self, random: Random, say: Say) -> None:
        """Let something go wrong; this blocks as long as it lasts."""

    def found(self, table: str) -> Counter[Key]:
        """Return the rows that it has: of statistics those that are not deleted."""


class TorturedPostgresql:
    """A copy in a database of PostgreSQL."""

    kind = "postgresql"

    def __init__(self, database: CopyDatabase) -> None:
        """Begin without trouble."""
        self._database = database
        self.data = database.data

    def trouble(self, random: Random, say: Say) -> None:
        """Break all connections, or let the database hang for a moment."""
        if random.random() < 0.6:
            self._database.query(_BREAK)
            say("  broke the connections")
            return
        seconds = random.random() * 2
        say(f"  locked the tables for {seconds:.1f} s")
        with suppress(psycopg.Error):
            self._lock(seconds)

    def found(self, table: str) -> Counter[Key]:
        """Return the rows that it has."""
        name, moment = KEYS[table]
        id_ = IDS.get(table, "id")
        query = (
            f'SELECT {name} AS name, (extract(epoch FROM "{moment}") * 1000000)::bigint AS time,'  # noqa: S608
            f" {id_} AS id FROM {table} WHERE {id_} IS NOT NULL"
        )
        if table in CORRECTED:
            query += _NOT_DELETED.format(table=table)
        with suppress(psycopg.errors.UndefinedTable):
            rows = self._database.query(query)
            return Counter((row["name"], row["time"], row["id"]) for row in rows)
        return Counter()

    def _lock(self, seconds: float) -> None:
        with self._database.connect() as connection, connection.transaction():
            connection.execute("SET LOCAL lock_timeout = '5s'")
            connection.execute(f"LOCK TABLE {SCHEMA}.sensor_data, {SCHEMA}.export_log")
            time.sleep(seconds)


class TorturedInfluxdb:
    """A copy in a local InfluxDB."""

    kind = "influxdb"

    def __init__(self, influxdb: LocalInfluxdb) -> None:
        """Begin without trouble."""
        self._influxdb = influxdb
        self.data = influxdb.data

    def trouble(self, random: Random, say: Say) -> None:
        """Lose answers, be busy, take less at once, or hang: requests of the dead come late."""
        match random.randrange(4):
            case 0:
                self._influxdb.lost_answers = number = random.randint(1, 4)
                say(f"  loses {number} answers")
            case 1:
                number = random.randint(1, 4)
                statuses = random.choices((429, 500, 503), k=number)
                self._influxdb.answers = [
                    Answer(status, {"message": "busy"}, {"Retry-After": "1"}) for status in statuses
                ]
                say(f"  is busy for {number} requests")
            case 2:
                self._influxdb.largest = random.choice((20_000, 25_000_000))
                say(f"  takes {self._influxdb.largest} bytes at once")
            case _:
                seconds = random.random() * 2
                say(f"  hangs for {seconds:.1f} s")
                self._influxdb.hanging = ended = Event()
                time.sleep(seconds)
                self._influxdb.hanging = None
                ended.set()

    def found(self, table: str) -> Counter[Key]:
        """Return the rows that it has."""
        name, _ = KEYS[table]
        id_ = IDS.get(table, "id")
        return Counter(
            (row[name], row["time"], row[id_])
            for row in self._influxdb.rows(table)
            if id_ in row and not row.get("deleted")
        )


@contextmanager
def _postgresql(folder: Path) -> Iterator[TorturedPostgresql]:
    with empty_database("postgresql", folder) as url:
        yield TorturedPostgresql(CopyDatabase(url))


@contextmanager
def _timescaledb(folder: Path) -> Iterator[TorturedPostgresql]:
    with timescale_database(folder / "timescaledb") as url:
        yield TorturedPostgresql(CopyDatabase(url))


@contextmanager
def _influxdb(folder: Path) -> Iterator[TorturedInfluxdb]:
    local = LocalInfluxdb(2)
    with serve(local):
        yield TorturedInfluxdb(local)


TORTURED_COPIES: Mapping[str, Callable[[Path], AbstractContextManager[TorturedCopy]]] = {
    "files": files,
    "influxdb": _influxdb,
    "postgresql": _postgresql,
    "timescaledb": _timescaledb,
}
"""What runs a destination, by its name; its files are in the folder."""
