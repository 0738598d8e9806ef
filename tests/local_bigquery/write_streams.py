"""Write streams: their states, their rows, and the commit that makes rows visible.

Sources: storage.proto (BigQueryWrite, StorageError), stream.proto (WriteStream), write-api-batch.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
import secrets
import shutil
from typing import Self

from .catalog import Catalog
from .clock import Clock
from .errors import StorageErrorCode
from .names import TableName
from .rows import Batch
from .store import Document, Store
from .table_loads import TableLoads


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that an application created; times are microseconds since 1970."""

    name: str
    table: TableName
    table_created: str
    """Tells the table from a later one of the same name, which the stream does not belong to."""
    pending: bool
    created: int
    committed: int | None = None
    finalized: bool = False
    row_count: int = 0
    size: int = 0
    """Bytes of the rows that wait to be committed or flushed."""
    flushed: int | None = None
    """How many rows of a stream of the type BUFFERED are visible; None in other streams."""

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Read what the store kept."""
        return cls(**{**document, "table": TableName(**document["table"])})


@dataclass(frozen=True, slots=True)
class CommitProblem:
    """Why a stream cannot be committed."""

    code: int
    stream: str
    message: str


class WriteStreams:
    """All write streams of the server. They and their rows survive a kill."""

    def __init__(
        self, store: Store, loads: TableLoads, catalog: Catalog, clock: Clock, data_dir: Path
    ) -> None:
        """Read the streams that were made before."""
        self._clock = clock
        self._store = store
        self._loads = loads
        self._catalog = catalog
        self._folder = data_dir / "streams"
        self._folder.mkdir(exist_ok=True)
        self._streams = {
            name: Stream.from_document(document) for name, document in store.all("stream")
        }
        self._committing = asyncio.Lock()
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def create(self, table: TableName, *, pending: bool, buffered: bool = False) -> Stream:
        """Make a stream of the type PENDING, BUFFERED or COMMITTED."""
        now = self._clock.microseconds()
        stream = Stream(
            name=f"{table.path}/streams/{secrets.token_urlsafe(24)}",
            table=table,
            table_created=self._catalog.existing_table(table)["creationTime"],
            pending=pending,
            created=now,
            committed=None if pending or buffered else now,
            flushed=0 if buffered else None,
        )
        self._keep([stream])
        return stream

    def get(self, name: str) -> Stream | None:
        """Return the stream, unless it or its table is gone."""
        stream = self._streams.get(name)
        if stream is None:
            return None
        table = self._catalog.table(stream.table)
        return stream if table and table["creationTime"] == stream.table_created else None

    def writing(self, name: str) -> asyncio.Lock:
        """Return the lock under which a stream is appended to or finalized."""
        return self._writing[name]

    async def append(self, stream: Stream, batch: Batch) -> None:
        """Add rows at the end of the stream; those of a COMMITTED stream are visible at once."""
        after = replace(stream, row_count=stream.row_count + batch.row_count)
        if not stream.pending and stream.flushed is None:
            await self.store_rows(stream.table, batch, [after])
            return
        after = replace(after, size=stream.size + len(batch.lines))
        await asyncio.to_thread(_write_at, self._file(stream), stream.size, batch.lines)
        self._keep([after])

    async def flush(self, stream: Stream, offset: int) -> None:
        """Make the rows of a BUFFERED stream visible up to that at an offset."""
        assert stream.flushed is not None
        content = await asyncio.to_thread(self._file(stream).read_bytes)
        lines = content.splitlines(keepends=True)[stream.flushed : offset + 1]
        if lines:
            after = replace(stream, flushed=stream.flushed + len(lines))
            await self.store_rows(stream.table, Batch(b"".join(lines), len(lines), ()), [after])

    async def store_rows(
        self, table: TableName, batch: Batch, after: Sequence[Stream] = ()
    ) -> None:
        """Make rows visible that no stream keeps back."""
        file = self._folder / f"{secrets.token_hex(8)}.ndjson"
        await asyncio.to_thread(_write_at, file, 0, batch.lines)
        try:
            await self._load(table, file, batch.row_count, after)
        finally:
            file.unlink()

    def finalize(self, stream: Stream) -> None:
        """Close the stream for further rows."""
        self._keep([replace(stream, finalized=True)])

    async def commit(self, table: TableName, names: Sequence[str]) -> int | list[CommitProblem]:
        """Make the rows of all these streams visible, or of none.

        Returns the time of the commit, or what is wrong with the streams that have something wrong.
        """
        async with self._committing:
            found = {name: self.get(name) for name in names}
            problems = [
                problem
                for name, stream in found.items()
                if (problem := _problem(name, stream, table))
            ]
            if problems:
                return problems
            now = self._clock.microseconds()
            streams = [stream for stream in found.values() if stream]
            after = [replace(stream, committed=now) for stream in streams]
            row_count = sum(stream.row_count for stream in streams)
            if row_count == 0:
                self._keep(after)
                return now
            file = await asyncio.to_thread(self._one_file, streams)
            await self._load(table, file, row_count, after)
            for stream in streams:
                self._file(stream).unlink(missing_ok=True)
            file.unlink(missing_ok=True)
            return now

    async def _load(
        self, table: TableName, file: Path, row_count: int, after: Sequence[Stream]
    ) -> None:
        """Load the file and then keep the streams as they are after it."""
        documents = {stream.name: asdict(stream) for stream in after}
        await self._loads.load(table, file, row_count, "stream", documents)
        self._streams.update({stream.name: stream for stream in after})

    def _keep(self, streams: Iterable[Stream]) -> None:
        self._store.put("stream", {stream.name: asdict(stream) for stream in streams})
        self._streams.update({stream.name: stream for stream in streams})

    def _file(self, stream: Stream) -> Path:
        return self._folder / f"{stream.name.rpartition('/')[2]}.ndjson"

    def _one_file(self, streams: Sequence[Stream]) -> Path:
        """Return a file with the rows of all streams, because one load is all or nothing."""
        files = [(self._file(stream), stream.size) for stream in streams if stream.row_count]
        for file, size in files:
            with file.open("r+b") as rows:
                rows.truncate(size)
        if len(files) == 1:
            return files[0][0]
        together = self._folder / f"{secrets.token_hex(8)}.ndjson"
        with together.open("wb") as target:
            for file, _ in files:
                with file.open("rb") as rows:
                    shutil.copyfileobj(rows, target)
        return together


def _problem(name: str, stream: Stream | None, table: TableName) -> CommitProblem | None:
    if stream is None or stream.table != table:
        return CommitProblem(
            StorageErrorCode.STREAM_NOT_FOUND, name, "The stream is not found in the table."
        )
    if not stream.pending:
        return CommitProblem(
            StorageErrorCode.INVALID_STREAM_TYPE, name, "Stream must be created in pending mode."
        )
    if stream.committed:
        return CommitProblem(
            StorageErrorCode.STREAM_ALREADY_COMMITTED, name, "The stream is already committed."
        )
    if not stream.finalized:
        return CommitProblem(
            StorageErrorCode.INVALID_STREAM_STATE, name, "The stream is not finalized."
        )
    return None


def _write_at(file: Path, position: int, content: bytes) -> None:
    """Write behind the rows that count; a kill may have left others there that do not."""
    with file.open("r+b" if position else "wb") as rows:
        rows.truncate(position)
        rows.seek(position)
        rows.write(content)
