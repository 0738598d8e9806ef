"""Rows in doubt that the recorder is about to delete: they are set aside, and settled later.

They wait until BigQuery lists what was streamed last, which may take longer than the recorder keeps
them. So they are written to a file, and their position moves on. A later run looks for them, and
sends those that are not there.
"""

from dataclasses import replace

from ..errors import RowsNotListedError
from ..rows.encoded_rows import EncodedRows, RejectedRow
from ..rows.table import Table
from .recent_commits import last_begun
from .reencoding import reencoded
from .rejected_rows import MAX_BYTES, RejectedEntry
from .session import Session
from .unsent_rows import without_existing


async def async_set_aside(session: Session, table: Table, rows: EncodedRows, before: int) -> None:
    """Keep rows that may have been committed before a time, by BigQuery's clock.

    They are on the disk when this returns. Raises CheckpointUnwritableError.
    """
    journal = session.journal
    decode = session.delivery.encoding(table).decode
    kept = [RejectedRow(decode(data), "", encoded=True) for data in rows.data]
    await session.async_block(journal.set_aside_rows.append, session.result.export_id, table, kept)
    until = max(before, journal.checkpoint.set_aside.get(table.name, 0))
    await journal.async_update(
        lambda now: replace(now, set_aside={**now.set_aside, table.name: until})
    )


def has_room(session: Session, table: Table) -> bool:
    """Return whether further rows of a table may be set aside; this blocks.

    All rows of a table are in memory when they are sent.
    """
    if table.name not in session.journal.checkpoint.set_aside:
        return True
    return session.journal.set_aside_rows.size < MAX_BYTES


async def async_send_set_aside(session: Session) -> list[tuple[str, RowsNotListedError]]:
    """Send those rows that are not in BigQuery; return which tables have to wait, and why."""
    waiting = []
    for name, before in session.journal.checkpoint.set_aside.items():
        try:
            await _async_send(session, session.journal.tables[name], before)
        except RowsNotListedError as err:
            waiting.append((name, err))
    return waiting


async def _async_send(session: Session, table: Table, before: int) -> None:
    """Look for all rows of one table, and send what is not there. Raises RowsNotListedError."""
    journal = session.journal
    await journal.async_claim()
    entries = sorted(await _async_entries(session, table), key=lambda entry: entry.id or 0)
    # An earlier attempt may have sent them.
    perhaps = journal.checkpoint.commits_again(table.name, [entry.id or 0 for entry in entries])
    await session.async_check_known(table, max(before, last_begun(perhaps)))
    encoding = session.delivery.encoding(table)
    rows = await session.async_block(reencoded, table, entries, encoding, session.run_values)
    new, _ = await session.async_block(without_existing, rows, table, session.partitions)
    cursor = journal.checkpoint.position(table.name).cursor
    async with session.transaction(table, start=cursor, until=cursor) as chunk:
        await session.async_keep_rejected(chunk, new)
        await session.async_send_batches(chunk, new)
    await journal.async_update(
        lambda now: replace(
            now, set_aside={key: at for key, at in now.set_aside.items() if key != table.name}
        )
    )
    await session.async_block(journal.set_aside_rows.take_out, entries, ())


async def _async_entries(session: Session, table: Table) -> list[RejectedEntry]:
    def read() -> list[RejectedEntry]:
        entries = session.journal.set_aside_rows.read()
        return [entry for entry in entries if entry.table == table.name]

    return await session.async_block(read)
