"""The settings in the export log: by which rules each row was made, whatever crashes."""

from contextlib import suppress
from typing import Any
from unittest.mock import Mock

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.bigquery.storage_write import (
    PendingStream,
    StorageWriteDelivery,
)
from custom_components.bigquery_export.errors import StorageUnreachableError
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.export.logged_settings import LoggedSettings
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from tests.bigquery_export.support.combinations import in_pairs
from tests.bigquery_export.support.crashes import CRASHES, TRANSACTIONS, Crash, crash_at
from tests.bigquery_export.support.exported_rows import log_rows
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, record
from tests.bigquery_export.support.warehouse import Warehouse

FIRST, SECOND = '{"columns":["time"]}', '{"columns":[]}'


def log(warehouse: Warehouse) -> list[tuple[Any, Any]]:
    """Return the columns of the settings, in the order in which rows were sent."""
    rows = warehouse.server.query(
        "SELECT settings_id, settings FROM home.export_log ORDER BY finished, first_id",
        warehouse.project,
    )
    return [(row["settings_id"], row["settings"]) for row in rows]


def rules_of_rows(warehouse: Warehouse) -> dict[str, str | None]:
    """Return the settings of each state, by its export."""
    rows = warehouse.server.query(
        """SELECT states.state_id, rules.columns
        FROM home.sensor_data AS states
        LEFT JOIN home.export_rules AS rules USING (source, export_id)""",
        warehouse.project,
    )
    return {row["state_id"]: row["columns"] for row in rows}


@pytest.mark.usefixtures("small_chunks")
async def test_said_once_after_a_start(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """The first row of the log has the settings, all have their id, and others have another."""
    exporter.settings = LoggedSettings(FIRST)
    await record(hass, 25)
    await exporter.export(batch_rows=5)
    await record(hass, 1, name="one")
    await exporter.export()
    first = exporter.settings.columns["settings_id"]
    assert log(warehouse) == [(first, FIRST), *3 * [(first, None)]]
    exporter.settings = LoggedSettings(SECOND)
    await exporter.export()
    assert len(log(warehouse)) == 4, "an export of nothing says nothing"
    await record(hass, 1, name="two")
    await exporter.export()
    second = exporter.settings.columns["settings_id"]
    assert second != first
    assert log(warehouse)[4:] == [(second, SECOND)]


async def test_only_rejected_rows(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """What is not committed has not said the settings: the next transaction does."""
    exporter.settings = LoggedSettings(FIRST)
    await record(hass, 3)
    await execute(hass, "UPDATE states SET metadata_id = NULL")
    assert (await exporter.export()).rejected == 3
    assert log(warehouse) == []
    await record(hass, 1, name="more")
    await exporter.export()
    assert [said for _, said in log(warehouse)] == [FIRST]


async def test_commit_that_fails(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that BigQuery has not committed has not said the settings either."""
    exporter.settings = LoggedSettings(FIRST)
    await record(hass, 3)
    down = StorageUnreachableError(endpoint="storage", message="down")
    with monkeypatch.context() as patch:
        patch.setattr(PendingStream, "commit", Mock(side_effect=down))
        with pytest.raises(StorageUnreachableError):
            await exporter.export()
    monkeypatch.setattr(StorageWriteDelivery, "settle", lambda *_: Outcome.NOT_COMMITTED)
    await exporter.export()
    assert [said for _, said in log(warehouse)] == [FIRST]


@pytest.mark.long
@in_pairs(["delivery"], crash=CRASHES, call=[1, 3], delivery=TRANSACTIONS)
@pytest.mark.usefixtures("small_chunks")
async def test_crash(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
    crash: str,
    call: int,
) -> None:
    """Wherever a process dies after a change, each row is found with the rules that made it."""
    warehouse.make_views(EXPORT_LOG)
    exporter.settings = LoggedSettings(FIRST)
    await record(hass, 3, name="first")
    await exporter.export()
    name, when = CRASHES[crash]
    owner = CheckpointFile if name == "save" else TRANSACTIONS[delivery]
    await record(hass, 25)
    exporter.settings = LoggedSettings(SECOND)
    with monkeypatch.context() as patch:
        crash_at(patch, owner, name, when, call)
        with suppress(Crash):
            await exporter.export(batch_rows=5)
    exporter.settings = LoggedSettings(FIRST)
    await record(hass, 1, name="last")
    await exporter.export(batch_rows=5)
    assert log_rows(warehouse) == 29
    of_rows = warehouse.rows("state_id, export_id")
    first, last = of_rows[0]["export_id"], of_rows[-1]["export_id"]
    made_by = {row["state_id"]: row["export_id"] in (first, last) for row in of_rows}
    assert rules_of_rows(warehouse) == {
        id_: "time" if by_first else None for id_, by_first in made_by.items()
    }
