"""Files with rows of any values, in any format."""

from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings, strategies as st

from custom_components.bigquery_export.file_formats.file_format import FileFormat
from custom_components.bigquery_export.rows.local_time import DAY
from custom_components.bigquery_export.rows.table import timestamp

from .all_types import TABLE

FIRST = timestamp(datetime(1, 1, 1, tzinfo=UTC))
LAST = timestamp(datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["", "\\N", '"', '""', ",", "\r\n", "\n", "\r", "\0", "NULL", " a ", "\ufeff", "\u2028", "NaN"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"required": TEXT},
        optional={
            "bool": st.booleans(),
            "date": st.integers(FIRST // DAY, LAST // DAY),
            "datetime": st.datetimes(min_value=datetime(1, 1, 1)).map(
                lambda time: time.isoformat(" ", "microseconds")
            ),
            "float64": st.floats(allow_nan=False, allow_infinity=False),
            "int64": st.integers(-(2**63), 2**63 - 1),
            "json": JSON.map(json.dumps)
            | st.just('{"a":1.00000000000000000001,"b":123456789012345678901234567890}'),
            "string": TEXT,
            "timestamp": st.integers(FIRST, LAST),
            "many": st.lists(TEXT, min_size=1),
        },
    ),
    max_size=5,
)
PIECES = st.lists(ROWS, max_size=3)
# Home Assistant's fixtures, which every test here has, are made once for all examples.
generated = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)


def written(file_format: FileFormat, folder: Path, *pieces: list[dict[str, Any]]) -> Path:
    """Write pieces of rows to a file in a folder, and return where it is."""
    path = folder / f"rows{file_format.suffix}"
    writer = file_format.open_writer(path, TABLE)
    for rows in pieces:
        writer.write(rows)
    writer.close()
    return path
