"""Any value that SQLite can keep, in any column that is read of the recorder's database."""

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
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st
import pytest
from sqlalchemy import column, delete, insert, table, text

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.export.corrections.digests import PERIODS, Digests
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.rows.ambient import ContextEntity
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows
from custom_components.bigquery_export.rows.events import EventChoice
from custom_components.bigquery_export.source.statistics import StatisticsPiece
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES

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
}
"""Rows of the recorder's tables, as SQLite has them; the first column is the id."""
TABLES = {
    "sensor_data": (States, StatesMeta, StateAttributes),
    "events": (Events, EventTypes, EventData),
    "statistics": (Statistics, StatisticsMeta),
    "statistics_short_term": (StatisticsShortTerm, StatisticsMeta),
    "recorder_runs": (RecorderRuns,),
    "schema_changes": (SchemaChanges,),
}
"""Tables in BigQuery, and the recorder's tables that their rows are made of."""
PLACES = [
    (name, model, changed)
    for name, models in TABLES.items()
    for model in models
    for changed in list(ROWS[model][0])[1:]
]
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


def read(hass: HomeAssistant, name: str, encoding: Any) -> EncodedRows:
    """Read a table as an export does, and all that it asks of a reader; this blocks."""
    declared = RECORDER_TABLES[name]
    choice = Choice(
        EventChoice(frozenset({"type1", "type2"})), (ContextEntity("sensor.s3", "context"),)
    )
    source = declared.open(hass, encoding, RowContext(RUN_VALUES, AMSTERDAM, choice))
    reader = source.reader
    newest = reader.newest_id()
    reader.fingerprints([newest, 1, 2, 3])
    reader.times(0, newest)
    reader.oldest_time(0)  # type: ignore[attr-defined]
    reader.extent()  # type: ignore[attr-defined]
    rows = EncodedRows()
    after = 0
    while piece := reader.read(after, newest, 1_000):
        if isinstance(piece, StatisticsPiece):
            digests = Digests(PERIODS[declared.table.partition_unit])
            digests.add(piece)
            digests.as_json()
        for row in piece.rows:
            reader.partition_time(row)
        after = piece.last.id
        declared.source.time_of(piece.last)
        rows.extend(source.encoder.encode(piece))
    return rows


def decoded(encoding: Any, rows: EncodedRows) -> dict[int, dict[str, Any]]:
    """Return the columns of rows by the recorder's ids."""
    return {id_: encoding.decode(data) for id_, data in zip(rows.ids, rows.data, strict=True)}


@pytest.mark.parametrize("encoding", [ProtobufEncoding, NdjsonEncoding])
async def test_any_value(hass: HomeAssistant, encoding: Any) -> None:
    """A row with any value in any column is sent or rejected, and all others are sent unchanged."""
    for model, rows in ROWS.items():
        await in_recorder(hass, write, hass, model, rows)
    encodings = {name: encoding(RECORDER_TABLES[name].table) for name in TABLES}
    usual = {name: await in_recorder(hass, read, hass, name, encodings[name]) for name in TABLES}
    assert all(len(rows.ids) >= 5 for rows in usual.values())
    file = RejectedRows(hass, "test")

    def run() -> None:
        check()

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(place=st.sampled_from(PLACES), value=VALUES)
    @example(place=("sensor_data", States, "last_changed_ts"), value="")
    @example(place=("sensor_data", States, "context_id_bin"), value=b"abc")
    @example(place=("sensor_data", States, "attributes_id"), value="x")
    @example(place=("recorder_runs", RecorderRuns, "start"), value="x")
    def check(place: tuple[str, Any, str], value: object) -> None:
        name, model, changed = place
        is_null = value is None or value != value
        assume(not (model is RecorderRuns and changed == "end" and is_null))  # It still goes on.
        before, odd, *after = ROWS[model]
        write(hass, model, [before, {**odd, changed: value}, *after])
        try:
            rows = read(hass, name, encodings[name])
        finally:
            write(hass, model, ROWS[model])
        # A row of metadata or attributes is of several rows.
        its_own = model is TABLES[name][0]
        others = [2] if its_own else [id_ for id_ in usual[name].ids if 1 + id_ % 2 == 2]
        sent = decoded(encodings[name], rows)
        for id_, values in decoded(encodings[name], usual[name]).items():
            if id_ not in others:
                assert sent[id_] == values
        file.append("export", RECORDER_TABLES[name].table, rows.rejected)
        for rejected in rows.rejected:
            assert rejected.reason[0].islower()
            assert rejected.values[RECORDER_TABLES[name].table.id] in others
            assert "argument" not in rejected.reason
            assert "cannot be encoded" not in rejected.reason

    await in_recorder(hass, run)
    assert file.count()
