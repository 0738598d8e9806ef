"""TimescaleDB, where a database has it: hypertables, and what only its Community edition has.

Titles of pages are those of its documentation, https://www.tigerdata.com/docs. The Apache edition
has hypertables alone. What else there is is asked for where `timescaledb.license` says so, and
where that is refused, the copy goes on without.
"""

from collections.abc import Callable
from dataclasses import dataclass
import logging
from typing import Self

from psycopg import Connection, DatabaseError, OperationalError
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from ...rows.sensor_data import SENSOR_DATA
from ...rows.table import Table

_LOGGER = logging.getLogger(__name__)
_OLDEST = (2, 13)
"""The first version with `by_range` ("create_hypertable")."""
_COLUMNSTORE_OLDEST = (2, 18)
"""The first version in which compression has these names ("add_columnstore_policy")."""
_FIND = """
    SELECT nspname, extversion, current_setting('timescaledb.license', true)
    FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace
    WHERE extname = 'timescaledb'
"""
_IS_HYPERTABLE = """
    SELECT FROM timescaledb_information.hypertables
    WHERE hypertable_schema = %s AND hypertable_name = %s
"""
_MAKE = SQL("""
    SELECT FROM {functions}.create_hypertable(
        {name}, {functions}.by_range({time}, {chunk}::interval), create_default_indexes => false
    )
""")
_CHUNK, _CHUNK_OF_STATES = "28 days", "7 days"
"""What a chunk holds.

Indexes of the chunks that rows come to should take no more than a quarter of the memory, and few
chunks are planned faster than many ("Size hypertable chunks"). A state takes 120 bytes of indexes,
so a million a day fill the quarter of 4 GB in a week; five-minute statistics of 300 sensors come to
6 MB a day, and events to less.
"""
_COLUMNSTORE = SQL("""
    ALTER TABLE {table} SET (
        timescaledb.enable_columnstore = true, timescaledb.segmentby = {segment},
        timescaledb.orderby = {order}
    )
""")
# Home Assistant keeps rows for ten days at first, so few come later. Those that do are inserted all
# the same ("Modify your data in hypercore").
_COLUMNSTORE_POLICY = SQL("""
    CALL {functions}.add_columnstore_policy({name}, after => INTERVAL '30 days')
""")
_HOURLY = SQL("""
    CREATE MATERIALIZED VIEW {view}
    WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
    SELECT source, entity_id, {functions}.time_bucket(INTERVAL '1 hour', last_updated) AS hour,
        count(*) AS states, avg(state_numeric) AS mean, min(state_numeric) AS min,
        max(state_numeric) AS max
    FROM {table}
    GROUP BY source, entity_id, {functions}.time_bucket(INTERVAL '1 hour', last_updated)
    WITH NO DATA
""")
# Without a beginning, as rows may be of any time; hours to which none came are not computed again.
_HOURLY_POLICY = SQL("""
    SELECT {functions}.add_continuous_aggregate_policy({name}, start_offset => NULL,
        end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour')
""")


@dataclass(frozen=True, slots=True)
class Timescale:
    """The extension, for the tables of one schema. Its methods raise psycopg's errors."""

    connection: Connection[TupleRow]
    schema: str
    functions: str
    """The schema of its functions."""
    version: tuple[int, ...]
    license: str | None

    @classmethod
    def find(cls, connection: Connection[TupleRow], schema: str) -> Self | None:
        """Return it, or None where the database has none, or one that is too old."""
        row = connection.execute(_FIND).fetchone()
        if row is None:
            return None
        functions, version, license_ = row
        found = cls(connection, schema, functions, numbers_of(version), license_)
        return found if found.version >= _OLDEST else None

    @property
    def is_community(self) -> bool:
        """Return whether it has the columnstore and continuous aggregates ("Licenses")."""
        return self.license == "timescale"

    def has(self, table: Table) -> bool:
        """Return whether a table is a hypertable."""
        found = self.connection.execute(_IS_HYPERTABLE, (self.schema, table.name))
        return found.fetchone() is not None

    def make_hypertable(self, table: Table, create: Composed) -> bool:
        """Create a table as a hypertable; return whether it was, or else nothing was created.

        Its time is that of a row's identity, by which rows come in their order: a state that stays
        for months has new rows all the time, whose `last_changed` stays, too.
        """
        name, time = table.identity

        def make() -> None:
            self.connection.execute(create)
            chunk = _CHUNK_OF_STATES if table.name == SENSOR_DATA.name else _CHUNK
            self._execute(_MAKE, table.name, time=Literal(time), chunk=Literal(chunk))

        if not self._attempt(f"make {table.name} a hypertable", make):
            return False
        if self.is_community and self.version >= _COLUMNSTORE_OLDEST:
            self._attempt(f"compress {table.name}", lambda: self._compress(table.name, name, time))
        return True

    def make_hourly(self, view: str, table: Table) -> bool:
        """Make a view of hours that is kept up to date; return whether that was possible."""
        if not (self.is_community and self.has(table)):
            return False
        return self._attempt(f"keep {view} up to date", lambda: self._make_hourly(view, table.name))

    def _compress(self, table: str, name: str, time: str) -> None:
        order = Literal(f"{time} DESC")
        self._execute(_COLUMNSTORE, table, segment=Literal(name), order=order)
        self._execute(_COLUMNSTORE_POLICY, table)

    def _make_hourly(self, view: str, table: str) -> None:
        self._execute(_HOURLY, table, view=Identifier(self.schema, view))
        self._execute(_HOURLY_POLICY, view)

    def _execute(self, statement: SQL, table: str, **others: Composable) -> None:
        name = Identifier(self.schema, table)
        query = statement.format(
            functions=Identifier(self.functions),
            table=name,
            name=Literal(name.as_string(self.connection)),
            **others,
        )
        self.connection.execute(query)

    def _attempt(self, what: str, attempted: Callable[[], None]) -> bool:
        """Do all of it, or nothing where the database refuses it; return which."""
        try:
            with self.connection.transaction():
                attempted()
        except OperationalError:  # It would not do anything else now either.
            raise
        except DatabaseError as err:
            reason = err.diag.message_primary or type(err).__name__
            _LOGGER.warning("TimescaleDB refuses to %s: %s", what, reason)
            return False
        return True


def numbers_of(version: str) -> tuple[int, ...]:
    """Return a version such as 2.19.3 or 2.30.0-dev as numbers."""
    parts = version.partition("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdecimal())
