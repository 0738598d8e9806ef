"""What the recorder purges: rows at risk, and gaps."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import Connection, delete, func, select

from custom_components.bigquery_export.export.checkpoint import Gap
from custom_components.bigquery_export.export.positions import Position
from custom_components.bigquery_export.export.purge import (
    Retention,
    find_gap,
    is_purged,
    oldest_waiting,
)
from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS_SHORT_TERM
from custom_components.bigquery_export.rows.table import Table
from custom_components.bigquery_export.source.source_table import Anchor
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.query_plans import ANALYZE, is_slow, plan, statements
from tests.bigquery_export.support.recorder_rows import MODELS, ROWS, TIME, row

DAY = 86_400
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def ago(days: float) -> float:
    """Return a time before NOW, in seconds since 1970."""
    return NOW.timestamp() - days * DAY


@pytest.mark.parametrize(
    ("zone", "now", "row", "purge"),
    [
        # The next purge is at 04:12, and deletes what is ten days older.
        ("UTC", "2026-11-21T12:00Z", "2026-11-12T04:11:59Z", "2026-11-22T04:12Z"),
        ("UTC", "2026-11-21T12:00Z", "2026-11-12T04:12:00Z", "2026-11-23T04:12Z"),
        ("UTC", "2026-11-21T12:00Z", "2026-11-13T04:11:59Z", "2026-11-23T04:12Z"),
        ("UTC", "2026-11-21T12:00Z", "2026-11-13T04:12:00Z", None),
        ("UTC", "2026-11-21T04:11Z", "2026-11-11T04:11:59Z", "2026-11-21T04:12Z"),
        ("UTC", "2026-11-21T04:12Z", "2026-11-11T04:11:59Z", "2026-11-22T04:12Z"),
        ("UTC", "2026-11-21T12:00Z", "2020-01-01T00:00:00Z", "2026-11-22T04:12Z"),
        # 04:12 is of the home's clock, and a day is 24 hours also when the clocks change.
        ("Europe/Amsterdam", "2026-11-21T02:00Z", "2026-11-11T03:11Z", "2026-11-21T03:12Z"),
        ("Asia/Kathmandu", "2026-11-21T12:00Z", "2026-11-11T22:26Z", "2026-11-21T22:27Z"),
        ("Europe/Amsterdam", "2026-10-24T12:00Z", "2026-10-15T03:11Z", "2026-10-25T03:12Z"),
        ("Europe/Amsterdam", "2026-10-24T12:00Z", "2026-10-16T03:12Z", None),
        ("Europe/Amsterdam", "2027-03-27T12:00Z", "2027-03-18T02:11Z", "2027-03-28T02:12Z"),
    ],
)
async def test_purge_of_a_row(
    hass: HomeAssistant, zone: str, now: str, row: str, purge: str | None
) -> None:
    """A row is at risk when the next purge deletes it, or the one after."""
    await hass.config.async_set_time_zone(zone)
    time = datetime.fromisoformat(row).timestamp()
    found = Retention(10).purge_of(time, datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(purge) if purge else None)
    assert Retention(10, purges=False).purge_of(time, datetime.fromisoformat(now)) is None


def position(cursor: int, days: float | None) -> Position:
    """Return the position behind a row that is so many days old."""
    anchors = () if days is None else (Anchor(cursor, f"{ago(days)!r} 0123"),)
    return Position(cursor=cursor, anchors=anchors)


@pytest.mark.parametrize(
    ("what", "cursor", "last_row", "last_export", "oldest", "lost"),
    [
        ("purged", 100, 13, 13, 10, (8, 13, 10)),
        ("a retried export ended later than its last row", 100, 14, 12, 10, (8, 12, 10)),
        ("no export has ended yet", 100, 13, None, 10, (8, 13, 10)),
        ("more is purged before the export succeeds", 100, None, 13, 10, (8, 13, 10)),
        ("and none has ever ended", 100, None, None, 10, (8, 10, 10)),
        ("nothing was exported before it was purged", 0, None, None, 10, None),
        ("deleted by a user", 100, 1, 1, 0.5, (8, 1, 0.5)),
        ("a quiet table, which misses ids", 100, 40, 1, 0.5, None),
        ("and was not chosen for long", 100, 40, 1, 10, None),
        ("a database that comes back", 100, 13, 13, 20, None),
        ("the clock was ahead at the last export", 100, 13, -200, 10, (8, 13, 10)),
        ("and at the last row", 100, -200, 13, 10, (8, 13, 10)),
        ("and at both", 100, -1, -1, 10, (8, 10, 10)),
        ("only rows of now", 100, 13, 13, None, (8, 13, 0)),
    ],
)
def test_find_gap(
    freezer: FrozenDateTimeFactory,
    what: str,
    cursor: int,
    last_row: float | None,
    last_export: float | None,
    oldest: float | None,
    lost: tuple[int, float, float] | None,
) -> None:
    """Rows are lost when ids are missing because of a purge that came before an export."""
    freezer.move_to(NOW)
    found = find_gap(
        "sensor_data",
        position(cursor, last_row),
        Position(cursor=cursor + 8),
        oldest=None if oldest is None else ago(oldest),
        last_export=None if last_export is None else ago(last_export),
        retention=Retention(10),
    )
    expected = lost and Gap("sensor_data", lost[0], ago(lost[1]), ago(lost[2]))
    assert found == expected, what


@pytest.mark.parametrize(
    ("table", "fingerprint"),
    [
        ("sensor_data", f"{ago(13)!r} 0123"),
        ("events", f"{ago(13)!r} 0123"),
        ("statistics_short_term", f"7 {ago(13)!r} {ago(1)!r}"),
        ("recorder_runs", f"{datetime.fromtimestamp(ago(13), UTC).isoformat()} None"),
    ],
)
def test_time_of_the_last_row(freezer: FrozenDateTimeFactory, table: str, fingerprint: str) -> None:
    """The time of the last row that was exported is in its fingerprint."""
    freezer.move_to(NOW)
    before = Position(cursor=5, anchors=(Anchor(5, fingerprint),))
    find = partial(find_gap, table, before, oldest=ago(10), retention=Retention(10))
    assert find(Position(cursor=7), last_export=None) == Gap(table, 2, ago(13), ago(10))
    without = replace(before, anchors=(Anchor(5, "None None None"),))
    find = partial(find_gap, table, without, oldest=ago(10), retention=Retention(10))
    assert find(Position(cursor=7), last_export=ago(12)) == Gap(table, 2, ago(12), ago(10))


def test_what_is_purged() -> None:
    """Everything but the long-term statistics is deleted some day."""
    assert not is_purged("statistics")
    for table in (SENSOR_DATA, EVENTS, STATISTICS_SHORT_TERM, RECORDER_RUNS):
        assert is_purged(table.name)


@ON_EACH_DATABASE
@pytest.mark.parametrize(
    "table",
    [SENSOR_DATA, STATISTICS_SHORT_TERM, EVENTS, RECORDER_RUNS],
    ids=lambda table: table.name,
)
async def test_oldest_row(hass: HomeAssistant, table: Table) -> None:
    """The oldest of the next rows is found by their ids, whatever else the table holds."""
    model = MODELS[table.name]
    await async_wait_recording_done(hass)
    if table is not RECORDER_RUNS:
        await in_database(hass, lambda db: db.execute(delete(model)))
    await insert_rows(hass, model, [row(table, number) for number in range(ROWS)])
    name = model.__tablename__
    await in_database(hass, lambda db: db.exec_driver_sql(ANALYZE[db.dialect.name].format(name)))
    newest = await in_database(hass, lambda db: _newest(db, model))
    with statements(hass) as sent:
        oldest = await in_recorder(hass, oldest_waiting, hass, table.name, newest - 700)
        assert await in_recorder(hass, oldest_waiting, hass, table.name, newest) is None
    if table is RECORDER_RUNS:
        assert oldest is not None
        assert abs(oldest - dt_util.utcnow().timestamp()) < 60
    else:
        step = 300 if table is STATISTICS_SHORT_TERM else 1
        assert oldest == TIME + (ROWS - 700) * step
    statement, parameters = sent[0]
    steps = await in_database(hass, partial(plan, statement=statement, parameters=parameters))
    slow = [step for step in steps if is_slow(step, name) and not _is_of_the_subquery(step)]
    assert not slow, f"{statement}\n{steps}"


def _is_of_the_subquery(step: str) -> bool:
    """Return whether a step looks at the thousand rows that were found."""
    return step.startswith(("SCAN anon_1", "SCAN (subquery")) or step.endswith("of <derived2>")


def _newest(connection: Connection, model: Any) -> int:
    (id_,) = model.__table__.primary_key
    newest = connection.execute(select(func.max(id_))).scalar_one()
    assert isinstance(newest, int)
    return newest


async def test_time_runs_backwards(hass: HomeAssistant) -> None:
    """The oldest of the next 1,000 rows counts, not the one with the lowest id."""
    rows = [{"last_updated_ts": TIME - number % 7} for number in range(20)]
    await insert_rows(hass, MODELS["sensor_data"], [*rows, {"last_updated_ts": None}])
    assert await in_recorder(hass, oldest_waiting, hass, "sensor_data", 0) == TIME - 6
    assert await in_recorder(hass, oldest_waiting, hass, "sensor_data", 14) == TIME - 5
    assert await in_recorder(hass, oldest_waiting, hass, "sensor_data", 20) is None
