"""Repairs: what a click can do about an issue, and what it says when that does not help."""

import asyncio
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

from homeassistant.components.persistent_notification import Notification
from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export import repairs
from custom_components.bigquery_export.bigquery.append_connection import AppendConnection
from custom_components.bigquery_export.const import CONF_SERVICE_ACCOUNT_KEY, DOCS_URL, DOMAIN
from custom_components.bigquery_export.errors import (
    AnotherExportError,
    CheckpointUnwritableError,
    LocationError,
)
from custom_components.bigquery_export.export.checkpoint import Gap
from custom_components.bigquery_export.export.purge import RowsAtRisk
from custom_components.bigquery_export.export.rejected_rows import RejectedRows
from custom_components.bigquery_export.repair_flows import issue_flow
from custom_components.bigquery_export.repair_flows.try_again_flow import TryAgainFlow
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.runner import Runner
from custom_components.bigquery_export.status import copy_status, issues
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.metadata import ENGLISH, ROOT
from tests.bigquery_export.support.recording import numbers, record
from tests.bigquery_export.support.repair_dialog import RepairDialog
from tests.bigquery_export.support.status import issues_of, state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR


@pytest.fixture
async def dialog(
    hass: HomeAssistant, socket_enabled: None, hass_client: ClientSessionGenerator
) -> RepairDialog:
    """Return a dialog in which repairs can be opened."""
    return await RepairDialog.create(hass, hass_client)


async def fail(hass: HomeAssistant) -> None:
    """Export, which fails."""
    with pytest.raises(HomeAssistantError):
        await export_now(hass)


async def test_try_again(
    hass: HomeAssistant, dialog: RepairDialog, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A repair says what to do, then why that did not help, and in the end the export works."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    key = entry.data[CONF_SERVICE_ACCOUNT_KEY]
    warehouse.grant(key)
    await fail(hass)
    step = await dialog.open("permission_missing", entry)
    assert (step["type"], step["step_id"], step["errors"]) == ("form", "confirm", None)
    placeholders = step["description_placeholders"]
    assert placeholders["permission"].startswith("bigquery.tables.")
    assert placeholders["service_account"] == key["client_email"]
    assert placeholders["iam_url"].endswith(f"/iam-admin/iam?project={warehouse.project}")
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"permission_missing_{entry.entry_id}")
    assert issue is not None
    assert issue.learn_more_url == f"{DOCS_URL}/troubleshooting.md#permission_missing"
    step = await dialog.submit()
    assert step["errors"] == {"base": "failed"}
    assert "lacks a permission (bigquery.tables" in step["description_placeholders"]["problem"]
    assert issues_of(hass).keys() == {"permission_missing"}

    # Also after a restart, when it cannot even be set up.
    await hass.config_entries.async_reload(entry.entry_id)
    step = await dialog.submit()
    assert "lacks a permission (" in step["description_placeholders"]["problem"]
    assert issues_of(hass).keys() == {"permission_missing"}
    warehouse.grant(key, DATA_EDITOR)
    assert (await dialog.submit())["type"] == "create_entry"
    assert issues_of(hass) == {}
    assert set(numbers(3)) <= set(states_in(warehouse))

    # A table that is gone is made again; the one that is in its way is shown.
    await record(hass, 3)
    warehouse.server.query("DROP TABLE home.sensor_data", warehouse.project)
    await fail(hass)
    await dialog.open("table_not_found", entry)
    assert (await dialog.submit())["type"] == "create_entry"
    assert state(hass, "status") == "idle"
    assert set(numbers(3)) <= set(states_in(warehouse))

    # What is done in a dialog that was open when the export went away.
    warehouse.grant(key)
    await record(hass, 3)
    await fail(hass)
    await dialog.open("permission_missing", entry)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert (await dialog.submit())["type"] == "create_entry"
    assert issues_of(hass) == {}
    assert await hass.config_entries.async_remove(entry.entry_id)
    flow = TryAgainFlow(entry, issue)
    issue_id = issue.issue_id
    for gone in (
        flow,
        await repairs.async_create_fix_flow(hass, issue_id, {"entry_id": entry.entry_id}),
    ):
        gone.hass, gone.handler, gone.context = hass, DOMAIN, {"issue_id": issue_id}
        assert (await gone.async_step_init())["type"] == "create_entry"  # type: ignore[attr-defined]


async def test_language(
    hass: HomeAssistant,
    dialog: RepairDialog,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    notifications: dict[str, Notification],
) -> None:
    """What a repair, a sensor and a notification quote is in the language of Home Assistant."""
    await hass.config.async_update(language="de")
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    await fail(hass)
    german = "Dem Dienstkonto fehlt"
    assert state(hass, "letzter_fehler").startswith(german)
    (told,) = notifications.values()
    assert told["message"].startswith(german)
    await dialog.open("permission_missing", entry)
    assert (await dialog.submit())["description_placeholders"]["problem"].startswith(german)
    await hass.config_entries.async_reload(entry.entry_id)
    problem = (await dialog.submit())["description_placeholders"]["problem"]
    assert problem.startswith(german)
    assert problem.endswith(".")


async def test_rejected_rows(
    hass: HomeAssistant,
    dialog: RepairDialog,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rejected rows are sent again or discarded; what is still rejected is said with the reason."""
    await record(hass, 5)
    assert await hass.config_entries.async_setup(entry.entry_id)
    with monkeypatch.context() as patch:
        patch.setattr(AppendConnection, "send", lambda *_: {0: "not today"})
        await export_now(hass)
        step = await dialog.open("rows_rejected", entry)
        assert (step["type"], step["menu_options"]) == ("menu", ["retry", "discard"])
        placeholders = step["description_placeholders"]
        assert placeholders["reason"] == "not today"
        step = await dialog.submit(next_step_id="retry")
        assert (step["type"], step["step_id"]) == ("form", "retry")
        step = await dialog.submit()
        assert step["errors"] == {"base": "still_rejected"}
        assert step["description_placeholders"]["problem"] == "not today"
        assert step["description_placeholders"]["still"] == placeholders["count"]
    assert (await dialog.submit())["type"] == "create_entry"
    assert set(numbers(5)) <= set(states_in(warehouse))
    assert "rows_rejected" not in issues_of(hass)

    with monkeypatch.context() as patch:
        patch.setattr(AppendConnection, "send", lambda *_: {0: "not today"})
        await record(hass, 2, name="other")
        await export_now(hass)
    await dialog.open("rows_rejected", entry)
    assert (await dialog.submit(next_step_id="discard"))["step_id"] == "discard"
    with monkeypatch.context() as patch:
        patch.setattr(Runner, "is_running", True)
        step = await dialog.submit()
    assert "An export is already running" in step["description_placeholders"]["problem"]
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert (await dialog.submit())["errors"] == {"base": "not_loaded"}
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert "rows_rejected" in issues_of(hass)
    assert (await dialog.submit())["type"] == "create_entry"
    assert "rows_rejected" not in issues_of(hass)
    assert not RejectedRows(hass, entry.entry_id).path.exists()

    # A dialog that was open when a user disabled the export.
    issues.async_show_rejected_rows(hass, entry, Counter({"why": 1}), "file")
    await dialog.open("rows_rejected", entry)
    await dialog.submit(next_step_id="discard")
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert (await dialog.submit())["type"] == "create_entry"
    assert "rows_rejected" not in issues_of(hass)


async def test_rows_at_risk_and_lost(
    hass: HomeAssistant,
    dialog: RepairDialog,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows at risk are exported even while paused, as long as it takes; a gap is acknowledged."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    triggers = []

    async def export(_: Any, trigger: Trigger) -> None:
        triggers.append(trigger)
        await asyncio.sleep(3600)

    monkeypatch.setattr(issue_flow, "PATIENCE", 0.01)
    monkeypatch.setattr(Runner, "async_export", export)
    now = dt_util.utcnow()
    issues.async_show_rows_at_risk(hass, entry, RowsAtRisk(3, now.timestamp(), now))
    runner = entry.runtime_data.runner
    gap = Gap("events", 3, 0, now.timestamp())
    await runner._journal.async_update(lambda now: now.with_gap(gap))
    issues.async_show_gaps(hass, entry, runner.checkpoint.gaps)
    step = await dialog.open("rows_in_danger", entry)
    assert step["description_placeholders"]["count"] == "3"
    assert (await dialog.submit())["type"] == "create_entry"
    assert triggers == [Trigger.RETENTION]
    assert issues_of(hass).keys() == {"rows_lost"}
    step = await dialog.open("rows_lost", entry)
    assert (step["step_id"], step["description_placeholders"]["tables"]) == ("confirm", "events")
    assert (await dialog.submit())["type"] == "create_entry"
    assert issues_of(hass) == {}
    assert runner.checkpoint.gaps == ()
    issues.async_show_issue(hass, entry, LocationError("home", "US"))
    (issue,) = ir.async_get(hass).issues.values()
    assert not issue.is_fixable


async def test_rejected_rows_that_are_not_kept(
    hass: HomeAssistant, dialog: RepairDialog, entry: MockConfigEntry
) -> None:
    """How many there are is acknowledged, and then forgotten."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    runner = entry.runtime_data.runner
    await runner._journal.async_update(partial(replace, left_out=7))
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issues_of(hass).keys() == {"rows_left_out"}
    step = await dialog.open("rows_left_out", entry)
    assert step["description_placeholders"]["count"] == "7"
    assert (await dialog.submit())["type"] == "create_entry"
    assert issues_of(hass) == {}
    assert entry.runtime_data.runner.checkpoint.left_out == 0


async def test_another_export(
    hass: HomeAssistant, dialog: RepairDialog, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """An export that a copy of it has replaced asks what to do, also after a restart."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    await export_now(hass)
    warehouse.export_elsewhere()
    await record(hass, 3, name="later")
    with pytest.raises(HomeAssistantError, match="A copy of this Home Assistant exports"):
        await export_now(hass)
    assert issues_of(hass).keys() == {"another_export"}
    assert state(hass, "status") == "failed"
    await hass.config_entries.async_reload(entry.entry_id)
    assert issues_of(hass).keys() == {"another_export"}
    await fail(hass)

    step = await dialog.open("another_export", entry)
    assert (step["type"], step["menu_options"]) == ("menu", ["take_over", "stay_out"])
    step = await dialog.submit(next_step_id="stay_out")
    assert (step["type"], step["step_id"]) == ("form", "stay_out")
    assert (await dialog.submit())["type"] == "create_entry"
    assert entry.disabled_by is ConfigEntryDisabler.USER
    assert issues_of(hass) == {}

    # Who enables it again is asked again.
    await hass.config_entries.async_set_disabled_by(entry.entry_id, None)
    assert issues_of(hass).keys() == {"another_export"}
    await dialog.open("another_export", entry)
    step = await dialog.submit(next_step_id="take_over")
    assert (step["type"], step["step_id"]) == ("form", "take_over")
    assert (await dialog.submit())["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert issues_of(hass) == {}
    assert state(hass, "status") == "idle"
    states = [row["state"] for row in warehouse.rows("state, state_id", "entity_id LIKE '%later%'")]
    assert states == numbers(3)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_another_export_that_is_not_loaded(
    hass: HomeAssistant,
    dialog: RepairDialog,
    entry: MockConfigEntry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What cannot be done now is said; the dialog of an export that is gone says that."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert await hass.config_entries.async_unload(entry.entry_id)
    issues.async_show_issue(hass, entry, AnotherExportError())
    await dialog.open("another_export", entry)
    await dialog.submit(next_step_id="take_over")
    assert (await dialog.submit())["errors"] == {"base": "not_loaded"}
    assert await hass.config_entries.async_setup(entry.entry_id)

    async def fail_to_write(_: Runner) -> None:
        raise CheckpointUnwritableError(path="checkpoint", message="full")

    monkeypatch.setattr(Runner, "async_take_over", fail_to_write)
    step = await dialog.submit()
    assert step["errors"] == {"base": "failed"}
    assert "Free up disk space" in step["description_placeholders"]["problem"]
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert (await dialog.submit())["type"] == "create_entry"


def test_texts() -> None:
    """Each issue has a flow or a description, with a text for each step and error, and a place."""
    texts = ENGLISH["issues"]
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    assert [name for name in texts if f'<a id="{name}"></a>' not in page] == []
    assert texts.keys() == {
        *(kind.key for kind in issues.KINDS),
        *(
            issues.EXPORT_FAILED,
            issues.EXPIRING,
            issues.OWN_VIEWS_FAILED,
            issues.QUERIES_FAILED,
            issues.RESTORE_OFFERED,
            issues.ROWS_AT_RISK,
            issues.ROWS_LEFT_OUT,
            issues.ROWS_LOST,
            issues.ROWS_REJECTED,
            issues.VIEWS_INCOMPLETE,
            issues.WRONG_SUMS,
            "key_old",
            "recorder_newer",
            copy_status.COPY_FAILED,
            copy_status.COPY_INCOMPLETE,
        ),
    }
    for name, issue in texts.items():
        assert ("fix_flow" in issue) != ("description" in issue)
        assert ("description" in issue) == (name in issues._NOT_FIXABLE)
        confirmed = (
            issues.EXPIRING,
            issues.RESTORE_OFFERED,
            issues.ROWS_LEFT_OUT,
            issues.ROWS_LOST,
            copy_status.COPY_FAILED,
            copy_status.COPY_INCOMPLETE,
        )
        if name in issues._NOT_FIXABLE or name in confirmed:
            continue
        flow = issue["fix_flow"]
        errors = {"failed"}
        steps = {"confirm"}
        if name == AnotherExportError.key:
            errors |= {"not_loaded"}
            steps = {"init", *flow["step"]["init"]["menu_options"]}
        if name == issues.WRONG_SUMS:
            errors |= {"not_loaded"}
            steps = {"init", *flow["step"]["init"]["menu_options"]}
        if name == issues.ROWS_REJECTED:
            errors |= {"not_loaded", "still_rejected"}
            steps = {"init", *flow["step"]["init"]["menu_options"]}
        assert flow["step"].keys() == steps
        assert flow["error"].keys() == errors
