"""Checks of what the Storage Write API knows right after something was made."""

from google.api_core.exceptions import NotFound
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types

from .check import Check, DiffersError, Part
from .site import RETRY, TIMEOUT, Site

_TRIALS = 20
_SECONDS = 60
_SCHEMA = [bigquery.SchemaField("source", "STRING")]


def streams_at_once(site: Site) -> str:
    """Make tables, open a stream to each at once, and ask for that stream at once."""
    tables: list[float] = []
    streams = 0
    for number in range(_TRIALS):
        reference = site.destination.dataset_reference.table(f"new_{number}")
        site.client.create_table(
            bigquery.Table(reference, schema=_SCHEMA), retry=RETRY, timeout=TIMEOUT
        )
        name, seconds = _open(site, reference)
        if seconds:
            tables.append(seconds)
        streams += not _is_known(site, name)
    if tables or streams:
        longest = f", the longest for {max(tables):.1f} s" if tables else ""
        raise DiffersError(
            f"{len(tables)} of {_TRIALS} tables were NOT_FOUND at first{longest},"
            f" and {streams} streams"
        )
    return f"{_TRIALS} tables and {_TRIALS} streams, each known at once"


def _open(site: Site, table: bigquery.TableReference) -> tuple[str, float]:
    """Return the name of a new stream, and the seconds after which the table was known."""
    parent = f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}"
    request = types.CreateWriteStreamRequest(
        parent=parent, write_stream=types.WriteStream(type_=types.WriteStream.Type.PENDING)
    )
    names: list[str] = []

    def ready() -> bool:
        try:
            stream = site.connection.storage.create_write_stream(
                request, retry=None, timeout=TIMEOUT
            )
        except NotFound:
            return False
        names.append(stream.name)
        return True

    if ready():
        return names[0], 0.0
    seconds = site.wait("the Storage Write API to know a table", ready, _SECONDS)
    if seconds is None:
        raise DiffersError(f"a table is unknown after {_SECONDS} s")
    return names[0], seconds


def _is_known(site: Site, name: str) -> bool:
    try:
        site.connection.storage.get_write_stream(name=name, retry=None, timeout=TIMEOUT)
    except NotFound:
        return False
    return True


CHECKS = (
    Check(
        "streams to 20 new tables",
        streams_at_once,
        "each table, and each stream, is known at once",
        "a passing NOT_FOUND is waited for, and that of a stream is not believed at once",
        needs=(Part.TABLES, Part.STORAGE_WRITE),
    ),
)
