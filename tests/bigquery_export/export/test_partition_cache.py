"""Looking for rows in doubt, part by part."""

from collections import Counter
from collections.abc import Iterator

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.export import partition_cache
from custom_components.bigquery_export.export.existing_rows import FoundRow, version_of
from custom_components.bigquery_export.export.partition_cache import PartitionCache
from custom_components.bigquery_export.export.unsent_rows import without_existing, without_sent
from custom_components.bigquery_export.rows.encoded_rows import EncodedRows
from custom_components.bigquery_export.rows.local_time import DAY
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import Table

MINUTE = 60_000_000
"""Microseconds."""
MANY = 1_000_000


class Stored:
    """Rows as BigQuery has them, by partition, and how often each was read."""

    def __init__(self, table: Table, rows: list[FoundRow]) -> None:
        """Store rows of one table."""
        self.table = table
        self.stored = rows
        self.reads: Counter[int] = Counter()

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Know everything at once."""
        del table, before, query
        return 0.0

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield the rows of one partition."""
        assert table is self.table
        self.reads[partition_start] += 1
        for row in self.stored:
            if table.partition_start(row.time // DAY) == partition_start:
                yield row


def state(minute: int) -> FoundRow:
    """Return the only state of a minute."""
    return FoundRow("sensor.a", minute * MINUTE, minute)


def encoded(rows: list[FoundRow]) -> EncodedRows:
    """Return rows as they are before they are sent."""
    return EncodedRows(
        data=[b""] * len(rows),
        names=[row.name for row in rows],
        times=[row.time for row in rows],
        ids=[row.id for row in rows],
        days={row.time // DAY for row in rows},
    )


def test_each_partition_is_read_once() -> None:
    """However many parts its rows in doubt come in; what the job has sent is not looked for."""
    stored = Stored(SENSOR_DATA, [state(minute) for minute in range(0, 3_000, 2)])
    cache = PartitionCache(stored)
    for start in range(0, 3_000, 10):
        rows, _ = without_existing(
            encoded([state(minute) for minute in range(start, start + 10)]), SENSOR_DATA, cache
        )
        assert rows.ids == [start + 1, start + 3, start + 5, start + 7, start + 9]
        stored.stored += [state(id_) for id_ in rows.ids]
    assert stored.reads == {0: 1, 1: 1, 2: 1}


@given(
    there=st.frozensets(st.integers(0, 4_000), max_size=60),
    parts=st.lists(st.integers(0, 4_000), max_size=40).map(sorted),
    at_most=st.sampled_from([1, 3, 10, MANY]),
    size=st.integers(1, 8),
)
def test_bounded(there: frozenset[int], parts: list[int], at_most: int, size: int) -> None:
    """Whatever is dropped from memory is read again when it is needed."""
    cache = PartitionCache(Stored(SENSOR_DATA, list(map(state, sorted(there)))))
    wanted = sorted(set(parts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_cache, "MAX_ROWS", at_most)
        for start in range(0, len(wanted), size):
            part = wanted[start : start + size]
            batch = encoded(list(map(state, part)))
            missing = [minute for minute in part if minute not in there]
            assert without_existing(batch, SENSOR_DATA, cache)[0].ids == missing
            assert without_sent(batch, SENSOR_DATA, cache).ids == missing
            hours = {minute // 60 for minute in part}
            at_most = max(at_most, sum(minute // 60 in hours for minute in there))
            assert sum(partition.rows for partition in cache._partitions.values()) <= at_most


def test_sent_with_the_same_id() -> None:
    """A row of the file of rejected rows is there only if BigQuery has it with its id."""
    cache = PartitionCache(Stored(SENSOR_DATA, [state(1), state(2)._replace(id=7)]))
    rows = without_sent(encoded([state(1), state(2), state(3)]), SENSOR_DATA, cache)
    assert rows.ids == [2, 3]


@pytest.mark.parametrize("at_most", [1, MANY])
def test_versions(monkeypatch: pytest.MonkeyPatch, at_most: int) -> None:
    """The newest version of a statistic counts, unless it was deleted after that."""
    monkeypatch.setattr(partition_cache, "MAX_ROWS", at_most)

    def hour(name: str, mean: float, exported: int, *, deletes: bool = False) -> FoundRow:
        version = version_of(STATISTICS, {"mean": mean})
        return FoundRow(name, 60 * MINUTE, 5, exported, version, deletes)

    stored = Stored(
        STATISTICS,
        [
            hour("same", 1.0, 10),
            hour("corrected", 2.0, 20),
            hour("corrected", 1.0, 10),
            hour("twice corrected", 2.0, 30),
            hour("twice corrected", 1.0, 40),
            hour("deleted", 1.0, 10),
            hour("deleted", 0.0, 20, deletes=True),
        ],
    )
    names = ["same", "corrected", "twice corrected", "deleted", "new"]
    rows = [hour(name, 1.0, 0)._replace(id=number) for number, name in enumerate(names)]
    unsent, same = without_existing(
        encoded(rows), STATISTICS, PartitionCache(stored), decode=lambda _: {"mean": 1.0}
    )
    assert [names[id_] for id_ in unsent.ids] == ["new"]
    assert {names[id_] for id_ in same} == {"same", "twice corrected"}
