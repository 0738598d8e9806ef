"""Encoding days of statistics as rows of `daily_statistics`."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from ..source.statistics import Statistic
from ..source.statistics_by_day import DayOfStatistic
from .context import RowContext
from .daily_statistics import DAILY_STATISTICS
from .encoded_rows import EncodedRows, RejectedRow, RowKey
from .encoding import Encoding
from .local_time import DAY, microseconds
from .recorded_values import UNENCODABLE, number, reason, time
from .statistics import finite
from .statistics_encoder import exported_values, includes
from .table import EPOCH

_NUMBERS = ("mean", "min", "max", "state", "sum", "change")


class DailyEncoder:
    """Encodes days of statistics for one run; it computes and does not block."""

    def __init__(self, encoding: Encoding, run: RowContext) -> None:
        """Make an encoder whose rows all carry the values of the run."""
        self._encoding = encoding
        self._row_context = run
        self._run = encoding.fragment(run.run_values)

    def includes(self, statistic_id: str) -> bool:
        """Return whether a statistic is exported."""
        return includes(self._row_context, statistic_id)

    def encode(
        self, statistic: Statistic, days: Sequence[DayOfStatistic], generation: int
    ) -> EncodedRows:
        """Encode days of one statistic; one that cannot be encoded is rejected."""
        rows = EncodedRows()
        fragment = self._encoding.fragment(exported_values(self._row_context, statistic))
        for day in days:
            try:
                start, data = self._row(fragment, day, generation)
            except UNENCODABLE as err:
                rows.rejected.append(rejected(statistic, day.start, reason(err)))
            else:
                rows.add(generation, self._key(statistic.statistic_id, start), data)
        return rows

    def encode_deleted(
        self, statistic_id: str, start: float, end: float, generation: int
    ) -> EncodedRows:
        """Return rows that mark earlier ones of a statistic as deleted, from a time to another.

        Times are in seconds since 1970. There is a row for each partition, so that it is where what
        it deletes is.
        """
        rows = EncodedRows()
        for first, last in _by_partition(microseconds(start), microseconds(end)):
            key = self._key(statistic_id, first)
            values = {"statistic_id": key.name, "start": first, "end": last, "deleted": True}
            values["generation"] = generation
            rows.add(
                generation, key, self._encoding.row(self._run, self._encoding.fragment(values))
            )
        return rows

    def _key(self, statistic_id: str, start: int) -> RowKey:
        return RowKey(self._row_context.privacy.entity(statistic_id), start, start // DAY)

    def _row(self, fragment: bytes, day: DayOfStatistic, generation: int) -> tuple[int, bytes]:
        start = microseconds(day.start)
        local = datetime.fromtimestamp(day.start, self._row_context.place.zone)
        values = {
            "start": start,
            "end": microseconds(day.end),
            "date": local.date().toordinal() - EPOCH.toordinal(),
            "last_reset": time("last_reset", day.last_reset),
            **{name: finite(number(name, getattr(day, name))) for name in _NUMBERS},
            "deleted": False,
            "generation": generation,
        }
        return start, self._encoding.row(self._run, fragment, self._encoding.fragment(values))


def rejected(statistic: Statistic, start: float, why: str) -> RejectedRow:
    """Return a day that cannot be sent, which begins at a time in seconds since 1970."""
    return RejectedRow({"statistic_id": statistic.statistic_id, "start_ts": start}, why)


def _by_partition(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a span that are in one partition each, in microseconds since 1970."""
    while start < end:
        partition = DAILY_STATISTICS.partition_start(start // DAY)
        last = min(end, DAILY_STATISTICS.partition_end(partition) * DAY)
        yield start, last
        start = last
