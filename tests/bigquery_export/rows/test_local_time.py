"""Local time of the recorder's times: where clocks are changed, and where offsets are odd."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from astral import Observer
from hypothesis import example, given, settings, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.local_time import (
    QUARTER,
    Place,
    Quarters,
    microseconds,
    microseconds_or_none,
    timestamp_or_none,
)
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.sources import microseconds as as_home_assistant_shows

ENCODING = ProtobufEncoding(SENSOR_DATA)
NDJSON = NdjsonEncoding(SENSOR_DATA)


def quarters(zone: str) -> Quarters:
    """Return the quarters of a home in Amsterdam whose clocks are elsewhere."""
    return Quarters(ENCODING, Place(ZoneInfo(zone), Observer(52.4, 4.9, 0)))


def clock(known: Quarters, micros: int) -> str:
    """Return the local time of a time, in microseconds, by its quarter of an hour."""
    local = datetime(1970, 1, 1) + timedelta(microseconds=micros + known[micros // QUARTER].offset)
    return f"{local:%Y-%m-%d %H:%M:%S.%f}"


@pytest.mark.parametrize(
    ("zone", "moment", "local"),
    [
        # Clocks go forward, and back.
        ("Europe/Amsterdam", "2026-03-29T00:59:59.999999", "2026-03-29 01:59:59.999999"),
        ("Europe/Amsterdam", "2026-03-29T01:00:00", "2026-03-29 03:00:00.000000"),
        ("Europe/Amsterdam", "2026-10-25T00:59:59.999999", "2026-10-25 02:59:59.999999"),
        ("Europe/Amsterdam", "2026-10-25T01:00:00", "2026-10-25 02:00:00.000000"),
        ("America/New_York", "2026-03-08T06:59:59", "2026-03-08 01:59:59.000000"),
        ("America/New_York", "2026-03-08T07:00:00", "2026-03-08 03:00:00.000000"),
        ("America/New_York", "2026-11-01T05:59:59", "2026-11-01 01:59:59.000000"),
        ("America/New_York", "2026-11-01T06:00:00", "2026-11-01 01:00:00.000000"),
        # By half an hour, which is at 15:30 in UTC in one direction and at 15:00 in the other.
        ("Australia/Lord_Howe", "2026-04-04T14:59:59", "2026-04-05 01:59:59.000000"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00", "2026-04-05 01:30:00.000000"),
        ("Australia/Lord_Howe", "2026-10-03T15:29:59", "2026-10-04 01:59:59.000000"),
        ("Australia/Lord_Howe", "2026-10-03T15:30:00", "2026-10-04 02:30:00.000000"),
        # Offsets of half an hour and of quarters.
        ("Asia/Kolkata", "2026-06-30T18:29:59.5", "2026-06-30 23:59:59.500000"),
        ("Asia/Kolkata", "2026-06-30T18:30:00", "2026-07-01 00:00:00.000000"),
        ("Asia/Kathmandu", "2026-06-30T18:14:59", "2026-06-30 23:59:59.000000"),
        ("Asia/Kathmandu", "2026-06-30T18:15:00", "2026-07-01 00:00:00.000000"),
        ("Pacific/Chatham", "2026-04-04T13:59:59", "2026-04-05 03:44:59.000000"),
        ("Pacific/Chatham", "2026-04-04T14:00:00", "2026-04-05 02:45:00.000000"),
        # Before 1970.
        ("Europe/Amsterdam", "1969-12-31T23:59:59.999999", "1970-01-01 00:59:59.999999"),
        # Offsets of odd minutes, and even seconds, as there were then.
        ("Africa/Monrovia", "1972-01-07T00:14:59.5", "1972-01-06 23:30:29.500000"),
        ("Pacific/Kiritimati", "1979-09-28T00:39:59", "1979-09-27 13:59:59.000000"),
        ("Europe/Amsterdam", "0317-03-30T11:59:59", "0317-03-30 12:19:31.000000"),
    ],
)
def test_clock(zone: str, moment: str, local: str) -> None:
    """Each moment has the time that a clock in the home shows, and the hour of it."""
    known = quarters(zone)
    micros = microseconds(datetime.fromisoformat(f"{moment}+00:00").timestamp())
    assert clock(known, micros) == local
    values = ENCODING.decode(known[micros // QUARTER].fragment)
    assert values["hour_of_day"] == int(local[11:13])


@pytest.mark.parametrize(
    "zone", ["Europe/Amsterdam", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe"]
)
def test_every_quarter_of_a_year(zone: str) -> None:
    """Local time is right in each quarter of an hour of a year, on both sides of its bounds."""
    known = quarters(zone)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(365 * 96):
        moment = start + timedelta(minutes=15 * number, seconds=899.999999)
        micros = as_home_assistant_shows(moment.timestamp())
        local = moment.astimezone(ZoneInfo(zone))
        assert clock(known, micros) == f"{local:%Y-%m-%d %H:%M:%S.%f}"
        assert len(known) <= 1_000


@settings(max_examples=1_000)
@given(
    st.sampled_from(sorted(available_timezones())),
    st.datetimes(datetime(2000, 1, 1), datetime(2035, 12, 31, 23, 59, 59, 999_999)),
    st.sampled_from([52.4, -33.9]),
)
def test_all_zones_and_years(zone: str, utc: datetime, latitude: float) -> None:
    """Whatever the zone and the year, all local columns are those of its clocks and calendar."""
    moment = utc.replace(tzinfo=UTC)
    local = moment.astimezone(ZoneInfo(zone))
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    place = Place(ZoneInfo(zone), Observer(latitude, 4.9, 0))
    known = Quarters(ENCODING, place)
    assert clock(known, micros) == f"{local:%Y-%m-%d %H:%M:%S.%f}"
    values = ENCODING.decode(known[micros // QUARTER].fragment)
    winter = local.month in ((12, 1, 2) if latitude > 0 else (6, 7, 8))
    assert values["hour_of_day"] == local.hour
    assert values["day_of_week"] == local.isoweekday()
    assert values["month"] == local.month
    assert values["is_weekend"] is (local.strftime("%a") in ("Sat", "Sun"))
    assert (values["season"] == "winter") is winter
    assert (values["time_of_day"] == "night") is (local.hour in (22, 23, 0, 1, 2, 3, 4, 5))


@settings(max_examples=500)
@given(
    st.sampled_from(sorted(available_timezones())),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
)
@example("Pacific/Kiritimati", datetime(1979, 9, 28, 0, 39, 59, 999_999))
@example("Africa/Monrovia", datetime(1972, 1, 7, 0, 14, 59, 500_000))
@example("Asia/Kolkata", datetime(1941, 9, 30, 23, 59, 59, 999_999))
@example("America/Caracas", datetime(1969, 12, 31, 23, 59, 59, 999_999))
def test_every_year(zone: str, utc: datetime) -> None:
    """A quarter of an hour has the offset of its beginning, to the second, also before 1970."""
    moment = utc.replace(tzinfo=UTC)
    begin = moment.replace(minute=utc.minute // 15 * 15, second=0, microsecond=0)
    local = begin.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + (moment - begin)
    micros = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    wanted = local.isoformat(" ", "microseconds")
    value = micros + quarters(zone)[micros // QUARTER].offset
    (column,) = ENCODING.fragments({"local_time": [value]})
    for fragment in (column, ENCODING.fragment({"local_time": value})):
        assert ENCODING.decode(fragment) == {"local_time": wanted}
    assert NDJSON.fragment({"local_time": value}) == f'"local_time":"{wanted}"'.encode()


@pytest.mark.parametrize(
    ("zone", "moment"),
    [("America/New_York", -62_135_596_800), ("Asia/Kolkata", 253_402_300_799.9)],
)
def test_local_time_out_of_range(zone: str, moment: float) -> None:
    """A time whose local time is not in the years 1 to 9999 is refused, as DATETIME has none."""
    with pytest.raises(OverflowError):
        quarters(zone)[microseconds(moment) // QUARTER]


def test_quarters_are_computed_once() -> None:
    """A quarter that is known is not computed again."""
    known = quarters("UTC")
    assert known[5] is known[5]
    assert known[5] is not quarters("UTC")[5]


@given(st.floats(-6e10, 2.5e11))
def test_microseconds(seconds: float) -> None:
    """Times are rounded to microseconds as Home Assistant does when it reads the recorder."""
    assert microseconds(seconds) == as_home_assistant_shows(seconds)
    assert microseconds_or_none(seconds) == microseconds(seconds)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1e11, 253_402_300_800.0])
def test_times_that_bigquery_does_not_have(seconds: float) -> None:
    """A time before the year 1 or after 9999 is refused."""
    with pytest.raises(ValueError, match="not in the years 1 to 9999"):
        microseconds(seconds)


def test_times_that_are_not_there() -> None:
    """What the recorder has no time for is NULL; a time without a zone is in UTC."""
    assert microseconds_or_none(None) is None
    assert timestamp_or_none(None) is None
    assert timestamp_or_none(datetime(1970, 1, 1, 0, 0, 1)) == 1_000_000
