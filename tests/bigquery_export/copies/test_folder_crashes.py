"""A process that dies at any call of the system: what is in the folder is whole, and there once.

Each call that changes the folder is counted, and the process dies before each of them in turn.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
import os
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.copies.files import disk
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.copied_states import MOMENT, send, state
from tests.bigquery_export.support.copy_exporter import CopyExporter
from tests.bigquery_export.support.copy_folder import CopyFolder
from tests.bigquery_export.support.crashes import Crash
from tests.bigquery_export.support.recording import record

CHANGES = ("fsync", "replace", "mkdir", "unlink", "rmdir")
MOST_CALLS = 300
DAY = 86_400_000_000


class DyingSystem:
    """The system's calls, until the process dies; after that none has an effect."""

    def __init__(self, dies_at: int) -> None:
        """Die before the call with this number."""
        self._left = dies_at

    @property
    def died(self) -> bool:
        """Return whether it did."""
        return self._left <= 0

    def __getattr__(self, name: str) -> Any:
        """Return a call, or what is none."""
        found = getattr(os, name)
        return self._counting(found) if name in CHANGES else found

    def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left <= 0:
                raise Crash
            return call(*args, **kwargs)

        return counting


@contextmanager
def dying(dies_at: int) -> Iterator[DyingSystem]:
    """Let a process die at one of its changes of the folder."""
    system = DyingSystem(dies_at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "os", system)
        with suppress(Crash):
            yield system


@pytest.fixture
def exporter(hass: HomeAssistant, copy_folder: CopyFolder) -> CopyExporter:
    """Return what copies into an empty folder."""
    exporter = CopyExporter(hass, None, goes_to=copy_folder)  # type: ignore[arg-type]
    exporter.place.ensure([SENSOR_DATA, EXPORT_LOG], copy_folder.source)
    return exporter


@pytest.mark.long
async def test_each_call_of_a_transaction(
    hass: HomeAssistant, exporter: CopyExporter, copy_folder: CopyFolder
) -> None:
    """Wherever it dies, each row is there once in the end, and never a part of a transaction."""
    await record(hass, 3)
    await exporter.export()
    expected = 3
    for dies_at in range(1, MOST_CALLS):
        await record(hass, 1, name=f"t{dies_at}_")
        before = Counter(row["entity_id"] for row in copy_folder.rows())
        exporter.restart()
        with dying(dies_at) as system:
            await exporter.export()
        found = Counter(row["entity_id"] for row in copy_folder.rows())
        assert found - before in (Counter(), Counter([f"sensor.t{dies_at}_0"])), dies_at
        exporter.restart()
        await exporter.export()
        expected += 1
        rows = copy_folder.rows()
        assert len({row["state_id"] for row in rows}) == len(rows) == expected, dies_at
        assert len(copy_folder.listed()) == expected, dies_at
        logged = sum(row["row_count"] for row in copy_folder.rows("export_log", "1"))
        assert logged == expected, dies_at
        if not system.died:
            break
    assert 15 < dies_at < MOST_CALLS - 1
    assert not copy_folder.aside()


async def test_each_call_of_merging(
    hass: HomeAssistant, exporter: CopyExporter, copy_folder: CopyFolder
) -> None:
    """Wherever it dies while files are merged, the next process has the parts or the one file."""
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    states: list[str] = []
    for dies_at in range(1, MOST_CALLS):
        for _ in range(2):
            send(exporter.place, f"transaction_{len(states)}", state(len(states)))
            states.append(str(len(states)))
        place = copy_folder.open()
        with dying(dies_at) as system:
            place._merging.merge(tomorrow)
        for path in copy_folder.files():
            assert copy_folder.read(path, SENSOR_DATA.name), path  # It is whole.
        listed = sorted((row["state"] for row in copy_folder.listed()), key=int)
        assert listed == states, dies_at
        # What the next process does first.
        place = copy_folder.open()
        place.delivery.check_access(SENSOR_DATA)
        assert copy_folder.states() == states, dies_at
        place._merging.merge(tomorrow)
        assert copy_folder.states() == states, dies_at
        assert len(copy_folder.files()) == 1
        if not system.died:
            break
    assert 8 < dies_at < MOST_CALLS - 1
    assert copy_folder.aside()
    send(copy_folder.open(), "last", state(len(states)))
    assert not copy_folder.aside()


def test_each_call_of_a_commit(copy_folder: CopyFolder) -> None:
    """Rows of several days are committed together: after the next process has looked, or never."""
    place = copy_folder.open()
    place.ensure([SENSOR_DATA, EXPORT_LOG], copy_folder.source)
    expected = 0
    for dies_at in range(1, MOST_CALLS):
        label = f"transaction_{dies_at}"
        rows = [
            state(dies_at * 10 + day, last_changed=MOMENT + day * DAY, last_updated=MOMENT)
            for day in range(3)
        ]
        place = copy_folder.open()
        with dying(dies_at) as system:
            send(place, label, *rows)
        outcome = copy_folder.open().delivery.settle(SENSOR_DATA, label)
        committed = outcome is Outcome.COMMITTED
        assert committed or system.died
        expected += 3 * committed
        for found in (copy_folder.rows(), copy_folder.listed()):
            assert len(found) == len({row["state"] for row in found}) == expected, dies_at
        assert len(copy_folder.rows(EXPORT_LOG.name, "1")) == expected / 3
        if not system.died:
            break
    assert 20 < dies_at < MOST_CALLS - 1
    assert expected > 3
