"""Measure what a flood of rejected rows costs: bytes in .storage, and memory.

    .venv/bin/python -m tests.bigquery_export.support.measure_rejected_rows [rows]

Each row is a state with attributes that are no JSON, of 3,000 bytes.
"""

from collections.abc import Iterator
from itertools import batched
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
from time import process_time
import tracemalloc
from types import SimpleNamespace
from typing import cast

from homeassistant.core import HomeAssistant

from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.rows.encoded_rows import RejectedRow
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

PIECE = 1_000
ATTRIBUTES = "{" + "x" * 3_000


def flood(rows: int) -> Iterator[RejectedRow]:
    """Yield rejected rows."""
    for number in range(rows):
        values = {"state_id": number, "entity_id": "climate.room", "attributes": ATTRIBUTES}
        yield RejectedRow(values, "its attributes are no JSON")


def measured(name: str, began: float) -> None:
    """Say how much memory something has needed at most, and how much time."""
    _, peak = tracemalloc.get_traced_memory()
    print(f"{name}: peak={peak / 1e6:.1f} MB seconds={process_time() - began:.1f}")
    tracemalloc.reset_peak()


def main(rows: int) -> None:
    """Reject rows, and count them."""
    with TemporaryDirectory() as folder:
        config = SimpleNamespace(path=lambda *parts: str(Path(folder, *parts)))
        file = RejectedRows(cast(HomeAssistant, SimpleNamespace(config=config)), "entry")
        tracemalloc.start()
        began, left_out = process_time(), 0
        for piece in batched(flood(rows), PIECE, strict=False):
            left_out += file.append("export", SENSOR_DATA, piece).left_out
        measured("written", began)
        print(f"rows={rows} kept={rows - left_out} left_out={left_out} bytes={file.size}")
        began = process_time()
        assert file.count_by_reason().total() == rows - left_out
        measured("counted", began)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
