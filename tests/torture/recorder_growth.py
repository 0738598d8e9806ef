"""Rows that a recorder gets while Home Assistant does not run, so that an export takes its time."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random
import sqlite3
import time

from ulid_transform import ulid_at_time_bytes

from tests.home.recorder_statistics import FIVE_MINUTES, HOUR

from .recorder_damage import run_text
from .writer import METER

SECONDS_OF_ROWS = 60.0
NEW_STATES = (1_000, 5_000)
NEW_EVENTS = (0, 300)
NEW_PERIODS = (0, 100)
METERS = 5
FIRST_PERIOD = int(time.time() // HOUR - 3 * 365 * 24) * HOUR
"""Long before what Home Assistant compiles here, and after what BigQuery refuses as too old."""


class Growth:
    """Adds rows as the recorder would have written them; no statistic has a period twice."""

    def __init__(
        self, database: Path, random: Random, periods: Iterator[int] | None = None
    ) -> None:
        """Add rows to this database."""
        self._database = database
        self._random = random
        self._periods = periods or count()

    def of_copy(self, database: Path) -> Growth:
        """Return what adds other rows to a copy of the database."""
        return Growth(database, self._random, self._periods)

    def go_on(self) -> None:
        """Add rows to all tables."""
        with closing(sqlite3.connect(self._database)) as recorder, recorder:
            self._add_states(recorder)
            self._add_events(recorder)
            meters = self._meters(recorder)
            for _ in range(self._random.randint(*NEW_PERIODS)):
                period = next(self._periods)
                self._add_statistics(recorder, "statistics", meters, period * HOUR)
                self._add_statistics(
                    recorder, "statistics_short_term", meters, period * FIVE_MINUTES
                )
                # Without its run a period of five minutes would look as if it were purged soon.
                recorder.execute(
                    "INSERT INTO statistics_runs (start) VALUES (?)",
                    (run_text(FIRST_PERIOD + period * FIVE_MINUTES),),
                )

    def _add_states(self, recorder: sqlite3.Connection) -> None:
        templates = recorder.execute(
            "SELECT metadata_id, state, attributes_id FROM states"
            " WHERE attributes_id IS NOT NULL AND last_updated IS NULL"
            " ORDER BY state_id DESC LIMIT 500"
        ).fetchall()
        if not templates:
            return
        recorder.executemany(
            "INSERT INTO states (metadata_id, state, attributes_id, last_updated_ts,"
            " last_reported_ts, origin_idx, context_id_bin) VALUES (?, ?, ?, ?, ?, 0, ?)",
            (
                (*self._random.choice(templates), at, at, ulid_at_time_bytes(at))
                for at in self._times(NEW_STATES)
            ),
        )

    def _add_events(self, recorder: sqlite3.Connection) -> None:
        templates = recorder.execute(
            "SELECT event_type_id, data_id FROM events"
            " WHERE event_type_id IS NOT NULL AND time_fired IS NULL"
            " ORDER BY event_id DESC LIMIT 500"
        ).fetchall()
        if not templates:
            return
        recorder.executemany(
            "INSERT INTO events (event_type_id, data_id, time_fired_ts, origin_idx,"
            " context_id_bin) VALUES (?, ?, ?, 0, ?)",
            (
                (*self._random.choice(templates), at, ulid_at_time_bytes(at))
                for at in self._times(NEW_EVENTS)
            ),
        )

    def _add_statistics(
        self, recorder: sqlite3.Connection, table: str, meters: list[int], start: int
    ) -> None:
        total = self._random.random() * 1_000
        recorder.executemany(
            f"INSERT INTO {table} (created_ts, metadata_id, start_ts, last_reset_ts, state, sum)"  # noqa: S608
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                (time.time(), meter, FIRST_PERIOD + start, FIRST_PERIOD + 0.25, total, total / 3)
                for meter in meters
            ),
        )

    def _meters(self, recorder: sqlite3.Connection) -> list[int]:
        """Return some statistics, and make one if there is none in a new database."""
        recorder.execute(
            "INSERT OR IGNORE INTO statistics_meta (statistic_id, source, unit_of_measurement,"
            " unit_class, has_mean, has_sum, name, mean_type)"
            " VALUES (:statistic_id, :source, :unit_of_measurement, :unit_class, FALSE, :has_sum,"
            " :name, :mean_type)",
            METER,
        )
        rows = recorder.execute("SELECT id FROM statistics_meta").fetchall()
        ids = [id_ for (id_,) in rows]
        return self._random.sample(ids, min(METERS, len(ids)))

    def _times(self, numbers: tuple[int, int]) -> list[float]:
        end = time.time()
        number = self._random.randint(*numbers)
        # Two states of an entity within a microsecond, but at other times, are more than any home
        # can write: the exporter takes them for one when it looks for repeats.
        return sorted(
            round(end - self._random.random() * SECONDS_OF_ROWS, 6) for _ in range(number)
        )
