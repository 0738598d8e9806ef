"""When exports run: at the right times of a home's clock, also where clocks are changed."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings, strategies as st

from custom_components.bigquery_export.settings.schedule import (
    Frequency,
    Schedule,
    Weekday,
    shift_of,
)

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")
MINUTE = timedelta(minutes=1)
LAST = Schedule(Frequency.MONTHLY, time(3), month_day=31)
NIGHT = Schedule(Frequency.DAILY, time(2, 30))

moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
nights = st.one_of(
    # Where clocks are changed, in the three zones that do it.
    *(
        st.datetimes(
            datetime.fromisoformat(day), datetime.fromisoformat(day) + timedelta(days=2)
        ).map(lambda moment: moment.replace(tzinfo=UTC))
        for day in (
            *("2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-04", "2026-10-03"),
        )
    ),
    moments,
)
times = st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0))
schedules = st.builds(
    Schedule,
    frequency=st.sampled_from((Frequency.DAILY, Frequency.WEEKLY, Frequency.MONTHLY)),
    at=st.one_of(times, st.sampled_from([time(hour, 15) for hour in range(4)])),
    weekdays=st.frozensets(st.sampled_from(Weekday), min_size=1),
    month_day=st.integers(1, 31),
)


def belongs(schedule: Schedule, day: date) -> bool:
    """Return whether an export runs on a day."""
    match schedule.frequency:
        case Frequency.WEEKLY:
            return day.strftime("%a").lower() in schedule.weekdays
        case Frequency.MONTHLY:
            tomorrow = day + timedelta(days=1)
            ends = tomorrow.month != day.month
            return day.day == schedule.month_day or (ends and day.day < schedule.month_day)
        case _:
            return True


def first_shown(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the first minute in which the home's clock shows a time of a day, or a later one."""
    wanted = datetime.combine(day, at)
    moment = wanted.replace(tzinfo=UTC) - timedelta(hours=16)
    while moment.astimezone(zone).replace(tzinfo=None) < wanted - timedelta(hours=3):
        moment += timedelta(hours=1)
    while moment.astimezone(zone).replace(tzinfo=None) < wanted:
        moment += MINUTE
    return moment


@given(schedules, nights, st.sampled_from(ZONES))
@example(NIGHT, datetime(2026, 3, 28, 12, tzinfo=UTC), "Europe/Berlin")
@example(NIGHT, datetime(2026, 10, 25, 0, 45, tzinfo=UTC), "Europe/Berlin")
@example(LAST, datetime(2027, 1, 31, 12, tzinfo=UTC), "Europe/Berlin")
@example(LAST, datetime(2028, 2, 29, 12, tzinfo=UTC), "Asia/Kathmandu")
@settings(max_examples=150, deadline=None)
def test_next(schedule: Schedule, now: datetime, name: str) -> None:
    """The next time is in the future, is what the clock shows first, and none is before it."""
    zone = ZoneInfo(name)
    found = schedule.next_after(now.astimezone(zone))
    assert found is not None
    assert found.tzinfo is zone
    local = now.astimezone(zone).date()
    days = [local + timedelta(days=number) for number in range(40)]
    near = {local + timedelta(days=number) for number in (-1, 0, 1)}
    near |= {found.date() + timedelta(days=number) for number in (-1, 0, 1)}
    instants = [
        instant
        for day in near
        if belongs(schedule, day)
        for instant in [first_shown(day, schedule.at, zone)]
        if instant > now
    ]
    between = [day for day in days if local + timedelta(days=1) < day < found.date()]
    assert found.astimezone(UTC) == min(instants)
    assert not any(belongs(schedule, day) for day in between)


CHANGED = (
    # A time that the clock leaves out is when it goes on.
    ("Europe/Berlin", "2026-03-28T12:00", "2026-03-29 03:00:00+02:00"),
    ("Europe/Berlin", "2026-03-29T03:00", "2026-03-30 02:30:00+02:00"),
    ("America/New_York", "2026-03-08T00:00", "2026-03-08 03:00:00-04:00"),
    # One that it shows twice comes once.
    ("Europe/Berlin", "2026-10-25T00:00", "2026-10-25 02:30:00+02:00"),
    ("Europe/Berlin", "2026-10-25T02:30", "2026-10-26 02:30:00+01:00"),
    # By half an hour, and a whole day.
    ("Australia/Lord_Howe", "2026-10-04T00:00", "2026-10-04 02:30:00+11:00"),
    ("Pacific/Apia", "2011-12-29T12:00", "2011-12-31 00:00:00+14:00"),
)


def test_clocks_that_are_changed() -> None:
    """The days on which clocks are changed have one export each."""
    for zone, before, expected in CHANGED:
        now = datetime.fromisoformat(before).replace(tzinfo=ZoneInfo(zone))
        assert str(NIGHT.next_after(now)) == expected


@given(st.sampled_from([5, 10, 15, 20, 30, 60]), moments, st.sampled_from(ZONES), st.text())
@settings(max_examples=60)
def test_parts_of_an_hour(minutes: int, now: datetime, zone: str, entry_id: str) -> None:
    """Every few minutes, and every hour, is always as long, at minutes of the home's own."""
    schedule = Schedule(
        Frequency.HOURLY if minutes == 60 else Frequency.MINUTES, time(), minutes=minutes
    )
    shift = shift_of(entry_id)
    assert timedelta() <= shift < timedelta(hours=1)
    first = schedule.next_after(now.astimezone(ZoneInfo(zone)), shift)
    assert first is not None
    assert timedelta() < first.astimezone(UTC) - now <= minutes * MINUTE
    second = schedule.next_after(first, shift)
    assert second is not None
    assert second.astimezone(UTC) - first.astimezone(UTC) == minutes * MINUTE
    assert (first.timestamp() - shift.total_seconds()) % (60 * minutes) == 0


def test_never() -> None:
    """Manual exports have no next one, and neither has a week without days."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert Schedule(Frequency.MANUAL, time()).next_after(now) is None
    assert Schedule(Frequency.WEEKLY, time()).next_after(now) is None


def test_homes_are_spread() -> None:
    """An entry's minutes stay the same, and others have others."""
    assert shift_of("a") == shift_of("a")
    assert len({shift_of(f"entry {number}") for number in range(100)}) > 90
