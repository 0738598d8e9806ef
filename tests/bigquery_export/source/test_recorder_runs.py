"""Reading the recorder's runs, on each database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.db_schema import RecorderRuns
from homeassistant.components.recorder.util import end_incomplete_runs
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from sqlalchemy import delete

from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.sources import decoded, read_pieces, read_rows, source

START = datetime(2026, 3, 28, 23, 59, 59, 123456, tzinfo=UTC)


def row(number: int, *, ended: bool = True) -> dict[str, Any]:
    """Return a run of the recorder of an hour, as it is inserted."""
    start = START + timedelta(hours=number)
    return {
        "start": start,
        "end": start + timedelta(minutes=59, microseconds=1) if ended else None,
        "closed_incorrect": False,
        "created": start + timedelta(seconds=3),
    }


async def forget_runs(hass: HomeAssistant) -> None:
    """Delete all runs, the one of the test itself too."""
    await in_database(hass, lambda db: db.execute(delete(RecorderRuns)))


@ON_EACH_DATABASE
async def test_the_run_of_the_test(hass: HomeAssistant) -> None:
    """A recorder that is running has nothing to tell of its run yet."""
    runs = source(hass, RECORDER_RUNS)
    assert await in_recorder(hass, runs.reader.newest_id) == 0
    assert await in_recorder(hass, runs.reader.count, 0) == 0
    assert await read_pieces(hass, runs) == []


@ON_EACH_DATABASE
async def test_runs_that_have_ended(hass: HomeAssistant) -> None:
    """Each ended run is read with its times, which are those of UTC, to the microsecond."""
    await forget_runs(hass)
    await insert_rows(hass, RecorderRuns, [row(number) for number in range(5)])
    runs = source(hass, RECORDER_RUNS)
    rows = await read_rows(hass, runs, limit=2)
    values = decoded(RECORDER_RUNS, rows)
    assert [datetime.fromtimestamp(value["start"] / 1e6, UTC) for value in values] == [
        START + timedelta(hours=number) for number in range(5)
    ]
    assert {value["end"] - value["start"] for value in values} == {59 * 60_000_000 + 1}
    assert {value["created"] - value["start"] for value in values} == {3_000_000}
    assert not any(value["closed_incorrect"] for value in values)
    assert [value["run_id"] for value in values] == rows.ids
    assert rows.times == [value["start"] for value in values]
    assert set(rows.names) == {"home"}
    assert await in_recorder(hass, runs.reader.count, rows.ids[1]) == 3


@ON_EACH_DATABASE
async def test_a_run_is_read_when_it_has_ended(hass: HomeAssistant) -> None:
    """A run that goes on is not read, nor one behind it; after a crash, it ended at the start."""
    await forget_runs(hass)
    await insert_rows(hass, RecorderRuns, [row(0), row(1, ended=False), row(2)])
    (piece,) = await read_pieces(hass, source(hass, RECORDER_RUNS))
    assert len(piece.rows) == 1
    assert await in_recorder(hass, source(hass, RECORDER_RUNS).reader.count, piece.last.id) == 0

    restart = START + timedelta(hours=5)

    def start_again() -> None:
        with session_scope(hass=hass) as session:
            end_incomplete_runs(session, restart)

    await in_recorder(hass, start_again)
    crashed, clean = decoded(
        RECORDER_RUNS, await read_rows(hass, source(hass, RECORDER_RUNS), after=piece.last.id)
    )
    assert crashed["closed_incorrect"] is True
    assert datetime.fromtimestamp(crashed["end"] / 1e6, UTC) == restart
    assert clean["closed_incorrect"] is False


@ON_EACH_DATABASE
async def test_fingerprint(hass: HomeAssistant) -> None:
    """A run has the same fingerprint on each database, and another than other runs."""
    await forget_runs(hass)
    await insert_rows(hass, RecorderRuns, [row(0), row(1)])
    runs = source(hass, RECORDER_RUNS)
    first, second = await read_pieces(hass, runs, limit=1)
    assert first.last.fingerprint == (
        "2026-03-28T23:59:59.123456+00:00 2026-03-29T00:00:02.123456+00:00"
    )
    assert await in_recorder(hass, runs.reader.fingerprints, [first.last.id, second.last.id]) == {
        first.last.id: first.last.fingerprint,
        second.last.id: second.last.fingerprint,
    }
