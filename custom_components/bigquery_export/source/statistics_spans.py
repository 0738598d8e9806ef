"""Reading the statistics of a span of time, and what distinguishes corrections from purges."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast, override

from homeassistant.components.recorder.db_schema import SchemaChanges, Statistics, StatisticsRuns
from homeassistant.components.recorder.models import process_timestamp
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute

from .plan import PIECE_ROWS
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
        model = cast(type[Statistics], table.columns[0].class_)  # or its equal of five minutes
        self._made_at = select(model.id).where(model.start_ts == bindparam("start")).limit(1)
        self._span = (
            select(*self._plan.rows.selected_columns)
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
        with session_scope(hass=self._hass, read_only=True) as session:
            connection = session.connection()
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
        with session_scope(hass=self._hass, read_only=True) as session:
            made = session.connection().execute(self._made_at, {"start": earliest}).first()
        return earliest if made else earliest + _FIVE_MINUTES

    def _earliest(self, column: InstrumentedAttribute[Any]) -> float | None:
        statement = select(func.min(as_recorded(column)))
        with session_scope(hass=self._hass, read_only=True) as session:
            ((time,),) = fetch(session.connection(), statement)
            return process_timestamp(time).timestamp() if isinstance(time, datetime) else None
