"""Fields of rows that differ in width are what Google's library makes of each."""

from typing import Any

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.recorded_values import UNENCODABLE
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

ENCODING = ProtobufEncoding(SENSOR_DATA)
ROWS = st.lists(
    st.fixed_dictionaries(
        # In another order than in the table; the last one has a tag of two bytes.
        {
            "is_available": st.none() | st.booleans(),
            "state_numeric": st.none() | st.floats(),
            "state": st.none() | st.text(max_size=200),
            "device_class": st.none() | st.text(),
        }
    ),
    min_size=1,
)


@given(ROWS)
def test_as_google_does(rows: list[dict[str, Any]]) -> None:
    """Rows are the same, byte for byte, whatever they have and whatever not."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert ENCODING.fragments(columns) == list(map(ENCODING.fragment, rows))


@pytest.mark.parametrize("length", [0, 127, 128, 16_384, 3_000_000])
def test_length(length: int) -> None:
    """A text may have any length, which takes one byte or several."""
    row = {"state": "x" * length}
    assert ENCODING.fragments({"state": ["", row["state"]]})[1] == ENCODING.fragment(row)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", b"on"),
        ("state", 1),
        ("state", "\ud800"),
        ("state_numeric", "1"),
        ("is_available", "on"),
        ("is_available", 2),
    ],
)
def test_wrong_values(name: str, value: object) -> None:
    """What the column cannot have is an error, and not encoded as something else."""
    with pytest.raises(UNENCODABLE):
        ENCODING.fragments({name: [value]})
