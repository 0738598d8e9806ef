"""Fields that are encoded together are what Google's library makes of each."""

from typing import Any

from google.protobuf.descriptor_pb2 import UninterpretedOption
from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.columnar_protobuf import Field, encode, varint
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

ENCODING = ProtobufEncoding(SENSOR_DATA)
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
LIKE_INTEGERS = st.integers(0, 62).flatmap(
    lambda bits: st.lists(st.integers(1 << bits, (2 << bits) - 1), min_size=1)
)
"""Integers that mostly have the same width."""
TEXTS = st.lists(st.text(), min_size=1)
LIKE_TEXTS = st.integers(0, 300).flatmap(
    lambda size: st.lists(
        st.text(st.characters(max_codepoint=127), min_size=size, max_size=size),
        min_size=1,
        max_size=20,
    )
)


@given(st.integers(0, 2**64 - 1))
def test_varint(number: int) -> None:
    """A varint is that of protobuf."""
    tag_and_varint = UninterpretedOption(positive_int_value=number).SerializeToString()
    assert varint(number) == tag_and_varint[1:]


@given(st.one_of(LIKE_INTEGERS, INTEGERS), st.one_of(LIKE_TEXTS, TEXTS))
def test_as_google_does(integers: list[int], texts: list[str]) -> None:
    """Rows are the same, byte for byte, whether their widths are the same or not."""
    rows = min(len(integers), len(texts))
    columns: dict[str, list[Any]] = {
        "state_id": integers[:rows],
        "state": texts[:rows],
        "last_changed": integers[:rows],
    }
    encoded = ENCODING.fragments(columns)
    for row, made in zip(zip(*columns.values(), strict=True), encoded, strict=True):
        values = dict(zip(columns, row, strict=True))
        assert ENCODING.decode(made) == values
        assert sorted(made) == sorted(ENCODING.fragment(values))


@given(st.integers(0, 20).flatmap(lambda n: st.lists(st.integers(2**49, 2**56 - 1), min_size=n)))
def test_times_have_one_width(times: list[int]) -> None:
    """Microseconds of the years 1988 to 4253 are encoded together."""
    if times:
        made = encode([Field(b"\x08", times)])
        assert made == [b"\x08" + varint(time) for time in times]


@pytest.mark.parametrize(
    "values",
    [[1, 128], [-1, 1], [2**63], [2**64], ["a", "bc"], ["ä"], ["a", None], [None, "a"], [1, None]],
)
def test_other_widths(values: list[int]) -> None:
    """What has other widths, or is not ASCII, is left to Google's library."""
    assert encode([Field(b"\x08", values)]) is None


@pytest.mark.parametrize("value", [2**63, "text", 1.5])
def test_wrong_values(value: object) -> None:
    """What the column cannot have is an error, and not encoded as something else."""
    with pytest.raises((ValueError, TypeError)):
        ENCODING.fragments({"state_id": [1, value]})


def test_null() -> None:
    """What a row does not have is left out of it, whatever the column's type."""
    columns: dict[str, list[Any]] = {"state_id": [1, None], "is_available": [None, True]}
    assert [ENCODING.decode(made) for made in ENCODING.fragments(columns)] == [
        {"state_id": 1},
        {"is_available": True},
    ]
