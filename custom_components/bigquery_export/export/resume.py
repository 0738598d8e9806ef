"""Where to go on, if the recorder's history is still the one that a position belongs to.

SQLite gives the ids of deleted rows to new ones. A database can be replaced, restored from an
older backup, or moved to another server. An id alone says nothing then; the anchors do.
"""

from collections.abc import Mapping
from dataclasses import replace

from .checkpoint import Position


def resumed(
    position: Position | None, *, found: Mapping[int, str], oldest: int | None, newest: int
) -> Position:
    """Return the position to go on from.

    `found` are the fingerprints that the recorder has now for the ids of the anchors, `oldest`
    and `newest` are its lowest and highest ids.
    """
    if position is None:
        # A new export, or one that has lost its checkpoint.
        return Position(doubtful_until=newest)
    if oldest is None:
        # Nothing to go on from; the ids may begin again at 1.
        return position
    known = [anchor for anchor in position.anchors if found.get(anchor.id) == anchor.fingerprint]
    if known and known[-1] == position.anchors[-1]:
        return position
    # After any break in the history, nothing is known of any row behind it; nor of those up to
    # the cursor, should the history that it belongs to come back.
    doubtful = max(position.doubtful_until, position.cursor, newest)
    if known:
        # Rows were deleted and their ids given again, or an older backup was restored: some rows
        # behind the newest anchor that is left may have been exported before.
        return replace(position, cursor=known[-1].id, anchors=tuple(known), doubtful_until=doubtful)
    if oldest > position.cursor:
        # The recorder has purged everything up to the cursor, and more. Or the cursor belongs to
        # a database that was in use for a while, and the one from before is back.
        return replace(position, cursor=oldest - 1, anchors=(), doubtful_until=doubtful)
    # It is another database, perhaps with the same history under other ids.
    return replace(position, cursor=0, anchors=(), doubtful_until=doubtful)
