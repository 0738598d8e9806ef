"""Checks of write streams of type COMMITTED, whose rows are seen at once."""

from google.cloud.bigquery_storage_v1 import types

from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

from .check import Check, Part, same
from .site import TIMEOUT, Site
from .wire import Append, append


def append_and_finalize(site: Site) -> str:
    """Append, append at an old offset over another connection, and finalize twice."""
    storage = site.connection.storage
    table = site.table
    parent = f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}"
    request = types.CreateWriteStreamRequest(
        parent=parent, write_stream=types.WriteStream(type_=types.WriteStream.Type.COMMITTED)
    )
    name = storage.create_write_stream(request, timeout=TIMEOUT).name
    encoding = site.storage_write.encoding(SENSOR_DATA)
    rows = [encoding.fragment(site.values("committed", id_)) for id_ in range(3)]
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
)
