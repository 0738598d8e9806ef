"""Another database in the place of the one that an export has seen last.

A position's anchors tell that only if a row was exported since both were the same. That is enough
where the checkpoint knows of all that was sent, as nothing behind the cursor was. But where others
have sent rows, the database that comes back may have them behind the cursor.
"""

from ..errors import ExportError
from ..source.current_run import current_run
from ..source.readiness import async_read_recorder
from .recorder_tables import RECORDER_TABLES
from .session import Session


async def async_look_for_other_database(session: Session) -> None:
    """Put in doubt what waits, where others have sent rows and the database is another one.

    Raises CheckpointUnwritableError, and ExportError where the recorder cannot be read.
    """
    journal = session.journal
    if not journal.checkpoint.unknown_before:
        return
    before = journal.checkpoint.run
    try:
        run, same = await async_read_recorder(session.hass, current_run, session.hass, before)
    except ExportError as err:
        if not err.of_one_table:
            raise
        run, same = None, False  # It may be another one.
    if not same or run != before:
        in_doubt = () if same else tuple(RECORDER_TABLES)
        await journal.async_update(lambda now: now.in_run(run, in_doubt))
