"""Ten thousand new states a second for a minute, with live exports."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
import sqlite3
import time
from typing import Any

from tests.home.measurements import LOOK_COLUMNS

from .measured import Period
from .real_home import RealHome

ROWS_PER_SECOND = 10_000
COPIED = (
    "metadata_id, state, attributes_id, last_changed_ts, last_reported_ts, origin_idx,"
    " context_id_bin, old_state_id"
)
SECONDS_TO_REST = 15
LONGEST_WAIT = 300.0
"""Seconds; a home that has not caught up then does not."""


@dataclass(frozen=True, slots=True)
class Burst:
    """What was measured."""

    rows: int
    seconds: float
    """For how long they came."""
    caught_up: float
    """Seconds after the last until all were acknowledged."""
    memory: float
    """Megabytes more than before, at the most."""
    lag: float
    """Milliseconds by which the event loop was late, 99th percentile."""
    idle_lag: float
    """Likewise, before."""
    fsyncs: int

    @property
    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"burst: rows={self.rows} seconds={self.seconds:.1f} caught_up_s={self.caught_up:.1f}"
            f" rss_growth_mb={self.memory:.1f} loop_lag_p99_ms={self.lag:.1f}"
            f" idle_lag_p99_ms={self.idle_lag:.1f} fsyncs={self.fsyncs}"
        )


async def measure_burst(home: RealHome, seconds: float) -> Burst:
    """Insert states into the database of a home that exports live, and wait until all are sent."""
    await home.export()
    async with home.activity():
        idle = await _rest(SECONDS_TO_REST)
        began = time.time()
        newest, rows, ended = await asyncio.to_thread(_insert, home.home.database, seconds)
        caught_up = await asyncio.to_thread(
            _until, lambda: _sent(home.looks_file, newest), LONGEST_WAIT
        )
    period = Period(began, caught_up)
    measured = await home.measurements()
    return Burst(
        rows,
        ended - began,
        caught_up - ended,
        max(measured.memory(idle, period, [share / 50 for share in range(1, 51)])),
        measured.lag(period).p99,
        measured.lag(idle).p99,
        home.written(period).fsyncs,
    )


def _insert(database: Path, seconds: float) -> tuple[int, int, float]:
    """Insert copies of states with the time of now, a commit a second.

    Return the newest id, how many there are, and when the last were committed.
    """
    rows, newest, ended, began = 0, 0, 0.0, time.monotonic()
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as recorder:
        # S608: names of columns, and numbers.
        insert = (
            f"INSERT INTO states ({COPIED}, last_updated_ts)"  # noqa: S608
            f" SELECT {COPIED}, ? + state_id * 1e-6 FROM states"
            f" WHERE state_id <= {ROWS_PER_SECOND} ORDER BY state_id"
        )
        for number in range(round(seconds)):
            cursor = recorder.execute(insert, (time.time(),))
            rows += cursor.rowcount
            ended = time.time()
            (newest,) = recorder.execute("SELECT max(state_id) FROM states").fetchone()
            time.sleep(max(0.0, began + number + 1 - time.monotonic()))
    return newest, rows, ended


def _until(found: Callable[[], float | None], seconds: float) -> float:
    """Return what is found within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    raise TimeoutError


def _sent(path: Path, newest: int) -> float | None:
    """Return when all up to an id had been sent."""
    return next((look["ended"] for look in _looks(path) if look["cursor"] >= newest), None)


def _looks(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = path.read_text().rpartition("\n")[0].splitlines()
    return [dict(zip(LOOK_COLUMNS, map(float, line.split(",")), strict=True)) for line in lines]


async def _rest(seconds: float) -> Period:
    began = time.time()
    await asyncio.sleep(seconds)
    return Period(began, time.time())
