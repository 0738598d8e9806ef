"""Tests of what the torture reads and writes in the integration's own files."""

from datetime import UTC, datetime
import json
from pathlib import Path
import time
from typing import Any

import pytest

from .digest_day import DAY, DigestFiles
from .table_position import TablePosition


def position(cursor: int, *, until: int | None = None) -> dict[str, Any]:
    """Return a position as the checkpoint has it."""
    return {"cursor": cursor, "until": until, "in_doubt_until": 0}


def test_a_day_passes(tmp_path: Path) -> None:
    """The last check becomes one of the day before; nothing else changes, and no cut-off line."""
    checkpoint = tmp_path / "bigquery_export.entry"
    path = tmp_path / "bigquery_export.entry.digests.statistics.jsonl"
    now = time.time()
    lines = [{"database": "a", "checked": now}, {"database": "a", "checked": None}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"databa')
    files = DigestFiles(checkpoint)
    assert files.checked() == {"statistics": now}

    files.let_a_day_pass()
    assert files.checked() == {"statistics": now - DAY}
    assert files.due()
    first, second, rest = path.read_text().split("\n")
    assert json.loads(first) == {"database": "a", "checked": now - DAY}
    assert json.loads(second) == lines[1]
    assert rest == '{"databa'


def test_a_look_is_due_until_all_tables_had_one(tmp_path: Path) -> None:
    """A check of one table is none of the other."""
    files = DigestFiles(tmp_path / "checkpoint")
    line = json.dumps({"checked": time.time()})
    assert files.due()
    (tmp_path / "checkpoint.digests.statistics.jsonl").write_text(line)
    assert files.due()
    (tmp_path / "checkpoint.digests.statistics_short_term.jsonl").write_text(line)
    assert not files.due()


@pytest.mark.parametrize(("days", "due"), [(0, False), (-1, True), (3, True), (200, True)])
def test_a_look_is_due_on_another_day(tmp_path: Path, days: int, due: bool) -> None:
    """Also after one of a day to come, by the clock that the home had then."""
    noon = datetime(2026, 11, 28, 12, tzinfo=UTC).timestamp()
    line = json.dumps({"checked": noon + days * DAY})
    for table in ("statistics", "statistics_short_term"):
        (tmp_path / f"checkpoint.digests.{table}.jsonl").write_text(line)
    assert DigestFiles(tmp_path / "checkpoint", lambda: noon).due() is due


def test_what_waits_of_a_backfill_is_not_exported(tmp_path: Path) -> None:
    """An export promises rows up to its newest, or up to the cursor of a backfill that waits."""
    checkpoint = tmp_path / "checkpoint"
    positions = {
        "statistics": position(90),
        "statistics.backfill": position(30, until=70),
        "events": position(8),
    }
    checkpoint.write_text(json.dumps({"positions": positions, "intent": None}))
    table_position = TablePosition(checkpoint)
    newest = {"statistics": 100, "events": 9}

    assert table_position.exported(newest) == {"statistics": 30, "events": 9}
    assert table_position.waiting(newest) == 10 + 40 + 1
    assert list(table_position.backfills) == ["statistics.backfill"]
    assert "statistics.backfill 30 of 70" in str(table_position)


def test_gaps_are_told(tmp_path: Path) -> None:
    """With their times, and none by a checkpoint that has none."""
    checkpoint = tmp_path / "checkpoint"
    assert TablePosition(checkpoint).gaps == {}
    gaps = [{"table": "events", "rows": 7, "since": 1.5, "until": 9.0}]
    checkpoint.write_text(json.dumps({"gaps": gaps}))
    assert TablePosition(checkpoint).gaps == {"events": (1.5, 9.0)}


def test_a_damaged_checkpoint_says_nothing(tmp_path: Path) -> None:
    """Then everything waits."""
    checkpoint = tmp_path / "checkpoint"
    table_position = TablePosition(checkpoint)
    assert str(table_position) == "nothing exported"
    checkpoint.write_bytes(b"\x00")
    assert table_position.waiting({"events": 9}) == 9
