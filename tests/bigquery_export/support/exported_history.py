"""A history as BigQuery has it."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
import json
from typing import Any

from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from tests.bigquery_export.support.history_rows import (
    STATISTICS,
    ContextRow,
    EventRow,
    History,
    Rows,
    RunRow,
    SchemaChangeRow,
    StateRow,
    StatisticRow,
    StatisticsRunRow,
    canonical,
)
from tests.bigquery_export.support.warehouse import Warehouse

_TIMES = frozenset(
    {
        *("last_changed", "last_updated", "time_fired", "start", "end", "last_reset", "created"),
        "changed",
    }
)
_COMPUTED = {
    "change": "`sum` - COALESCE(LAG(`sum`) OVER (PARTITION BY statistic_id ORDER BY `start`), 0)",
    **{name: f"UNIX_MICROS(`{name}`)" for name in _TIMES},
}
"""SQL of what is not just a column."""
_READ: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys((*_TIMES, "schema_version"), int),
    **dict.fromkeys(("mean", "min", "max", "sum", "change", "mean_weight"), float),
    **dict.fromkeys(("attributes", "event_data"), lambda text: canonical(json.loads(text))),
    **dict.fromkeys(("has_sum", "closed_incorrect"), lambda text: text == "true"),
}
"""How the text of a value in an answer is read, where it is not a text."""


def exported(warehouse: Warehouse, *, latest: bool = True) -> History:
    """Return what BigQuery has; of statistics what holds, or else all that was ever sent."""
    if latest:
        warehouse.make_views(*(RECORDER_TABLES[table].table for table in STATISTICS))
    states = _found(warehouse, "sensor_data", (*StateRow._fields, *ContextRow._fields))
    return {
        "sensor_data": _rows(StateRow, ({**row, "state": row["state"] or ""} for row in states)),
        "contexts": _rows(ContextRow, states),
        **{
            table: _statistics(
                _found(warehouse, f"{table}_latest" if latest else table, StatisticRow._fields)
            )
            for table in STATISTICS
        },
        "events": _rows(EventRow, _found(warehouse, "events", EventRow._fields)),
        "recorder_runs": _rows(RunRow, _found(warehouse, "recorder_runs", RunRow._fields)),
        "schema_changes": _rows(
            SchemaChangeRow, _found(warehouse, "schema_changes", SchemaChangeRow._fields)
        ),
        "statistics_runs": _rows(
            StatisticsRunRow, _found(warehouse, "statistics_runs", StatisticsRunRow._fields)
        ),
    }


def _found(warehouse: Warehouse, table: str, names: Iterable[str]) -> list[dict[str, Any]]:
    """Return columns of all rows of a table or view."""
    columns = ", ".join(
        f"{_COMPUTED.get(name, f'`{name}`')} AS `{name}`" for name in dict.fromkeys(names)
    )
    sql = f"SELECT {columns} FROM home.{table}"  # noqa: S608 (names of our own)
    return [
        {
            name: None if value is None else _READ.get(name, str)(value)
            for name, value in row.items()
        }
        for row in warehouse.server.query(sql, warehouse.project)
    ]


def _statistics(found: Iterable[Mapping[str, Any]]) -> Rows:
    """Return rows of statistics: their states are numbers."""
    return _rows(
        StatisticRow,
        ({**row, "state": None if row["state"] is None else float(row["state"])} for row in found),
    )


def _rows(kind: Any, found: Iterable[Mapping[str, Any]]) -> Rows:
    return Counter(kind._make(row[name] for name in kind._fields) for row in found)
