"""Newline-delimited JSON: a file of rows held against the columns of its table.

Sources: loading-data-cloud-storage-json, rest/v2/Job (JobConfigurationLoad: ignoreUnknownValues,
maxBadRecords), quotas ("Load jobs": the size of a row, partitions modified by a job).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
import gzip
from pathlib import Path
import shutil
from typing import Any, BinaryIO

import orjson

from .json_values import CONVERT
from .schema import Column

MAX_ROW_BYTES = 100_000_000
MAX_PARTITIONS = 4000
_GZIP = b"\x1f\x8b"
_UNIT_LENGTH = {"YEAR": 4, "MONTH": 7, "DAY": 10, "HOUR": 13}


@dataclass(frozen=True, slots=True)
class RowRules:
    """What a row must fit, and how much that does not fit is overlooked."""

    columns: Sequence[Column]
    partition_column: str = ""
    partition_unit: str = "DAY"
    ignore_unknown_values: bool = False
    max_bad_records: int = 0


@dataclass(slots=True)
class ReadRows:
    """What was read: good rows, and the error of each bad one."""

    row_count: int = 0
    errors: list[str] = field(default_factory=list)
    partitions: set[str] = field(default_factory=set)


def unpack(uploaded: Path, target: Path) -> None:
    """Copy a file, without its gzip compression if it has one.

    Source: batch-loading-data, "Load compressed and uncompressed data". Raises ValueError.
    """
    with uploaded.open("rb") as source, target.open("wb") as rows:
        packed = source.read(2) == _GZIP
        source.seek(0)
        try:
            shutil.copyfileobj(gzip.GzipFile(fileobj=source) if packed else source, rows)
        except (OSError, EOFError) as error:
            raise ValueError(f"The gzip file cannot be read: {error}") from None


def read_rows(file: Path, target: Path, rules: RowRules) -> ReadRows:
    """Check all rows of a file and write the good ones, as the emulator needs them.

    Reading ends when there are more bad rows than `rules` overlook.
    """
    read = ReadRows()
    columns = {column.key: column for column in rules.columns}
    with file.open("rb") as source, target.open("wb") as good:
        for position, line in _lines(source):
            try:
                row = _row(line, columns, rules)
            except ValueError as error:
                read.errors.append(
                    "Error while reading data, error message: JSON parsing error in row starting"
                    f" at position {position}: {error}"
                )
                if len(read.errors) > rules.max_bad_records:
                    break
            else:
                read.row_count += 1
                if rules.partition_column:
                    read.partitions.add(_partition(row.get(rules.partition_column), rules))
                good.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return read


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield position and content of each line; of one that is too long only the beginning."""
    position = 0
    while line := source.readline(MAX_ROW_BYTES + 1):
        length = len(line)
        yield position, line
        while line and not line.endswith(b"\n"):
            line = source.readline(MAX_ROW_BYTES)
            length += len(line)
        position += length


def _row(line: bytes, columns: Mapping[str, Column], rules: RowRules) -> dict[str, Any]:
    if len(line) > MAX_ROW_BYTES:
        raise ValueError(f"Row size is larger than: {MAX_ROW_BYTES}.")
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"Parser terminated before end of string: {error}") from None
    if not isinstance(values, dict):
        raise ValueError("Value encountered without start of object.")
    row: dict[str, Any] = {}
    for name, value in values.items():
        column = columns.get(name.casefold())
        if column is None:
            if rules.ignore_unknown_values:
                continue
            raise ValueError(f"No such field: {name}.")
        row[column.name] = _value(column, value)
    for column in rules.columns:
        if column.mode == "REQUIRED" and row.get(column.name) is None:
            raise ValueError(f"Missing required field: {column.name}.")
    return row


def _value(column: Column, value: Any) -> Any:
    if value is None and column.mode == "NULLABLE":
        return None
    convert = CONVERT.get(column.type)
    if convert is None:
        raise ValueError(f"The local BigQuery loads no {column.type}. Field: {column.name}")
    try:
        if column.mode != "REPEATED":
            return convert(_present(value))
        if value is not None and not isinstance(value, list):
            raise ValueError(f"Array specified for non-array, or the reverse. Value: {value}")
        return [convert(_present(item)) for item in _present(value)]
    except ValueError as error:
        raise ValueError(f"{error} Field: {column.name}") from None


def _present(value: Any) -> Any:
    if value is None:
        raise ValueError("Only optional fields can be set to NULL. Value: NULL")
    return value


def _partition(value: Any, rules: RowRules) -> str:
    if not isinstance(value, date):
        return "__NULL__"
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    return moment.isoformat()[: _UNIT_LENGTH[rules.partition_unit]]
