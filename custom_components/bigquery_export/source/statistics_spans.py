"""Reading the statistics of a span of time, and what distinguishes corrections from purges."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast, override

from homeassistant.components.recorder.db_schema import SchemaChanges, Statistics, StatisticsRuns
from homeassistant.components.recorder.models import process_timestamp
from homeassistant.core import HomeAssistant
from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute

from .plan import PIECE_ROWS, plan_of
from .source_table import SourceTable
from .statements import as_recorded, fetch
from .statistics import StatisticsPiece, StatisticsReader, StatisticsRow

_FIVE_MINUTES = 300.0
"""Seconds that one run of short-term statistics covers."""


class StatisticsSpans(StatisticsReader):
    """Reads statistics by their time, too. Its methods block."""

    @override
    def __init__(self, hass: HomeAssistant, table: SourceTable) -> None:
        """Make a reader of one of the two tables, with an empty cache."""
        super().__init__(hass, table)
        self._made_at, self._span = _statements(table)

    def read_span(
        self, metadata_id: int, first: float, last: float, after: int, until: int
    ) -> StatisticsPiece | None:
        """Return rows of a statistic with `first` <= start <= `last` and `after` < id <= `until`.

        They are in the order of their times, and the 1,000 earliest where there are more.
        """
        bounds = {
            "metadata_id": metadata_id,
            "first": first,
            "last": last,
            "after": after,
            "until": until,
        }
        with self._database.connected() as connection:
            found = fetch(connection, self._span, bounds)
            if not (rows := cast(Sequence[StatisticsRow], found)):
                return None
            statistics = self._statistics.learn(connection, {metadata_id})
            return StatisticsPiece(rows, statistics, self._anchor(rows[-1]))

    def database(self) -> str:
        """Return what identifies the database: the time when its schema was created."""
        return repr(self._earliest(SchemaChanges.changed))

    def purged_until(self) -> float:
        """Return the time before which short-term statistics are purged, in seconds since 1970.

        It is minus infinity where nothing says that any were purged. Before the statistics, the
        recorder purges the runs that made them, up to the same time, and nothing else deletes runs.
        But it keeps the newest run, even where it purges that run's statistics.
        """
        earliest = self._earliest(StatisticsRuns.start)
        if earliest is None:
            return float("-inf")
        with self._database.connected() as connection:
            made = connection.execute(self._made_at, {"start": earliest}).first()
        return earliest if made else earliest + _FIVE_MINUTES

    def _earliest(self, column: InstrumentedAttribute[Any]) -> float | None:
        with self._database.connected() as connection:
            ((time,),) = fetch(connection, _earliest(column))
            return process_timestamp(time).timestamp() if isinstance(time, datetime) else None


@cache
def _earliest(column: InstrumentedAttribute[Any]) -> Select[Any]:
    """Return the statement for the lowest time of a column, made once."""
    return select(func.min(as_recorded(column)))


@cache
def _statements(table: SourceTable) -> tuple[Select[Any], Select[Any]]:
    """Return the statements for a row of a time, and for rows of a span; each export has them."""
    model = cast(type[Statistics], table.columns[0].class_)  # or its equal of five minutes
    made_at = select(model.id).where(model.start_ts == bindparam("start")).limit(1)
    span = (
        select(*plan_of(table).rows.selected_columns)
        .where(
            model.metadata_id == bindparam("metadata_id"),
            model.start_ts >= bindparam("first"),
            model.start_ts <= bindparam("last"),
            model.id > bindparam("after"),
            model.id <= bindparam("until"),
        )
        .order_by(model.start_ts)
        .limit(PIECE_ROWS)
    )
    return made_at, span
