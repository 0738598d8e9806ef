"""Tests of the competitors: each must do its work before it is worth measuring."""

import asyncio
from contextlib import closing
from functools import partial
import json
from pathlib import Path
import sqlite3

import pytest

from .benchmark import QUICK, Benchmark
from .contest import compete
from .histories import connect, make_history
from .integration import ENCODE, GZIP, READ, REQUESTS
from .naive import NaiveExporter, row_values
from .pipelines import measure_pipelines
from .plain_reading import COLUMNS, Pages, PlainReading, Row

ROWS = 2_500


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small database."""
    path = tmp_path_factory.mktemp("history") / "history.db"
    make_history(path, ROWS)
    return path


def test_pages_have_every_row(history: Path) -> None:
    """Page by page come all states, with their entity ids and attributes, in the order of ids."""
    pages = Pages(partial(connect, f"sqlite:///{history}"))
    pages.open()
    rows: list[Row] = []
    while page := pages.next(ROWS):
        rows += page
    pages.close()
    with closing(sqlite3.connect(history)) as recorder:
        ids = recorder.execute("SELECT state_id FROM states ORDER BY state_id").fetchall()
    assert [(row[0],) for row in rows] == ids
    assert all(row[COLUMNS.index("entity_id")] for row in rows)
    assert pages.rows == ROWS


def test_the_naive_exporter_exports_every_row(history: Path) -> None:
    """It can make JSON of every state of the made-up home."""
    pages = Pages(partial(connect, f"sqlite:///{history}"))
    pages.open()
    while page := pages.next(ROWS):
        for row in page:
            values = row_values(dict(zip(COLUMNS, row, strict=True)), "now")
            assert json.loads(json.dumps(values)) == values
    pages.close()


def test_competitors_take_turns(history: Path) -> None:
    """Each takes all rows, in several turns and in every repetition."""
    driver = partial(connect, f"sqlite:///{history}")
    competitors = (PlainReading(driver), NaiveExporter(driver))
    measured = compete(competitors, ROWS, repetitions=3, turn_rows=1_000)
    assert {name: found.rows for name, found in measured.items()} == {
        "plain reading": ROWS,
        "naive exporter": ROWS,
    }
    assert [len(costs) for costs in measured["naive exporter"].stages.values()] == [3, 3, 3]
    assert measured["naive exporter"].bytes_per_row > 500


@pytest.mark.usefixtures("socket_enabled")
async def test_the_integration_takes_part(history: Path, tmp_path: Path) -> None:
    """Both deliveries take every row, and each stage is measured."""
    found = await measure_pipelines(tmp_path, "SQLite", f"sqlite:///{history}", ROWS, 1)
    assert {measured.rows for measured in found.measured.values()} == {ROWS}
    assert set(found.measured["storage_write"].stages) == {READ, ENCODE, REQUESTS}
    assert set(found.measured["load_job"].stages) == {READ, ENCODE, GZIP}
    assert found.ours > 0
    for delivery in ("storage_write", "load_job"):
        assert found.measured[delivery].bytes_per_row > 50


def test_nothing_is_measured_that_was_not_asked_for(tmp_path: Path) -> None:
    """Without parts there are no results, and no history is made."""
    benchmark = Benchmark(tmp_path, QUICK, print)
    asyncio.run(benchmark.measure(()))
    assert not benchmark.results.pipelines
    assert not list(tmp_path.iterdir())
