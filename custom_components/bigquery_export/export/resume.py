"""Where to resume: whether the recorder's history is still the one of a table's positions.

SQLite gives the ids of deleted rows to new ones. A database can be replaced, restored from an
older backup, or moved to another server. Then an id alone says nothing, but the anchors do.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..source.source_table import Anchor
from .chunk import MAX_ROWS
from .ports import Reader
from .positions import Position, TablePosition


def look(reader: Reader[Any], before: TablePosition) -> tuple[int, int | None, dict[int, str]]:
    """Return the highest and the lowest id, and those fingerprints that `resumed` needs.

    Where the row at the cursor is as it was, what became of the other anchors does not matter.
    This blocks.
    """
    with reader.connected():
        newest, oldest = reader.newest_id(), reader.oldest_id()
        last = before.new.anchors[-1:]
        found = reader.fingerprints([newest, *(anchor.id for anchor in last)])
        if before.anchors and not (last and found.get(last[0].id) == last[0].fingerprint):
            found |= reader.fingerprints([anchor.id for anchor in before.anchors])
    return newest, oldest, found


def resumed(
    before: TablePosition | None,
    *,
    found: Mapping[int, str],
    oldest: int | None,
    newest: int,
    last_commit: int = 0,
    begin: Position | None = None,
) -> TablePosition:
    """Return the positions from which to resume.

    `found` are the fingerprints that the recorder has now for the ids of anchors, `oldest`
    and `newest` are its lowest and highest ids. Until `last_commit` rows of the table were
    committed, in milliseconds since 1970 by BigQuery's clock. `begin` is where a new export begins.
    """
    if before is None:
        new = (begin or Position()).bounded(newest)
        if oldest is None or not new.anchors:
            return TablePosition(new)
        return TablePosition(_resumed(new, found, oldest, newest, last_commit))
    before = before.bounded(newest)
    if oldest is None:
        # There is no row to resume from; the ids may begin again at 1. A backfill could not go on,
        # and is not done: its rows may come back with a backup.
        return before.gone_back(newest, last_commit)
    if before.backfill is None or _known(before.new, found):
        # While one of the later rows is there, the ids of a backfill are not given to new rows.
        return TablePosition(
            _resumed(before.new, found, oldest, newest, last_commit),
            before.backfill and _behind_purge(before.backfill, oldest),
        )
    alone = before.gone_back(newest, last_commit).new
    return TablePosition(_resumed(alone, found, oldest, newest, last_commit))


def divided(table_position: TablePosition, *, oldest: int | None, newest: Anchor) -> TablePosition:
    """Return new rows and a backfill, where more rows wait than one transaction takes.

    `newest` is the last row to be exported now.
    """
    if table_position.backfill or oldest is None:
        return table_position
    start = max(table_position.new.cursor, oldest - 1)
    return (
        table_position
        if newest.id - start <= MAX_ROWS
        else table_position.begun_backfill(start, newest)
    )


def _resumed(
    position: Position, found: Mapping[int, str], oldest: int, newest: int, last_commit: int
) -> Position:
    if position == Position():
        return position  # Nothing was ever sent: a first export has failed.
    known = _known(position, found)
    if known and known[-1] == position.anchors[-1]:
        return position
    # After any break in the history, all rows after it are in doubt, and so are those up to the
    # cursor, in case the history that the cursor belongs to comes back.
    position = position.in_doubt(max(position.cursor, newest), last_commit)
    if known:
        # Rows were deleted and their ids reused, or an older backup was restored: some rows after
        # the newest anchor that is left may have been exported before.
        return replace(position, cursor=known[-1].id, anchors=tuple(known))
    if oldest > position.cursor:
        # The recorder has purged everything up to the cursor, and more. Or the cursor belongs to
        # a database that was in use for a while, and the previous one is back.
        return replace(position, cursor=oldest - 1, anchors=())
    # It is another database, perhaps with the same history under other ids.
    return replace(position, cursor=0, anchors=(), first=0)


def _known(position: Position, found: Mapping[int, str]) -> list[Anchor]:
    """Return those anchors that the recorder still has."""
    return [anchor for anchor in position.anchors if found.get(anchor.id) == anchor.fingerprint]


def _behind_purge(backfill: Position, oldest: int) -> Position:
    """Return a backfill without what the recorder has deleted."""
    cursor = min(oldest - 1, backfill.until or 0)
    return replace(backfill, cursor=cursor, anchors=()) if cursor > backfill.cursor else backfill
