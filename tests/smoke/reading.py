"""Checks of reading back by tabledata.list, on which the search for rows in doubt rests."""

from datetime import UTC, datetime, timedelta

from google.api_core.exceptions import GoogleAPICallError

from custom_components.bigquery_export.bigquery.listed_rows import ListedRows, decorator
from custom_components.bigquery_export.bigquery.streaming_buffer import StreamingBuffers
from custom_components.bigquery_export.export.delivery import Delivery
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Table, timestamp

from .catalog import GROWING
from .check import Check, DiffersError, Part, same
from .site import Site
from .values import deliver

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = 20
_PARTITION_SECONDS = 60


def look_up_streamed(site: Site) -> str:
    """Look rows up right after their commit by the Storage Write API."""
    return _look_up(site, site.storage_write, "looked up 1")


def look_up_loaded(site: Site) -> str:
    """Look rows up right after their load job."""
    return _look_up(site, site.load_job, "looked up 2")


def _look_up(site: Site, delivery: Delivery, source: str) -> str:
    sent = [site.values(source, id_) for id_ in range(_ROWS)]
    same(deliver(delivery, sent), [])
    wanted = sorted((row["entity_id"], row["last_updated"]) for row in sent)
    listed_rows = ListedRows(site.connection, source)
    day = (site.noon - _EPOCH).days

    def found() -> bool:
        return sorted(row[:2] for row in listed_rows.rows(SENSOR_DATA, day)) == wanted

    if found():
        return f"{_ROWS} of {_ROWS} rows at once by the partition's decorator"
    at_once = sum(1 for _ in listed_rows.rows(SENSOR_DATA, day))
    buffered = _buffered(site, source)
    seconds = site.wait("rows to be in their partition", found, _PARTITION_SECONDS)
    later = f"more than {_PARTITION_SECONDS}" if seconds is None else f"{seconds:.0f}"
    raise DiffersError(
        f"{at_once} of {_ROWS} rows at once, {buffered} in __UNPARTITIONED__, all after {later} s;"
        f" in tables.get the oldest row of the buffer is {_oldest(site)}"
    )


def _oldest(site: Site) -> str:
    """Return how old the oldest row in the streaming buffer is, by BigQuery's clock."""
    buffer = StreamingBuffers(site.connection).of(SENSOR_DATA)
    return "none" if buffer.oldest is None else f"{buffer.now - buffer.oldest:.0f} s old"


def _buffered(site: Site, source: str) -> str:
    """Return how many rows are where no partition is."""
    try:
        answer = site.data(f"{site.table.table_id}$__UNPARTITIONED__", selectedFields="source")
    except GoogleAPICallError as err:
        return f"an error {err.code}"
    return str(sum(row["f"][0]["v"] == source for row in answer.get("rows", [])))


def missing_partition(site: Site) -> str:
    """Look into partitions of a day and of a month that no row was ever in."""
    site.schema.ensure_table(GROWING)
    listed_rows = ListedRows(site.connection, "nobody")
    seen = []
    for table in (SENSOR_DATA, GROWING):
        start = table.partition_start(1)
        same(list(listed_rows.rows(table, start)), [])
        partition = decorator(table, start)
        seen.append(f"{partition} {_total(site, f'{_table_id(site, table)}${partition}')}")
    return f"no row: {', '.join(seen)}"


def _table_id(site: Site, table: Table) -> str:
    return site.destination.table_reference(table).table_id


def _total(site: Site, table_id: str) -> str:
    try:
        return f"has totalRows {site.data(table_id).get('totalRows')}"
    except GoogleAPICallError as err:
        return f"is answered by {err.code}"


def partition_before(site: Site) -> str:
    """Look into a partition for the rows of the day beside it."""
    listed_rows = ListedRows(site.connection, "looked up 1")
    day = (site.noon - _EPOCH).days
    return same(
        [list(listed_rows.rows(SENSOR_DATA, each)) for each in (day - 1, day + 1)],
        [[], []],
        "the days before and after have none of them",
    )


def selected_fields(site: Site) -> str:
    """Ask for columns in another order than the table's."""
    answer = site.data(
        site.table.table_id,
        selectedFields="source,last_updated,entity_id",
        maxResults=1,
        **{"formatOptions.useInt64Timestamp": True},
    )
    first, second, third = (field["v"] for field in answer["rows"][0]["f"])
    same((first, bool(third)), ("sensor.smoke", True))
    time = _EPOCH + timedelta(microseconds=int(second))
    return same(
        timestamp(time), int(second), "they come in the table's order, times in microseconds"
    )


_STREAM = (Part.TABLES, Part.STORAGE_WRITE)
_RULE = "RowLookup: rows in doubt wait until the streaming buffer says that they are listed"

STREAMED = (
    Check(
        "looking up streamed rows",
        look_up_streamed,
        "all are in their partition at once",
        _RULE,
        needs=_STREAM,
    ),
    Check("looking up the days beside", partition_before, "no row is there", _RULE, needs=_STREAM),
)
LOADED = (
    Check(
        "looking up loaded rows",
        look_up_loaded,
        "all are in their partition at once",
        _RULE,
        needs=(Part.TABLES, Part.JOBS),
    ),
)
ANY = (
    Check("a partition without rows", missing_partition, "no row, and no error", _RULE),
    Check(
        "columns that are asked for",
        selected_fields,
        "they come in the table's order",
        "listed_rows._fields names the columns in this order",
        needs=(Part.TABLES, Part.ROWS),
    ),
)
