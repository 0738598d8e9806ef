"""Tests of what the torture remembers of damage."""

from pathlib import Path
from random import Random

import pytest

from tests.home.recorded import TABLES, newest_ids

from .damage import Damage
from .small_machine import make_small_machine

RANDOM = Random(1)  # noqa: S311 - repeatable


def test_ids_that_are_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, socket_enabled: None
) -> None:
    """When all rows are purged, new ones get their ids: these were never exported."""
    machine = make_small_machine(tmp_path)
    machine.ledger.exported_up_to = dict.fromkeys(TABLES, 10) | {"events": 20}
    damage = Damage(machine, tmp_path, (), RANDOM, lambda _: None)
    monkeypatch.setattr(damage, "_some", list)
    monkeypatch.setattr(RANDOM, "randint", lambda *_: 4_000)
    damage._purge()
    assert newest_ids(machine.home.database)["events"] == 0
    assert machine.ledger["events"].exported_up_to == 0
    assert machine.ledger["sensor_data"].exported_up_to == 10
