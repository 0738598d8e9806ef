"""Partitions of tables, and how BigQuery names them."""

from datetime import date, timedelta

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.listed_rows import decorator
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import Table

EPOCH = date(1970, 1, 1)


@pytest.mark.parametrize(
    ("table", "day", "first_day", "name"),
    [
        (SENSOR_DATA, date(2026, 11, 21), date(2026, 11, 21), "20261121"),
        (STATISTICS, date(2026, 11, 21), date(2026, 11, 1), "202611"),
        (STATISTICS, date(2024, 2, 29), date(2024, 2, 1), "202402"),
        (SENSOR_DATA, date(1969, 12, 31), date(1969, 12, 31), "19691231"),
        (STATISTICS, date(1969, 12, 31), date(1969, 12, 1), "196912"),
        (STATISTICS, date(317, 3, 30), date(317, 3, 1), "031703"),
    ],
)
def test_decorator(table: Table, day: date, first_day: date, name: str) -> None:
    """A partition is named by its day, or by its month."""
    start = table.partition_start((day - EPOCH).days)
    assert start == (first_day - EPOCH).days
    assert decorator(table, start) == name


@given(st.dates())
def test_partition_start(day: date) -> None:
    """All days of a month are in one partition of a table that has one for each month."""
    number = (day - EPOCH).days
    assert SENSOR_DATA.partition_start(number) == number
    assert EPOCH + timedelta(days=STATISTICS.partition_start(number)) == day.replace(day=1)
