"""Checks of reading back by tabledata.list, on which the search for rows in doubt rests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError

from custom_components.bigquery_export.bigquery.listed_rows import ListedRows, decorator
from custom_components.bigquery_export.bigquery.row_count_query import RowCountQuery
from custom_components.bigquery_export.bigquery.row_lookup import RowLookup
from custom_components.bigquery_export.bigquery.streaming_buffer import StreamingBuffers
from custom_components.bigquery_export.export.delivery import Delivery
from custom_components.bigquery_export.rows.schema_changes import SCHEMA_CHANGES
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Table, timestamp
from custom_components.bigquery_export.source.source_table import IdRange

from .catalog import GROWING
from .check import Check, DiffersError, Part, same
from .site import Site
from .values import deliver

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = 20
_PARTITION_SECONDS = 60
_DAY = 86_400_000_000


def look_up_streamed(site: Site) -> str:
    """Look rows up right after their commit by the Storage Write API."""
    return _look_up(site, site.storage_write, _states(site, "looked up 1"))


def look_up_loaded(site: Site) -> str:
    """Look rows up right after their load job."""
    return _look_up(site, site.load_job, _states(site, "looked up 2"))


def look_up_old_day(site: Site) -> str:
    """Look streamed rows up that belong to a day of the week before."""
    return _look_up(site, site.storage_write, _states(site, "looked up 3", days=8))


def look_up_month(site: Site) -> str:
    """Look streamed rows up in a table with a partition for each month."""
    site.schema.ensure_table(SCHEMA_CHANGES)
    times = [timestamp(site.noon) + id_ for id_ in range(_ROWS)]
    rows = [
        {"changed": time, "source": "looked up 4", "change_id": id_, "schema_version": 53}
        | {"export_id": "smoke", "export_timestamp": time}
        for id_, time in enumerate(times)
    ]
    return _look_up(site, site.storage_write, rows, SCHEMA_CHANGES)


def rows_in_doubt(site: Site) -> str:
    """Ask, right after a commit, whether its rows can be looked up already, as Force does."""
    rows = _states(site, "looked up 5")
    same(deliver(site.storage_write, rows), [])
    lookup = RowLookup(site.connection, "looked up 5")
    now = StreamingBuffers(site.connection).of(SENSOR_DATA).now
    seconds = lookup.seconds_until_known(SENSOR_DATA, round(now * 1000), query=False)
    found = sum(1 for _ in lookup.rows(SENSOR_DATA, (site.noon - _EPOCH).days))
    seen = f"{found} of {_ROWS} rows are listed, and the export would wait for {seconds:.0f} s"
    if not seconds and found < _ROWS:
        raise DiffersError(f"{seen}: the others would be sent again")
    return seen


def count_by_query(site: Site) -> str:
    """Count rows by a query with a cap and a label, right after their commit."""
    rows = _states(site, "counted")
    same(deliver(site.load_job, rows), [])
    day = (site.noon - _EPOCH).days
    everything = (IdRange(-1, _ROWS), IdRange(_ROWS, _ROWS))
    query = RowCountQuery(site.connection, "counted")
    size = query.size(SENSOR_DATA, range(day, day + 1), everything)
    counted = list(query.rows(SENSOR_DATA, range(day, day + 1), everything))
    text = f"{_ROWS} rows, {size} bytes by the dry run"
    return same([(row.day, row.rows) for row in counted], [(day, _ROWS)], text)


def _states(site: Site, source: str, days: int = 0) -> list[dict[str, Any]]:
    """Return rows of a day before the one that most rows are of."""
    start = timestamp(site.noon - timedelta(days=days))
    return [
        site.values(source, id_, last_changed=start + id_, last_updated=start + id_)
        for id_ in range(_ROWS)
    ]


def _look_up(
    site: Site, delivery: Delivery, sent: list[dict[str, Any]], table: Table = SENSOR_DATA
) -> str:
    same(deliver(delivery, sent, table), [])
    name, time = table.identity
    wanted = sorted((row[name], row[time]) for row in sent)
    source = sent[0]["source"]
    listed_rows = ListedRows(site.connection, source)
    start = table.partition_start(sent[0][table.partition_by] // _DAY)

    def found() -> bool:
        return sorted(row[:2] for row in listed_rows.rows(table, start)) == wanted

    if found():
        return f"{_ROWS} of {_ROWS} rows at once by the partition's decorator"
    at_once = sum(1 for _ in listed_rows.rows(table, start))
    buffered = _buffered(site, table, source)
    seconds = site.wait("rows to be in their partition", found, _PARTITION_SECONDS)
    later = f"more than {_PARTITION_SECONDS}" if seconds is None else f"{seconds:.0f}"
    raise DiffersError(
        f"{at_once} of {_ROWS} rows at once, {buffered} in __UNPARTITIONED__, all after {later} s;"
        f" in tables.get the oldest row of the buffer is {_oldest(site, table)}"
    )


def _oldest(site: Site, table: Table) -> str:
    """Return how old the oldest row in the streaming buffer is, by BigQuery's clock."""
    buffer = StreamingBuffers(site.connection).of(table)
    return "none" if buffer.oldest is None else f"{buffer.now - buffer.oldest:.0f} s old"


def _buffered(site: Site, table: Table, source: str) -> str:
    """Return how many rows are where no partition is."""
    try:
        answer = site.data(f"{_table_id(site, table)}$__UNPARTITIONED__", selectedFields="source")
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
    Check(
        "looking up streamed rows of the week before",
        look_up_old_day,
        "all are in their partition at once",
        _RULE,
        needs=_STREAM,
    ),
    Check(
        "looking up streamed rows of a month",
        look_up_month,
        "all are in their partition at once",
        _RULE,
        needs=_STREAM,
    ),
    Check(
        "rows in doubt right after their commit",
        rows_in_doubt,
        "all are listed, or tables.get says that the export has to wait",
        "Force and Verify: nothing that was sent a moment ago is sent again",
        needs=_STREAM,
    ),
)
LOADED = (
    Check(
        "looking up loaded rows",
        look_up_loaded,
        "all are in their partition at once",
        _RULE,
        needs=(Part.TABLES, Part.JOBS),
    ),
    Check(
        "counting by a query",
        count_by_query,
        "it counts all, reads no more than its dry run says, and takes the label",
        "RowCountQuery: Verify, where the key may run jobs",
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
