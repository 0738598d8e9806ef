"""Statistics come back from BigQuery, as they were, and are not sent again."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.actions.responses import restore_response
from custom_components.bigquery_export.bigquery.listed_statistics import ListedStatistics
from custom_components.bigquery_export.const import (
    CONF_HIDDEN,
    CONF_PRIVACY,
    CONF_RESTORE,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.errors import RecorderBusyError
from custom_components.bigquery_export.restore import restore as restore_module
from custom_components.bigquery_export.restore.importer import Importer
from custom_components.bigquery_export.restore.offer import async_older
from custom_components.bigquery_export.restore.report import Obstacle, Outcome
from custom_components.bigquery_export.restore.request import RestoreRequest
from custom_components.bigquery_export.restore.restore import Restore
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.runner import Runner
from custom_components.bigquery_export.runner.storage import remove_all
from custom_components.bigquery_export.status.issues import RESTORE_OFFERED
from tests.bigquery_export.support.databases import ON_ANY_DATABASE
from tests.bigquery_export.support.forms import (
    WHAT,
    Key,
    begin_destination,
    destination,
    submit,
)
from tests.bigquery_export.support.lost_home import (
    BEGIN,
    KINDS,
    RENAMED,
    lose_database,
    record_history,
    shown,
)
from tests.bigquery_export.support.repair_dialog import RepairDialog
from tests.bigquery_export.support.restores import (
    FRESH,
    HOURS,
    exported,
    logged,
    same,
    sent,
    verified,
)
from tests.bigquery_export.support.statistics_rows import HOUR
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse


@ON_ANY_DATABASE
async def test_a_lost_database(
    hass: HomeAssistant, runner: Runner, warehouse: Warehouse, database: str
) -> None:
    """Everything is as it was, sums go on, and a second time nothing is done and nothing sent."""
    before = await exported(hass, runner)
    await lose_database(hass, FRESH)
    dry = await runner.async_restore(RestoreRequest(dry_run=True))
    assert dry.total("to_import") == len(HOURS) * len(KINDS)
    assert dry.total("adjusted") == 4  # The external one has no hours of its own.
    assert not runner.restorer.is_wanted
    assert len((await shown(hass))["sensor.meter"]) == len(FRESH)

    report = await runner.async_restore(RestoreRequest(user_id="ada"))
    assert report.outcome is Outcome.COMPLETED
    assert (report.imported, report.adjusted) == (len(HOURS) * len(KINDS), 4)
    # The fresh hours were sent before their sums were shifted, so they are corrected.
    assert logged(warehouse, "correction")[-1][0] == (len(FRESH) + 1) * 4
    after = await shown(hass)
    same(before, after)
    # Over the seam each meter grows by what it shows more than before.
    seam = BEGIN + FRESH[0] * HOUR
    for kind in KINDS:
        if kind.has_sum and ":" not in kind.statistic_id:
            name = RENAMED[1] if kind.statistic_id == RENAMED[0] else kind.statistic_id
            factor = 0.001 if kind.unit_after else 1
            grown = kind.values(FRESH[0])["sum"] - kind.values(HOURS[-1])["sum"]
            assert after[name][seam]["change"] == pytest.approx(grown * factor), name

    again = await runner.async_restore(RestoreRequest())
    assert (again.imported, again.adjusted) == (0, 0)
    assert await shown(hass) == after
    assert await sent(runner) == {"statistics": 0}
    counts = await verified(runner)
    assert (counts.missing, counts.duplicated) == (0, 0)
    assert logged(warehouse, "restore", "outcome IS NOT NULL") == [
        (len(HOURS) * len(KINDS), "ada", "completed"),
        (0, None, "completed"),
    ]


async def test_a_repair(
    hass: HomeAssistant,
    runner: Runner,
    entry: MockConfigEntry,
    hass_client: ClientSessionGenerator,
) -> None:
    """It is offered once for a database that is another one, and brings everything back."""
    before = await exported(hass, runner)
    assert issues_of(hass) == {}
    await lose_database(hass, FRESH)
    await runner.async_export(Trigger.ACTION)
    (issue,) = ir.async_get(hass).issues.values()
    assert issue.translation_key == RESTORE_OFFERED
    assert (issue.translation_placeholders or {})["years"] == "0.1"
    ir.async_delete_issue(hass, DOMAIN, issue.issue_id)
    await runner.async_export(Trigger.ACTION)
    assert issues_of(hass) == {}  # The user has seen it.

    await lose_database(hass, FRESH)
    await runner.async_export(Trigger.ACTION)
    dialog = await RepairDialog.create(hass, hass_client)
    step = await dialog.open(RESTORE_OFFERED, entry)
    assert (step["type"], step["step_id"]) == ("form", "confirm")
    assert step["description_placeholders"]["years"] == "0.1"
    assert (await dialog.submit())["type"] == "create_entry"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert not runner.restorer.is_wanted
    same(before, await shown(hass))
    await runner.async_export(Trigger.ACTION)
    assert issues_of(hass) == {}


async def test_interruptions(
    hass: HomeAssistant, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore that ends at any moment is continued, and the result is the same."""
    before = await exported(hass, runner)
    await lose_database(hass, FRESH)
    monkeypatch.setattr(restore_module, "_BATCH_ROWS", 40)
    calls = 0
    fails_at = 0
    error: type[Exception] = RecorderBusyError

    def failing(call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def fail(*args: Any, **kwargs: Any) -> None:
            nonlocal calls
            calls += 1
            if calls == fails_at:
                raise error
            await call(*args, **kwargs)

        return fail

    await runner.restorer.async_want(RestoreRequest())
    steps = 0
    with monkeypatch.context() as patched:
        for owner, name in (
            (Importer, "async_import"),
            (Importer, "async_shift"),
            (Restore, "_async_save"),
            (Restore, "async_finish"),
        ):
            patched.setattr(owner, name, failing(getattr(owner, name)))
        while runner.restorer.is_wanted:
            steps, calls, fails_at = steps + 1, 0, 2 + 2 * steps
            with suppress(HomeAssistantError):
                await runner.async_export(Trigger.ACTION)
    assert steps > 5
    same(before, await shown(hass))
    assert await sent(runner) == {"statistics": 0}


async def test_another_installation(
    hass: HomeAssistant, runner: Runner, entry: MockConfigEntry
) -> None:
    """What another one has exported comes back, also under a new id, and is not sent as ours."""
    before = await exported(hass, runner)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_add_executor_job(remove_all, hass, entry)
    hass.data["core.uuid"] = "anew"
    await lose_database(hass, FRESH)
    assert await hass.config_entries.async_setup(entry.entry_id)
    runner = entry.runtime_data.runner
    older = await async_older(hass, ListedStatistics(runner._connection))
    assert [one.source for one in older] == ["home"]
    request = RestoreRequest(
        statistic_ids=("sensor.m*", "sensor.kitchen"),
        source="home",
        renames={"sensor.kitchen": "sensor.kitchenette"},
    )
    assert (await runner.async_restore(request)).outcome is Outcome.COMPLETED
    after = await shown(hass)
    assert after["sensor.kitchenette"] == before["sensor.kitchen"]
    same({"sensor.meter": before["sensor.meter"]}, {"sensor.meter": after["sensor.meter"]})
    assert await sent(runner) == {"statistics": 0}
    counts = await verified(runner)
    assert (counts.missing, counts.duplicated) == (0, 0)
    assert counts.recorder == 2 * len(HOURS) + 6 * len(FRESH)


@pytest.mark.parametrize("name", ["Wind", "bigquery_export:wind"])
async def test_what_cannot_come_back(hass: HomeAssistant, runner: Runner, name: str) -> None:
    """Each statistic says why; hours of others come back; a time can be chosen."""
    kinds = KINDS[:3]
    await record_history(hass, HOURS, kinds)
    await sent(runner)
    await lose_database(hass, FRESH, [replace(kinds[0], unit_after="kWh"), *kinds[1:]])
    request = RestoreRequest(
        renames={"sensor.wind": name},
        start=BEGIN + 40 * 24 * HOUR,
        end=BEGIN + 50 * 24 * HOUR,
    )
    report = await runner.async_restore(request)
    found = {name: (one.to_import, one.obstacle) for name, one in report.statistics.items()}
    assert found == {
        "sensor.kitchen": (0, Obstacle.UNIT),
        "sensor.wind": (0, Obstacle.ID),
        "sensor.meter": (10, None),
    }
    response = restore_response(hass, report)
    assert response["hours_imported"] == 10
    assert "Failed to convert °C to kWh" in (response["statistics"]["sensor.kitchen"]["problem"])


async def test_pseudonyms(
    hass: HomeAssistant, runner: Runner, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What BigQuery has under a pseudonym comes back under its name, if that is known here."""
    options = {**entry.options, CONF_PRIVACY: {CONF_HIDDEN: ["sensor.*"]}}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_reload(entry.entry_id)
    runner = entry.runtime_data.runner
    await record_history(hass, HOURS, KINDS[1:3])
    await sent(runner, force=False)
    before = await shown(hass)
    await lose_database(hass, FRESH, KINDS[2:3])
    report = await runner.async_restore(RestoreRequest(statistic_ids=("sensor.meter",)))
    assert report.imported == len(HOURS)
    ((hidden, meter),) = report.statistics.items()
    assert (hidden.startswith("sensor.hidden_"), meter.renamed) == (True, "sensor.meter")
    report = await runner.async_restore(RestoreRequest())
    assert (report.imported, report.total("left_out")) == (0, len(HOURS))
    assert {one.obstacle for one in report.statistics.values()} == {None, Obstacle.HIDDEN}
    same({"sensor.meter": before["sensor.meter"]}, await shown(hass))
    assert await sent(runner) == {"statistics": 0}
    counts = await verified(runner)
    assert (counts.missing, counts.duplicated) == (0, 0)


async def test_set_up_anew(
    hass: HomeAssistant, runner: Runner, entry: MockConfigEntry, warehouse: Warehouse, key: Key
) -> None:
    """The last step of the set-up asks whose statistics come back, and brings them."""
    await record_history(hass, HOURS, KINDS[2:3])
    await sent(runner)
    before = await shown(hass)
    await lose_database(hass, FRESH, KINDS[2:3])
    assert await hass.config_entries.async_remove(entry.entry_id)
    hass.data["core.uuid"] = "anew"
    flow_id = await begin_destination(hass, key)
    await submit(hass, flow_id, destination(warehouse))
    form = await submit(hass, flow_id, {**WHAT, CONF_TABLES: ["statistics"]})
    assert form["step_id"] == "restore"
    ((field, selector),) = form["data_schema"].schema.items()
    assert field.default() == "home"
    assert [option["value"] for option in selector.config["options"]] == ["home", "none"]
    await submit(hass, flow_id, {"source": "home"})
    await hass.async_block_till_done(wait_background_tasks=True)
    (new,) = hass.config_entries.async_entries(DOMAIN)
    assert CONF_RESTORE not in new.data
    assert not new.runtime_data.runner.restorer.is_wanted
    same(before, await shown(hass))
    assert await hass.config_entries.async_unload(new.entry_id)
