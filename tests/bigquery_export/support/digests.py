"""Digests of rows of a meter."""

from collections.abc import Callable
from typing import Any

from custom_components.bigquery_export.export.corrections.digests import Digests, Periods, month
from custom_components.bigquery_export.source.source_table import Anchor
from custom_components.bigquery_export.source.statistics import (
    Statistic,
    StatisticsPiece,
    StatisticsRow,
)

METER = Statistic("sensor.meter", "recorder", "kWh", "energy", True, None, 0)
DAY = 86_400.0
START = 20_000 * DAY
"""4 October 2024."""


def row(id_: int, **values: Any) -> StatisticsRow:
    """Return a row of the meter."""
    names = ("mean", "mean_weight", "min", "max", "last_reset_ts", "state", "sum", "created_ts")
    fields = {"start_ts": START + id_ * 3600, "state": id_ / 3, **values}
    return (id_, 1, fields["start_ts"], *(fields.get(name) for name in names))


def piece(*rows: StatisticsRow, statistic: Statistic = METER) -> StatisticsPiece:
    """Return a piece of rows."""
    return StatisticsPiece(rows, {1: statistic}, Anchor(rows[-1][0], ""))


def digests(*pieces: StatisticsPiece, by: Callable[[Any], int] = month) -> Digests:
    """Return the digests of pieces."""
    result = Digests(Periods(by))
    for rows in pieces:
        result.add(rows)
    return result
