"""Reading hourly statistics back with all their values, by lists: free, and without a job."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from google.api_core.exceptions import NotFound
from google.cloud.bigquery import Row, SchemaField, TableReference
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..rows.columns import EXPORT_TIMESTAMP, SOURCE
from ..rows.statistics import STATISTICS
from .connection import Connection
from .listed_rows import decorator
from .streaming_buffer import StreamingBuffers

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE_ROWS = 1_000
"""Rows of a page: to parse a larger one holds up other threads for longer."""
_LOOK_ROWS = 10_000
"""Rows by which a partition is searched for installations: those of a dozen statistics."""
_EMPTY_MONTHS = 60
"""After so many months without a row no older ones are looked for."""
_TIMEOUT = 60.0
_RETRY = DEFAULT_RETRY.with_timeout(60.0)
_METADATA = (
    *("statistic_source", "name", "unit_of_measurement"),
    *("unit_class", "mean_type", "has_sum"),
)
_VALUES = ("mean", "mean_weight", "min", "max", "state", "sum")
_COLUMNS = (
    *("statistic_id", "start", "end", "last_reset", "deleted"),
    *(*_METADATA, *_VALUES, SOURCE.name, STATISTICS.id, EXPORT_TIMESTAMP.name),
)


class StatisticMetadata(NamedTuple):
    """What a row of BigQuery says of its statistic."""

    source: str | None
    name: str | None
    unit_of_measurement: str | None
    unit_class: str | None
    mean_type: str | None
    has_sum: bool | None


class HourVersion(NamedTuple):
    """A row of `statistics`: an hour as it was once exported, or what it deletes.

    Times are in microseconds since 1970.
    """

    statistic_id: str
    start: int
    end: int
    exported: int
    id: int
    deletes: bool
    metadata: StatisticMetadata
    mean: float | None
    mean_weight: float | None
    min: float | None
    max: float | None
    last_reset: int | None
    state: float | None
    sum: float | None


class ListedStatistics:
    """Reads the table `statistics` of a connection; its methods block and raise ExportError."""

    def __init__(self, connection: Connection) -> None:
        """Prepare; nothing is asked yet."""
        self._connection = connection
        self._client = connection.tables
        self._reference = connection.destination.table_reference(STATISTICS)
        self._buffers = StreamingBuffers(connection)
        self._schema: list[SchemaField] = []

    @property
    def all_are_listed(self) -> bool:
        """Return whether no row is in the streaming buffer, as far as BigQuery says."""
        return self._buffers.of(STATISTICS).oldest is None

    def months(self, today: date, first: int | None = None) -> dict[int, Mapping[str, float]]:
        """Return by month, oldest first, the installations that its first rows are of.

        Each has the earliest time of these rows, in seconds since 1970. A month is its first day
        since 1970; months without a row are left out. With `first`, it is the oldest month; else it
        is found by going back.
        """
        found: dict[int, Mapping[str, float]] = {}
        if self._is_empty:
            return found
        month = _next(STATISTICS.partition_start((today - _EPOCH.date()).days))
        empty = 0
        while month >= (first or 0) and (first is not None or empty < _EMPTY_MONTHS):
            if sources := self._sources(month):
                found[month] = sources
            empty = 0 if sources else empty + 1
            month = STATISTICS.partition_start(month - 1)
        return dict(sorted(found.items()))

    def rows(self, month: int, source: str) -> Iterator[HourVersion]:
        """Yield the rows of a month and an installation, in any order."""
        with self._connection.errors():
            try:
                pages = self._client.list_rows(
                    self._partition(month),
                    selected_fields=self._fields(_COLUMNS),
                    page_size=_PAGE_ROWS,
                    retry=_RETRY,
                    timeout=_TIMEOUT,
                ).pages
                for page in pages:
                    self._connection.wait(0)
                    for row in page:
                        if row[SOURCE.name] == source:
                            yield _version(row)
            except NotFound:  # There is no such partition yet.
                pass

    @property
    def _is_empty(self) -> bool:
        """Return whether there is no row at all, except in the streaming buffer."""
        with self._connection.errors():
            try:
                return not self._client.get_table(
                    self._reference, retry=_RETRY, timeout=_TIMEOUT
                ).num_rows
            except NotFound:
                return True

    def _sources(self, month: int) -> Mapping[str, float]:
        """Return the installations of the first rows of a month, and the earliest of them."""
        found: dict[str, float] = {}
        with self._connection.errors():
            self._connection.wait(0)
            try:
                rows = self._client.list_rows(
                    self._partition(month),
                    selected_fields=self._fields((SOURCE.name, STATISTICS.partition_by)),
                    max_results=_LOOK_ROWS,
                    retry=_RETRY,
                    timeout=_TIMEOUT,
                )
                for row in rows:
                    source, start = row[SOURCE.name], row[STATISTICS.partition_by].timestamp()
                    found[source] = min(found.get(source, start), start)
            except NotFound:  # There is no such partition.
                pass
        return found

    def _partition(self, month: int) -> TableReference:
        dataset = self._connection.destination.dataset_reference
        return dataset.table(f"{self._reference.table_id}${decorator(STATISTICS, month)}")

    def _fields(self, names: tuple[str, ...]) -> list[SchemaField]:
        """Return columns in the table's order, which the answer has, too."""
        if not self._schema:
            table = self._client.get_table(self._reference, retry=_RETRY, timeout=_TIMEOUT)
            self._schema = list(table.schema)
        return [field for field in self._schema if field.name in names]


def _next(month: int) -> int:
    return STATISTICS.partition_end(month)


def _version(row: Row) -> HourVersion:
    start = _microseconds(row["start"]) or 0
    return HourVersion(
        row["statistic_id"],
        start,
        _microseconds(row["end"]) or start,
        _microseconds(row[EXPORT_TIMESTAMP.name]) or 0,
        row[STATISTICS.id] or 0,
        bool(row["deleted"]),
        StatisticMetadata(*(row[name] for name in _METADATA)),
        row["mean"],
        row["mean_weight"],
        row["min"],
        row["max"],
        _microseconds(row["last_reset"]),
        row["state"],
        row["sum"],
    )


def _microseconds(time: datetime | None) -> int | None:
    if time is None:
        return None
    between = time - _EPOCH
    return (between.days * 86_400 + between.seconds) * 1_000_000 + between.microseconds
