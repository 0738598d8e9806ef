"""Checks of the Storage Write API: transactions in write streams of type PENDING."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
import grpc

from custom_components.bigquery_export.bigquery.columnar_protobuf import varint
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.bigquery.storage_write import (
    PendingStream,
    StorageWriteDelivery,
)
from custom_components.bigquery_export.errors import (
    ColumnsUnknownError,
    TableNotFoundError,
)
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import (
    Column,
    ColumnType,
    Scope,
    Table,
    timestamp,
)

from .check import Check, DiffersError, Part, same
from .site import Site
from .values import exact_rows
from .wire import Answer, Append, append, commit

_NEW_TABLE_SECONDS = 60
_LAG_SECONDS = 150
_MEBIBYTE = 2**20


def begin(site: Site, source: str, *ids: int) -> PendingStream:
    """Return an open stream with these rows."""
    stream = site.storage_write.begin(SENSOR_DATA, source)
    rejected = stream.append([_row(site, source, id_) for id_ in ids])
    same([row.reason for row in rejected], [])
    return stream


def finished(site: Site, source: str, *ids: int) -> str:
    """Return the name of a finalized stream with these rows."""
    stream = begin(site, source, *ids)
    stream.finish()
    return stream.name


def _row(site: Site, source: str, id_: int, **more: Any) -> bytes:
    return site.storage_write.encoding(SENSOR_DATA).fragment(site.values(source, id_, **more))


def new_table(site: Site) -> str:
    """Open a stream to a table that was just made, and append to it."""

    def ready() -> bool:
        try:
            begin(site, "new", 1).close()
        except TableNotFoundError:
            return False
        return True

    seconds = site.wait("the Storage Write API to know the table", ready, _NEW_TABLE_SECONDS)
    if seconds is None:
        raise DiffersError(f"unknown after {_NEW_TABLE_SECONDS} s")
    if seconds > 1:
        raise DiffersError(f"known after {seconds:.0f} s", opens=True)
    return "known at once"


def compressed(site: Site) -> str:
    """Append rows that are compressed by gRPC's gzip."""
    site.connection.compression = grpc.Compression.Gzip
    try:
        begin(site, "compressed", *range(100)).close()
        if site.connection.compression is None:
            raise DiffersError("refused as UNIMPLEMENTED, and sent as they are")
    finally:
        site.connection.compression = None
    return "taken"


def transaction(site: Site) -> str:
    """Append twice, finalize and commit."""
    stream = begin(site, "transaction", *range(100))
    same(stream.append([_row(site, "transaction", id_) for id_ in range(100, 200)]), [])
    stream.finish()
    before = len(site.ids("transaction"))
    stream.commit()
    after = len(site.ids("transaction"))
    same(len(site.wait_for_ids("transaction", 200)), 200)
    return same((before, after), (0, 200), "200 rows counted; none before the commit, all after")


def exact(site: Site) -> str:
    """Send values of all types."""
    return exact_rows(site, site.storage_write, "streamed values")


def json_null(site: Site) -> str:
    """Send JSON null, which is another thing than NULL."""
    stream = site.storage_write.begin(SENSOR_DATA, "")
    stream.append([_row(site, "json null", 1, attributes="null")])
    stream.finish()
    stream.commit()
    site.wait_for_ids("json null", 1)
    rows = site.data(site.table.table_id, selectedFields="attributes,source")["rows"]
    (value,) = [row["f"][0]["v"] for row in rows if row["f"][1]["v"] == "json null"]
    if value not in (None, "null"):
        raise DiffersError(repr(value))
    return "NULL" if value is None else "JSON null, as the documentation has it"


def wide_numbers(site: Site) -> str:
    """Send JSON with numbers that a double cannot hold."""
    text = '{"n": 0.12345678901234567890123, "i": 123456789012345678901234567890}'
    stream = site.storage_write.begin(SENSOR_DATA, "")
    rejected = stream.append([_row(site, "wide numbers", 1, attributes=text)])
    stream.finish()
    stream.commit()
    same([row.reason for row in rejected], [])
    site.wait_for_ids("wide numbers", 1)
    return f"taken, and read as {site.rows('wide numbers')[0]['attributes']}"


def empty_stream(site: Site) -> str:
    """Commit a stream without rows."""
    return same(commit(site, finished(site, "empty")), [], "row_count 0, and committed")


def commit_again(site: Site) -> str:
    """Commit a stream twice."""
    name = finished(site, "again", 1)
    first, second = commit(site, name), commit(site, name)
    same((first, second), ([], ["STREAM_ALREADY_COMMITTED"]))
    return same(site.wait_for_ids("again", 1), [1], f"{second[0]}, and the row is there once")


def commit_unfinished(site: Site) -> str:
    """Commit a stream that is not finalized."""
    stream = begin(site, "unfinished", 1)
    stream.close()
    seen = commit(site, stream.name)
    same(seen, ["INVALID_STREAM_STATE"])
    return same(site.ids("unfinished"), [], seen[0])


def two_streams(site: Site) -> str:
    """Commit two streams at once, and two of which one cannot be."""
    first, second = finished(site, "two", 1), finished(site, "two", 2)
    unfinished = begin(site, "two", 3)
    unfinished.close()
    rejected = commit(site, first, unfinished.name)
    same(site.ids("two"), [])
    taken = commit(site, first, second)
    same(site.wait_for_ids("two", 2), [1, 2])
    return same(
        (rejected, taken),
        (["INVALID_STREAM_STATE"], []),
        "both, or neither when one is not finalized",
    )


def append_after_finalize(site: Site) -> str:
    """Append to a finalized stream."""
    name = finished(site, "finalized", 1)
    answers = append(site, name, Append([_row(site, "finalized", 2)], 1))
    return _codes(answers, [("FAILED_PRECONDITION", "STREAM_FINALIZED")])


def wrong_offsets(site: Site) -> str:
    """Append where there are rows already, after a gap, and then where it is right."""
    name = begin(site, "offsets").name
    rows = [_row(site, "offsets", 1), _row(site, "offsets", 2)]
    answers = append(site, name, Append(rows, 0), Append(rows, 0), Append(rows, 7), Append(rows, 2))
    return _codes(
        answers,
        [
            ("OK", ""),
            ("ALREADY_EXISTS", "OFFSET_ALREADY_EXISTS"),
            ("OUT_OF_RANGE", "OFFSET_OUT_OF_RANGE"),
            ("OK", ""),
        ],
    )


def commit_time(site: Site) -> str:
    """Ask for a stream before and after its commit."""
    name = finished(site, "commit time", 1)
    storage = site.connection.storage
    before = bool(storage.get_write_stream(name=name).commit_time)
    commit(site, name)
    after = bool(storage.get_write_stream(name=name).commit_time)
    return same((before, after), (False, True), "none before the commit, one after")


def unknown_stream(site: Site) -> str:
    """Ask for a stream that never was."""
    name = finished(site, "unknown", 1)
    seen = []
    for other in (f"{name[:-4]}AAAA", f"{name.rpartition('/')[0]}/never"):
        try:
            site.connection.storage.get_write_stream(name=other)
            seen.append("found")
        except GoogleAPICallError as err:
            seen.append(err.grpc_status_code.name if err.grpc_status_code else str(err))
    return same(seen, ["NOT_FOUND", "NOT_FOUND"], "NOT_FOUND, whatever the name looks like")


def settle(site: Site) -> str:
    """Settle transactions in doubt as after a crash."""
    stream = begin(site, "settled", 1)
    stream.close()
    name = finished(site, "settled", 2)
    seen = [site.storage_write.settle(SENSOR_DATA, each) for each in (stream.name, name, name)]
    same(site.wait_for_ids("settled", 1), [2])
    expected = [Outcome.NOT_COMMITTED, Outcome.COMMITTED_NOW, Outcome.COMMITTED]
    return same(seen, expected, ", ".join(outcome.name for outcome in seen))


def bounds(site: Site) -> str:
    """Append rows of long ago and of times to come to a stream of type PENDING."""
    days = (-3680, -3600, -2192, 0, 330, 400)
    rows = []
    for id_, day in enumerate(days):
        changed = timestamp(site.noon + timedelta(days=day))
        rows.append(_row(site, "bounds", id_, last_changed=changed))
    stream = begin(site, "bounds")
    rejected = stream.append(rows)
    stream.finish()
    stream.commit()
    names = [days[rows.index(row.data)] for row in rejected]
    reason = rejected[0].reason if rejected else "none"
    return same(names, [-3680, 400], f"days {names} have row_errors: {reason}")


def bad_rows(site: Site) -> str:
    """Append rows of which some are bad."""
    encoding = site.storage_write.encoding(SENSOR_DATA)
    rows = [
        _row(site, "bad rows", 1),
        encoding.fragment({"source": "bad rows", "state_id": 2}),
        _row(site, "bad rows", 3, attributes="{"),
        encoding.row(_row(site, "bad rows", 4), _no_day(encoding)),
        _row(site, "bad rows", 5),
    ]
    stream = begin(site, "bad rows")
    rejected = stream.append(rows)
    stream.finish()
    stream.commit()
    named = [rows.index(row.data) for row in rejected]
    reasons = "; ".join(row.reason for row in rejected)
    same(named, [1, 2, 3], f"row_errors: {reasons}")
    return same(site.wait_for_ids("bad rows", 2), [1, 5], f"row_errors: {reasons}")


def _no_day(encoding: ProtobufEncoding) -> bytes:
    """Return a DATETIME of the year 2026 without a month and a day."""
    (number,) = (field.number for field in encoding.descriptor.field if field.name == "local_time")
    return varint(number << 3) + varint(2026 << 46)


def large_row(site: Site) -> str:
    """Append the largest row that the integration sends."""
    stream = begin(site, "large")
    rejected = stream.append([_row(site, "large", 1, state="x" * (9 * _MEBIBYTE - 1024))])
    stream.close()
    return same([row.reason for row in rejected], [], "taken")


def large_request(site: Site) -> str:
    """Append more than a request may have."""
    name = begin(site, "large").name
    rows = [_row(site, "large", id_, state="x" * 7 * _MEBIBYTE) for id_ in range(3)]
    return _codes(append(site, name, Append(rows, 0)), [("INVALID_ARGUMENT", "")])


def extra_field(site: Site) -> str:
    """Send a column that the table does not have."""
    try:
        _send_column(site, "smoke_never_added")
    except ColumnsUnknownError as err:
        return str(err)
    raise DiffersError("it was taken")


def schema_lag(site: Site) -> str:
    """Add a column and send it until it is taken."""
    name = "smoke_added"
    _send_old(site)
    site.schema.ensure_table(_with_column(name))

    def ready() -> bool:
        try:
            _send_column(site, name)
        except ColumnsUnknownError:
            return False
        return True

    seconds = site.wait("the Storage Write API to know the column", ready, _LAG_SECONDS)
    if seconds is None:
        raise DiffersError(f"schema lag: more than {_LAG_SECONDS} s")
    return f"schema lag: {seconds:.1f} s"


def _send_old(site: Site) -> None:
    """Make sure that the table is one that the Storage Write API knows well."""
    begin(site, "lag", 1).close()


def _send_column(site: Site, name: str) -> None:
    """Append a row with one column more to a stream that is never committed."""
    table = _with_column(name)
    delivery = StorageWriteDelivery(site.connection)
    stream = delivery.begin(table, "")
    try:
        row = delivery.encoding(table).fragment(site.values("lag", 1, **{name: "x"}))
        same([each.reason for each in stream.append([row])], [])
    finally:
        stream.close()


def _with_column(name: str) -> Table:
    column = Column(name, ColumnType.STRING, Scope.ROW, "Added by the smoke test")
    return replace(SENSOR_DATA, columns=(*SENSOR_DATA.columns, column))


def _codes(answers: list[Answer], expected: list[tuple[str, str]]) -> str:
    """Return the codes of answers; raises DiffersError when they are not as expected."""
    messages = "; ".join(
        f"{answer.code} {answer.reason} {answer.place}: {answer.message}"
        for answer in answers
        if answer.code != "OK"
    )
    return same([(answer.code, answer.reason) for answer in answers], expected, messages)


_STREAM = (Part.TABLES, Part.STORAGE_WRITE)

CHECKS = (
    Check(
        "a stream to a new table",
        new_table,
        "the table is known at once",
        "a first export follows the making of the tables within a second",
        opens=Part.STORAGE_WRITE,
    ),
    Check(
        "a transaction",
        transaction,
        "nothing is seen before the commit, and all rows at once after it",
        "PendingStream: finish compares the row_count",
        needs=_STREAM,
        opens=Part.ROWS,
    ),
    Check(
        "compressed rows",
        compressed,
        "gRPC's gzip is taken, as Google's client for Java offers it",
        "the option Compress rows, which is off until this was seen",
        needs=_STREAM,
    ),
    Check(
        "values, streamed",
        exact,
        "each is as it was sent",
        "bigquery/protobuf.py",
        needs=_STREAM,
    ),
    Check(
        "JSON null, streamed",
        json_null,
        "it ends as NULL here, and is documented to be JSON null",
        "NdjsonEncoding says that load jobs cannot tell the two apart",
        needs=_STREAM,
    ),
    Check(
        "wide numbers in JSON, streamed",
        wide_numbers,
        "they are taken",
        "no attribute of a state is refused",
        needs=_STREAM,
    ),
    Check(
        "an empty stream",
        empty_stream,
        "it is finalized with 0 rows and committed",
        "a chunk of which every row was rejected is committed all the same",
        needs=_STREAM,
    ),
    Check(
        "committing again",
        commit_again,
        "stream_errors with STREAM_ALREADY_COMMITTED",
        "WriteStreams.commit takes it for success",
        needs=_STREAM,
    ),
    Check(
        "committing what is not finalized",
        commit_unfinished,
        "stream_errors with INVALID_STREAM_STATE",
        "StorageWriteDelivery.settle: NOT_COMMITTED",
        needs=_STREAM,
    ),
    Check(
        "committing two streams",
        two_streams,
        "both are committed or neither",
        "the row of export_log may one day go with the rows that it tells of",
        needs=_STREAM,
    ),
    Check(
        "appending after finalize",
        append_after_finalize,
        "FAILED_PRECONDITION with STREAM_FINALIZED, at the end of the call",
        "a transaction in doubt cannot grow",
        needs=_STREAM,
    ),
    Check(
        "wrong offsets",
        wrong_offsets,
        "ALREADY_EXISTS and OUT_OF_RANGE in answers, and the connection goes on",
        "AppendConnection.send: rows that were sent again are not there twice",
        needs=_STREAM,
    ),
    Check(
        "commit_time",
        commit_time,
        "none before the commit, one after",
        "WriteStreams.is_committed",
        needs=_STREAM,
    ),
    Check(
        "a stream that never was",
        unknown_stream,
        "NOT_FOUND",
        "StorageWriteDelivery.settle: FORGOTTEN after a minute, and each row is looked for",
        needs=_STREAM,
    ),
    Check(
        "settling",
        settle,
        "NOT_COMMITTED, COMMITTED_NOW, COMMITTED",
        "StorageWriteDelivery.settle",
        needs=_STREAM,
    ),
    Check(
        "rows far from today",
        bounds,
        "rows before 10 years ago and after a year from now have row_errors, others are in",
        "such rows are rejected rows, and stop no other; not documented for PENDING",
        needs=_STREAM,
    ),
    Check(
        "bad rows, streamed",
        bad_rows,
        "row_errors name each by its index, and none of the request is in",
        "PendingStream.append leaves them out and sends the others again",
        needs=_STREAM,
    ),
    Check(
        "a row of 9 MiB",
        large_row,
        "it is taken",
        "append_connection.REQUEST_BYTES",
        needs=_STREAM,
    ),
    Check(
        "a request of 21 MiB",
        large_request,
        "INVALID_ARGUMENT at the end of the call",
        "append_connection.REQUEST_BYTES is below the limit",
        needs=_STREAM,
    ),
    Check(
        "a column that the table lacks",
        extra_field,
        "SCHEMA_MISMATCH_EXTRA_FIELDS at the end of the call",
        "bigquery/errors.py makes ColumnsUnknownError of it, and the export is tried again",
        needs=_STREAM,
    ),
    Check(
        "schema lag",
        schema_lag,
        "a new column is known within two minutes",
        "ColumnsUnknownError is a passing trouble",
        needs=_STREAM,
    ),
)
