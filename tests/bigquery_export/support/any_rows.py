"""Rows of the recorder's tables in SQLite, with any value that it can keep."""

from collections.abc import Sequence
from typing import Any

from homeassistant.components.recorder.db_schema import (
    EventData,
    Events,
    EventTypes,
    RecorderRuns,
    SchemaChanges,
    StateAttributes,
    States,
    StatesMeta,
    Statistics,
    StatisticsMeta,
    StatisticsRuns,
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from hypothesis import strategies as st
from sqlalchemy import column, delete, insert, table, text

TIME = 1_790_000_000.0
DAY = "2026-09-21 14:13:20.000000"
ULID = bytes(range(16))
NOT_UTF8 = ("CAST(X'32e9' AS TEXT)",)
"""A text that no driver can send, as SQL."""

ROWS: dict[Any, list[dict[str, Any]]] = {
    StatesMeta: [{"metadata_id": n, "entity_id": f"sensor.s{n}"} for n in (1, 2, 3)],
    StateAttributes: [{"attributes_id": n, "shared_attrs": f'{{"n":{n}}}'} for n in (1, 2)],
    States: [
        {
            "state_id": n,
            "metadata_id": 1 + n % 2 if n < 6 else 3,
            "state": str(n),
            "last_changed_ts": TIME + n - 1,
            "last_updated_ts": TIME + n if n < 6 else TIME,
            "attributes_id": 1 + n % 2,
            "attributes": None,
            "context_id_bin": ULID,
            "context_user_id_bin": ULID,
            "context_parent_id_bin": None,
        }
        for n in range(1, 7)
    ],
    EventTypes: [{"event_type_id": n, "event_type": f"type{n}"} for n in (1, 2)],
    EventData: [{"data_id": n, "shared_data": f'{{"n":{n}}}'} for n in (1, 2)],
    Events: [
        {
            "event_id": n,
            "event_type_id": 1 + n % 2,
            "data_id": 1 + n % 2,
            "event_data": None,
            "time_fired_ts": TIME + n,
            "origin_idx": 0,
            "origin": None,
            "context_id_bin": ULID,
            "context_user_id_bin": ULID,
            "context_parent_id_bin": None,
        }
        for n in range(1, 6)
    ],
    StatisticsMeta: [
        {
            "id": n,
            "statistic_id": f"sensor.s{n}",
            "source": "recorder",
            "unit_of_measurement": "kWh",
            "unit_class": "energy",
            "has_sum": 1,
            "name": None,
            "mean_type": 0,
        }
        for n in (1, 2)
    ],
    **{
        model: [
            {
                "id": n,
                "metadata_id": 1 + n % 2,
                "start_ts": 1_789_999_200.0 + 3600 * n,
                "mean": 1.5,
                "mean_weight": 1.0,
                "min": 1.0,
                "max": 2.0,
                "last_reset_ts": TIME,
                "state": 3.0,
                "sum": 4.0,
                "created_ts": TIME,
            }
            for n in range(1, 6)
        ]
        for model in (Statistics, StatisticsShortTerm)
    },
    RecorderRuns: [
        {"run_id": n, "start": DAY, "end": DAY, "closed_incorrect": 0, "created": DAY}
        for n in range(1, 6)
    ],
    SchemaChanges: [
        {"change_id": n, "schema_version": 40 + n, "changed": DAY} for n in range(1, 6)
    ],
    StatisticsRuns: [{"run_id": n, "start": DAY} for n in range(1, 6)],
}
"""Rows of the recorder's tables, as SQLite has them; the first column is the id."""
VALUES = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "x y", "nan", "1e400", "5", "2026-01-01"]),
    st.sampled_from([b"", b"abc", b"\xff", 2**63 - 1]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.just(NOT_UTF8),
)


def write(hass: HomeAssistant, model: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Make a table of the recorder have these rows and no others; this blocks."""
    with session_scope(hass=hass) as session:
        connection = session.connection()
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints=ON")
        # Without the types of its columns, which take no other values.
        untyped = table(model.__tablename__, *map(column, ROWS[model][0]))
        connection.execute(delete(untyped))
        for row in rows:
            values = {
                name: text(value[0]) if isinstance(value, tuple) else value
                for name, value in row.items()
            }
            connection.execute(insert(untyped).prefix_with("OR IGNORE").values(values))
