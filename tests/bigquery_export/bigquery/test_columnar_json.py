"""JSON of many rows at once is what orjson makes of each."""

from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.rows.encoding import one_by_one
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.times import Times
from custom_components.bigquery_export.rows.ulids import Contexts

ENCODING = NdjsonEncoding(SENSOR_DATA)
UNIT = 1 << 22
MIDNIGHT = 1_793_232_000
TIMES = st.one_of(
    st.integers(MIDNIGHT * UNIT, (MIDNIGHT + 60) * UNIT),
    st.integers((MIDNIGHT - 90_000) * UNIT, (MIDNIGHT + 90_000) * UNIT),
    st.sampled_from([(MIDNIGHT + 1) * UNIT, (MIDNIGHT - 1) * UNIT + 1, MIDNIGHT * UNIT - 1]),
)
ROWS = st.lists(
    st.tuples(TIMES, st.sampled_from([7, 90, 99, 12_345]), st.binary(min_size=16, max_size=16)),
    min_size=1,
    max_size=20,
)


@given(ROWS, st.booleans())
def test_as_one_by_one(rows: list[tuple[int, int, bytes]], ids: bool) -> None:
    """Whatever the widths are like, the bytes are the same."""
    units, numbers, contexts = zip(*rows, strict=True)
    times = Times.of(units)
    columns: dict[str, Any] = {
        "last_updated": times,
        "local_time": times.moved(3_600),
        "context_id": Contexts(b"".join(contexts)),
    }
    if ids:
        columns["state_id"] = list(numbers)
    alone = zip(*map(one_by_one, columns.values()), strict=True)
    assert ENCODING.fragments(columns) == [
        ENCODING.fragment(dict(zip(columns, row, strict=True))) for row in alone
    ]


@pytest.mark.parametrize(
    "numbers", [[7, 8], [10, 99], [7, 90], [90, 7], [90, 7, 91], [-7, 5, 90], [-7, -8], [90, 100]]
)
def test_numbers(numbers: list[int]) -> None:
    """Numbers are as long as they are, also where the first is as long as the least."""
    times = Times.of([MIDNIGHT * UNIT + 9] * len(numbers))
    columns = {"last_updated": times, "state_id": numbers}
    assert ENCODING.fragments(columns) == [
        b'"last_updated":"2026-10-29T00:00:00.000002Z","state_id":%d' % number for number in numbers
    ]


def test_together() -> None:
    """Rows of one width are encoded together, over midnight as well."""
    times = Times.of([MIDNIGHT * UNIT - 9, MIDNIGHT * UNIT + 9])
    assert ENCODING.fragments({"last_updated": times, "local_time": times, "state_id": [1, 2]}) == [
        b'"last_updated":"2026-10-28T23:59:59.999998Z",'
        b'"local_time":"2026-10-28 23:59:59.999998","state_id":1',
        b'"last_updated":"2026-10-29T00:00:00.000002Z",'
        b'"local_time":"2026-10-29 00:00:00.000002","state_id":2',
    ]
