"""Homes that export live: how long it takes from a change of a state until BigQuery has it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
import time

from homeassistant.components.recorder.db_schema import States
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from tests.bigquery_export.support.databases import empty_database
from tests.demo.activity import Activity
from tests.home.entities import make_entities
from tests.home.home_assistant import HomeAssistant
from tests.home.integration import DATASET, DOMAIN, add_integration, set_options
from tests.home.launcher import MEASUREMENTS
from tests.home.measurements import LOOK_COLUMNS, LOOKS
from tests.local_bigquery.fault_kinds import GRPC_METHODS, REST_METHODS
from tests.local_bigquery.process import DATA_EDITOR, start

from .disk import Written, written_by_recorder
from .measured import Measurements, Period
from .spread import percentile

PROJECT = "live-home"
MEMORY = "/dev/shm"  # noqa: S108
"""Where what is measured is no write to the disk."""
ANSWER_SECONDS = 0.2
"""After which BigQuery answers."""
SECONDS_TO_SETTLE = 12
"""After the last change, until it is sent."""


@dataclass(frozen=True, slots=True)
class LiveHome:
    """A home that exports live."""

    seconds: float
    """For how long it is measured."""
    database: str = "sqlite"
    commit_interval: int = 5
    """The recorder's, which is 5 seconds by default."""
    changes_per_second: float = 50
    entities: int = 100


@dataclass(frozen=True, slots=True)
class Live:
    """What was measured of one; times are in seconds."""

    home: LiveHome
    rows: int
    delays: tuple[float, float]
    """From a change to the acknowledgement, median and 99th percentile."""
    recorder: tuple[float, float]
    """Until the recorder had committed it, and it was looked for: a part of that."""
    lost: int
    duplicated: int
    written: Written
    """What the integration has written to the disk."""
    recorder_bytes: int
    """What the recorder has."""
    cpu_percent: float
    """Of one core, all of Home Assistant."""

    @property
    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"live: database={self.home.database} commit_interval={self.home.commit_interval}"
            f" rows={self.rows} p50_s={self.delays[0]:.2f} p99_s={self.delays[1]:.2f}"
            f" recorder_p50_s={self.recorder[0]:.2f} recorder_p99_s={self.recorder[1]:.2f}"
            f" lost={self.lost} duplicated={self.duplicated}"
            f" fsyncs_per_minute={self.written.fsyncs * 60 / self.home.seconds:.1f}"
            f" written_kb={self.written.bytes / 1e3:.0f}"
            f" recorder_kb={self.recorder_bytes / 1e3:.0f} cpu_percent={self.cpu_percent:.1f}"
        )


async def measure_live(folder: Path, live: LiveHome) -> Live:
    """Let a home live for a while, and return what was measured."""
    folder = Path(mkdtemp(dir=folder, prefix="live-"))
    (folder / "home").mkdir()
    with (
        TemporaryDirectory(dir=MEMORY) as measured_in,
        empty_database(live.database, folder) as url,
        start(folder / "bigquery") as bigquery,
    ):
        measurements = Path(measured_in)
        home = HomeAssistant(
            folder / "home",
            environment={MEASUREMENTS: str(measurements)},
            commit_interval=live.commit_interval,
            db_url=url,
        )
        async with home:
            key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
            entry_id = await add_integration(
                home.client, key, rest_url=bigquery.rest_url, storage_url=bigquery.storage_url
            )
            await set_options(home.client, entry_id, {}, batch_rows=1_000, live=True)
            await home.client.until_loaded(DOMAIN)
            export = {"config_entry_id": entry_id, "flush": True}
            await home.client.perform_action_with_response(DOMAIN, "export_now", export)
            for method in (GRPC_METHODS | REST_METHODS) - {"tabledata.list"}:
                bigquery.add_fault(method, "delay", seconds=ANSWER_SECONDS, times=None)
            entities = make_entities(live.entities)
            activity = Activity(home.client, entities, live.changes_per_second)
            async with activity.going_on():
                began, before = time.time(), written_by_recorder(home.process)
                await asyncio.sleep(live.seconds)
                ended, recorder_bytes = time.time(), written_by_recorder(home.process) - before
            await asyncio.sleep(SECONDS_TO_SETTLE + live.commit_interval)
            bigquery.clear_faults()
            await home.client.perform_action_with_response(DOMAIN, "export_now", export)
            measured = Measurements(measurements)
            looks = list(_looks(measurements / LOOKS))
            on_disk = Written.in_(measurements, Period(began, ended))
        sent = [
            int(row["state_id"])
            for row in bigquery.query(f"SELECT state_id FROM {DATASET}.sensor_data", PROJECT)  # noqa: S608
        ]
        changed = _states(url, began, ended)
    delays, waits = [], []
    place = 0
    for state_id in sorted(changed):
        while place < len(looks) and looks[place]["cursor"] < state_id:
            place += 1
        if place < len(looks):
            delays.append(looks[place]["ended"] - changed[state_id])
            waits.append(looks[place]["began"] - changed[state_id])
    return Live(
        live,
        len(changed),
        (percentile(delays, 50), percentile(delays, 99)),
        (percentile(waits, 50), percentile(waits, 99)),
        len(changed.keys() - set(sent)),
        len(sent) - len(set(sent)),
        on_disk,
        recorder_bytes,
        100 * measured.use(Period(began, ended)).cpu / (ended - began),
    )


def _states(url: str, began: float, ended: float) -> dict[int, float]:
    """Return the ids of the states that changed between two times, and when each did."""
    engine = create_engine(url, poolclass=NullPool)
    changed = States.last_updated_ts
    wanted = select(States.state_id, changed).where(changed.between(began, ended))
    with engine.connect() as recorder:
        return {row.state_id: row.last_updated_ts or 0.0 for row in recorder.execute(wanted)}


def _looks(path: Path) -> Iterator[dict[str, float]]:
    for line in path.read_text().splitlines():
        yield dict(zip(LOOK_COLUMNS, map(float, line.split(",")), strict=True))
