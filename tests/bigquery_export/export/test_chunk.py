"""When a chunk has enough rows, and which of the rows that it has passed it remembers."""

import pytest

from custom_components.bigquery_export.export import chunk as chunk_module
from custom_components.bigquery_export.export.chunk import Chunk
from custom_components.bigquery_export.export.rejected_rows import Kept
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows, RejectedRow
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.source.source_table import Anchor


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten rows be enough."""
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 10)


def test_full() -> None:
    """It has as many rows as a transaction has; more while it cannot be committed, but not many."""
    ready = False
    chunk = Chunk(SENSOR_DATA, "sensor_data", 0, 1_000, can_commit=lambda: ready)
    piece = EncodedRows(data=[b""] * 5)
    chunk.look_at(piece)
    for _ in range(6):
        assert not chunk.full
        chunk.look_at(piece)
    ready = True
    assert chunk.full
    ready = False
    assert not chunk.full
    chunk.look_at(piece)
    assert chunk.full


@pytest.mark.parametrize("ready", [False, True])
def test_full_of_what_is_not_sent(monkeypatch: pytest.MonkeyPatch, *, ready: bool) -> None:
    """Rejected rows, and pieces without a row to send, fill it, whether it can be committed."""
    monkeypatch.setattr(chunk_module, "_MAX_REJECTED", 6)
    monkeypatch.setattr(chunk_module, "_MAX_PIECES", 20)
    chunk = Chunk(SENSOR_DATA, "sensor_data", 0, 1_000, can_commit=lambda: ready)
    for _ in range(3):
        assert not chunk.full
        chunk.count_rejected(2 * [RejectedRow({}, "no")], Kept(set(), 0))
    assert chunk.full
    assert chunk.rejected == 6
    chunk = Chunk(SENSOR_DATA, "sensor_data", 0, 1_000, can_commit=lambda: ready)
    for _ in range(20):
        assert not chunk.full
        chunk.look_at(EncodedRows())
    assert chunk.full


def test_passed() -> None:
    """It remembers some of the rows that it has passed, from all of them, and always the last."""
    chunk = Chunk(SENSOR_DATA, "sensor_data", 0, 1_000)
    for number in range(1, 1_001):
        chunk.go_past(Anchor(number, "row"))
        assert chunk.cursor == number
        assert len(chunk.passed) < 64
    ids = [anchor.id for anchor in chunk.passed]
    assert ids == sorted(ids)
    assert ids[0] < 100
    assert len(ids) > 16
