"""Encoding rows that refer to nothing else by the types of their columns: the recorder's runs."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.columns import run_values
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.plain_encoder import PlainEncoder
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.table import Scope
from custom_components.bigquery_export.source import recorder_runs
from custom_components.bigquery_export.source.plain_reader import PlainPiece
from custom_components.bigquery_export.source.source_table import Anchor
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES, STARTED

ENCODING = ProtobufEncoding(RECORDER_RUNS)
NAIVE = datetime(2026, 9, 21, 14, 15, 0, 250_000)
AWARE = datetime(2026, 9, 21, 16, 15, 0, 250_000, timezone(timedelta(hours=2)))
MICROS = 1_790_000_100_250_000


def test_each_scope_computes_its_own_columns() -> None:
    """What a scope's function returns are columns of that scope, and nothing is forgotten."""
    run = run_values(source="s", export_id="e", started=STARTED)
    assert run.keys() == RECORDER_RUNS.names(Scope.RUN)
    assert RECORDER_RUNS.names(Scope.ROW) == set(recorder_runs.RECORDER_RUNS.names)
    assert RECORDER_RUNS.cluster_by == ("source",)
    assert (RECORDER_RUNS.partition_by, RECORDER_RUNS.partition_unit) == ("start", "MONTH")


def test_rows() -> None:
    """A run has its times in UTC, whether the database says so or not; one without is refused."""
    rows: list[tuple[Any, ...]] = [
        (1, NAIVE, AWARE, True, AWARE),
        (2, None, NAIVE, False, NAIVE),
        (3, AWARE, NAIVE.replace(tzinfo=UTC), None, None),
    ]
    run = RowContext(RUN_VALUES, AMSTERDAM)
    encoder = PlainEncoder(ENCODING, run, RECORDER_RUNS, recorder_runs.RECORDER_RUNS)
    encoded = encoder.encode(PlainPiece(rows, Anchor(3, "")))
    shared = {
        "source": "home",
        "export_id": "export",
        "export_timestamp": round(STARTED.timestamp() * 1e6),
    }
    first = {"start": MICROS, "end": MICROS, "closed_incorrect": True, "created": MICROS}
    last = {"start": MICROS, "end": MICROS}
    assert [ENCODING.decode(data) for data in encoded.data] == [
        first | {"run_id": 1} | shared,
        last | {"run_id": 3} | shared,
    ]
    assert encoded.ids == [1, 3]
    assert encoded.names == ["home"] * 2
    assert encoded.times == [MICROS] * 2
    assert encoded.days == {20_717}
    (rejected,) = encoded.rejected
    assert rejected.reason == "the recorder has no time for it"
    assert rejected.values == {
        "run_id": 2,
        "start": None,
        "end": NAIVE,
        "closed_incorrect": False,
        "created": NAIVE,
    }
