"""Load jobs of files that pyarrow and fastavro write, through Google's client."""

from io import BytesIO
from typing import Any

from fastavro import writer
from google.api_core.exceptions import BadRequest
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField
from google.cloud.bigquery.format_options import ParquetOptions
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

FIELDS = [
    SchemaField("id", "INTEGER", "REQUIRED"),
    SchemaField("seen", "TIMESTAMP"),
    SchemaField("local", "DATETIME"),
    SchemaField("day", "DATE"),
    SchemaField("labels", "STRING", "REPEATED"),
]
ROW = {
    "id": 2**62 + 1,
    "seen": "2026-01-02 03:04:05.000006+00",
    "local": "2026-01-02T03:04:05.000006",
    "day": "2026-01-02",
    "labels": ["x", "y"],
}
MICROSECONDS = 1_767_323_045_000_006
DAYS = 20_455


def parquet(**types: pa.DataType) -> bytes:
    """Return a file with one row; `types` replaces or adds some."""
    columns: dict[str, Any] = {
        "id": pa.array([ROW["id"]], pa.int64()),
        "seen": pa.array([MICROSECONDS], pa.timestamp("us", "UTC")),
        "local": pa.array([MICROSECONDS], pa.timestamp("us")),
        "day": pa.array([DAYS], pa.date32()),
        "labels": pa.array([ROW["labels"]], pa.list_(pa.string())),
    }
    columns |= {name: pa.array([None], type_) for name, type_ in types.items()}
    fields = [pa.field(name, column.type, name != "id") for name, column in columns.items()]
    file = BytesIO()
    pq.write_table(pa.Table.from_arrays([*columns.values()], schema=pa.schema(fields)), file)
    return file.getvalue()


def avro(*more: dict[str, Any], **values: Any) -> bytes:
    """Return a file with one row, with `more` fields and their values."""
    times = {"seen": "timestamp-micros", "local": "local-timestamp-micros"}
    fields: list[dict[str, Any]] = [
        {"name": "id", "type": "long"},
        *(
            {"name": name, "type": ["null", {"type": "long", "logicalType": type_}]}
            for name, type_ in times.items()
        ),
        {"name": "day", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "labels", "type": {"type": "array", "items": "string"}},
        *more,
    ]
    row = {**ROW, "seen": MICROSECONDS, "local": MICROSECONDS, "day": DAYS, **values}
    file = BytesIO()
    writer(file, {"type": "record", "name": "row", "fields": fields}, [row])
    return file.getvalue()


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the full id of a new table."""
    name = f"{project}.{dataset}.typed"
    client.create_table(bigquery.Table(name, schema=FIELDS))
    return name


def load(client: bigquery.Client, table: str, content: bytes, **options: Any) -> bigquery.LoadJob:
    """Return a load of one file when it is done; raises BadRequest where it failed."""
    config = bigquery.LoadJobConfig(write_disposition="WRITE_APPEND", **options)
    job = client.load_table_from_file(BytesIO(content), table, job_config=config, num_retries=0)
    job.result(retry=None)
    return job


def load_parquet(client: bigquery.Client, table: str, content: bytes) -> bigquery.LoadJob:
    """Load Parquet as `bq load --parquet_enable_list_inference` does."""
    options = ParquetOptions()
    options.enable_list_inference = True
    return load(client, table, content, source_format="PARQUET", parquet_options=options)


def load_avro(client: bigquery.Client, table: str, content: bytes) -> bigquery.LoadJob:
    """Load Avro as `bq load --use_avro_logical_types` does."""
    return load(client, table, content, source_format="AVRO", use_avro_logical_types=True)


def test_parquet(client: bigquery.Client, table: str) -> None:
    """Each type comes back as it was."""
    assert load_parquet(client, table, parquet()).output_rows == 1
    (found,) = client.list_rows(table)
    assert found.id == ROW["id"]
    assert found.seen.isoformat(" ", "microseconds") == f"{ROW['seen']}:00"
    assert found.local.isoformat() == ROW["local"]
    assert found.day.isoformat() == ROW["day"]
    assert found.labels == ROW["labels"]


def test_avro(client: bigquery.Client, table: str) -> None:
    """Each type comes back as it was, JSON too."""
    client.update_table(
        bigquery.Table(table, schema=[*FIELDS, SchemaField("data", "JSON")]), ["schema"]
    )
    data = {"name": "data", "type": ["null", {"type": "string", "sqlType": "JSON"}]}
    for text in ('{"a": [1, null]}', '"text"', None):
        assert load_avro(client, table, avro(data, data=text)).output_rows == 1
    found = list(client.list_rows(table))
    assert [row.data for row in found] == [{"a": [1, None]}, "text", None]
    assert {row.seen.isoformat(" ", "microseconds") for row in found} == {f"{ROW['seen']}:00"}
    assert {row.local.isoformat() for row in found} == {ROW["local"]}
    assert {(row.id, row.day.isoformat()) for row in found} == {(ROW["id"], ROW["day"])}


def test_parquet_that_does_not_fit(client: bigquery.Client, table: str) -> None:
    """Other types, modes and columns than those of the table are refused, and nothing is loaded."""
    for content, why in (
        (parquet(day=pa.string()), "Field day has changed type from DATE to STRING"),
        (
            parquet(seen=pa.timestamp("us")),
            "Field seen has changed type from TIMESTAMP to DATETIME",
        ),
        (parquet(labels=pa.string()), "Field labels has changed mode from REPEATED to NULLABLE"),
        (parquet(other=pa.string()), r"Cannot add fields \(field: other\)"),
        (b"PAR1", "Error while reading data"),
    ):
        with pytest.raises(BadRequest, match=why):
            load_parquet(client, table, content)
    with pytest.raises(BadRequest, match="Field labels has changed type from STRING to RECORD"):
        load(client, table, parquet(), source_format="PARQUET")
    assert list(client.list_rows(table)) == []


def test_json_from_parquet(client: bigquery.Client, table: str) -> None:
    """BigQuery loads no JSON from Parquet, whatever the file has."""
    client.update_table(
        bigquery.Table(table, schema=[*FIELDS, SchemaField("data", "JSON")]), ["schema"]
    )
    for content in (parquet(), parquet(data=pa.string())):
        with pytest.raises(BadRequest, match="Unsupported field type: JSON"):
            load_parquet(client, table, content)


def test_avro_that_does_not_fit(client: bigquery.Client, table: str) -> None:
    """Without logical types times are numbers; what may be missing is not what is required."""
    with pytest.raises(BadRequest, match="Field seen has changed type from TIMESTAMP to INT64"):
        load(client, table, avro(), source_format="AVRO")
    with pytest.raises(BadRequest, match=r"Cannot add fields \(field: data\)"):
        load_avro(client, table, avro({"name": "data", "type": "string"}, data=""))
    schema = {
        "type": "record",
        "name": "row",
        "fields": [{"name": "id", "type": ["null", "long"]}],
    }
    file = BytesIO()
    writer(file, schema, [{"id": 1}])
    with pytest.raises(BadRequest, match="Field id has changed mode from REQUIRED to NULLABLE"):
        load_avro(client, table, file.getvalue())
    with pytest.raises(BadRequest, match="Error while reading data"):
        load_avro(client, table, avro()[:-10])
    assert list(client.list_rows(table)) == []
