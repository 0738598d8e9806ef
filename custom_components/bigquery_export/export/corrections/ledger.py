"""Keeps digests of the statistics that are exported, by which corrections are found later."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any, override

from homeassistant.core import HomeAssistant

from ...source.statistics import StatisticsPiece
from ...source.statistics_spans import StatisticsSpans
from ..ports import SentObserver, Source
from ..positions import Position
from ..recorder_tables import RECORDER_TABLES
from .digest_file import DigestFile, Line
from .digests import PERIODS, Digests


class StatisticsObserver(SentObserver[StatisticsPiece]):
    """Keeps digests of the statistics that are exported."""

    def __init__(self, file: DigestFile, spans: StatisticsSpans, *, purged: bool) -> None:
        """Prepare to observe one run; `purged` says whether the recorder deletes old rows."""
        self.file = file
        self.spans = spans
        self.purged = purged
        self._database = ""
        self._begin((), "", in_doubt=False)

    @override
    def open(self) -> None:
        self._database = self.spans.database()

    @override
    def begin(self, position_key: str, before: Position) -> None:
        self._begin(
            (before.cursor, before.rows, before.rejected),
            position_key,
            in_doubt=before.in_doubt_until > before.cursor,
        )

    def _begin(self, before: tuple[int, ...], position_key: str, *, in_doubt: bool) -> None:
        self._before = before
        self._position_key = position_key
        self._in_doubt = in_doubt
        self._digests = Digests(self.file.periods)
        self._pieces: list[StatisticsPiece] = []
        """The pieces that were read; needed until it is known which rows are left out."""
        self._left_out: Collection[int] = ()
        self._same: Collection[int] = ()

    @override
    def look_at(self, piece: StatisticsPiece) -> None:
        if self._in_doubt:
            self._pieces.append(piece)
        else:
            self._digests.add(piece)

    @override
    def leave_out(self, ids: Collection[int], same: Collection[int]) -> None:
        self._left_out, self._same = ids, same

    @override
    def keep(self) -> None:
        # What was sent as it is now is counted, unless the file has it from when it was sent.
        found = self._in_doubt and not self.file.has(
            self._database, self._position_key, self._before[0]
        )
        left_out = set(self._left_out).difference(self._same if found else ())
        for piece in self._pieces:
            ids = {row[0] for row in piece.rows}
            self._digests.add(piece, ids.difference(left_out))
        if digests := self._digests.as_json():
            self.file.append(
                Line(
                    self._database,
                    digests,
                    self._before,
                    self._position_key,
                    self._in_doubt,
                    len(self._left_out),
                    found,
                )
            )


def digest_file(hass: HomeAssistant, entry_id: str, table: str) -> DigestFile:
    """Return the file of digests of a table whose rows are corrected."""
    return DigestFile(hass, entry_id, table, PERIODS[RECORDER_TABLES[table].table.partition_unit])


def is_corrected(table: str) -> bool:
    """Return whether the rows of a table change afterwards."""
    return table in RECORDER_TABLES and RECORDER_TABLES[table].corrected


def observed(hass: HomeAssistant, entry_id: str, source: Source[Any]) -> Source[Any]:
    """Return a source with an observer that keeps digests, if its rows are corrected."""
    name = source.table.name
    if not is_corrected(name):
        return source
    table = RECORDER_TABLES[name].source
    observer = StatisticsObserver(
        digest_file(hass, entry_id, name),
        StatisticsSpans(hass, table),
        purged=table.purged_by is not None,
    )
    return replace(source, observer=observer)


def remove_digests(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the files of all tables; this blocks."""
    for table in filter(is_corrected, RECORDER_TABLES):
        digest_file(hass, entry_id, table).remove()
