"""What a table in BigQuery is made of.

A table is declared once. The declaration drives the schema in BigQuery, the encoding of rows and
the documentation.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ColumnType(StrEnum):
    """A BigQuery type, with the Python value that this integration uses for it."""

    BOOL = "BOOL"
    DATE = "DATE"  # int, days since 1970-01-01
    DATETIME = "DATETIME"
    """int, microseconds since 1970-01-01 00:00 of the home's clock, without a zone; or str, as
    decoded rows have it: "2026-11-21 07:45:21.123456"."""
    FLOAT64 = "FLOAT64"  # a finite float
    INT64 = "INT64"
    JSON = "JSON"  # str, JSON text
    STRING = "STRING"
    TIMESTAMP = "TIMESTAMP"  # int, microseconds since 1970-01-01 UTC


class PartitionUnit(StrEnum):
    """How much time a partition holds, in UTC."""

    DAY = "DAY"
    MONTH = "MONTH"


class Mode(StrEnum):
    """Whether a column may be empty or hold many values."""

    NULLABLE = "NULLABLE"
    REQUIRED = "REQUIRED"
    REPEATED = "REPEATED"


class Scope(StrEnum):
    """How long a column's value holds, so that it is encoded once per scope and not per row."""

    RUN = "run"
    ENTITY = "entity"  # or a statistic
    ATTRIBUTES = "attributes"  # one blob of the recorder's, shared by many rows; an event's data
    QUARTER = "quarter"  # a quarter of an hour: every UTC offset in use is a multiple of it
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: ColumnType
    scope: Scope
    description: str
    mode: Mode = Mode.NULLABLE
    default_now: bool = False
    """Whether rows that others insert get the current time; this integration sends a value."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: what it holds, how BigQuery stores it, and its columns in order."""

    name: str
    description: str
    partition_by: str
    """The TIMESTAMP column that says which partition a row belongs to."""
    cluster_by: tuple[str, ...]
    columns: tuple[Column, ...]
    id: str = ""
    """The column with the recorder's id of the row."""
    identity: tuple[str, str] = ("", "")
    """The columns that identify a row: a STRING and a TIMESTAMP."""
    partition_unit: PartitionUnit = PartitionUnit.DAY
    renamed: bool = False
    """Whether the recorder may change the first column of `identity` later: sent rows keep it."""
    versions: tuple[str, ...] = ()
    """Columns whose values tell a row from what was sent before the recorder has corrected it."""
    expires: bool = False
    """Whether partitions may expire: only in tables that grow fast. Hourly statistics are kept for
    years, and all others are small."""
    filtered: bool = False
    """Whether queries may be required to filter on the partitions: only in a large table whose
    views, where it has some, have a filter of their own."""
    key: tuple[str, ...] = ()
    """In a dimension table, the columns that identify what a row is about; those of scope `entity`
    have its values."""

    def partition_start(self, day: int) -> int:
        """Return the first day of the partition that a day is in, both since 1970-01-01 UTC."""
        if self.partition_unit is PartitionUnit.DAY:
            return day
        return day + 1 - (EPOCH + timedelta(days=day)).day

    def partition_end(self, start: int) -> int:
        """Return the first day after the partition that begins with a day."""
        if self.partition_unit is PartitionUnit.DAY:
            return start + 1
        date = EPOCH + timedelta(days=start)
        return start + monthrange(date.year, date.month)[1]

    def first_time(self, start: int) -> datetime:
        """Return when the partition begins whose first day is `start`, since 1970-01-01 UTC."""
        return EPOCH + timedelta(days=start)

    def last_time(self, start: int) -> datetime:
        """Return the last microsecond of that partition, as the last of all has no end to name."""
        days = timedelta(days=self.partition_end(start) - start)
        return self.first_time(start) + (days - timedelta(microseconds=1))

    def names(self, scope: Scope) -> frozenset[str]:
        """Return the names of the columns that have a scope."""
        return frozenset(column.name for column in self.columns if column.scope is scope)


def timestamp(time: datetime) -> int:
    """Return a time as a TIMESTAMP column takes it."""
    return (time - EPOCH) // timedelta(microseconds=1)
