"""What can happen to a recorder's database while Home Assistant does not run."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
import sqlite3
import time

from ulid_transform import ulid_at_time_bytes

SECONDS_OF_ROWS = 60.0


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a database."""

    path: Path
    exported_up_to: int
    """The `Ledger.exported_up_to` of the time at which it was made."""


def add_states(database: Path, number: int, random: Random) -> None:
    """Add states as the recorder would have written them, so that an export takes its time."""
    end = time.time()
    times = sorted(end - random.random() * SECONDS_OF_ROWS for _ in range(number))
    with closing(sqlite3.connect(database)) as recorder, recorder:
        templates = recorder.execute(
            "SELECT metadata_id, state, attributes_id FROM states"
            " WHERE attributes_id IS NOT NULL ORDER BY state_id DESC LIMIT 500"
        ).fetchall()
        if not templates:
            return
        recorder.executemany(
            "INSERT INTO states (metadata_id, state, attributes_id, last_updated_ts,"
            " last_reported_ts, origin_idx, context_id_bin) VALUES (?, ?, ?, ?, ?, 0, ?)",
            ((*random.choice(templates), at, at, ulid_at_time_bytes(at)) for at in times),
        )


def delete_newest(database: Path, number: int) -> int:
    """Delete the newest states, whose ids are then given again; return the newest that is left.

    At least half of them are left.
    """
    with closing(sqlite3.connect(database)) as recorder, recorder:
        states: int = recorder.execute("SELECT count(*) FROM states").fetchone()[0]
        left: tuple[int] | None = recorder.execute(
            "SELECT state_id FROM states ORDER BY state_id DESC LIMIT 1 OFFSET ?",
            (min(number, states // 2),),
        ).fetchone()
        if left is None:
            return 0
        _delete(recorder, "state_id > ?", left[0])
    return left[0]


def purge(database: Path, number: int, up_to: int) -> int:
    """Delete the oldest states, none above `up_to`; return how many were deleted."""
    with closing(sqlite3.connect(database)) as recorder, recorder:
        oldest: int = recorder.execute("SELECT min(state_id) FROM states").fetchone()[0] or 0
        return _delete(recorder, "state_id <= ?", min(oldest + number - 1, up_to))


def back_up(database: Path, backup: Path) -> None:
    """Copy a database that may have a write-ahead log."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)


def remove(database: Path) -> None:
    """Delete a database; Home Assistant begins with a new one."""
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def restore(database: Path, backup: Path) -> None:
    """Replace a database by a copy, which remains."""
    remove(database)
    back_up(backup, database)


def _delete(recorder: sqlite3.Connection, where: str, state_id: int) -> int:
    condition = f"SELECT state_id FROM states WHERE {where}"  # noqa: S608 - our own conditions
    recorder.execute(
        f"UPDATE states SET old_state_id = NULL WHERE old_state_id IN ({condition})",  # noqa: S608
        (state_id,),
    )
    return recorder.execute(f"DELETE FROM states WHERE {where}", (state_id,)).rowcount  # noqa: S608
