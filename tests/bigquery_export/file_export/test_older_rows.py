"""Rows that only BigQuery has: which versions are valid, and what it takes to know that."""

from collections.abc import Iterator
import tracemalloc
from typing import Any, cast

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.listed_values import ListedValues
from custom_components.bigquery_export.file_export import older_rows
from custom_components.bigquery_export.file_export.older_rows import OlderRows
from custom_components.bigquery_export.rows.statistics import STATISTICS

HOUR = 3_600_000_000
STATISTIC_IDS = [f"sensor.{number}" for number in range(100)]
HOURS = 300


class Listed:
    """Rows of a partition as they are listed, again and again."""

    def pages(self, *_: object) -> Iterator[list[dict[str, Any]]]:
        """Yield a page for each statistic, with two versions of each hour."""
        for number, name in enumerate(STATISTIC_IDS):
            yield [
                {
                    "statistic_id": name,
                    "start": hour * HOUR,
                    "export_timestamp": 10**15 + version,
                    "id": (number * HOURS + hour) * 2 + version,
                }
                for hour in range(HOURS)
                for version in range(2)
            ]


@pytest.mark.parametrize(("wanted", "most"), [(100, 50), (1, 1)])
def test_memory(monkeypatch: pytest.MonkeyPatch, wanted: int, most: int) -> None:
    """To know the valid versions takes few bytes for each row, and none for those not wanted."""
    monkeypatch.setattr(older_rows, "_PAUSE", 0.0)
    monkeypatch.setattr(older_rows, "_BUCKETS", 2**10, raising=False)  # As full as of many rows.
    older = OlderRows(cast(ListedValues, Listed()), STATISTICS, 0, lambda: False)
    names = set(STATISTIC_IDS[:wanted])
    tracemalloc.start()
    try:
        pages = older.pages(lambda row: row["statistic_id"] in names)
        found = sum(map(len, pages))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == wanted * HOURS
    assert peak < most * len(STATISTIC_IDS) * HOURS + 500_000


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.integers(0, 3),
            st.integers(0, 3),
            st.integers(0, 3),
            st.sampled_from([None, 1, 2]),
        ),
        max_size=30,
    ),
    st.sampled_from([1, 2**14]),
)
def test_valid_versions(values: list[tuple[str, int, int, int, int | None]], buckets: int) -> None:
    """The newest version of a row is valid, once, unless what was sent later deletes it."""
    rows: list[dict[str, Any]] = [
        {
            **{"statistic_id": name, "start": start, "export_timestamp": exported, "id": id_},
            **({"deleted": True, "end": start + length} if length else {}),
        }
        for name, start, exported, id_, length in values
    ]
    expected: dict[tuple[str, int], tuple[int, int]] = {}
    for row in rows:
        if not row.get("deleted"):
            key, version = (row["statistic_id"], row["start"]), (row["export_timestamp"], row["id"])
            expected[key] = max(version, expected.get(key, version))
    for (name, start), (exported, _) in list(expected.items()):
        for row in rows:
            if (
                row.get("deleted")
                and row["statistic_id"] == name
                and row["start"] <= start < row["end"]
                and row["export_timestamp"] > exported
            ):
                expected.pop((name, start), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(older_rows, "_BUCKETS", buckets, raising=False)
        versions = older_rows._Versions(STATISTICS)
        versions.learn(rows)
        found = [row for row in rows if versions.take(row)]
    assert len(found) == len(expected)
    assert {
        (row["statistic_id"], row["start"]): (row["export_timestamp"], row["id"]) for row in found
    } == expected
