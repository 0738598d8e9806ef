"""Files of rows loaded into tables, with the means to find out after a kill what became of them."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
import secrets

from .emulator import Emulator, EmulatorError
from .errors import ApiError
from .names import TableName
from .store import Document, Store


class TableLoads:
    """Appends files to tables: each all or nothing, together with what is known after it."""

    def __init__(self, store: Store, emulator: Emulator) -> None:
        """Load with this emulator; `recover` must follow before anything else reads the store."""
        self._store = store
        self._emulator = emulator

    async def load(
        self,
        table: TableName,
        file: Path,
        row_count: int,
        kind: str,
        after: Mapping[str, Document],
    ) -> None:
        """Append the file's rows and then keep the documents as they are after it.

        The note about the load says how many rows the table has if it succeeds, so that after a
        kill between the two `recover` can tell. Raises EmulatorError or ApiError.
        """
        key = secrets.token_hex(8)
        async with self._emulator.exclusively() as emulator:
            rows = await emulator.count(table.project, table.dataset, table.table)
            note = {
                "table": asdict(table),
                "rows_after": rows + row_count,
                "kind": kind,
                "after": after,
            }
            self._store.put("load", {key: note})
            try:
                await emulator.load(table.project, table.dataset, table.table, file)
            except EmulatorError, ApiError:
                self._store.drop("load", key)
                raise
            self._store.put(kind, dict(after), drop=("load", key))

    async def recover(self) -> None:
        """Find out what became of the loads that a kill interrupted."""
        for key, note in list(self._store.all("load")):
            table = TableName(**note["table"])
            async with self._emulator.exclusively() as emulator:
                rows = await emulator.count(table.project, table.dataset, table.table)
            after = note["after"] if rows == note["rows_after"] else {}
            self._store.put(note["kind"], after, drop=("load", key))
