"""How far a table is exported: the recorder's ids, and rows that identify its history."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..source.source_table import Anchor, ExportedIds, IdRange
from .recent_commits import EVERYTHING

MAX_ANCHORS = 32


@dataclass(frozen=True, slots=True)
class Position:
    """How far a table, or its backfill, is exported."""

    cursor: int = 0
    """The recorder's id of the last row that was sent, rejected or left out."""
    anchors: tuple[Anchor, ...] = ()
    """Rows up to the cursor, oldest first, that identify the recorder's history."""
    in_doubt_until: int = 0
    """Rows up to this id may be in BigQuery already, which is searched before they are sent."""
    in_doubt_before: int = 0
    """Until then rows in doubt may have been committed, in milliseconds since 1970 by BigQuery's
    clock."""
    rows: int = 0
    """Rows committed since the first export."""
    rejected: int = 0
    """Rows that were rejected since the first export."""
    since: int | None = None
    """The id after which a backfill began."""
    until: int | None = None
    """The id of the backfill's last row. Newer rows have a position of their own."""
    first: int = 0
    """Rows up to this id are not exported, because the user chose to begin after them."""

    @classmethod
    def after(cls, anchors: tuple[Anchor, ...]) -> Position:
        """Return the position of a table whose export begins after the last of some rows."""
        return cls(cursor=anchors[-1].id, anchors=anchors, first=anchors[-1].id)

    @property
    def last_anchor(self) -> Anchor | None:
        """Return the last row that is known to have been exported, left out or rejected."""
        return self.anchors[-1] if self.anchors else None

    def in_doubt(self, until: int, before: int) -> Position:
        """Return the position with rows in doubt up to an id, which were sent before a time."""
        return replace(
            self,
            in_doubt_until=max(self.in_doubt_until, until),
            in_doubt_before=max(self.in_doubt_before, before),
        )

    def bounded(self, newest: int) -> Position:
        """Return the position whose rows in doubt end with the newest, where no end was known."""
        if self.in_doubt_until != EVERYTHING:
            return self
        return replace(self, in_doubt_until=max(self.cursor, newest))

    def moved(self, passed: Sequence[Anchor], *, rows: int, rejected: int) -> Position:
        """Return the position with more rows, and moved to the last of the rows that it passed."""
        return replace(
            self,
            cursor=passed[-1].id if passed else self.cursor,
            anchors=thinned((*self.anchors, *passed)),
            rows=self.rows + rows,
            rejected=self.rejected + rejected,
        )

    def at_generation(self, number: int, *, rows: int, rejected: int) -> Position:
        """Return the position of a table whose cursor numbers generations, with more rows.

        What the file of that table says of it holds from now on, and nothing is in doubt.
        """
        return replace(
            self,
            cursor=number,
            in_doubt_until=0,
            rows=self.rows + rows,
            rejected=self.rejected + rejected,
        )


@dataclass(frozen=True, slots=True)
class TablePosition:
    """The position of a table's new rows, and of the backfill of older ones, while there is one.

    All rows up to the cursor of the backfill are exported, and those between its end and the cursor
    of the new rows.
    """

    new: Position
    backfill: Position | None = None

    @property
    def oldest(self) -> Position:
        """Return the position after which the oldest waiting rows are."""
        return self.backfill or self.new

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """Return the anchors of both."""
        return (*(self.backfill.anchors if self.backfill else ()), *self.new.anchors)

    @property
    def exported(self) -> ExportedIds:
        """Return the ids of the exported rows: older ones, and those newer than a backfill."""
        newest = self.new.cursor
        if self.backfill is None or self.backfill.until is None:
            return IdRange(0, newest), IdRange(newest, newest)
        return IdRange(0, self.backfill.cursor), IdRange(self.backfill.until, newest)

    def bounded(self, newest: int) -> TablePosition:
        """Return the positions whose rows in doubt end with the newest, where no end was known."""
        return TablePosition(
            self.new.bounded(newest), self.backfill and self.backfill.bounded(newest)
        )

    def begun_backfill(self, start: int, newest: Anchor) -> TablePosition:
        """Return the position with a backfill of all rows after `start` and up to `newest`."""
        anchors = self.new.anchors if start == self.new.cursor else ()
        return TablePosition(
            replace(self.new, cursor=newest.id, anchors=(newest,)),
            replace(
                self.new,
                cursor=start,
                anchors=anchors,
                since=start,
                until=newest.id,
                rows=0,
                rejected=0,
            ),
        )

    def ended_backfill(self) -> TablePosition:
        """Return the position when the backfill is done: a single one for all rows."""
        if (done := self.backfill) is None:
            return self
        first = self.new.anchors[0].id if self.new.anchors else 0
        anchors = tuple(anchor for anchor in done.anchors if anchor.id < first)
        return TablePosition(self._counted(replace(self.new, anchors=anchors + self.new.anchors)))

    def gone_back(self, newest: int, last_commit: int) -> TablePosition:
        """Return the position of the backfill alone: all rows after it are in doubt."""
        if (backfill := self.backfill) is None:
            return self
        in_doubt = max(self.new.in_doubt_until, self.new.cursor, newest)
        return TablePosition(
            self._counted(replace(backfill, since=None, until=None).in_doubt(in_doubt, last_commit))
        )

    def _counted(self, position: Position) -> Position:
        """Return a position that counts the rows of both."""
        both = [position for position in (self.new, self.backfill) if position]
        return replace(
            position,
            anchors=thinned(position.anchors),
            rows=sum(one.rows for one in both),
            rejected=sum(one.rejected for one in both),
        )


def backfill_of(table: str) -> str:
    """Return the name of the position of a table's backfill."""
    return f"{table}.backfill"


def thinned(anchors: tuple[Anchor, ...]) -> tuple[Anchor, ...]:
    """Return at most `MAX_ANCHORS` anchors: dense near the cursor, and sparser before."""
    few = list(anchors)

    def gap(index: int) -> float:
        """Return how wide the gap would be without an anchor, seen from the cursor."""
        before, after = few[index - 1].id, few[index + 1].id
        return (after - before) / (few[-1].id - before)

    while len(few) > MAX_ANCHORS:
        del few[min(range(1, len(few) - 1), key=gap)]
    return tuple(few)
