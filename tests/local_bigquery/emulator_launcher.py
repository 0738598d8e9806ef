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

_ANY_PROJECT = "any-project"


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


def _translate_once() -> None:
    """Translate each statement once for all projects: tests ask the same of one after the other."""
    from bqemulator.jobs import executor  # type: ignore[import-not-found]
    from bqemulator.sql.translator import SQLTranslator  # type: ignore[import-not-found]

    rewrite = executor.rewrite_and_translate_statement
    translated: dict[tuple[str, str], Any] = {}

    class Translator:
        def __init__(self, translator: SQLTranslator, project_id: str) -> None:
            self._translator = translator
            self._project_id = project_id

        def translate(self, bq_sql: str, *, schema: Any = None, caller: Any = None) -> Any:
            general = bq_sql.replace(self._project_id, _ANY_PROJECT)
            key = general, repr(schema)
            if key not in translated:
                translated[key] = self._translator.translate(general, schema=schema, caller=caller)
            return translated[key].map(lambda sql: sql.replace(_ANY_PROJECT, self._project_id))

    async def rewrite_once(bq_sql: str, *, project_id: str, translator: Any, **others: Any) -> Any:
        if "-" in project_id:
            translator = Translator(translator, project_id)
        return await rewrite(bq_sql, project_id=project_id, translator=translator, **others)

    executor.rewrite_and_translate_statement = rewrite_once


def main() -> None:
    """Serve the data folder in argv[1], or tables in memory, until standard input ends."""
    _keep_extensions_in(Path(sys.prefix) / "home")
    _without_snapshots()
    _parse_once()
    _translate_once()
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
