"""Any value that SQLite can keep, in any column that is read of the recorder's database."""

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
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st
import pytest

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
from tests.bigquery_export.support.any_rows import ROWS, VALUES, write
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES

TABLES = {
    "sensor_data": (States, StatesMeta, StateAttributes),
    "events": (Events, EventTypes, EventData),
    "statistics": (Statistics, StatisticsMeta),
    "statistics_short_term": (StatisticsShortTerm, StatisticsMeta),
    "recorder_runs": (RecorderRuns,),
    "schema_changes": (SchemaChanges,),
    "statistics_runs": (StatisticsRuns,),
}
"""Tables in BigQuery, and the recorder's tables that their rows are made of."""
PLACES = [
    (name, model, changed)
    for name, models in TABLES.items()
    for model in models
    for changed in list(ROWS[model][0])[1:]
]


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

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
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
