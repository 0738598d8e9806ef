"""Run bqemulator; started by `emulator.py` with the Python of .venv-bigquery.

Imports nothing of ours, because that environment has none of it. Ends when its standard input
does, so that it never outlives the server.
"""

from functools import lru_cache
import os
from pathlib import Path
import signal
import sys
import threading
from typing import Any


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


def _keep_extensions_in(home: Path) -> None:
    """Give DuckDB its spatial extension without a download and without the user's HOME."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ["HOME"] = str(home)
    import duckdb_extensions  # type: ignore[import-not-found]

    duckdb_extensions.import_extension("spatial")


def _without_snapshots() -> None:
    """Turn off time travel: a copy of the whole table on every write takes quadratic time."""
    from bqemulator.domain.events import TableDataChanged  # type: ignore[import-not-found]
    from bqemulator.versioning.snapshots import SnapshotManager  # type: ignore[import-not-found]

    def record_change(self: SnapshotManager, project: str, dataset: str, table: str) -> None:
        self._events.publish(TableDataChanged(project, dataset, table))

    async def run_gc_loop(self: SnapshotManager, *, interval_seconds: float) -> None:
        pass

    SnapshotManager.record_change = record_change
    SnapshotManager.run_gc_loop = run_gc_loop


def _parse_once() -> None:
    """Parse each text once: bqemulator parses a statement anew in each of some thirty steps."""
    import sqlglot  # type: ignore[import-not-found]

    parse_one = lru_cache(maxsize=100)(sqlglot.parse_one)

    def parse_or_copy(sql: str, **options: Any) -> Any:
        return parse_one(sql, **options).copy()

    sqlglot.parse_one = parse_or_copy


def main() -> None:
    """Serve the data folder in argv[1], or tables in memory, until standard input ends."""
    _keep_extensions_in(Path(sys.prefix) / "home")
    _without_snapshots()
    _parse_once()
    from bqemulator.config import PersistenceMode, Settings  # type: ignore[import-not-found]
    from bqemulator.server import run_forever  # type: ignore[import-not-found]

    if len(sys.argv) > 1:
        kept = {"persistence_mode": PersistenceMode.PERSISTENT, "data_dir": Path(sys.argv[1])}
    else:
        kept = {"persistence_mode": PersistenceMode.EPHEMERAL}
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    run_forever(
        Settings(
            rest_port=0,
            grpc_port=0,
            # It is offline: do not try to download the Avro extension.
            enable_format_extensions=False,
            **kept,
        )
    )


if __name__ == "__main__":
    main()
