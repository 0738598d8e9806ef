"""Rows as messages of protocol buffers."""

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto
import pytest

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.all_types import TABLE, VALUES


def test_fragments_make_a_row() -> None:
    """A row put together from fragments is the same as one that was encoded at once."""
    encoding = ProtobufEncoding(TABLE)
    fragments = [encoding.fragment({name: value}) for name, value in VALUES.items()]
    row = encoding.decode(encoding.row(*fragments))
    assert row == encoding.decode(encoding.fragment(VALUES))
    assert row == VALUES


@pytest.mark.parametrize("texts", [["a", "b"], ["a", "bb"]], ids=["same width", "other widths"])
def test_many_rows_at_once(texts: list[str]) -> None:
    """Columns of many rows are the same as row after row, whether or not they are as wide."""
    encoding = ProtobufEncoding(TABLE)
    columns: dict[str, list[Any]] = {"datetime": [-1, 1_795_247_100_000_001], "string": texts}
    rows = [
        {"datetime": time, "string": text} for time, text in zip(*columns.values(), strict=True)
    ]
    found = encoding.fragments(columns)
    assert found == [encoding.fragment(row) for row in rows]
    assert [encoding.decode(row)["datetime"] for row in found] == [
        "1969-12-31 23:59:59.999999",
        "2026-11-21 07:45:00.000001",
    ]


def test_null_is_not_a_default() -> None:
    """False, zero and empty text are sent, and NULL is not."""
    encoding = ProtobufEncoding(TABLE)
    assert encoding.fragment({"bool": None, "string": None, "many": None}) == b""
    assert len(encoding.fragment({"bool": False})) == 2
    assert len(encoding.fragment({"string": ""})) == 2


def test_descriptor() -> None:
    """The schema that is sent names every column once, and marks what is required."""
    fields = ProtobufEncoding(SENSOR_DATA).descriptor.field
    assert [field.name for field in fields] == [column.name for column in SENSOR_DATA.columns]
    assert len({field.number for field in fields}) == len(fields)
    required = {f.name for f in fields if f.label == FieldDescriptorProto.LABEL_REQUIRED}
    assert required == {"entity_id", "last_changed", "last_updated", "source", "export_id"}
    assert not any(field.proto3_optional for field in fields)


def test_value_out_of_range() -> None:
    """A number that does not fit is refused, and not cut."""
    with pytest.raises(ValueError, match="range"):
        ProtobufEncoding(TABLE).fragment({"int64": 2**63})
