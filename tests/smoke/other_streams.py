"""Checks of write streams of the types COMMITTED and BUFFERED, whose rows are seen at once."""

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.bigquery_storage_v1 import types

from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

from .check import Check, Part, same
from .site import TIMEOUT, Site
from .wire import Append, append


def append_and_finalize(site: Site) -> str:
    """Append, append at an old offset over another connection, and finalize twice."""
    storage = site.connection.storage
    name = _new_stream(site, types.WriteStream.Type.COMMITTED)
    rows = _rows(site, "committed", 3)
    answers = [
        *append(site, name, Append(rows[:2], 0)),
        *append(site, name, Append(rows[:2], 0), Append(rows[2:], 2)),
    ]
    same([answer.reason or answer.code for answer in answers], _ANSWERS)
    counts = [storage.finalize_write_stream(name=name, timeout=TIMEOUT).row_count for _ in "12"]
    late = append(site, name, Append(rows, 3))
    same([answer.reason for answer in late], ["STREAM_FINALIZED"])
    same(site.wait_for_ids("committed", 3), [0, 1, 2])
    return same(counts, [3, 3], f"{', '.join(_ANSWERS)}; row_count 3, and 3 again")


def flush(site: Site) -> str:
    """Append, flush the first row twice, then all, finalize, and flush once more."""
    storage = site.connection.storage
    name = _new_stream(site, types.WriteStream.Type.BUFFERED)
    answers = append(site, name, Append(_rows(site, "buffered", 3), 0))
    same([answer.code for answer in answers], ["OK"])
    before = site.ids("buffered")
    flushed = [_flush(site, name, offset) for offset in (0, 0, 2)]
    same(site.wait_for_ids("buffered", 3), [0, 1, 2])
    storage.finalize_write_stream(name=name, timeout=TIMEOUT)
    late = _flush(site, name, 2)
    return same(
        (before, flushed, late),
        ([], ["0", "0", "2"], "INVALID_ARGUMENT"),
        "none is seen before, the same offset is flushed twice, and none of a finalized stream",
    )


def _new_stream(site: Site, kind: int) -> str:
    table = site.table
    request = types.CreateWriteStreamRequest(
        parent=f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}",
        write_stream=types.WriteStream(type_=kind),
    )
    name: str = site.connection.storage.create_write_stream(request, timeout=TIMEOUT).name
    return name


def _rows(site: Site, source: str, number: int) -> list[bytes]:
    encoding = site.storage_write.encoding(SENSOR_DATA)
    return [encoding.fragment(site.values(source, id_)) for id_ in range(number)]


def _flush(site: Site, name: str, offset: int) -> str:
    """Return the offset of the answer, or the code of a refusal."""
    request = types.FlushRowsRequest(write_stream=name, offset=offset)
    try:
        return str(site.connection.storage.flush_rows(request, timeout=TIMEOUT).offset)
    except GoogleAPICallError as err:
        return err.grpc_status_code.name if err.grpc_status_code else str(err)


_ANSWERS = ["OK", "OFFSET_ALREADY_EXISTS", "OK"]

CHECKS = (
    Check(
        "a stream of type COMMITTED",
        append_and_finalize,
        "an old offset ALREADY_EXISTS over another connection, and FinalizeWriteStream"
        " tells the rows as often as it is asked",
        "nothing of ours yet: rows that are seen within seconds could go this way",
        needs=(Part.TABLES, Part.STORAGE_WRITE),
    ),
    Check(
        "a stream of type BUFFERED",
        flush,
        "FlushRows shows rows up to an offset, however often; not of a finalized stream",
        "nothing of ours yet, as above",
        needs=(Part.TABLES, Part.STORAGE_WRITE),
    ),
)
