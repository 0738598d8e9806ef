"""What is remembered of statistics, whose rows Home Assistant changes and deletes afterwards."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self, override

from tests.home.comparison import EPOCH, Key, reading
from tests.home.recorded import RECORDED, RecordedTable

from .table_ledger import TableLedger

_DAY = timedelta(days=1) // timedelta(microseconds=1)
_FIVE_MINUTES = timedelta(minutes=5)
_NEVER = -(1 << 63)

CORRECTED: Mapping[str, RecordedTable] = {
    table.name: replace(
        table, columns={name: kind for name, kind in table.columns.items() if name != "deleted"}
    )
    for table in RECORDED
    if "deleted" in table.columns
}
"""The tables whose rows are corrected, with the columns that the views of the latest have."""


@dataclass(frozen=True, slots=True)
class RowContext:
    """By what the integration tells corrections from other changes."""

    database: str
    """What no other database has."""
    horizon: int = _NEVER
    """Before it, in microseconds since 1970, the recorder has purged this table."""


def row_context(database: Path, table: str) -> RowContext:
    """Read them from the recorder."""
    with reading(database) as recorder:
        made = recorder.execute("SELECT min(changed) FROM schema_changes").fetchone()[0]
        runs = recorder.execute("SELECT min(start) FROM statistics_runs").fetchone()[0]
        if table != "statistics_short_term" or runs is None:
            return RowContext(made)
        earliest = datetime.fromisoformat(runs).replace(tzinfo=UTC)
        made_by_it = recorder.execute(
            "SELECT count(*) FROM statistics_short_term WHERE start_ts = ?", (earliest.timestamp(),)
        ).fetchone()[0]
    # The recorder keeps its newest run also where it purges what that has made.
    horizon = earliest if made_by_it else earliest + _FIVE_MINUTES
    return RowContext(made, (horizon - EPOCH) // timedelta(microseconds=1))


class CorrectedLedger(TableLedger):
    """Remembers which rows that the recorder no longer has may be shown, and which must be.

    A row that it no longer has may be shown when one of these holds, and no other:
    * It was in the recorder when another database took the place of that one. Another database is
      no correction, and of what was sent from the one before nothing is remembered.
    * It is of five minutes, and was there before a time up to which the recorder has purged since.
      What is purged is no correction, and what was cleared just before cannot be told from it.
    * It is of five minutes, and of the day at which a purge ended. What is left of such a day
      cannot be compared with what was sent of all of it.
    * It has changed since the digests, by which corrections are found, were as they are now again:
      see `others_sent`.
    The first two, and the last, end when an export has looked for corrections and found the row in
    the recorder.
    """

    def __init__(self) -> None:
        """Begin with an empty recorder and no export."""
        super().__init__()
        self.looked_up_to = 0
        """Rows up to this id are as an export that looked for corrections left them."""
        self.row_context: RowContext | None = None
        self.forgotten: set[Key] = set()
        """Rows that may be shown though the recorder has lost them."""
        self.kept: set[Key] = set()
        """Rows that must be shown though the recorder has purged them."""
        self.uncertain: set[Key] = set()
        """Rows that may be shown as they were once, or not at all; see `others_sent`."""
        self._changes: list[set[Key]] = []
        """What was new, gone or different at each look."""
        self._rows: Mapping[Key, object] = {}
        """The rows at the last look, as they were."""
        self._unchecked = False
        """Whether others have sent rows, and no export has looked for corrections since."""
        self._known: set[Key] = set()
        """Rows of which it was certain, when the recorder was looked at last, that they are
        shown."""
        self._cut: set[tuple[str, int]] = set()
        """Statistics and days of which a purge has left a part."""
        self._changed: set[Key] = set()
        """Rows that got what identifies them, or their id, after that id was exported."""

    @property
    def looks(self) -> int:
        """Return how often the recorder was looked at."""
        return len(self._changes)

    def others_sent(self, looks: int, of: CorrectedLedger | None = None) -> None:
        """Remember that the digests are as they were when there had been so many looks.

        The exporter compares the recorder with its digests, and not with BigQuery. If its files are
        restored from a backup, rows were sent since that the digests do not know of, and if there
        was a second machine, it has sent rows, too; its ledger is `of`. So a period can be sent
        again that was not corrected. And where the digests are by chance like the recorder, because
        that was restored as well, or because the second machine has corrected something else, the
        view goes on to show what was sent last. That can be so only of rows that have changed since
        then, in either recorder, or change before corrections are looked for again.
        """
        for ledger in filter(None, (self, of)):
            self._doubt(*ledger._changes[looks:])
        if of:
            self.uncertain |= of.uncertain
        self._unchecked = True

    def note_changes(self, rows: Mapping[Key, object]) -> None:
        """Compare the rows with those at the last look."""
        before, self._rows = self._rows, rows
        changed = {key for key in before.keys() | rows.keys() if before.get(key) != rows.get(key)}
        self._changes.append(changed)
        if self._unchecked:
            self._doubt(changed)

    def _doubt(self, *changes: set[Key]) -> None:
        self.uncertain.update(*changes)
        self.forgotten.update(*changes)
        self.kept -= self.uncertain

    @override
    def of_copy(self) -> Self:
        ledger = super().of_copy()
        for name in ("forgotten", "kept", "uncertain", "_known", "_cut", "_changed", "_changes"):
            setattr(ledger, name, copy(getattr(self, name)))
        return ledger

    def begin(self, current: RowContext) -> None:
        """Keep what the recorder is read with."""
        before, self.row_context = self.row_context, current
        if before and before.database != current.database:
            self.replaced()
            self.forgotten |= self.ever.keys()
        for key in self.ever:
            if key[1] < current.horizon:
                self.forgotten.add(key)
                if key[1] // _DAY == current.horizon // _DAY:
                    self._cut.add((key[0], key[1] // _DAY))

    @override
    def look_at(self, rows: Iterable[tuple[int, Key]]) -> None:
        rows = list(rows)
        super().look_at(rows)
        horizon = self.row_context.horizon if self.row_context else _NEVER
        self.kept |= {
            key for key in self._known - self.uncertain if key not in self.now and key[1] < horizon
        }
        self._known = {key for id_, key in rows if id_ <= self.looked_up_to}
        if self.looked_up_to:
            self._unchecked = False
        self.looked_up_to = 0
        self.forgotten -= {key for key in self._known if key[1] >= horizon}

    def replaced(self) -> None:
        """Remember that another database, or an older one, takes the place of this."""
        self.kept.clear()
        self._known.clear()

    def corrected_since(self, before: Mapping[int, Key], after: Mapping[int, Key]) -> None:
        """Owe nothing of the rows that a correction has given another id, or another name."""
        self._changed |= {
            key
            for id_, key in after.items()
            if id_ <= self.exported_up_to and before.get(id_) != key
        }
        # The ids of the newest ones that it deleted are given again.
        self.exported_up_to = min(self.exported_up_to, max(after, default=0))

    def may_be_shown(self, key: Key) -> bool:
        """Return whether a row that the recorder has lost may be shown."""
        return key in self.forgotten or self._is_cut(key)

    def may_be_older(self, key: Key) -> bool:
        """Return whether a row that the recorder has may be shown as it was before.

        It may be when it is of five minutes, and of the day at which a purge ended, or before, and
        when it is uncertain.
        """
        horizon = self.row_context.horizon if self.row_context else _NEVER
        return key[1] < horizon or self._is_cut(key) or key in self.uncertain

    def _is_cut(self, key: Key) -> bool:
        return (key[0], key[1] // _DAY) in self._cut

    @override
    def _owes(self, id_: int, key: Key) -> bool:
        return super()._owes(id_, key) and key not in self._changed
