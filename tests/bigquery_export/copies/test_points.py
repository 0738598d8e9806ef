"""Rows in line protocol: read back by a strict reader they are what they were."""

from dataclasses import replace
from datetime import datetime
import json
from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.util import dt as dt_util
from hypothesis import given, settings, strategies as st
import pytest

from custom_components.bigquery_export.copies.influxdb.deletions import deletion
from custom_components.bigquery_export.copies.influxdb.points import Points, read_row
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.daily_statistics import DAILY_STATISTICS
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope, Table
from tests.bigquery_export.support.all_types import TABLE, VALUES
from tests.local_influxdb.line_protocol import Line, LineError, parse

MOMENT = 1_790_000_000_123_456
HOUR = 3_600_000_000
BASE = {"required": "x", "timestamp": MOMENT, "bool": True}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    ',= "\\\n\r\té\U0001f600a', max_size=12
)
POINTS = Points(replace(TABLE, identity=("required", "timestamp")))


def line_of(points: Points, values: dict[str, Any]) -> Line:
    """Return a row as a strict reader understands its point."""
    encoding = points.encoding
    row = read_row(encoding.row(encoding.fragment(values)))
    return parse(points.point(row).line, 1_000)


def without_line_ends(text: str) -> str:
    """Return a text as InfluxDB can have it."""
    return text.replace("\r", " ").replace("\n", " ")


@given(text=TEXTS)
@settings(max_examples=400, deadline=None)
def test_texts(text: str) -> None:
    """Any text comes back as it was, but for line breaks, which are spaces."""
    line = line_of(POINTS, {**BASE, "string": text, "many": [text, "b"]})
    assert line.fields["string"] == without_line_ends(text)
    assert json.loads(str(line.fields["many"])) == [text, "b"]


@given(text=TEXTS)
@settings(max_examples=400, deadline=None)
def test_tags(text: str) -> None:
    """Any name comes back as a tag, but for line breaks, and backslashes, which are /."""
    line = line_of(POINTS, {**BASE, "required": text})
    assert line.tags["required"] == (without_line_ends(text).replace("\\", "/") or "-")


@given(
    integer=st.integers(-(2**63), 2**63 - 1),
    number=st.floats(allow_nan=False, allow_infinity=False),
    time=st.integers(-9_223_372_036_854_775, 9_223_372_036_854_775),
    boolean=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_numbers(integer: int, number: float, time: int, boolean: bool) -> None:
    """Numbers and times come back as they were, to the last digit."""
    values = {"int64": integer, "float64": number, "timestamp": time, "bool": boolean}
    line = line_of(POINTS, {**BASE, **values})
    assert line.time == time * 1_000
    fields = {name: line.fields[name] for name in ("int64", "float64", "bool")}
    assert fields == {"int64": integer, "float64": number, "bool": boolean}
    assert [type(value) for value in fields.values()] == [int, float, bool]


def test_types() -> None:
    """Each column has the type of its field, and what is NULL has none."""
    points = Points(replace(TABLE, identity=("required", "datetime")))
    values = {**VALUES, "string": "a", "timestamp": MOMENT, "json": '{"a": 1.50}'}
    row = read_row(points.encoding.row(points.encoding.fragment(values)))
    point = points.point({**row, "datetime": "2026-11-21T07:45:21.123456Z", "required": "r"})
    line = parse(point.line, 1_000)
    assert line.fields == {
        "bool": False,
        "date": "1969-12-31",
        "float64": 0.1,
        "int64": -(2**63),
        "json": '{"a": 1.50}',
        "many": '["a", "b"]',
        "string": "a",
        "timestamp": MOMENT,
    }
    line = line_of(POINTS, {**BASE, "json": "null", "string": None, "float64": 2})
    assert line.fields == {"bool": True, "float64": 2.0}


def test_reserved_names() -> None:
    """Columns of the user's own have names that InfluxDB does not reserve."""
    own = tuple(
        Column(name, ColumnType.STRING, Scope.ROW, "Own") for name in ("time", "_time", "a")
    )
    table: Table = replace(SENSOR_DATA, columns=(*SENSOR_DATA.columns, *own))
    values = {"entity_id": "a.b", "last_updated": MOMENT, "source": "home", "export_id": "e"}
    line = line_of(Points(table), {**values, "time": "1", "_time": "2", "a": "3"})
    assert line.fields == {"export_id": "e", "own_time": "1", "own__time": "2", "a": "3"}


@pytest.mark.parametrize("table", [*TABLES.values(), EXPORT_LOG], ids=lambda table: table.name)
def test_tags_of_tables(table: Table) -> None:
    """Tags are what identifies a row, are never NULL, and are all that depends on the row."""
    points = Points(table)
    modes = {column.name: column.mode.value for column in table.columns}
    assert {modes[tag] for tag in (*points.tags, points.time)} == {"REQUIRED"}
    assert points.time == (table.identity[1] or table.partition_by)
    assert {"source", table.identity[0] or "table_name"} == {*points.tags}


def test_domains() -> None:
    """The domain is a tag of entities and statistics, also of external ones."""
    points = Points(STATISTICS)
    values = {"start": MOMENT, "source": "home", "export_id": "e", "domain": "x"}
    for statistic, domain in (("sensor.a", "sensor"), ("tibber:a.b", "tibber"), ("", "-")):
        line = line_of(points, {**values, "statistic_id": statistic})
        assert line.tags["domain"] == domain
        assert "domain" not in line.fields


@pytest.mark.parametrize(
    "line",
    [
        "",
        "m",
        "m ",
        "m a=1",
        "m a=1 x",
        "m  a=1 1",
        "m,a= b=1 1",
        "m,a=x,a=y b=1 1",
        "m b=1,b=2 1",
        "m _b=1 1",
        "m time=1 1",
        "m b=nan 1",
        "m b=1e999 1",
        "m b=9223372036854775808i 1",
        'm b="a\\n" 1',
        'm b="a 1',
        "m,a=b\\c b=1 1",
        "m,a=b=c b=1 1",
        "m,a=b b=1,c 1",
        "m b=1 9223372036854775807",
        f'm b="{65_537 * "a"}" 1',
    ],
)
def test_strict(line: str) -> None:
    """The reader of these tests takes nothing that the page does not allow."""
    with pytest.raises(LineError):
        parse(line, 1)


def deleted(table: Table, start: int, end: int, kept: set[tuple[str, int]]) -> list[int]:
    """Return the times that a row with `deleted` marks, after `start`, in hours."""
    points = Points(table)
    row = {"statistic_id": "sensor.a", "start": start, "end": end, "deleted": True}
    row |= {"source": "home", "export_id": "e", "export_timestamp": MOMENT}
    if table is DAILY_STATISTICS:
        row["generation"] = 1
    values = read_row(points.encoding.row(points.encoding.fragment(row)))
    found = deletion(points, values, kept)
    for point in found:
        fields = parse(point.line, 1_000).fields
        assert fields == {"deleted": True, "export_id": "e", "export_timestamp": MOMENT}
    return [(point.time - start) // (HOUR // 60) for point in found]


def test_deletions() -> None:
    """A span marks each of its hours or five minutes, but none that was sent with it."""
    start = MOMENT // HOUR * HOUR
    assert deleted(STATISTICS, start, start + 3 * HOUR, set()) == [0, 60, 120]
    series = "statistics,domain=sensor,source=home,statistic_id=sensor.a"
    kept = {(series, start + HOUR)}
    assert deleted(STATISTICS, start, start + 3 * HOUR, kept) == [0, 120]
    assert deleted(STATISTICS_SHORT_TERM, start, start + HOUR // 6, kept) == [0, 5]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "Asia/Kathmandu"])
def test_deleted_days(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A span of days marks each day where it begins in the home, also when the clock changes."""
    monkeypatch.setattr(dt_util, "get_default_time_zone", lambda: ZoneInfo(zone))
    day = datetime(2026, 10, 24, tzinfo=ZoneInfo(zone))
    start = int(day.timestamp()) * 1_000_000
    wanted = [0, 1440, 2880 + (60 if zone == "Europe/Berlin" else 0)]
    assert deleted(DAILY_STATISTICS, start, start + 60 * HOUR, set()) == wanted
