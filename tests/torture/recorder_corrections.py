"""What Home Assistant does to statistics afterwards, done to a recorder that rests."""

from collections.abc import Callable, Mapping
from contextlib import closing
from copy import copy
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
import sqlite3
import time

from tests.home.recorder_statistics import FIVE_MINUTES, HOUR

TABLES = ("statistics", "statistics_short_term")
MOST = 3
"""Corrections in one round."""
UNITS: Mapping[str, tuple[str, float, float]] = {
    "W": ("kW", 0.001, 0),
    "kW": ("W", 1_000, 0),
    "kWh": ("Wh", 1_000, 0),
    "Wh": ("kWh", 0.001, 0),
    "°C": ("°F", 1.8, 32),
    "°F": ("°C", 1 / 1.8, -32 / 1.8),
}
"""Another unit, and the factor and the offset with which values become such."""
IMPORTED_HOURS = 48
OVERWRITTEN_HOURS = 24
CLEARED_HOURS = 12


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic that the recorder has rows of."""

    metadata_id: int
    statistic_id: str
    unit: str | None


class Corrections:
    """Corrects statistics as Home Assistant does, with the same columns changed."""

    def __init__(self, database: Path, random: Random) -> None:
        """Correct rows of this database."""
        self._database = database
        self._random = random
        self._renamed = count(1)
        self._former_ids: list[str] = []
        """What statistics were once called."""

    def of_copy(self, database: Path) -> Corrections:
        """Return what corrects a copy of the database, with other new names."""
        corrections = copy(self)
        corrections._database = database
        return corrections

    def correct(self) -> list[str]:
        """Make one correction or several, and say in a few words what each did."""
        kinds: list[Callable[[sqlite3.Connection, Statistic], str | None]] = [
            self.adjust_sum,
            self.convert_unit,
            self.import_into_the_past,
            self.overwrite,
            self.rename,
            self.clear,
            self.clear_range,
        ]
        done: list[str] = []
        with closing(sqlite3.connect(self._database)) as recorder, recorder:
            for correct in self._random.sample(kinds, self._random.randint(1, MOST)):
                if statistics := statistics_of(recorder):
                    said = correct(recorder, self._random.choice(statistics))
                    done += [said] if said else []
        return done

    def adjust_sum(self, recorder: sqlite3.Connection, statistic: Statistic) -> str | None:
        """Add to the sums from some hour on, as a user does who corrects a leap of a meter."""
        if (start := self._some_hour(recorder, statistic, "AND sum IS NOT NULL")) is None:
            return None
        by = self._random.uniform(-100, 100)
        for table in TABLES:
            recorder.execute(
                f"UPDATE {table} SET sum = sum + ? WHERE metadata_id = ? AND start_ts >= ?",  # noqa: S608
                (by, statistic.metadata_id, start),
            )
        return f"adjusted sums of {statistic.statistic_id}"

    def convert_unit(self, recorder: sqlite3.Connection, statistic: Statistic) -> str | None:
        """Convert all values to another unit."""
        if statistic.unit is None or statistic.unit not in UNITS:
            return None
        unit, factor, offset = UNITS[statistic.unit]
        columns = ("mean", "min", "max", "state", "sum")
        converted = ", ".join(f"{column} = {column} * :factor + :offset" for column in columns)
        for table in TABLES:
            recorder.execute(
                f"UPDATE {table} SET {converted} WHERE metadata_id = :id",  # noqa: S608
                {"factor": factor, "offset": offset, "id": statistic.metadata_id},
            )
        recorder.execute(
            "UPDATE statistics_meta SET unit_of_measurement = ? WHERE id = ?",
            (unit, statistic.metadata_id),
        )
        return f"converted {statistic.statistic_id} to {unit}"

    def import_into_the_past(self, recorder: sqlite3.Connection, statistic: Statistic) -> str:
        """Add hours before the first one: their ids are the highest, their times are not."""
        first: float = recorder.execute(
            "SELECT min(start_ts) FROM statistics WHERE metadata_id = ?", (statistic.metadata_id,)
        ).fetchone()[0]
        hours = self._random.randint(1, IMPORTED_HOURS)
        recorder.executemany(
            "INSERT INTO statistics (created_ts, metadata_id, start_ts, state, sum)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                (time.time(), statistic.metadata_id, first - hour * HOUR, value, value / 7)
                for hour in range(hours, 0, -1)
                for value in [self._random.random()]
            ),
        )
        return f"imported {hours} hours of {statistic.statistic_id} into the past"

    def overwrite(self, recorder: sqlite3.Connection, statistic: Statistic) -> str | None:
        """Import hours that there are: the ids and the times of writing stay as they were."""
        if (start := self._some_hour(recorder, statistic)) is None:
            return None
        hours = self._random.randint(1, OVERWRITTEN_HOURS)
        changed = recorder.execute(
            "UPDATE statistics SET mean = NULL, min = NULL, max = NULL, last_reset_ts = ?,"
            " state = ?, sum = ? WHERE metadata_id = ? AND start_ts >= ? AND start_ts < ?",
            (
                start,
                self._random.random(),
                self._random.random(),
                *(statistic.metadata_id, start, start + hours * HOUR),
            ),
        ).rowcount
        return f"overwrote {changed} hours of {statistic.statistic_id}"

    def rename(self, recorder: sqlite3.Connection, statistic: Statistic) -> str:
        """Give a statistic another id: a new one, or one that another statistic once had."""
        taken = {
            statistic_id
            for (statistic_id,) in recorder.execute("SELECT statistic_id FROM statistics_meta")
        }
        free = sorted({*self._former_ids} - taken)
        if free and self._random.random() < 0.5:
            new = self._random.choice(free)
        else:
            number = next(self._renamed)
            new = f"{statistic.statistic_id.split('_renamed_')[0]}_renamed_{number}"
        self._former_ids.append(statistic.statistic_id)
        recorder.execute(
            "UPDATE statistics_meta SET statistic_id = ? WHERE id = ?",
            (new, statistic.metadata_id),
        )
        return f"renamed {statistic.statistic_id} to {new}"

    def clear(self, recorder: sqlite3.Connection, statistic: Statistic) -> str:
        """Delete a statistic with all its rows."""
        rows = sum(
            recorder.execute(
                f"DELETE FROM {table} WHERE metadata_id = ?",  # noqa: S608
                (statistic.metadata_id,),
            ).rowcount
            for table in TABLES
        )
        recorder.execute("DELETE FROM statistics_meta WHERE id = ?", (statistic.metadata_id,))
        return f"cleared {statistic.statistic_id} and its {rows} rows"

    def clear_range(self, recorder: sqlite3.Connection, statistic: Statistic) -> str | None:
        """Delete the rows of some hours, as Home Assistant 2026.11 can."""
        if (start := self._some_hour(recorder, statistic)) is None:
            return None
        # Five minutes are seldom as old as a random hour.
        periods = recorder.execute(
            "SELECT start_ts FROM statistics_short_term WHERE metadata_id = ?",
            (statistic.metadata_id,),
        ).fetchall()
        seconds = CLEARED_HOURS * HOUR
        if periods and self._random.random() < 0.5:
            start, seconds = self._random.choice(periods)[0], 2 * CLEARED_HOURS * FIVE_MINUTES
        end = start + self._random.randint(1, seconds // FIVE_MINUTES) * FIVE_MINUTES
        rows = sum(
            recorder.execute(
                f"DELETE FROM {table} WHERE metadata_id = ? AND start_ts >= ? AND start_ts < ?",  # noqa: S608
                (statistic.metadata_id, start, end),
            ).rowcount
            for table in TABLES
        )
        return f"cleared {rows} rows of {statistic.statistic_id} in a range"

    def _some_hour(
        self, recorder: sqlite3.Connection, statistic: Statistic, where: str = ""
    ) -> float | None:
        starts = recorder.execute(
            f"SELECT start_ts FROM statistics WHERE metadata_id = ? {where} ORDER BY start_ts",  # noqa: S608
            (statistic.metadata_id,),
        ).fetchall()
        return self._random.choice(starts)[0] if starts else None


def statistics_of(recorder: sqlite3.Connection) -> list[Statistic]:
    """Return the statistics that have rows to correct."""
    rows = recorder.execute(
        "SELECT id, statistic_id, unit_of_measurement FROM statistics_meta"
        " WHERE id IN (SELECT metadata_id FROM statistics) ORDER BY id"
    )
    return [Statistic(*row) for row in rows]
