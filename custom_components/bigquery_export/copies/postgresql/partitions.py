"""Partitions of plain PostgreSQL: one for each month, made when the first row of it comes."""

from datetime import MAXYEAR, datetime

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Literal

from ...rows.table import Table

_MONTHS = SQL("""
    SELECT DISTINCT date_trunc('month', (row ->> {})::timestamptz, 'UTC') FROM export_stage
    WHERE (SELECT relkind FROM pg_class WHERE oid = {}::regclass) = 'p'
""")
_IS_THERE = SQL("""
    SELECT FROM pg_inherits WHERE inhrelid = to_regclass({}) AND inhparent = {}::regclass
""")
_MAKE = SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)")
# With CREATE TABLE ... PARTITION OF, all readers would wait until the transaction ends.
_ATTACH = SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")


def is_partitioned(table: Table) -> bool:
    """Return whether a table grows so fast that it has a partition for each month."""
    return table.expires


def make_partitions(connection: Connection[TupleRow], table: Table, schema: str) -> None:
    """Make those that rows of the stage lack, in the transaction that inserts the rows.

    A hypertable of TimescaleDB makes its chunks itself.
    """
    name = Literal(Identifier(schema, table.name).as_string(connection))
    months = connection.execute(_MONTHS.format(Literal(table.partition_by), name))
    for (month,) in months.fetchall():
        if month is not None:  # A row without a month is rejected by itself.
            _make(connection, table, schema, month)


def _make(connection: Connection[TupleRow], table: Table, schema: str, month: datetime) -> None:
    parent = Identifier(schema, table.name)
    partition = Identifier(schema, partition_name(table, month))
    names = (Literal(one.as_string(connection)) for one in (partition, parent))
    if connection.execute(_IS_THERE.format(*names)).fetchone() is not None:
        return
    connection.execute(_MAKE.format(partition, parent))
    connection.execute(_ATTACH.format(parent, partition, Literal(month), _end(month)))


def _end(month: datetime) -> Composable:
    """Return where a month ends; the last one of Python's calendar has no end."""
    if (month.year, month.month) == (MAXYEAR, 12):
        return SQL("MAXVALUE")
    return Literal(month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1))


def partition_name(table: Table, month: datetime) -> str:
    """Return the name of the partition of a month, such as sensor_data_2026_11."""
    return f"{table.name}_{month.year:04}_{month.month:02}"
