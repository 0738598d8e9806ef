"""A database comes back whose newest rows others have sent, behind an older checkpoint."""

from dataclasses import replace
from datetime import UTC, datetime

from homeassistant.components.recorder.db_schema import (
    RecorderRuns,
    StatisticsMeta,
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
import pytest
from sqlalchemy import update

from custom_components.bigquery_export.export.checkpoint import Checkpoint
from custom_components.bigquery_export.export.other_database import async_look_for_other_database
from custom_components.bigquery_export.export.positions import Position, backfill_of
from custom_components.bigquery_export.export.recent_commits import EVERYTHING
from custom_components.bigquery_export.source.current_run import current_run
from custom_components.bigquery_export.source.source_table import Anchor
from tests.bigquery_export.support.databases import (
    ON_ANY_DATABASE,
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, record, rewrite
from tests.bigquery_export.support.statistics_rows import row
from tests.bigquery_export.support.warehouse import Warehouse

TABLE = "statistics_short_term"
POSITION = Position(cursor=5, in_doubt_until=7, in_doubt_before=3)


async def insert(hass: HomeAssistant, first: int, last: int) -> None:
    """Have statistics with these ids."""
    rows = [row(number, id=number, mean=float(number)) for number in range(first, last + 1)]
    await insert_rows(hass, StatisticsShortTerm, rows)


async def begin_run(hass: HomeAssistant, started: str) -> None:
    """Let the recorder's current run be another one, as in another database."""
    time = datetime.fromisoformat(started)
    change = update(RecorderRuns).values(start=time)
    await in_database(hass, lambda connection: connection.execute(change))


def means(warehouse: Warehouse) -> list[float]:
    """Return what is in BigQuery."""
    rows = warehouse.server.query(f"SELECT mean FROM home.{TABLE}", warehouse.project)  # noqa: S608
    return sorted(float(row["mean"]) for row in rows)


@ON_ANY_DATABASE
async def test_statistics(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Of statistics that were missing meanwhile none is sent twice, and new ones are sent."""
    exporter.tables = ("sensor_data", TABLE)
    meta = {"id": 1, "statistic_id": "sensor.power", "source": "recorder", "mean_type": 1}
    await insert_rows(hass, StatisticsMeta, [meta])
    await begin_run(hass, "2026-11-01T08:00Z")
    await record(hass, 3)
    await insert(hass, 1, 5)
    await exporter.export()
    older = exporter.file.path.read_bytes()
    await record(hass, 2)
    await insert(hass, 6, 9)
    await exporter.export()

    # The checkpoint of a backup, and a database that was begun anew.
    exporter.file.path.write_bytes(older)
    await rewrite(hass, "DELETE FROM statistics_short_term", "DELETE FROM states")
    await begin_run(hass, "2026-11-02T08:00Z")
    await record(hass, 4, name="new")
    assert (await exporter.export()).rows == {"sensor_data": 4, TABLE: 0}

    await begin_run(hass, "2026-11-01T08:00Z")
    await insert(hass, 1, 10)
    assert (await exporter.export()).rows == {"sensor_data": 0, TABLE: 1}
    assert means(warehouse) == list(range(1, 11))


@pytest.fixture
async def others_sent(hass: HomeAssistant, exporter: Exporter) -> Exporter:
    """Return an exporter whose checkpoint says that others have sent rows."""
    exporter.keeps_journal = True
    positions = dict.fromkeys((TABLE, backfill_of(TABLE), "entities"), POSITION)
    checkpoint = Checkpoint(positions=positions, unknown_before=4)
    await exporter.journal.async_update(lambda _: checkpoint)
    return exporter


async def doubts(exporter: Exporter) -> dict[str, tuple[int, int]]:
    """Look for another database as a new process does, and return what is in doubt until when."""
    exporter.restart()
    await async_look_for_other_database(exporter.new_session())
    positions = exporter.file.load().positions
    return {key: (one.in_doubt_until, one.in_doubt_before) for key, one in positions.items()}


async def test_same_database(hass: HomeAssistant, others_sent: Exporter) -> None:
    """Nothing more is in doubt as long as the run of the last time is there, and newer ones."""
    await doubts(others_sent)
    await others_sent.journal.async_update(
        lambda now: replace(now, positions=dict.fromkeys(now.positions, POSITION))
    )
    for run_id in (2, 3):
        time = datetime(2026, 12, run_id, tzinfo=UTC)
        await insert_rows(
            hass,
            RecorderRuns,
            [{"run_id": run_id, "start": time, "closed_incorrect": False, "created": time}],
        )
        assert set((await doubts(others_sent)).values()) == {(7, 3)}
        run = others_sent.file.load().run
        assert run
        assert run.id == run_id
    await execute(hass, "DELETE FROM recorder_runs WHERE run_id = 3")
    assert (await doubts(others_sent))[TABLE] == (EVERYTHING, 4)


async def test_another_database(hass: HomeAssistant, others_sent: Exporter) -> None:
    """All that waits of the recorder is in doubt, and nothing else."""
    first = {TABLE: (EVERYTHING, 4), backfill_of(TABLE): (EVERYTHING, 4), "entities": (7, 3)}
    assert await doubts(others_sent) == first
    await others_sent.journal.async_update(
        lambda now: replace(now, positions=dict.fromkeys(now.positions, POSITION))
    )
    await begin_run(hass, "2026-11-02T08:00Z")
    assert await doubts(others_sent) == first


async def test_runs_that_cannot_be_read(hass: HomeAssistant, others_sent: Exporter) -> None:
    """Where it is not known which database it is, it may be another one."""
    await doubts(others_sent)
    await execute(hass, "ALTER TABLE recorder_runs RENAME TO renamed")
    await others_sent.journal.async_update(
        lambda now: replace(now, positions=dict.fromkeys(now.positions, POSITION))
    )
    try:
        assert (await doubts(others_sent))[TABLE] == (EVERYTHING, 4)
    finally:
        await execute(hass, "ALTER TABLE renamed RENAME TO recorder_runs")


async def test_nothing_is_read_without_others(hass: HomeAssistant, exporter: Exporter) -> None:
    """A home whose checkpoint knows of all that was sent is asked for nothing."""
    await record(hass, 1)
    await exporter.export()
    before = exporter.file.path.read_bytes()
    assert await doubts(exporter) == {"sensor_data": (0, 0)}
    assert exporter.file.path.read_bytes() == before


@ON_EACH_DATABASE
async def test_current_run(hass: HomeAssistant) -> None:
    """The newest run is known again by its id and its times."""
    run, same = await in_recorder(hass, current_run, hass, None)
    assert run
    assert not same
    assert await in_recorder(hass, current_run, hass, run) == (run, True)
    other = Anchor(run.id, "another")
    assert await in_recorder(hass, current_run, hass, other) == (run, False)
    await execute(hass, "DELETE FROM recorder_runs")
    assert await in_recorder(hass, current_run, hass, run) == (None, False)
