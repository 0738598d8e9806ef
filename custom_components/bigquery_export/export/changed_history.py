"""What has changed in the recorder's history since the last export: rows deleted, ids reused."""

import logging

from homeassistant.util import dt as dt_util

from ..rows.table import Table
from ..source.readiness import async_read_recorder
from .checkpoint import Gap
from .positions import TablePosition
from .purge import Retention, find_gap, is_purged, oldest_waiting
from .session import Session

_LOGGER = logging.getLogger(__name__)


async def async_log_changes(
    session: Session, table: Table, before: TablePosition, after: TablePosition
) -> Gap | None:
    """Log unexpected changes of a table between two positions; return a gap, if there is one."""
    gap = None
    if after.oldest.cursor > before.oldest.cursor:
        gap = await _async_gap(session, table, before, after)
    if after.oldest.cursor < before.oldest.cursor or after.new.cursor < before.new.cursor:
        _LOGGER.warning(
            "The recorder's database is not as it was at the last export; %s resumes from"
            " row %s instead of %s, and nothing is sent twice",
            table.name,
            after.new.cursor,
            before.new.cursor,
        )
    return gap


async def _async_gap(
    session: Session, table: Table, before: TablePosition, after: TablePosition
) -> Gap | None:
    """Return rows that the recorder has deleted before their export, if there are any."""
    if not is_purged(table.name):
        return None
    hass, cursor = session.hass, after.oldest.cursor
    gap = find_gap(
        table.name,
        before.oldest,
        after.oldest,
        oldest=await async_read_recorder(hass, oldest_waiting, hass, table.name, cursor),
        # It says nothing about rows of a backfill.
        last_export=None if before.backfill else session.journal.checkpoint.last_export,
        retention=Retention.of(hass),
    )
    if gap:
        _LOGGER.log(
            # There may be more of them day by day, until an export succeeds.
            logging.ERROR if before.oldest.anchors else logging.WARNING,
            "The recorder has deleted up to about %d rows of %s that were not exported,"
            " from %s to %s",
            gap.rows,
            gap.table,
            dt_util.utc_from_timestamp(gap.since),
            dt_util.utc_from_timestamp(gap.until),
        )
    return gap
