"""Tests of what a machine remembers when Home Assistant has set its database aside."""

from pathlib import Path
from random import Random
import shutil
import sqlite3

from tests.home.home_assistant import DATABASE, HomeAssistant
from tests.home.recorded import TABLES
from tests.home.recorder_database import make

from . import recorder_damage
from .ledger import Ledger
from .machine import Machine
from .recorder_corrections import Corrections
from .recorder_growth import Growth

RANDOM = Random(1)  # noqa: S311 - repeatable


def test_a_database_that_was_set_aside(tmp_path: Path, socket_enabled: None) -> None:
    """Its rows are remembered, also those of its write-ahead log, and nothing is owed any more."""
    home = HomeAssistant(tmp_path)
    make(home.database, states=50, events=20, entities=5, days=0.1, statistics_days=0.1)
    machine = Machine(
        home,
        "entry",
        name="machine",
        ledger=Ledger(),
        growth=Growth(home.database, RANDOM),
        corrections=Corrections(home.database, RANDOM),
    )
    machine.look()
    ledger = machine.ledger["sensor_data"]
    machine.ledger.exported_up_to = dict.fromkeys(TABLES, 40)
    ledger.untold.update(ledger.now)
    recorder = sqlite3.connect(home.database)
    recorder.execute("PRAGMA journal_mode=WAL")
    recorder.execute(
        "INSERT INTO states (metadata_id, state, last_updated_ts)"
        " SELECT metadata_id, '1', last_updated_ts + 0.125 FROM states WHERE state_id = 7"
    )
    recorder.commit()
    for suffix in ("", "-wal"):
        path = home.database.with_name(home.database.name + suffix)
        shutil.copy(path, tmp_path / f"{DATABASE}{suffix}.corrupt.2026-11-28T12:00:00+00:00")
    recorder.close()
    recorder_damage.remove(home.database)
    make(home.database, states=5, events=5, entities=2, days=0.1, statistics_days=0.1)

    for _ in range(2):
        machine.look()
        assert ledger.ever.total() == 50 + 1 + 5
        assert ledger.owed.total() == 40
        assert ledger.now.total() == 5
        assert set(machine.ledger.exported_up_to.values()) == {0}
        assert not ledger.untold
