"""The rows of one append: read in pieces, and encoded in the thread that reads them."""

from functools import partial
from time import thread_time
from typing import Any

from ..errors import TableDamagedError
from ..rows.encoded_rows import EncodedRows
from ..source.plan import PIECE_ROWS
from ..source.readiness import async_read_and_compute
from .chunk import Chunk
from .damaged_rows import DamagedRows, lost_before
from .phase_times import Phase
from .ports import Piece, Source
from .session import Session


class BatchReader:
    """Reads batches of one table for one job, past rows that cannot be read."""

    def __init__(self, session: Session, source: Source[Any]) -> None:
        """Prepare; nothing is read yet."""
        self._session = session
        self._reader = source.reader
        self._encoder = source.encoder
        self._observer = source.observer
        self._observed = False
        """Whether the observer is prepared: only if there is something new."""
        self._damaged = DamagedRows(session, source.table.name, source.reader)

    async def async_read(self, chunk: Chunk) -> EncodedRows:
        """Return the next rows of a chunk, at most a batch, and let it pass them.

        Raises ExportError.
        """
        batch = EncodedRows()
        careful = False
        while (missing := self._session.batch_rows - len(batch.data)) > 0 and not chunk.full:
            limit = 1 if careful else min(missing, PIECE_ROWS, self._session.pace.rows)
            try:
                read = await async_read_and_compute(
                    self._session.hass,
                    partial(self._read, chunk.read_after, chunk.until, limit),
                    self._encode,
                )
            except TableDamagedError:
                # The last row before the damage can be read alone.
                if careful:
                    await self._damaged.async_skip(chunk)
                careful = not careful
                continue
            if read is None:
                chunk.ended = True
                break
            piece, rows = read
            chunk.look_at(rows)
            if chunk.unreadable:
                before = self._session.journal.checkpoint.position(chunk.position_key).last_anchor
                chunk.lose(lost_before(piece, chunk, before, self._reader))
            await self._session.async_keep_rejected(chunk, rows)
            batch.extend(rows)
            chunk.go_past(piece.last)
            await self._session.async_rest()
        return batch

    def _read(self, after: int, until: int, limit: int) -> Piece | None:
        """Return the next rows, and prepare the observer before the first ones."""
        with self._session.times.measure(Phase.READ), self._reader.connected():
            piece: Piece | None = self._reader.read(after, until, limit)
            if piece is not None and not self._observed:
                self._observer.open()
                self._observed = True
        return piece

    def _encode(self, piece: Piece | None) -> tuple[Piece, EncodedRows] | None:
        """Encode the rows that were read, in the same thread.

        Each thread's memory grows to what its pieces take, so few threads should have any.
        """
        if piece is None:
            return None
        began = thread_time()
        with self._session.times.measure(Phase.ENCODE):
            self._observer.look_at(piece)
            rows = self._encoder.encode(piece)
        self._session.pace.learn(len(piece.rows), thread_time() - began)
        return piece, rows
