"""How the columns of `sensor_data` are computed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from astral import Observer
import pytest

from custom_components.bigquery_export.rows.json_objects import json_object
from custom_components.bigquery_export.rows.sensor_data import (
    SENSOR_DATA,
    attributes_columns,
    entity_values,
    is_available,
    quarter_values,
    run_values,
    season,
    state_numeric,
    time_of_day,
)
from custom_components.bigquery_export.rows.table import ColumnType, Mode, Scope

CONTRACT = [
    ("entity_id", "STRING", "REQUIRED"),
    ("state", "STRING", "NULLABLE"),
    ("attributes", "JSON", "NULLABLE"),
    ("last_changed", "TIMESTAMP", "REQUIRED"),
    ("last_updated", "TIMESTAMP", "REQUIRED"),
    ("context_id", "STRING", "NULLABLE"),
    ("context_user_id", "STRING", "NULLABLE"),
    ("domain", "STRING", "NULLABLE"),
    ("friendly_name", "STRING", "NULLABLE"),
    ("unit_of_measurement", "STRING", "NULLABLE"),
    ("export_timestamp", "TIMESTAMP", "NULLABLE"),
]
AMSTERDAM = Observer(52.4, 4.9, 0)
SYDNEY = Observer(-33.9, 151.2, 0)


def test_contract() -> None:
    """The first eleven columns keep their names, types and modes for ever."""
    columns = [(column.name, column.type, column.mode) for column in SENSOR_DATA.columns]
    assert columns[:11] == CONTRACT
    assert SENSOR_DATA.columns[10].default_now
    assert SENSOR_DATA.partition_by == "last_changed"
    assert SENSOR_DATA.cluster_by == ("entity_id", "domain", "source")


def test_each_scope_computes_its_own_columns() -> None:
    """What a scope's function returns are columns of that scope, and nothing is forgotten."""
    now = datetime(2026, 11, 21, 7, 45, tzinfo=UTC)
    values = {
        Scope.RUN: run_values(source="s", export_id="e", started=now),
        Scope.ATTRIBUTES: attributes_columns([json_object("{}")]),
        Scope.QUARTER: quarter_values(now, AMSTERDAM),
    }
    for scope, computed in values.items():
        assert computed.keys() == SENSOR_DATA.names(scope)
    assert entity_values("light.a").keys() <= SENSOR_DATA.names(Scope.ENTITY)


def test_every_column_is_explained() -> None:
    """A column's description is what people see of it in BigQuery."""
    for column in SENSOR_DATA.columns:
        assert column.description[0].isalpha()
        assert not column.description.endswith(".")
        assert isinstance(column.type, ColumnType)
        assert isinstance(column.mode, Mode)


@pytest.mark.parametrize(
    ("state", "number"),
    [
        ("21.5", 21.5),
        ("-0", 0.0),
        ("1e3", 1000.0),
        (" 7 ", 7.0),
        ("\t7\n", 7.0),
        ("\u00a07", None),
        ("7 8", None),
        (None, None),
        ("", None),
        ("on", None),
        ("nan", None),
        ("-inf", None),
        ("Infinity", None),
        ("1e999", None),
        ("1_000", None),
        ("0x10", None),
        ("1,5", None),
        ("\u0661\u0662", None),  # Arabic digits, which Python reads as 12
        ("unavailable", None),
    ],
)
def test_state_numeric(state: str | None, number: float | None) -> None:
    """Only what everybody reads as a finite number is one."""
    assert state_numeric(state) == number


@pytest.mark.parametrize(
    ("state", "available"),
    [(None, False), ("unavailable", False), ("unknown", False), ("", True), ("off", True)],
)
def test_is_available(state: str | None, *, available: bool) -> None:
    """A removed, unavailable or unknown entity says nothing about the world."""
    assert is_available(state) is available


def test_attributes_that_are_not_text() -> None:
    """Whatever type an integration gave an attribute, its column holds text."""
    text = '{"friendly_name": 5, "unit_of_measurement": null, "device_class": ["a"], "other": 1}'
    assert attributes_columns([json_object(text), json_object(None)]) == {
        "attributes": [text, None],
        "friendly_name": ["5", None],
        "unit_of_measurement": [None, None],
        "device_class": ['["a"]', None],
        "state_class": [None, None],
    }


def test_quarter() -> None:
    """Local time, daylight and season are those of the home, on both hemispheres."""
    moment = datetime(2026, 7, 4, 20, 15, tzinfo=UTC)
    assert quarter_values(moment.astimezone(ZoneInfo("Europe/Amsterdam")), AMSTERDAM) == {
        "hour_of_day": 22,
        "day_of_week": 6,
        "month": 7,
        "is_weekend": True,
        "is_daylight": False,  # sunset was at 20:04 UTC
        "time_of_day": "night",
        "season": "summer",
    }
    assert quarter_values(moment.astimezone(ZoneInfo("Australia/Sydney")), SYDNEY) == {
        "hour_of_day": 6,
        "day_of_week": 7,
        "month": 7,
        "is_weekend": True,
        "is_daylight": False,  # sunrise comes at 21:01 UTC
        "time_of_day": "morning",
        "season": "winter",
    }


@pytest.mark.parametrize(
    ("zone", "latitude", "longitude", "moment", "daylight"),
    [
        # The sun's elevation at these moments, in degrees, is beside them.
        ("Australia/Lord_Howe", -31.55, 159.08, "2025-10-01T19:00Z", False),  # -0.97
        ("Pacific/Auckland", -36.85, 174.76, "2026-04-03T18:30Z", False),  # sunrise at 18:35 UTC
        ("Pacific/Honolulu", 21.31, -157.86, "2026-03-20T16:30Z", False),
        ("Pacific/Honolulu", 21.31, -157.86, "2026-03-20T16:45Z", True),
        ("Europe/Amsterdam", 52.4, 4.9, "2026-06-21T20:00Z", True),
    ],
)
def test_daylight_on_another_date_than_utc(
    zone: str, latitude: float, longitude: float, moment: str, *, daylight: bool
) -> None:
    """The sun stands where it does at that moment, whatever date it is in the home."""
    local = datetime.fromisoformat(moment).astimezone(ZoneInfo(zone))
    home = Observer(latitude, longitude, 0)
    assert quarter_values(local, home)["is_daylight"] is daylight


def test_daylight_does_not_depend_on_the_zone() -> None:
    """It is the same for two homes at one place whose clocks differ."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    home = Observer(-36.85, 174.76, 0)
    for number in range(0, 35_040, 3):
        moment = start + timedelta(minutes=15 * number)
        here, there = (
            quarter_values(moment.astimezone(ZoneInfo(zone)), home)["is_daylight"]
            for zone in ("Pacific/Auckland", "UTC")
        )
        assert here == there


@pytest.mark.parametrize(
    ("minute", "daylight"), [("19:45", True), ("20:00", True), ("20:15", False)]
)
def test_daylight_ends_at_sunset(minute: str, *, daylight: bool) -> None:
    """Daylight in Amsterdam ends at 20:04 UTC on 4 July 2026."""
    moment = datetime.fromisoformat(f"2026-07-04T{minute}+00:00")
    assert quarter_values(moment, AMSTERDAM)["is_daylight"] is daylight


def test_parts_of_the_day() -> None:
    """Each hour belongs to one part of the day."""
    parts = [time_of_day(hour) for hour in range(24)]
    assert parts == (
        ["night"] * 6 + ["morning"] * 6 + ["afternoon"] * 6 + ["evening"] * 4 + ["night"] * 2
    )


def test_seasons() -> None:
    """Seasons begin with March, June, September and December, and are opposite in the south."""
    north = [season(month, northern=True) for month in (12, 2, 3, 5, 6, 8, 9, 11)]
    assert north == [
        *("winter", "winter", "spring", "spring"),
        *("summer", "summer", "autumn", "autumn"),
    ]
    south = [season(month, northern=False) for month in (12, 3, 6, 9)]
    assert south == ["summer", "autumn", "winter", "spring"]
