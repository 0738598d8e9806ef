"""Tests of what a machine remembers when Home Assistant has set its database aside."""

from pathlib import Path
import shutil
import sqlite3
from unittest.mock import Mock

import pytest

from tests.home.recorded import TABLES
from tests.home.recorder_database import make

from . import recorder_damage
from .machine import Machine
from .small_machine import make_small_machine


@pytest.fixture
def machine(tmp_path: Path, socket_enabled: None) -> Machine:
    """Return a machine of which forty rows of each table are owed."""
    machine = make_small_machine(tmp_path)
    machine.look()
    machine.ledger.exported_up_to = dict.fromkeys(TABLES, 40)
    return machine


def set_aside(database: Path) -> None:
    """Record a state that stays in the write-ahead log, and put another database in the place."""
    recorder = sqlite3.connect(database)
    recorder.execute("PRAGMA journal_mode=WAL")
    recorder.execute(
        "INSERT INTO states (metadata_id, state, last_updated_ts)"
        " SELECT metadata_id, '1', last_updated_ts + 0.125 FROM states WHERE state_id = 7"
    )
    recorder.commit()
    for suffix in ("", "-wal"):
        path = database.with_name(database.name + suffix)
        shutil.copy(path, f"{path}.corrupt.2026-11-28T12:00:00+00:00")
    recorder.close()
    recorder_damage.remove(database)
    make(database, states=5, events=5, entities=2, days=0.1, statistics_days=0.1)


def test_a_database_that_was_set_aside(machine: Machine) -> None:
    """Its rows are remembered, also those of its write-ahead log, and nothing is owed any more."""
    ledger = machine.ledger["sensor_data"]
    ledger.untold.update(ledger.now)
    set_aside(machine.home.database)
    for _ in range(2):
        machine.look()
        assert ledger.ever.total() == 50 + 1 + 5
        assert ledger.owed.total() == 40
        assert ledger.now.total() == 5
        assert set(machine.ledger.exported_up_to.values()) == {0}
        assert not ledger.untold


async def test_an_export_across_two_databases(machine: Machine) -> None:
    """It is not known which ids it was about, so it promises nothing; the next one does."""

    async def export(*_: object) -> dict[str, dict[str, int]]:
        if machine.ledger["sensor_data"].ever.total() == 50:
            set_aside(machine.home.database)
        return {"rows": {"sensor_data": 5}}

    machine.home.client = Mock(call_action=export)
    assert await machine.export() is None
    assert set(machine.ledger.exported_up_to.values()) == {0}
    assert machine.ledger["sensor_data"].owed.total() == 40
    assert await machine.export() == 5
    assert machine.ledger["sensor_data"].exported_up_to == 5
