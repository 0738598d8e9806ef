"""What can happen to a recorder's database while Home Assistant does not run."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
import sqlite3

IDS = {
    "sensor_data": ("states", "state_id"),
    "statistics": ("statistics", "id"),
    "statistics_short_term": ("statistics_short_term", "id"),
    "events": ("events", "event_id"),
    "recorder_runs": ("recorder_runs", "run_id"),
    "schema_changes": ("schema_changes", "change_id"),
}
"""The recorder's table, and the id in it, by the name of the table in BigQuery."""


def delete_newest(database: Path, table: str, number: int) -> int:
    """Delete the newest rows, whose ids are then given again; return the newest that is left.

    At least half of them are left.
    """
    name, id_ = IDS[table]
    with closing(sqlite3.connect(database)) as recorder, recorder:
        rows: int = recorder.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
        left: tuple[int] | None = recorder.execute(
            f"SELECT {id_} FROM {name} ORDER BY {id_} DESC LIMIT 1 OFFSET ?",  # noqa: S608
            (min(number, rows // 2),),
        ).fetchone()
        if left is None:
            return 0
        _delete(recorder, table, ">", left[0])
    return left[0]


def purge(database: Path, table: str, number: int, up_to: int) -> int:
    """Delete the oldest rows, none above `up_to`; return how many were deleted."""
    if table == "statistics_short_term":
        return _purge_five_minutes(database, number, up_to)
    name, id_ = IDS[table]
    with closing(sqlite3.connect(database)) as recorder, recorder:
        oldest: int = recorder.execute(f"SELECT min({id_}) FROM {name}").fetchone()[0] or 0  # noqa: S608
        return _delete(recorder, table, "<=", min(oldest + number - 1, up_to))


def _purge_five_minutes(database: Path, number: int, up_to: int) -> int:
    """Delete what begins before some time, and the runs that made it, as the recorder does."""
    with closing(sqlite3.connect(database)) as recorder, recorder:
        earliest: list[float | None] = [
            recorder.execute(statement, (bound,)).fetchone()[0]
            for statement, bound in (
                (
                    "SELECT max(start_ts) FROM (SELECT start_ts FROM statistics_short_term"
                    " ORDER BY start_ts LIMIT ?)",
                    number,
                ),
                ("SELECT min(start_ts) FROM statistics_short_term WHERE id > ?", up_to),
            )
        ]
        times = [time for time in earliest if time is not None]
        if not times:
            return 0
        recorder.execute("DELETE FROM statistics_runs WHERE start < ?", (run_text(min(times)),))
        return recorder.execute(
            "DELETE FROM statistics_short_term WHERE start_ts < ?", (min(times),)
        ).rowcount


def run_text(time: float) -> str:
    """Return the start of a run of statistics as the recorder keeps it."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


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


def _delete(recorder: sqlite3.Connection, table: str, than: str, limit: int) -> int:
    name, id_ = IDS[table]
    condition = f"{id_} {than} ?"
    if name == "states":
        recorder.execute(
            "UPDATE states SET old_state_id = NULL"  # noqa: S608 - our own conditions
            f" WHERE old_state_id IN (SELECT state_id FROM states WHERE {condition})",
            (limit,),
        )
    return recorder.execute(f"DELETE FROM {name} WHERE {condition}", (limit,)).rowcount  # noqa: S608
