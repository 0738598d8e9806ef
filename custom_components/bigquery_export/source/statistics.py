"""Reading the recorder's statistics, of an hour or of five minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from homeassistant.components.recorder.db_schema import (
    Statistics,
    StatisticsMeta,
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
from sqlalchemy import select

from .lookup_cache import MetaRows
from .plan import PIECE_ROWS
from .reader import TableReader
from .source_table import Anchor, SourceTable
from .statements import as_text

type StatisticsRow = tuple[
    int,  # id
    int | None,  # metadata_id
    float | None,  # start_ts, seconds since 1970
    float | None,  # mean
    float | None,  # mean_weight
    float | None,  # min
    float | None,  # max
    float | None,  # last_reset_ts, seconds since 1970
    float | None,  # state
    float | None,  # sum
    float | None,  # created_ts, seconds since 1970
]


def _table(
    model: type[Statistics | StatisticsShortTerm], period: float, *, purged: bool
) -> SourceTable:
    return SourceTable(
        columns=(
            model.id,
            model.metadata_id,
            model.start_ts,
            model.mean,
            model.mean_weight,
            model.min,
            model.max,
            model.last_reset_ts,
            model.state,
            model.sum,
            model.created_ts,
        ),
        # These stay as they are when a row is corrected.
        fingerprint=(model.metadata_id, model.start_ts, model.created_ts),
        times=(model.start_ts,),
        purged_by=model.start_ts if purged else None,
        period=period,
    )


STATISTICS = _table(Statistics, 3_600.0, purged=False)
STATISTICS_SHORT_TERM = _table(StatisticsShortTerm, 300.0, purged=True)

METADATA = select(
    StatisticsMeta.id,
    StatisticsMeta.statistic_id,
    StatisticsMeta.source,
    StatisticsMeta.unit_of_measurement,
    StatisticsMeta.unit_class,
    StatisticsMeta.has_sum,
    StatisticsMeta.name,
    StatisticsMeta.mean_type,
).where(StatisticsMeta.statistic_id.is_not(None))


class Statistic(NamedTuple):
    """What the recorder knows of a statistic."""

    statistic_id: str
    source: str | None
    unit_of_measurement: str | None
    unit_class: str | None
    has_sum: bool | None
    name: str | None
    mean_type: int | None
    """A number of `StatisticMeanType`, or one that a newer Home Assistant knows."""


def as_statistic(
    statistic_id: object,
    source: object,
    unit_of_measurement: object,
    unit_class: object,
    has_sum: bool | None,
    name: object,
    mean_type: object,
) -> Statistic:
    """Return a row of the metadata, with values of the types that they should have."""
    return Statistic(
        as_text(statistic_id) or "",
        as_text(source),
        as_text(unit_of_measurement),
        as_text(unit_class),
        has_sum,
        as_text(name),
        mean_type if isinstance(mean_type, int) else None,
    )


@dataclass(frozen=True, slots=True)
class StatisticsPiece:
    """Up to 1,250 rows of statistics, and the metadata of their statistics."""

    rows: Sequence[StatisticsRow]
    statistics: Mapping[int, Statistic]
    """Statistics by metadata_id."""
    last: Anchor


class StatisticsReader(TableReader[StatisticsRow]):
    """Reads statistics of one length for one run."""

    def __init__(self, hass: HomeAssistant, table: SourceTable) -> None:
        """Make a reader of one of the two tables, with an empty cache."""
        super().__init__(hass, table)
        self._statistics = MetaRows(METADATA, as_statistic)

    def read(self, after: int, until: int, limit: int = PIECE_ROWS) -> StatisticsPiece | None:
        """Return the next rows with `after` < id <= `until`, or None when there are none."""
        with self._database.connected() as connection:
            if not (rows := self._next_rows(connection, after, until, limit)):
                return None
            statistics = self._statistics.learn(
                connection, set(self._table.values(rows, "metadata_id"))
            )
            return StatisticsPiece(rows, statistics, self._anchor(rows[-1]))
