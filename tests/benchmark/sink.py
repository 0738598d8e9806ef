"""A local BigQuery that takes rows and forgets them: `python -m tests.benchmark.sink`.

It is as strict as the other about everything but the rows. These it counts and does not look at,
so that what is measured is who sends them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.local_bigquery import load_jobs, table_loads
from tests.local_bigquery.__main__ import main
from tests.local_bigquery.json_lines import ReadRows, RowRules
from tests.local_bigquery.names import TableName
from tests.local_bigquery.rows import Batch, RowDecoder
from tests.local_bigquery.store import Document

MODULE = "tests.benchmark.sink"


def _count(_: RowDecoder, serialized_rows: Sequence[bytes], defaults: Mapping[str, Any]) -> Batch:
    """Stand in for `RowDecoder.decode`."""
    return Batch(b"", len(serialized_rows), [])


def _count_lines(plain: Path, good: Path, rules: RowRules) -> ReadRows:
    """Stand in for `json_lines.read_rows`."""
    good.touch()
    with plain.open("rb") as lines:
        return ReadRows(row_count=sum(1 for _ in lines))


async def _forget(
    loads: table_loads.TableLoads,
    table: TableName,
    file: Path,
    row_count: int,
    kind: str,
    after: Mapping[str, Document],
) -> None:
    """Stand in for `TableLoads.load`."""
    loads._changes._store.put(kind, after)


if __name__ == "__main__":
    RowDecoder.decode = _count  # type: ignore[assignment, method-assign]
    load_jobs.read_rows = _count_lines  # type: ignore[assignment, attr-defined]
    table_loads.TableLoads.load = _forget  # type: ignore[assignment, method-assign]
    main()
