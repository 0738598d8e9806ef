"""The names of folders and files of a copy.

    sensor_data/date=2026-11-28/2026-11-28-01K….jsonl.gz   a day that is over, in one file
    sensor_data/date=2026-11-29/part-sensor_data_….jsonl.gz one for each transaction
    sensor_data/date=2026-11-29/manifest.json
    sensor_data/sensor_data-1f2e3d4c.schema.json            the columns of files with this schema
    statistics/partition=2026-11/…
    _copy/                                                  what keeps the copy exact

A folder is a partition of the table in BigQuery: a day in UTC, and a month of tables that grow so
slowly that a day would have a few rows. Its name is Hive's, which DuckDB, Spark and BigQuery take
for a column; no table has columns of these names. All names are fit for Windows and SMB.
"""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from ...rows.table import PartitionUnit, Table

OWN = "_copy"
"""The folder of what is no data. Hive and Spark pass over names that begin so."""
SCHEMAS = "schemas"
"""The columns of all files, below it."""
MANIFEST = "manifest.json"
_KEYS = {PartitionUnit.DAY: "date", PartitionUnit.MONTH: "partition"}
_PREFIXES = {PartitionUnit.DAY: 10, PartitionUnit.MONTH: 7}
_EPOCH = date(1970, 1, 1)


def partition_of(table: Table, time: str) -> str:
    """Return the folder of rows of a time, as JSON has it: 2026-11-28T07:45:21.123456Z."""
    unit = table.partition_unit
    return f"{table.name}/{_KEYS[unit]}={time[: _PREFIXES[unit]]}"


def partition_from(table: Table, start: int) -> str:
    """Return the folder of the partition that begins with a day since 1970."""
    return partition_of(table, (_EPOCH + timedelta(days=start)).isoformat())


def moment_of(path: str) -> str:
    """Return the day or month of a folder, as its name has it."""
    return path.rpartition("=")[2]


def partition_end(path: str) -> datetime | None:
    """Return when the day or month of a folder ends, or None where there is no later one.

    Raises ValueError where the folder is not of a copy.
    """
    moment = moment_of(path)
    is_month = len(moment) == _PREFIXES[PartitionUnit.MONTH]
    first = date.fromisoformat(f"{moment}-01" if is_month else moment)
    try:
        end = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = end if is_month else first + timedelta(days=1)
    except OverflowError:
        return None
    return datetime(end.year, end.month, end.day, tzinfo=UTC)


def schema_id(table: Table) -> str:
    """Return what tells the columns of a table from others: their names, types and modes."""
    columns = "\n".join(f"{one.name} {one.type} {one.mode}" for one in table.columns)
    return sha256(columns.encode()).hexdigest()[:8]
