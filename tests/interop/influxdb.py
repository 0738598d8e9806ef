"""Copies in InfluxDB 1."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import shutil
from typing import Any

import orjson
import urllib3

from custom_components.bigquery_export.copies.influxdb.influxdb_settings import InfluxdbSettings
from custom_components.bigquery_export.copies.influxdb.points import DOMAIN_TAG, Points, field_key
from custom_components.bigquery_export.rows.table import Column, ColumnType, Table
from tests.bigquery_export.support.comparable_rows import comparable_row, compared
from tests.home.client import Json
from tests.home.home_assistant import free_port
from tests.ways.packages import Program, debian_program

from .breakable_port import BreakablePort, breakable_port
from .debian_suite import TOOLS
from .odd_points import ODD, check_odd_points, write_odd_points
from .server_process import running

_DATABASE = "home"
_ADMINISTRATOR = ("admin", "adm1n")
_EXPORTER = ("exporter", "exp0rt")
_STATEMENTS = (
    "CREATE USER {0[0]} WITH PASSWORD '{0[1]}' WITH ALL PRIVILEGES",
    "CREATE DATABASE {2}",
    "CREATE USER {1[0]} WITH PASSWORD '{1[1]}'",
    "GRANT WRITE ON {2} TO {1[0]}",
)
_CONFIGURATION = """\
reporting-disabled = true
bind-address = "127.0.0.1:{backup}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  auth-enabled = true
  log-enabled = false
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
"""


def _program(name: str, package: str) -> Program:
    """Return a program of Debian's, which is unpacked once. Raises MissingPackageError."""
    folder = TOOLS / package
    found = folder / "unpacked" / "usr" / "bin" / name
    if found.exists():
        return Program(found)
    shutil.rmtree(folder, ignore_errors=True)
    return debian_program(name, folder, package=package)


@dataclass(frozen=True, slots=True)
class InfluxdbDestination:
    """InfluxDB 1, with a user who may only write, as docs/influxdb.md."""

    name: str = "influxdb1"
    subentry_type: str = "influxdb"

    @contextmanager
    def running(self, folder: Path) -> Iterator[InfluxdbCopy]:
        """Run a server with an empty database."""
        folder.mkdir(parents=True)
        program = _program("influxd", "influxdb")
        port = free_port()
        settings = folder / "influxdb.conf"
        settings.write_text(_CONFIGURATION.format(folder=folder, port=port, backup=free_port()))
        command = [str(program.path), "-config", str(settings)]
        http = _Http(port)
        with running(command, folder / "log", http.is_ready, environment=program.environment):
            for statement in _STATEMENTS:
                said = statement.format(_ADMINISTRATOR, _EXPORTER, _DATABASE)
                http.ask("POST", "/query", q=said)
            with breakable_port(port) as breakable:
                copy = InfluxdbCopy(http, breakable)
                wanted = write_odd_points(InfluxdbSettings.of(copy.fields))
                check_odd_points(wanted, copy.points(ODD))
                yield copy


class _Http:
    """Requests of a test's own to a server."""

    def __init__(self, port: int) -> None:
        self._pool = urllib3.HTTPConnectionPool("127.0.0.1", port)
        self._headers = urllib3.make_headers(basic_auth=":".join(_ADMINISTRATOR))

    def is_ready(self) -> bool:
        """Return whether the server answers."""
        try:
            return self._pool.request("GET", "/ping", retries=False).status == 204
        except urllib3.exceptions.HTTPError:
            return False

    def ask(self, method: str, path: str, **fields: str) -> bytes:
        """Return what the server answers."""
        answer = self._pool.request_encode_url(method, path, fields=fields, headers=self._headers)
        assert answer.status < 300, answer.data
        return answer.data

    def version(self) -> str:
        """Return which version the server says it has, if it does."""
        return self._pool.request("GET", "/ping").headers.get("X-Influxdb-Version", "")


@dataclass(frozen=True, slots=True)
class InfluxdbCopy:
    """The database that a copy goes to."""

    http: _Http
    breakable: BreakablePort

    @property
    def version(self) -> str:
        """Return the version of the server."""
        return self.http.version()

    @property
    def fields(self) -> Json:
        """Return the fields of the form."""
        return {
            "version": "1",
            "url": f"http://127.0.0.1:{self.breakable.port}",
            "database": _DATABASE,
            "username": _EXPORTER[0],
            "token": _EXPORTER[1],
            "verify_ssl": True,
        }

    def columns(self, table: Table) -> Sequence[Column]:
        """Return all columns but the one that says which rows were deleted: here they are gone."""
        return [column for column in table.columns if column.name != "deleted"]

    def rows(self, table: Table) -> Iterator[Mapping[str, Any]]:
        """Yield all points that are not deleted, as rows."""
        points = Points(table)
        columns = self.columns(table)
        found = (
            {column.name: _value(column, row, points) for column in columns}
            for row in self.points(table.name)
            if not row.get("deleted")
        )
        yield from distinct(table, found)

    def kept(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of BigQuery that the copy has, as it has them.

        Of statistics these are those of now; line breaks are spaces, and -0.0 is read as 0.
        """
        texts = [column.name for column in table.columns if column.type is ColumnType.STRING]
        floats = [column.name for column in table.columns if column.type is ColumnType.FLOAT64]
        for row in distinct(table, latest(table, rows)):
            yield {
                **row,
                **{name: _in_one_line(row[name]) for name in texts},
                **{name: row[name] and (float(row[name]) or 0.0) for name in floats},
            }

    def points(self, measurement: str) -> Iterator[Mapping[str, Any]]:
        """Yield all points of a measurement."""
        answer = self.http.ask(
            "GET",
            "/query",
            db=_DATABASE,
            q=f'SELECT * FROM "{measurement}"',  # noqa: S608
            epoch="u",
            chunked="true",
        )
        for line in answer.splitlines():
            for series in orjson.loads(line)["results"][0].get("series", ()):
                for values in series["values"]:
                    yield dict(zip(series["columns"], values, strict=True))

    def break_off(self) -> bool:
        """End requests that wait for an answer."""
        return self.breakable.break_off()


def _value(column: Column, row: Mapping[str, Any], points: Points) -> Any:
    if column.name == points.time:
        return row["time"]
    if column.name == DOMAIN_TAG and ":" in row.get("statistic_id", ""):
        return None  # BigQuery has no domain of external statistics.
    value = row.get(field_key(column.name))
    # The server writes whole ones without a point.
    return float(value) if column.type is ColumnType.FLOAT64 and value is not None else value


def _in_one_line(value: Any) -> Any:
    return value.replace("\n", " ").replace("\r", " ") if isinstance(value, str) else value


def distinct(table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield rows, of a dimension table those that differ in more than when it was noticed.

    Where an attempt to write them fails in the middle, the next one has noticed them later.
    """
    if not table.key:
        yield from rows
        return
    known = set()
    for row in rows:
        said = comparable_row(row, compared(table.columns))
        if said not in known:
            known.add(said)
            yield row


def latest(table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of BigQuery that are the newest of what they are about, and not deleted."""
    every = list(rows)
    if not any(column.name == "deleted" for column in table.columns):
        yield from every
        return
    newest: dict[tuple[Any, Any], Mapping[str, Any]] = {}
    deletions: dict[Any, list[tuple[int, int, int]]] = {}
    for row in sorted(every, key=lambda row: int(row["export_timestamp"])):
        if row["deleted"] in (True, "true"):
            span = (int(row["start"]), int(row["end"]), int(row["export_timestamp"]))
            deletions.setdefault(row["statistic_id"], []).append(span)
        else:
            newest[row["statistic_id"], row["start"]] = row
    for row in newest.values():
        time, exported = int(row["start"]), int(row["export_timestamp"])
        spans = deletions.get(row["statistic_id"], ())
        if not any(begin <= time < end and exported < at for begin, end, at in spans):
            yield row
