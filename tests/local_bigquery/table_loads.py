"""Files of rows loaded into tables, with the means to find out after a kill what became of them."""

from collections.abc import Mapping
from pathlib import Path

from .emulator import Emulator, EmulatorError
from .errors import ApiError
from .names import TableName
from .noted_changes import NotedChanges
from .store import Document
from .streaming_buffer import StreamingBuffer, kind_of


class TableLoads:
    """Appends files to tables: each all or nothing, together with what is known after it."""

    def __init__(self, changes: NotedChanges, emulator: Emulator, buffer: StreamingBuffer) -> None:
        """Load with this emulator; rows of streams are in the buffer at first."""
        self._changes = changes
        self._emulator = emulator
        self._buffer = buffer

    async def load(
        self,
        table: TableName,
        file: Path,
        row_count: int,
        kind: str,
        after: Mapping[str, Document],
    ) -> None:
        """Append the file's rows and then keep the documents as they are after it.

        Their kind is "stream" if the rows were streamed. Raises EmulatorError or ApiError.
        """
        async with self._emulator.exclusively() as emulator:
            rows = await emulator.count(table.project, table.dataset, table.table)
            rows_after = rows + row_count
            documents = {kind: after}
            if kind == "stream":
                documents[kind_of(table)] = self._buffer.entry(rows, rows_after, _size(file))
            key = self._changes.begin(table, rows_after, documents)
            try:
                await emulator.load(table.project, table.dataset, table.table, file)
            except EmulatorError, ApiError:
                self._changes.undone(key)
                raise
            self._changes.done(key, documents)


def _size(file: Path) -> int:
    return file.stat().st_size
