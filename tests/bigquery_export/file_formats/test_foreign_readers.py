"""What others read in the files, by what lies in and beside them."""

from collections.abc import Callable, Iterator
import csv
from datetime import UTC, date, datetime, timedelta
import gzip
from io import BytesIO
import json
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fastavro
from google.protobuf import proto
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
import pyarrow.parquet as pq
import pytest

from custom_components.bigquery_export.file_formats.file_format import FormatName
from custom_components.bigquery_export.file_formats.formats import FORMATS
from custom_components.bigquery_export.rows.table import ColumnType, Mode
from tests.bigquery_export.support.all_types import TABLE, VALUES
from tests.bigquery_export.support.duckdb_reader import read_by_duckdb
from tests.bigquery_export.support.generated_files import PIECES, generated, written

TYPES = {
    ColumnType.BOOL: "BOOLEAN",
    ColumnType.DATE: "DATE",
    ColumnType.DATETIME: "TIMESTAMP",
    ColumnType.FLOAT64: "DOUBLE",
    ColumnType.INT64: "BIGINT",
    ColumnType.JSON: "JSON",
    ColumnType.STRING: "VARCHAR",
    ColumnType.TIMESTAMP: "TIMESTAMPTZ",
}
type DuckDB = Callable[[str], list[dict[str, Any]]]
fewer = settings(generated, max_examples=40)


def as_python(type_: ColumnType, value: Any) -> Any:
    """Return a value as libraries of Python have it."""
    match type_:
        case ColumnType.DATE:
            return date(1970, 1, 1) + timedelta(value)
        case ColumnType.DATETIME:
            return datetime.fromisoformat(value)
        case ColumnType.TIMESTAMP:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
        case ColumnType.JSON:
            return json.loads(value)
    return value


def expected(pieces: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return rows as libraries of Python have them."""
    return [
        {
            column.name: as_python(column.type, row[column.name])
            if column.name in row
            else []
            if column.mode is Mode.REPEATED
            else None
            for column in TABLE.columns
        }
        for row in (row for rows in pieces for row in rows)
    ]


def with_json(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with what JSON text says in its place."""
    return [row | {"json": row["json"] and json.loads(row["json"])} for row in rows]


@pytest.fixture(scope="module")
def duckdb() -> Iterator[DuckDB]:
    """Return what reads a file with a table function of DuckDB."""
    with get_context("spawn").Pool(1) as pool:

        def read(function: str) -> list[dict[str, Any]]:
            rows = with_json(pool.apply(read_by_duckdb, (function,)))
            return [row | {"many": row["many"] or []} for row in rows]

        yield read


def columns_for_duckdb(repeated: str) -> str:
    """Return the columns of the table, as DuckDB's functions take them."""
    types = {
        column.name: repeated if column.mode is Mode.REPEATED else TYPES[column.type]
        for column in TABLE.columns
    }
    return "{" + ", ".join(f"'{name}': '{type_}'" for name, type_ in types.items()) + "}"


@fewer
@given(pieces=PIECES)
def test_parquet(duckdb: DuckDB, pieces: list[list[dict[str, Any]]]) -> None:
    """DuckDB and pyarrow read Parquet as it was meant."""
    with TemporaryDirectory() as folder:
        path = written(FORMATS[FormatName.PARQUET], Path(folder), *pieces)
        assert with_json(pq.read_table(path).to_pylist()) == expected(pieces)
        assert duckdb(f"read_parquet('{path}')") == expected(pieces)


@fewer
@given(pieces=PIECES)
def test_avro(pieces: list[list[dict[str, Any]]]) -> None:
    """Fastavro reads Avro as it was meant, by the schema in the file."""
    with TemporaryDirectory() as folder:
        path = written(FORMATS[FormatName.AVRO], Path(folder), *pieces)
        with path.open("rb") as file:
            rows: list[Any] = list(fastavro.reader(file))
        assert with_json(rows) == expected(pieces)


@fewer
@given(pieces=PIECES)
def test_json_lines(duckdb: DuckDB, pieces: list[list[dict[str, Any]]]) -> None:
    """DuckDB reads JSON lines as they were meant."""
    with TemporaryDirectory() as folder:
        path = written(FORMATS[FormatName.JSON_LINES], Path(folder), *pieces)
        function = (
            f"read_json('{path}', format='newline_delimited', columns="
            + columns_for_duckdb("VARCHAR[]")
            + ")"
        )
        assert duckdb(function) == expected(pieces)


@fewer
@given(pieces=PIECES)
def test_csv(duckdb: DuckDB, pieces: list[list[dict[str, Any]]]) -> None:
    r"""DuckDB reads CSV as it was meant, and so does Python, which takes the text \N for NULL."""
    with TemporaryDirectory() as folder:
        path = written(FORMATS[FormatName.CSV], Path(folder), *pieces)
        function = (
            f"read_csv('{path}', auto_detect=false, header=true, delim=',', quote='\"',"
            " escape='\"',"
            r" nullstr='\N', allow_quoted_nulls=false, new_line='\n', columns="
            + columns_for_duckdb("VARCHAR")
            + ")"
        )
        read = duckdb(function)
        assert [row | {"many": json.loads(row["many"] or "[]")} for row in read] == expected(pieces)
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for line, row in zip(csv.DictReader(file), expected(pieces), strict=True):
                for name in ("string", "required"):
                    assert line[name] == (r"\N" if row[name] is None else row[name])


@fewer
@given(pieces=PIECES)
def test_protobuf(pieces: list[list[dict[str, Any]]]) -> None:
    """Google's library reads messages by the descriptor set alone, which says what fields mean."""
    file_format = FORMATS[FormatName.PROTOBUF]
    (content,) = file_format.companions(TABLE).values()
    descriptors = FileDescriptorSet.FromString(content)
    pool = DescriptorPool()
    for one in descriptors.file:
        pool.Add(one)
    message = GetMessageClass(pool.FindMessageTypeByName("bigquery_export.all_types_row"))
    with TemporaryDirectory() as folder:
        path = written(file_format, Path(folder), *pieces)
        rows = []
        with BytesIO(gzip.decompress(path.read_bytes())) as stream:
            while (row := proto.parse_length_prefixed(message, stream)) is not None:
                rows.append({field.name: value for field, value in row.ListFields()})
    given_ = [row for piece in pieces for row in piece]
    for row, values in zip(rows, given_, strict=True):
        assert row.pop("many", []) == values.get("many", [])
        local = row.pop("datetime", None)
        assert (local is None) == ("datetime" not in values)
        if local is not None:  # CivilTimeEncoder.encodePacked64DatetimeMicros
            fields = [
                local >> 46, local >> 42 & 15, local >> 37 & 31, local >> 32 & 31,
                local >> 26 & 63, local >> 20 & 63, local & 0xFFFFF,
            ]  # fmt: skip
            assert datetime(*fields) == datetime.fromisoformat(values["datetime"])
        plain = {k: v for k, v in values.items() if k not in ("many", "datetime")}
        assert row == plain


def test_descriptor_comments() -> None:
    """The descriptor set has what each column means, and its unit."""
    (content,) = FORMATS[FormatName.PROTOBUF].companions(TABLE).values()
    (file,) = FileDescriptorSet.FromString(content).file
    comments = {
        tuple(one.path): one.leading_comments.strip() for one in file.source_code_info.location
    }
    names = [field.name for field in file.message_type[0].field]
    assert comments[4, 0] == TABLE.description
    assert comments[4, 0, 2, names.index("date")] == "A value (days since 1970-01-01)"
    assert comments[4, 0, 2, names.index("required")] == "A value"


@pytest.mark.parametrize("name", [FormatName.AVRO, FormatName.JSON_LINES])
def test_schema(name: FormatName) -> None:
    """The schema for `bq load` has the columns, types and modes of our table in BigQuery."""
    (content,) = FORMATS[name].companions(TABLE).values()
    assert [(field["name"], field["type"], field["mode"]) for field in json.loads(content)] == [
        (column.name, column.type, column.mode) for column in TABLE.columns
    ]


def test_schema_of_parquet() -> None:
    """BigQuery loads no JSON from Parquet: it is text."""
    (content,) = FORMATS[FormatName.PARQUET].companions(TABLE).values()
    fields = {field["name"]: (field["type"], field["mode"]) for field in json.loads(content)}
    assert fields["json"] == ("STRING", "NULLABLE")
    assert fields["many"] == ("STRING", "REPEATED")
    assert fields["timestamp"] == ("TIMESTAMP", "NULLABLE")


def test_schema_of_csv() -> None:
    """BigQuery loads no repeated values from CSV: they are JSON."""
    (content,) = FORMATS[FormatName.CSV].companions(TABLE).values()
    fields = {field["name"]: (field["type"], field["mode"]) for field in json.loads(content)}
    assert fields["many"] == ("JSON", "NULLABLE")
    assert fields["required"] == ("STRING", "REQUIRED")


def test_types_of_parquet(tmp_path: Path) -> None:
    """A time with a zone is TIMESTAMP, one without is DATETIME, and groups of rows are bounded."""
    path = tmp_path / "rows"
    writer = FORMATS[FormatName.PARQUET].open_writer(path, TABLE)
    rows = [VALUES | {"string": f"{number:0>2000}"} for number in range(1000)]
    for _ in range(20):
        writer.write(rows)
    writer.close()
    with pq.ParquetFile(path) as file:
        types = {column.name: str(column.logical_type) for column in file.schema}
        assert "isAdjustedToUTC=true, timeUnit=microseconds" in types["timestamp"]
        assert "isAdjustedToUTC=false, timeUnit=microseconds" in types["datetime"]
        groups = [file.metadata.row_group(place) for place in range(file.metadata.num_row_groups)]
        assert [group.num_rows for group in groups] == [9_000, 9_000, 2_000]
        assert {group.column(0).compression for group in groups} == {"ZSTD"}


def test_types_of_avro(tmp_path: Path) -> None:
    """Avro's schema names the logical types that BigQuery knows."""
    path = written(FORMATS[FormatName.AVRO], tmp_path)
    with path.open("rb") as file:
        schema: Any = fastavro.reader(file).writer_schema
    types = {field["name"]: field["type"] for field in schema["fields"]}
    assert types["timestamp"][1]["logicalType"] == "timestamp-micros"
    assert types["datetime"][1]["logicalType"] == "local-timestamp-micros"
    assert types["date"][1]["logicalType"] == "date"
    assert types["json"][1]["sqlType"] == "JSON"
    assert types["required"] == "string"
