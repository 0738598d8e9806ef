"""The tables of a copy in PostgreSQL: finding them, making them, checking that they fit."""

from collections.abc import Container, Iterable, Mapping

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from ...rows.export_log import EXPORT_LOG
from ...rows.sensor_data import SENSOR_DATA
from ...rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from ...rows.table import Column, Mode, Table
from .partitions import is_partitioned
from .postgresql_errors import PostgresqlMismatchError
from .postgresql_names import FENCE, LABEL, type_of
from .server import Server
from .timescale import Timescale

_LOCK = 0x48_42_51_45  # "HBQE": so that two exports do not make the same tables at once.
_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), c.relkind
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND a.attnum > 0 AND NOT a.attisdropped
"""
_FENCE = """
    CREATE TABLE IF NOT EXISTS {} (
        source text PRIMARY KEY, token text NOT NULL, table_name text NOT NULL,
        delivery text NOT NULL, transaction text NOT NULL, log_transaction text NOT NULL,
        streams text NOT NULL, changed timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""
_HOURLY = """
    CREATE VIEW {} AS
    SELECT source, entity_id, date_trunc('hour', last_updated) AS hour, count(*) AS states,
        avg(state_numeric) AS mean, min(state_numeric) AS min, max(state_numeric) AS max
    FROM {} GROUP BY source, entity_id, date_trunc('hour', last_updated)
"""
_LATEST = """
    CREATE VIEW {} AS SELECT * FROM (
        SELECT DISTINCT ON (source, statistic_id, start) * FROM {} WHERE deleted IS NOT TRUE
        ORDER BY source, statistic_id, start, export_timestamp DESC, id DESC
    ) AS latest
    WHERE NOT EXISTS (
        SELECT FROM {} AS deletion
        WHERE deletion.deleted AND deletion.source = latest.source
          AND deletion.statistic_id = latest.statistic_id
          AND latest.start >= deletion.start AND latest.start < deletion."end"
          AND latest.export_timestamp < deletion.export_timestamp
    )
"""
_TRY = "INSERT INTO {} SELECT * FROM {} WHERE false"
HOURLY = "hourly_states"


class PostgresqlSchema:
    """Ensures the tables of one schema. Its methods block and raise ExportError."""

    def __init__(self, server: Server) -> None:
        """Prepare for the schema of a server's settings."""
        self._server = server
        self._schema = server.settings.schema

    def ensure(self, tables: Iterable[Table], source: str) -> None:
        """Make the schema, tables, columns and the fence that are missing, all or nothing.

        Makes sure that rows may be inserted, too.

        Raises PostgresqlMismatchError when a table has other columns or other partitions.
        """
        with self._server.connected() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            if not _is_there(connection, "SELECT to_regnamespace(%s)", Identifier(self._schema)):
                self._execute(connection, "CREATE SCHEMA {}", Identifier(self._schema))
            wanted = [*tables]
            timescale = Timescale.find(connection, self._schema)
            found = self._found(connection)
            for table in wanted:
                self._ensure_table(connection, table, found.get(table.name), timescale)
            self._ensure_fence(connection, source, has_fence=FENCE in found)
            for table in wanted:
                self._execute(connection, _TRY, *2 * (self.name(table.name),))
            for table in wanted:
                self._ensure_view(connection, table, found, timescale)

    def name(self, name: str) -> Identifier:
        """Return the full name of something in the schema."""
        return Identifier(self._schema, name)

    def _found(self, connection: Connection[TupleRow]) -> Mapping[str, Mapping[str, str]]:
        """Return what there is, by name: types by columns, and the kind of it by no column."""
        found: dict[str, dict[str, str]] = {}
        schema = Identifier(self._schema).as_string(connection)
        for name, column, type_, kind in connection.execute(_COLUMNS, (schema,)):
            found.setdefault(name, {"": kind})[column] = type_
        return found

    def _ensure_table(
        self,
        connection: Connection[TupleRow],
        table: Table,
        found: Mapping[str, str] | None,
        timescale: Timescale | None,
    ) -> None:
        if found is None:
            self._make(connection, table, timescale)
            return
        wrong = [
            column.name
            for column in table.columns
            if found.get(column.name, type_of(column)) != type_of(column)
        ]
        if found[""] != ("p" if is_partitioned(table) else "r"):
            is_hypertable = timescale and is_partitioned(table) and timescale.has(table)
            wrong = wrong or ([] if is_hypertable else [table.partition_by])
        if table is EXPORT_LOG and LABEL not in found:
            wrong.append(LABEL)
        if wrong:
            name = self.name(table.name).as_string(connection)
            raise PostgresqlMismatchError(table=name, columns=", ".join(wrong))
        for column in table.columns:
            if column.name not in found:
                # It cannot be NOT NULL: rows of before have none.
                add = SQL("ALTER TABLE {} ADD COLUMN {} {}").format(
                    self.name(table.name), Identifier(column.name), SQL(type_of(column))
                )
                connection.execute(add)

    def _make(
        self, connection: Connection[TupleRow], table: Table, timescale: Timescale | None
    ) -> None:
        columns: list[Composable] = [_declaration(column) for column in table.columns]
        if table is EXPORT_LOG:
            columns.append(SQL("{} text UNIQUE").format(Identifier(LABEL)))
        name = self.name(table.name)
        plain = SQL("CREATE TABLE {} ({})").format(name, SQL(", ").join(columns))
        if not is_partitioned(table):
            connection.execute(plain)
        elif not (timescale and timescale.make_hypertable(table, plain)):
            by = SQL(" PARTITION BY RANGE ({})").format(Identifier(table.partition_by))
            connection.execute(plain + by)
        indexed = [one for one in table.identity if one] or [*table.cluster_by, table.partition_by]
        self._index(connection, table, indexed)
        if table.partition_by not in indexed:
            self._index(connection, table, [table.partition_by])
        self._execute(connection, "COMMENT ON TABLE {} IS {}", name, Literal(table.description))
        for column in table.columns:
            comment = SQL("COMMENT ON COLUMN {}.{} IS {}").format(
                name, Identifier(column.name), Literal(column.description)
            )
            connection.execute(comment)

    def _index(
        self, connection: Connection[TupleRow], table: Table, columns: Iterable[str]
    ) -> None:
        indexed = SQL(", ").join(map(Identifier, columns))
        self._execute(connection, "CREATE INDEX ON {} ({})", self.name(table.name), indexed)

    def _ensure_view(
        self,
        connection: Connection[TupleRow],
        table: Table,
        found: Container[str],
        timescale: Timescale | None,
    ) -> None:
        """Make the view of a table, if it has one and that is missing; a user may change it."""
        rows = self.name(table.name)
        is_missing = table.name == SENSOR_DATA.name and HOURLY not in found
        if is_missing and not (timescale and timescale.make_hourly(HOURLY, table)):
            self._execute(connection, _HOURLY, self.name(HOURLY), rows)
        latest = f"{table.name}_latest"
        if table in (STATISTICS, STATISTICS_SHORT_TERM) and latest not in found:
            self._execute(connection, _LATEST, self.name(latest), rows, rows)

    def _ensure_fence(
        self, connection: Connection[TupleRow], source: str, *, has_fence: bool
    ) -> None:
        """Make a fence with no token, unless rows may have been sent before: then there is none."""
        fence, log = self.name(FENCE), self.name(EXPORT_LOG.name)
        if not has_fence:
            self._execute(connection, _FENCE, fence)
        sent = SQL("SELECT 1 FROM {} WHERE source = %s LIMIT 1").format(log)
        if connection.execute(sent, (source,)).fetchone() is None:
            begin = SQL(
                "INSERT INTO {} (source, token, table_name, delivery, transaction, log_transaction,"
                " streams) VALUES (%s, '', '', '', '', '', '') ON CONFLICT DO NOTHING"
            )
            connection.execute(begin.format(fence), (source,))

    def _execute(
        self, connection: Connection[TupleRow], statement: str, *names: Composable
    ) -> None:
        connection.execute(SQL(statement).format(*names))


def _is_there(connection: Connection[TupleRow], query: str, name: Identifier) -> bool:
    row = connection.execute(query, (name.as_string(connection),)).fetchone()
    return row is not None and row[0] is not None


def _declaration(column: Column) -> Composable:
    required = " NOT NULL" if column.mode is Mode.REQUIRED else ""
    return SQL("{} {}{}").format(Identifier(column.name), SQL(type_of(column)), SQL(required))
