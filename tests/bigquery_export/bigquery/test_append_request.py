"""Requests with many rows as bytes."""

from google.cloud.bigquery_storage_v1.types import AppendRowsRequest, ProtoRows
from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.append_request import append_request
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

DESCRIPTOR = ProtobufEncoding(SENSOR_DATA).descriptor


def head(*, offset: int, with_schema: bool) -> AppendRowsRequest:
    """Return a request without rows."""
    request = AppendRowsRequest(write_stream="projects/p/streams/s", offset=offset)
    if with_schema:
        schema = AppendRowsRequest.pb(request).proto_rows.writer_schema
        schema.proto_descriptor.CopyFrom(DESCRIPTOR)
    return request


def by_the_library(request: AppendRowsRequest, rows: list[bytes]) -> bytes:
    """Return the bytes that the client library makes of a request with rows."""
    rows_field = AppendRowsRequest.pb(request).proto_rows.rows
    rows_field.CopyFrom(ProtoRows.pb(ProtoRows(serialized_rows=rows)))
    serialized: bytes = AppendRowsRequest.serialize(request)
    return serialized


@pytest.mark.parametrize("with_schema", [True, False])
@given(
    rows=st.lists(st.binary(max_size=400), min_size=1, max_size=20),
    offset=st.integers(0, 2**63 - 1),
)
def test_same_bytes_as_the_library(with_schema: bool, rows: list[bytes], offset: int) -> None:
    """A request has the same bytes as the client library's, whatever its rows."""
    made = append_request(head(offset=offset, with_schema=with_schema), rows)
    assert made == by_the_library(head(offset=offset, with_schema=with_schema), rows)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 3_000_000])
def test_length_of_a_row(size: int) -> None:
    """A row may have any length, of which protobuf writes one byte or several."""
    made = append_request(head(offset=5, with_schema=True), [b"x" * size, b"y"])
    assert made == by_the_library(head(offset=5, with_schema=True), [b"x" * size, b"y"])
