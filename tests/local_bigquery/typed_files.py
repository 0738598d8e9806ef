"""Parquet and Avro: which columns a file fits, and its rows as newline-delimited JSON.

Sources: loading-data-cloud-storage-parquet ("Parquet conversions", "List logical type"),
loading-data-cloud-storage-avro ("Avro conversions"), json-data ("Create JSON values": JSON is
loaded from CSV, newline-delimited JSON and Avro), rest/v2/Job (parquetOptions,
useAvroLogicalTypes). The texts are those that users of load jobs report.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from fastavro import reader
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import ApiError, invalid
from .schema import Column, Json

PARQUET, AVRO = "PARQUET", "AVRO"
_MISMATCH = "Provided Schema does not match Table."
_ROWS_AT_ONCE = 1_000
_UNKNOWN = "RECORD"
_ARROW: Mapping[pa.DataType, str] = {
    pa.bool_(): "BOOL",
    pa.date32(): "DATE",
    pa.float64(): "FLOAT64",
    pa.int64(): "INT64",
    pa.string(): "STRING",
    pa.timestamp("us"): "DATETIME",
    pa.timestamp("us", "UTC"): "TIMESTAMP",
}
_PRIMITIVE = {"boolean": "BOOL", "double": "FLOAT64", "long": "INT64", "string": "STRING"}
_LOGICAL = {
    ("int", "date"): "DATE",
    ("long", "local-timestamp-micros"): "DATETIME",
    ("long", "timestamp-micros"): "TIMESTAMP",
}

type Found = tuple[str, str]
"""A type of GoogleSQL, and a mode."""


def write_lines(uploaded: Path, target: Path, load: Json, columns: Sequence[Column]) -> None:
    """Write the rows of a file as lines of JSON; raises ApiError where it does not fit columns."""
    write = {PARQUET: _write_parquet, AVRO: _write_avro}[load["sourceFormat"]]
    with uploaded.open("rb") as source, target.open("wb") as lines:
        try:
            for row in write(source, load, {column.key: column for column in columns}):
                lines.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        except ApiError:
            raise
        except (ValueError, OSError, EOFError) as error:  # pyarrow's errors are these, too.
            raise invalid(f"Error while reading data, error message: {error}") from None


def _write_parquet(
    source: BinaryIO, load: Json, columns: Mapping[str, Column]
) -> Iterator[dict[str, Any]]:
    if any(column.type == "JSON" for column in columns.values()):
        raise invalid("Unsupported field type: JSON")
    lists = bool(load.get("parquetOptions", {}).get("enableListInference"))
    with pq.ParquetFile(source) as file:
        types = {field.name: _found_of_arrow(field, lists=lists) for field in file.schema_arrow}
        _check(types, columns)
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            yield from _rows(batch.to_pylist(), types)


def _write_avro(
    source: BinaryIO, load: Json, columns: Mapping[str, Column]
) -> Iterator[dict[str, Any]]:
    logical = bool(load.get("useAvroLogicalTypes"))
    file = reader(source)
    schema: Any = file.writer_schema
    types = {
        field["name"]: _found_of_avro(field["type"], logical=logical) for field in schema["fields"]
    }
    _check(types, columns)
    yield from _rows(cast(Iterator[dict[str, Any]], file), types)


def _found_of_arrow(field: pa.Field, *, lists: bool) -> Found:
    if lists and pa.types.is_list(field.type):
        return _ARROW.get(field.type.value_type, _UNKNOWN), "REPEATED"
    return _ARROW.get(field.type, _UNKNOWN), "NULLABLE" if field.nullable else "REQUIRED"


def _found_of_avro(type_: Any, *, logical: bool) -> Found:
    if isinstance(type_, list):
        (type_,) = (one for one in type_ if one != "null")
        return _type_of_avro(type_, logical=logical), "NULLABLE"
    if isinstance(type_, dict) and type_["type"] == "array":
        return _type_of_avro(type_["items"], logical=logical), "REPEATED"
    return _type_of_avro(type_, logical=logical), "REQUIRED"


def _type_of_avro(type_: Any, *, logical: bool) -> str:
    if isinstance(type_, str):
        return _PRIMITIVE.get(type_, _UNKNOWN)
    if type_.get("sqlType") == "JSON":
        return "JSON"
    if logical and (found := _LOGICAL.get((type_["type"], type_.get("logicalType")))):
        return found
    return _PRIMITIVE.get(type_["type"], _UNKNOWN)


def _check(types: Mapping[str, Found], columns: Mapping[str, Column]) -> None:
    """Check that a file has only columns of the table, in their types; raises ApiError."""
    for name, (type_, mode) in types.items():
        column = columns.get(name.casefold())
        if column is None:
            raise invalid(f"{_MISMATCH} Cannot add fields (field: {name})")
        if type_ != column.type:
            raise invalid(
                f"{_MISMATCH} Field {name} has changed type from {column.type} to {type_}"
            )
        # A file may promise more than the table asks for.
        if mode != column.mode and (mode, column.mode) != ("REQUIRED", "NULLABLE"):
            raise invalid(f"{_MISMATCH} Field {name} has changed mode from {column.mode} to {mode}")


def _rows(
    rows: Iterable[Mapping[str, Any]], types: Mapping[str, Found]
) -> Iterator[dict[str, Any]]:
    converted = {
        name: _AS_JSON[type_]
        for name, (type_, mode) in types.items()
        if type_ in _AS_JSON and mode != "REPEATED"
    }
    for row in rows:
        yield {
            name: converted[name](value) if name in converted else value
            for name, value in row.items()
            if value is not None
        }


def _time(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


_AS_JSON: Mapping[str, Callable[[Any], Any]] = {
    "DATE": date.isoformat,
    "DATETIME": _time,
    "INT64": str,
    "JSON": orjson.Fragment,
    "TIMESTAMP": _time,
}
