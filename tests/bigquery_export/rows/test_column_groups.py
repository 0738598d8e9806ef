"""Columns that a user has switched off."""

import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.column_groups import COLUMNS, ColumnGroup, narrowed
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Mode

VALUES = {"entity_id": "light.a", "state": "on", "attributes": "{}", "hour_of_day": 7}


def test_each_column_that_can_be_switched_off() -> None:
    """Groups are of columns that there are, none of them required, and no two groups share one."""
    columns = {column.name: column for column in SENSOR_DATA.columns}
    names = [name for group in COLUMNS.values() for name in group]
    assert len(names) == len(set(names))
    assert set(names) <= columns.keys()
    assert all(columns[name].mode is not Mode.REQUIRED for name in names)
    assert set(COLUMNS) == set(ColumnGroup)


@pytest.mark.parametrize("encoding", [ProtobufEncoding(SENSOR_DATA), NdjsonEncoding(SENSOR_DATA)])
def test_switched_off(encoding: ProtobufEncoding | NdjsonEncoding) -> None:
    """What is switched off is not sent, and everything else is."""
    without = narrowed(encoding, set(ColumnGroup) - {ColumnGroup.ATTRIBUTES, ColumnGroup.TIME})
    numeric = {"state_numeric": 1.5}
    row = without.row(without.fragment(VALUES), without.fragment(numeric))
    assert without.decode(row) == {"entity_id": "light.a", "state": "on", "state_numeric": 1.5}
    assert len(row) < len(encoding.row(encoding.fragment(VALUES), encoding.fragment(numeric)))


def test_everything() -> None:
    """While all is switched on nothing stands between rows and their encoding."""
    encoding = ProtobufEncoding(SENSOR_DATA)
    assert narrowed(encoding, ColumnGroup) is encoding
