"""How long it takes from a change of a state until BigQuery has it, with live exports."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
import sqlite3
from tempfile import mkdtemp
import time

from tests.demo.activity import Activity
from tests.home.entities import make_entities
from tests.home.home_assistant import HomeAssistant
from tests.home.integration import DATASET, DOMAIN, add_integration, set_options
from tests.home.launcher import MEASUREMENTS
from tests.home.measurements import LOOK_COLUMNS, LOOKS
from tests.local_bigquery.fault_kinds import GRPC_METHODS, REST_METHODS
from tests.local_bigquery.process import DATA_EDITOR, start

from .measured import Measurements, Period
from .spread import percentile

PROJECT = "live-home"
CHANGES_PER_SECOND = 50
ENTITIES = 100
ANSWER_SECONDS = 0.2
"""After which BigQuery answers."""
SECONDS_TO_SETTLE = 12
"""After the last change, until it is sent."""


@dataclass(frozen=True, slots=True)
class Live:
    """What was measured; times are in seconds."""

    commit_interval: int
    rows: int
    delays: tuple[float, float]
    """From a change to the acknowledgement, median and 99th percentile."""
    recorder: tuple[float, float]
    """Until the recorder had committed it, and it was looked for: a part of that."""
    lost: int
    duplicated: int
    fsyncs_per_minute: float
    cpu_percent: float
    """Of one core, all of Home Assistant."""

    @property
    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"live: commit_interval={self.commit_interval} rows={self.rows}"
            f" p50_s={self.delays[0]:.2f} p99_s={self.delays[1]:.2f}"
            f" recorder_p50_s={self.recorder[0]:.2f} recorder_p99_s={self.recorder[1]:.2f}"
            f" lost={self.lost} duplicated={self.duplicated}"
            f" fsyncs_per_minute={self.fsyncs_per_minute:.1f} cpu_percent={self.cpu_percent:.1f}"
        )


async def measure_live(folder: Path, seconds: float, commit_interval: int) -> Live:
    """Let a home live for so long, and return what was measured."""
    folder = Path(mkdtemp(dir=folder, prefix="live-"))
    home_folder = folder / "home"
    home_folder.mkdir()
    with start(folder / "bigquery") as bigquery:
        home = HomeAssistant(
            home_folder,
            environment={MEASUREMENTS: str(home_folder / "measurements")},
            commit_interval=commit_interval,
        )
        async with home:
            key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
            entry_id = await add_integration(
                home.client, key, rest_url=bigquery.rest_url, storage_url=bigquery.storage_url
            )
            what = {"tables": ["sensor_data"]}
            await set_options(home.client, entry_id, what, batch_rows=1_000, live=True)
            await home.client.until_loaded(DOMAIN)
            export = {"config_entry_id": entry_id, "flush": True}
            await home.client.perform_action_with_response(DOMAIN, "export_now", export)
            for method in (GRPC_METHODS | REST_METHODS) - {"tabledata.list"}:
                bigquery.add_fault(method, "delay", seconds=ANSWER_SECONDS)
            activity = Activity(home.client, make_entities(ENTITIES), CHANGES_PER_SECOND)
            began = time.time()
            async with activity.going_on():
                await asyncio.sleep(seconds)
            ended = time.time()
            await asyncio.sleep(SECONDS_TO_SETTLE + commit_interval)
            bigquery.clear_faults()
            await home.client.perform_action_with_response(DOMAIN, "export_now", export)
            measured = Measurements(home_folder / "measurements")
        sent = [
            int(row["state_id"])
            for row in bigquery.query(f"SELECT state_id FROM {DATASET}.sensor_data", PROJECT)  # noqa: S608
        ]
    changed = dict(_states(home.database, began, ended))
    looks = list(_looks(home_folder / "measurements" / LOOKS))
    delays, waits = [], []
    place = 0
    for state_id in sorted(changed):
        while place < len(looks) and looks[place]["cursor"] < state_id:
            place += 1
        if place < len(looks):
            delays.append(looks[place]["ended"] - changed[state_id])
            waits.append(looks[place]["began"] - changed[state_id])
    during = [look for look in looks if began <= look["ended"] <= ended]
    minutes = (during[-1]["ended"] - during[0]["ended"]) / 60
    return Live(
        commit_interval,
        len(changed),
        (percentile(delays, 50), percentile(delays, 99)),
        (percentile(waits, 50), percentile(waits, 99)),
        len(changed.keys() - set(sent)),
        len(sent) - len(set(sent)),
        (during[-1]["fsyncs"] - during[0]["fsyncs"]) / minutes,
        100 * measured.use(Period(began, ended)).cpu / (ended - began),
    )


def _states(database: Path, began: float, ended: float) -> Iterator[tuple[int, float]]:
    """Yield the ids of the states that changed between two times, and when each did."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as recorder:
        yield from recorder.execute(
            "SELECT state_id, last_updated_ts FROM states"
            " WHERE last_updated_ts BETWEEN ? AND ? ORDER BY state_id",
            (began, ended),
        )


def _looks(path: Path) -> Iterator[dict[str, float]]:
    for line in path.read_text().splitlines():
        yield dict(zip(LOOK_COLUMNS, map(float, line.split(",")), strict=True))
