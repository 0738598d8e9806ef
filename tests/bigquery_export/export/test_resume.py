"""Where a run resumes, whatever has happened to the recorder's database."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, cast

from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.export.checkpoint import Checkpoint
from custom_components.bigquery_export.export.positions import MAX_ANCHORS, Position, TablePosition
from custom_components.bigquery_export.export.resume import look, resumed
from custom_components.bigquery_export.source.source_table import Anchor

IDS = (10, 50, 80, 100)
POSITION = Position(cursor=100, anchors=tuple(Anchor(id_, f"row {id_}") for id_ in IDS), rows=100)


def rows(*ids: int, timeline: str = "row") -> dict[int, str]:
    """Return the fingerprints of those rows of a timeline that are left."""
    return {id_: f"{timeline} {id_}" for id_ in ids}


@pytest.mark.parametrize(
    ("what", "found", "oldest", "newest", "cursor", "in_doubt_until"),
    [
        ("nothing happened", rows(*IDS), 1, 120, 100, 0),
        ("nothing is new", rows(*IDS), 1, 100, 100, 0),
        ("old rows were purged", rows(80, 100), 60, 120, 100, 0),
        ("only the newest row is left", rows(100), 100, 100, 100, 0),
        ("purged past the cursor", {}, 101, 500, 100, 500),
        ("the newest rows were deleted", rows(10, 50, 80), 1, 90, 80, 100),
        (
            "and their ids given again",
            rows(10, 50, 80) | rows(100, timeline="new"),
            1,
            120,
            80,
            120,
        ),
        ("an old backup was restored", rows(10), 1, 30, 10, 100),
        ("and lived on", rows(10) | rows(50, 80, 100, timeline="new"), 1, 400, 10, 400),
        ("a new database", rows(10, timeline="new"), 1, 40, 0, 100),
        ("a new database that lived on", rows(*IDS, timeline="new"), 1, 900, 0, 900),
        ("a new database without the ids of the anchors", {}, 1, 9, 0, 100),
        ("an empty database", {}, None, 0, 100, 0),
    ],
)
def test_resumed(
    what: str,
    found: dict[int, str],
    oldest: int | None,
    newest: int,
    cursor: int,
    in_doubt_until: int,
) -> None:
    """A run resumes where no row is left out, and looks for those that may be there already."""
    table_position = resumed(TablePosition(POSITION), found=found, oldest=oldest, newest=newest)
    assert table_position.backfill is None
    position = table_position.new
    assert (position.cursor, position.in_doubt_until) == (cursor, in_doubt_until), what
    assert position.rows == 100
    assert all(anchor.id <= position.cursor for anchor in position.anchors)


def test_no_checkpoint() -> None:
    """Without a position every row may be there already, unless nothing was exported before."""
    unknown = Checkpoint().taken_over("token", 5_000, 0).position("table")
    assert resumed(None, found={}, oldest=1, newest=70, begin=unknown) == TablePosition(
        Position(in_doubt_until=70, in_doubt_before=5_000)
    )
    first = Checkpoint().position("table")
    for oldest, newest in ((1, 70), (None, 0)):
        after = resumed(None, found={}, oldest=oldest, newest=newest, begin=first)
        assert after == TablePosition(Position())


def test_first_export_that_failed() -> None:
    """A first export that has failed is a first export: nothing is in doubt."""
    failed = TablePosition(Position())
    assert resumed(failed, found={}, oldest=1, newest=70) == failed


def test_doubt_is_not_forgotten() -> None:
    """What was in doubt before stays so, until the cursor has passed it."""
    in_doubt = TablePosition(replace(POSITION, in_doubt_until=300))
    for found in (rows(*IDS), rows(10), {}):
        assert resumed(in_doubt, found=found, oldest=1, newest=200).new.in_doubt_until == 300


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=300))
def test_anchors(steps: list[int]) -> None:
    """There are few anchors, the newest row is one, and they are denser the nearer to it."""
    position = Position()
    for step in steps:
        last = Anchor(position.cursor + step, "row")
        position = position.moved([last], rows=step, rejected=0)
        assert position.anchors[-1] == last
        assert position.cursor == last.id
        assert len(position.anchors) <= MAX_ANCHORS
    assert position.rows == sum(steps)
    ids = [anchor.id for anchor in position.anchors]
    assert ids == sorted(ids)
    assert ids[0] == steps[0]
    if len(steps) > MAX_ANCHORS and max(steps) < 10 * min(steps):
        near, far = ids[-1] - ids[-4], ids[3] - ids[0]
        assert near < far


def test_anchors_reach_back() -> None:
    """After a year of hourly exports, a backup of any night is found within a tenth of its age."""
    position = Position()
    for hour in range(1, 365 * 24):
        position = position.moved([Anchor(hour * 2_000, "row")], rows=2_000, rejected=0)
    for days in (1, 3, 10, 100):
        backup = position.cursor - days * 24 * 2_000
        nearest = max(anchor.id for anchor in position.anchors if anchor.id <= backup)
        assert backup - nearest < 0.5 * days * 24 * 2_000


class Rows:
    """A table in memory that counts what is asked for."""

    def __init__(self, found: dict[int, str]) -> None:
        """Have these rows."""
        self.found = found
        self.asked: list[list[int]] = []

    def connected(self) -> AbstractContextManager[None]:
        """Read from memory."""
        return nullcontext()

    def newest_id(self) -> int:
        """Return the highest id."""
        return max(self.found, default=0)

    def oldest_id(self) -> int | None:
        """Return the lowest id."""
        return min(self.found, default=None)

    def fingerprints(self, ids: list[int]) -> dict[int, str]:
        """Return the fingerprints of those that there are."""
        self.asked.append(ids)
        return {id_: self.found[id_] for id_ in ids if id_ in self.found}


def test_look_at_a_history_that_goes_on() -> None:
    """The row at the cursor tells that, and the newest one is the next anchor."""
    table = Rows(rows(*IDS, 120))
    found = look(cast(Any, table), TablePosition(POSITION))
    assert found == (120, 10, rows(100, 120))
    assert table.asked == [[120, 100]]


BACKFILL = Position(cursor=80, anchors=POSITION.anchors[:3], since=0, until=90)


@pytest.mark.parametrize(
    ("before", "there"),
    [
        (TablePosition(POSITION), rows(10, 50, 80)),
        (TablePosition(POSITION), rows(10, 50, 80) | rows(100, 120, timeline="new")),
        (TablePosition(replace(POSITION, anchors=POSITION.anchors[3:]), BACKFILL), rows(50, 80)),
        (TablePosition(replace(POSITION, anchors=()), BACKFILL), rows(*IDS)),
        (TablePosition(Position()), {}),
    ],
)
def test_look_at_another_history(before: TablePosition, there: dict[int, str]) -> None:
    """All that the recorder still has of the anchors is known, so it is resumed as from all."""
    table = Rows(there)
    newest, oldest, found = look(cast(Any, table), before)
    assert (newest, oldest) == (max(there, default=0), min(there, default=None))
    assert found == {
        id_: mark
        for id_, mark in there.items()
        if id_ in {newest, *(anchor.id for anchor in before.anchors)}
    }
