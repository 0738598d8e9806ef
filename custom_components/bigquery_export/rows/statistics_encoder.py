"""Encoding the recorder's statistics as rows of `statistics` or `statistics_short_term`."""

from datetime import timedelta
from functools import partial
from typing import Any

from homeassistant.core import valid_entity_id

from ..const import DOMAIN
from ..source.statistics import STATISTICS, Statistic, StatisticsPiece, StatisticsRow
from .columns import Values
from .context import RowContext
from .encoded_rows import EncodedRows, RowKey
from .encoding import Encoding
from .fragments import Fragments, encode_each
from .local_time import DAY, QUARTER, Quarters, microseconds
from .readable import readable
from .recorded_values import number, time
from .statistics import finite, statistic_values

_OWN = f"{DOMAIN}:"
"""How the ids of statistics begin that BigQuery was asked for: they are not sent back."""


class StatisticsEncoder:
    """Encodes statistics of one length for one run, each scope of columns once."""

    def __init__(self, encoding: Encoding, run: RowContext, period: timedelta) -> None:
        """Make an encoder whose rows all carry the values of the run, and are of one length."""
        self._encoding = encoding
        self._row_context = run
        self._period = period // timedelta(microseconds=1)
        self._run = encoding.fragment(run.run_values)
        self._statistics = Fragments[Statistic](self._statistic)
        self._quarters = Quarters(encoding, run.place)

    def encode(self, piece: StatisticsPiece) -> EncodedRows:
        """Encode a piece; a row that cannot be encoded is rejected and stops no other."""
        self._statistics.renew(self._row_context.registry.version)
        return encode_each(piece.rows, partial(self._row, piece), partial(_readable, piece))

    def encode_deleted(self, statistic_id: str, first: float, last: float) -> EncodedRows:
        """Return a row that marks earlier rows of a statistic as deleted.

        It applies to rows that start from `first` to `last`, in seconds since 1970.
        """
        if not includes(self._row_context, statistic_id):
            return EncodedRows()
        name = self._row_context.privacy.entity(statistic_id)
        start, end = microseconds(first), microseconds(last) + self._period
        values = {"statistic_id": name, "start": start, "end": end, "deleted": True}
        data = self._encoding.row(self._run, self._encoding.fragment(values))
        rows = EncodedRows()
        rows.add(0, RowKey(name, start, start // DAY), data)
        return rows

    def _row(self, piece: StatisticsPiece, row: StatisticsRow) -> tuple[RowKey, bytes] | None:
        (
            id_,
            metadata_id,
            start_ts,
            mean,
            mean_weight,
            minimum,
            maximum,
            last_reset_ts,
            state,
            total,
            created_ts,
        ) = row
        statistic = None if metadata_id is None else piece.statistics.get(metadata_id)
        if statistic is None:
            raise ValueError("the recorder no longer knows its statistic")
        if not (fragment := self._statistics[statistic]):
            return None
        start = time("start_ts", start_ts)
        if start is None:
            raise ValueError("the recorder has no time for it")
        quarter = self._quarters[start // QUARTER]
        data = self._encoding.row(
            self._run,
            fragment,
            quarter.fragment,
            self._encoding.fragment(
                {
                    "start": start,
                    "end": start + self._period,
                    "mean": finite(number("mean", mean)),
                    "mean_weight": finite(number("mean_weight", mean_weight)),
                    "min": finite(number("min", minimum)),
                    "max": finite(number("max", maximum)),
                    "last_reset": time("last_reset_ts", last_reset_ts),
                    "state": finite(number("state", state)),
                    "sum": finite(number("sum", total)),
                    "created": time("created_ts", created_ts),
                    "deleted": False,
                    "local_time": start + quarter.offset,
                    "id": id_,
                }
            ),
        )
        name = self._row_context.privacy.entity(statistic.statistic_id)
        return RowKey(name, start, start // DAY), data

    def _statistic(self, statistic: Statistic) -> bytes:
        """Return the fragment of all rows of a statistic: empty if it is not exported."""
        if not includes(self._row_context, statistic.statistic_id):
            return b""
        return self._encoding.fragment(exported_values(self._row_context, statistic))


def includes(run: RowContext, statistic_id: str) -> bool:
    """Return whether a statistic is exported: one that belongs to no entity mostly is."""
    if not valid_entity_id(statistic_id):
        return not statistic_id.startswith(_OWN)
    return run.includes(statistic_id)


def exported_values(run: RowContext, statistic: Statistic) -> Values:
    """Return the values that all rows of a statistic share, as they may leave the home."""
    statistic_id = statistic.statistic_id
    values = {**statistic_values(statistic), "statistic_id": run.privacy.entity(statistic_id)}
    if run.privacy.is_hidden(statistic_id):
        values["name"] = None
    if not values["domain"]:
        return values
    registry_values = run.privacy.registry_values(
        statistic_id, run.registry.of(statistic_id).values
    )
    return values | {name: value for name, value in registry_values.items() if name != "entity_id"}


def _readable(piece: StatisticsPiece, row: StatisticsRow) -> dict[str, Any]:
    """Return a row of the recorder under its own names, for a person to read."""
    # The table of five minutes has the same columns.
    statistic = piece.statistics.get(STATISTICS.named(row)["metadata_id"])
    name = {"statistic_id": statistic.statistic_id if statistic else None}
    return readable(STATISTICS, row, {"metadata_id": name})
