"""Any state that the recorder can hold arrives as it was, or is refused by name."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
import json
import math
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance, session_scope
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import bytes_to_ulid
from hypothesis import HealthCheck, example, given, settings, strategies as st
import orjson
import pytest

from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.warehouse import Warehouse

NOW = datetime.now(UTC).timestamp()
YEAR_2100 = 4_102_444_800
DAY = 86_400
STREAM_DAYS = (-3650, 366)
"""Days around today whose partitions the Storage Write API writes to (page "Use the Storage
Write API", partitioned tables)."""

TEXT = st.text(
    st.characters(exclude_categories=["Cs"]),  # no half characters: SQLite cannot hold them
    max_size=255,
)
ODD_TEXT = st.sampled_from(
    [
        *("", " ", "\0", "a\0b", "\n", "\r\n", "\u2028", "\ufeff", '"', "\\", "\\u0000", "'", "`"),
        *("null", "NULL", "true", "nan", "-inf", "1_000", "0x1", "1e999", "-0.0", "1e-400"),
        *("\U0001f600", "é", "e\u0301", "\u202e", "\U0010ffff", "\x7f", "\x1f"),
        *("x" * 255, "\U0001f600" * 255, "unknown", "unavailable", "2026-11-21"),
    ]
)
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | ODD_TEXT,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXT, values, max_size=4),
    max_leaves=12,
)
NAMED = st.fixed_dictionaries(
    {}, optional={"friendly_name": JSON, "unit_of_measurement": TEXT, "device_class": TEXT}
)
ATTRIBUTES = st.one_of(
    st.just({}),
    st.dictionaries(TEXT, JSON, max_size=6),
    NAMED,
    st.just({"big": "x" * 16_000}),
    st.just({"deep": json.loads("[" * 90 + "]" * 90)}),
).map(lambda attributes: orjson.dumps(attributes).decode())
TIMES = st.one_of(
    st.floats(0, YEAR_2100),
    st.floats(NOW - 20 * DAY, NOW + 2 * DAY),
    st.sampled_from([0.0, 1.5, NOW, 1_774_746_000.0, 1_792_890_000.25, float(YEAR_2100)]),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row as the recorder holds it."""

    state: str | None
    attributes: str | None
    updated: float
    changed: float | None
    context: bytes | None
    user: bytes | None

    @property
    def last_changed(self) -> float:
        """Return when the state changed."""
        return self.updated if self.changed is None else self.changed

    @property
    def can_be_streamed(self) -> bool:
        """Return whether its partition is one that can be streamed to."""
        first, last = (NOW + days * DAY for days in STREAM_DAYS)
        return first <= self.last_changed <= last

    @property
    def is_near_a_bound(self) -> bool:
        """Return whether it depends on the hour of the test whether it can be streamed."""
        return any(abs(self.last_changed - NOW - days * DAY) < 2 * DAY for days in STREAM_DAYS)


ROWS = st.builds(
    Recorded,
    state=st.none() | TEXT | ODD_TEXT | NUMBERS.map(str),
    attributes=st.none() | ATTRIBUTES,
    updated=TIMES,
    changed=st.none() | TIMES,
    context=st.none() | st.binary(min_size=16, max_size=16),
    user=st.none() | st.binary(min_size=16, max_size=16),
).filter(lambda row: not row.is_near_a_bound)


def record(hass: HomeAssistant, rows: list[Recorded]) -> list[int]:
    """Write rows into the recorder's tables, as it does, and return their ids."""
    ids = []
    with session_scope(hass=hass) as session:
        connection = session.connection()
        connection.exec_driver_sql("INSERT OR IGNORE INTO states_meta VALUES (1, 'sensor.any')")
        for row in rows:
            attributes_id = None
            if row.attributes is not None:
                attributes_id = connection.exec_driver_sql(
                    "INSERT INTO state_attributes (shared_attrs) VALUES (?)", (row.attributes,)
                ).lastrowid
            ids.append(
                connection.exec_driver_sql(
                    "INSERT INTO states (metadata_id, state, attributes_id, last_updated_ts,"
                    " last_changed_ts, context_id_bin, context_user_id_bin)"
                    " VALUES (1, ?, ?, ?, ?, ?, ?)",
                    (row.state, attributes_id, row.updated, row.changed, row.context, row.user),
                ).lastrowid
            )
    return ids


def microseconds(seconds: float) -> str:
    """Return a time as the REST API has it, rounded as Home Assistant shows it."""
    since = dt_util.utc_from_timestamp(seconds) - datetime(1970, 1, 1, tzinfo=UTC)
    return str(since // timedelta(microseconds=1))


def number(state: str | None) -> float | None:
    """Return a state as a number if JSON, with a sign or a point at will, could hold it."""
    try:
        value = float(state or "")
    except ValueError:
        return None
    plain = (state or "").strip().lower().translate(str.maketrans("", "", "+-.e0123456789"))
    return None if plain or not math.isfinite(value) else value


def expected(row: Recorded) -> dict[str, Any]:
    """Return what must be in BigQuery of a row."""
    return {
        "entity_id": "sensor.any",
        "state": row.state,
        "last_updated": microseconds(row.updated),
        "last_changed": microseconds(row.last_changed),
        "context_id": None if row.context is None else bytes_to_ulid(row.context),
        "context_user_id": None if row.user is None else row.user.hex(),
        "state_numeric": number(row.state),
        "attributes": None if row.attributes is None else json.loads(row.attributes),
    }


def arrived(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of BigQuery in the form of `expected`."""
    numeric, attributes = row["state_numeric"], row["attributes"]
    return {
        **{name: row[name] for name in ("entity_id", "state", "last_updated", "last_changed")},
        **{name: row[name] for name in ("context_id", "context_user_id")},
        "state_numeric": None if numeric is None else float(numeric),
        "attributes": None if attributes is None else json.loads(attributes),
    }


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.lists(ROWS, min_size=1, max_size=30))
@example(rows=[Recorded("a\0b", '{"a":"\\u0000"}', NOW, None, None, None)])
@example(rows=[Recorded("1", '{"n":18446744073709551615,"f":0.1}', NOW, None, None, None)])
async def test_round_trip(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, rows: list[Recorded]
) -> None:
    """Whatever the recorder holds arrives as it was, or lies in the file of rejected rows."""
    rejected_before = len(exporter.rejected_rows())
    ids = await get_instance(hass).async_add_executor_job(record, hass, rows)
    result = await exporter.export()

    found = {int(row["state_id"]): row for row in warehouse.rows("*", f"state_id >= {ids[0]}")}
    rejected = {row["id"]: row["reason"] for row in exporter.rejected_rows()[rejected_before:]}
    assert len(found) == result.rows["sensor_data"]
    for id_, row in zip(ids, rows, strict=True):
        assert (id_ in found) is not (id_ in rejected)
        if id_ in found:
            assert arrived(found[id_]) == expected(row)
        elif row.can_be_streamed:
            pytest.fail(f"{row} was rejected: {rejected[id_]}")
        else:
            assert "partition column last_changed" in rejected[id_]
