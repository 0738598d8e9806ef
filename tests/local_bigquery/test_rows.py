"""Rows of an append: what arrives, and what is refused row by row."""

from datetime import UTC, date, datetime, timedelta
import json
from typing import Any

from google.cloud import bigquery
from google.cloud.bigquery import SchemaField
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
import pytest

from .clients import RowType, append, append_request, new_stream
from .process import Json, LocalBigQuery

COLUMNS = (
    ("id", "INT64", "REQUIRED", "int64"),
    ("text", "STRING", "NULLABLE", "string"),
    ("seen", "TIMESTAMP", "NULLABLE", "int64"),
    ("at", "TIMESTAMP", "NULLABLE", "int64"),
    ("day", "DATE", "NULLABLE", "int32"),
    ("local", "DATETIME", "NULLABLE", "string"),
    ("packed", "DATETIME", "NULLABLE", "int64"),
    ("facts", "JSON", "NULLABLE", "string"),
    ("value", "FLOAT64", "NULLABLE", "double"),
    ("flag", "BOOL", "NULLABLE", "bool"),
    ("labels", "STRING", "REPEATED", "string"),
    ("end", "INT64", "NULLABLE", "int64"),
)
ROW = RowType(
    *(
        (name, protobuf_type, "repeated" if mode == "REPEATED" else "optional")
        for name, _, mode, protobuf_type in COLUMNS
    )
)


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the path of a table with a column of every type, partitioned by `seen`."""
    schema = [SchemaField(name, type_, mode) for name, type_, mode, _ in COLUMNS]
    table = bigquery.Table(f"{project}.{dataset}.t", schema=schema)
    table.time_partitioning = bigquery.TimePartitioning(field="seen")
    client.create_table(table)
    return f"projects/{project}/datasets/{dataset}/tables/t"


def send(writer: BigQueryWriteClient, table: str, rows: list[bytes]) -> types.AppendRowsResponse:
    """Append serialized rows to the default stream."""
    stream = f"{table}/streams/_default"
    (response,) = append(writer, stream, [append_request(stream, rows, ROW)])
    return response


def stored(client: bigquery.Client, project: str, dataset: str) -> list[Json]:
    """Return the rows of the table as Google's client reads them."""
    rows = client.query_and_wait(f"SELECT * FROM `{project}.{dataset}.t` ORDER BY id")  # noqa: S608
    return [dict(row.items()) for row in rows]


def microseconds(value: datetime) -> int:
    """Return what a TIMESTAMP is in a protobuf row."""
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def pack(value: datetime) -> int:
    """Return the civil time encoding of a DATETIME."""
    packed = value.year
    for bits, part in ((4, value.month), (5, value.day), (5, value.hour), (6, value.minute)):
        packed = packed << bits | part
    return (packed << 6 | value.second) << 20 | value.microsecond


VALUES: list[tuple[str, Any, Any]] = [
    ("text", "", ""),
    ("text", "a\nb\r\n\t\"'\\,", "a\nb\r\n\t\"'\\,"),
    ("text", "grüß 温度 \U0001f321 \u2028\ufeff\ue000\uffff", None),
    ("text", "before\0after", None),
    ("text", "\x01\x7f\x80", None),
    ("text", "null", None),
    ("text", "x" * 1_000_000, None),
    ("at", 0, datetime(1970, 1, 1, tzinfo=UTC)),
    ("at", 1, datetime(1970, 1, 1, microsecond=1, tzinfo=UTC)),
    ("at", 1_795_247_912_807_123, datetime(2026, 11, 21, 7, 58, 32, 807_123, UTC)),
    ("at", 4_102_444_800_000_000, datetime(2100, 1, 1, tzinfo=UTC)),
    ("at", -62_135_596_800_000_000, datetime(1, 1, 1, tzinfo=UTC)),
    ("at", 253_402_300_799_999_999, datetime.max.replace(tzinfo=UTC)),
    ("day", 0, date(1970, 1, 1)),
    ("day", 20_778, date(2026, 11, 21)),
    ("local", "2026-03-29 02:30:00", datetime(2026, 3, 29, 2, 30)),
    ("local", "2026-11-21T08:00:00.000001", datetime(2026, 11, 21, 8, 0, 0, 1)),
    ("packed", pack(datetime(2027, 7, 21, 8, 30, 59, 1)), datetime(2027, 7, 21, 8, 30, 59, 1)),
    ("value", 0.1, 0.1),
    ("value", -0.0, -0.0),
    ("value", 5e-324, 5e-324),
    ("value", 1.7976931348623157e308, 1.7976931348623157e308),
    ("value", float("inf"), float("inf")),
    ("flag", False, False),
    ("labels", ["b", "", "a", "b"], ["b", "", "a", "b"]),
    ("end", -(2**63), -(2**63)),
    ("end", 2**63 - 1, 2**63 - 1),
]


def test_values_arrive_as_they_were_sent(
    client: bigquery.Client, writer: BigQueryWriteClient, project: str, dataset: str, table: str
) -> None:
    """Text, times, numbers and arrays come back exactly; None as expectation means unchanged."""
    rows = [{"id": id_, column: sent} for id_, (column, sent, _) in enumerate(VALUES)]
    response = send(writer, table, ROW.serialized(rows))
    assert not response.error.code, response
    for row, (column, sent, expected) in zip(stored(client, project, dataset), VALUES, strict=True):
        assert row[column] == (sent if expected is None else expected)


JSON_TEXTS = [
    "{}",
    "[]",
    '"text"',
    "1.50",
    '{"b": 1, "a": {"n": null, "t": "grüß\\n\\u0000"}}',
    '{\n  "pretty": [1,\r\n 2]\n}',
    json.dumps({"long": "x" * 16_384}),
    json.dumps({f"key{number}": number / 7 for number in range(1000)}),
    "[" * 500 + "]" * 500,
]


def test_json_keeps_its_meaning(
    local_bigquery: LocalBigQuery,
    writer: BigQueryWriteClient,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """A JSON column holds the value that its text says, up to 500 levels deep."""
    rows = [{"id": id_, "facts": text} for id_, text in enumerate(JSON_TEXTS)]
    response = send(writer, table, ROW.serialized(rows))
    assert not response.error.code, response
    sql = f"SELECT TO_JSON_STRING(facts) AS facts FROM `{project}.{dataset}.t` ORDER BY id"  # noqa: S608
    facts = [json.loads(row["facts"]) for row in local_bigquery.query(sql, project)]
    assert facts == [json.loads(text) for text in JSON_TEXTS]


def test_json_can_be_read_by_path(
    local_bigquery: LocalBigQuery,
    writer: BigQueryWriteClient,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """A JSON column is not text: SQL reaches into it, also into an empty object."""
    texts = ['{"unit": "W", "n": {"x": 1}}', "{}"]
    rows = [{"id": id_, "facts": text} for id_, text in enumerate(texts)]
    send(writer, table, ROW.serialized(rows))
    sql = f"SELECT JSON_VALUE(facts, '$.unit') AS unit FROM `{project}.{dataset}.t` ORDER BY id"  # noqa: S608
    assert local_bigquery.query(sql, project) == [{"unit": "W"}, {"unit": None}]


def test_null_is_not_empty(
    client: bigquery.Client, writer: BigQueryWriteClient, project: str, dataset: str, table: str
) -> None:
    """A field that is not set is NULL (and no labels are an empty array); a zero value is kept."""
    zeros = {"text": "", "at": 0, "day": 0, "facts": "null", "value": 0.0, "flag": False, "end": 0}
    send(writer, table, ROW.serialized([{"id": 0}, {"id": 1, **zeros}]))
    nothing, zero = stored(client, project, dataset)
    assert [nothing[name] for name in zeros] == [None] * len(zeros)
    assert nothing["labels"] == []
    assert [zero[name] for name in ("text", "value", "flag", "end")] == ["", 0.0, False, 0]
    assert zero["at"] == datetime(1970, 1, 1, tzinfo=UTC)


GOOD = ROW.serialized([{"id": 1}])[0]


BAD_ROWS: list[tuple[bytes | Json, str]] = [
    (b"\xff\xff\xff", "cannot be parsed"),
    ({"text": "no id"}, "id"),
    ({"id": 1, "facts": "{"}, "facts"),
    ({"id": 1, "facts": ""}, "facts"),
    ({"id": 1, "facts": "{'a': 1}"}, "facts"),
    ({"id": 1, "facts": '{"a": NaN}'}, "facts"),
    ({"id": 1, "facts": "[" * 501 + "]" * 501}, "500"),
    ({"id": 1, "at": -62_135_596_800_000_001}, "at"),
    ({"id": 1, "at": 253_402_300_800_000_000}, "at"),
    ({"id": 1, "day": 2_932_897}, "day"),
    ({"id": 1, "local": "29.03.2026"}, "local"),
    ({"id": 1, "local": "2026-03-29T02:30:00+01:00"}, "local"),
    ({"id": 1, "packed": 1}, "packed"),
    (b"\x08\x01\x12\x02\xff\xfe", "UTF-8"),
    (b"\x08\x01\x5a\x02\xff\xfe", "UTF-8"),
]


def test_bad_rows_are_named_and_nothing_is_appended(
    writer: BigQueryWriteClient, table: str
) -> None:
    """The response tells the index, code and reason of each bad row; the good ones stay out too."""
    stream = new_stream(writer, table)
    rows = [GOOD]
    for bad, _ in BAD_ROWS:
        rows += [bad if isinstance(bad, bytes) else ROW.serialized([bad])[0], GOOD]
    rejected, taken = append(
        writer, stream, [append_request(stream, rows, ROW), append_request(None, [GOOD])]
    )
    assert rejected.error.code == 3
    assert [error.index for error in rejected.row_errors] == list(range(1, len(rows), 2))
    for error, (_, message) in zip(rejected.row_errors, BAD_ROWS, strict=True):
        assert error.code == types.RowError.RowErrorCode.FIELDS_ERROR
        assert message in error.message
    assert taken.append_result.offset == 0


def test_the_partition_of_a_row_is_near_today(writer: BigQueryWriteClient, table: str) -> None:
    """A partition column takes at most 10 years in the past and 1 year in the future."""
    days = (-3660, -3640, 0, 360, 370)
    seen = [microseconds(datetime.now(UTC) + timedelta(days=day)) for day in days]
    rows = [{"id": 1, "seen": value} for value in seen]
    response = send(writer, table, ROW.serialized(rows))
    assert [error.index for error in response.row_errors] == [0, 4]
    assert "outside the allowed bounds" in response.row_errors[0].message


def test_a_load_is_not_bound_by_that(
    local_bigquery: LocalBigQuery, project: str, dataset: str, table: str
) -> None:
    """The bounds are those of streaming: SQL writes any partition."""
    name = f"`{project}.{dataset}.t`"
    local_bigquery.query(
        f"INSERT INTO {name} (id, seen) VALUES (1, TIMESTAMP '1999-01-01')",  # noqa: S608
        project,
    )
    assert local_bigquery.query(f"SELECT id FROM {name}", project) == [{"id": "1"}]  # noqa: S608
