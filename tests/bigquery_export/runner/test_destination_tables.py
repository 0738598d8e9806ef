"""The views after an export: made once, tried again, and no reason for an export to fail."""

from contextlib import suppress
import logging
import time
from typing import Any

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery import dataset_views
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.recorder_views import RECORDER_NAMES
from custom_components.bigquery_export.bigquery.views import MATERIALIZED_VIEWS
from custom_components.bigquery_export.const import (
    CONF_MATERIALIZED_VIEWS,
    CONF_RECORDER_PREFIX,
    CONF_TABLES,
)
from custom_components.bigquery_export.errors import (
    ExportError,
    NameTakenError,
    StoppedError,
    UnreachableError,
)
from custom_components.bigquery_export.rows.export_log import Trigger
from tests.bigquery_export.support import actions
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse

DOWN = UnreachableError(endpoint="BigQuery", message="down")

pytestmark = pytest.mark.with_views


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return an entry that exports states and statistics, set up."""
    hass.config_entries.async_update_entry(
        entry, options={CONF_TABLES: ["sensor_data", "statistics"]}
    )
    assert await hass.config_entries.async_setup(entry.entry_id)
    return entry


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list: what it has, instead of making views, happens at each attempt."""
    given: list[Any] = []

    def ensure(*_: Any) -> dict[str, ExportError]:
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    monkeypatch.setattr(DatasetViews, "ensure", ensure)
    return given


async def export_now(hass: HomeAssistant) -> Any:
    """Export, and wait for the views, which no export does."""
    response = await actions.export_now(hass)
    await hass.async_block_till_done(wait_background_tasks=True)
    return response


def there(warehouse: Warehouse) -> set[str]:
    """Return the names of the tables and views in the dataset."""
    with warehouse.connecting() as connection:
        return {table.table_id for table in connection.tables.list_tables("home")}


async def test_made_after_the_first_export(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The set-up makes none, an export of some tables neither, and only one export looks."""
    await record(hass, 3)
    assert "statistics_latest" not in there(warehouse)
    await actions.act(hass, "export_now", tables=["sensor_data"])
    assert "statistics_latest" not in there(warehouse)
    await export_now(hass)
    assert "statistics_latest" in there(warehouse)
    assert "entities_latest" not in there(warehouse)
    warehouse.server.query("DROP VIEW home.statistics_latest", warehouse.project)
    await export_now(hass)
    assert "statistics_latest" not in there(warehouse)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    await export_now(hass)
    assert "statistics_latest" in there(warehouse)
    assert not issues_of(hass)


async def test_recorder_views(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """With a prefix, an export makes a view for each of the recorder's tables."""
    options = {CONF_TABLES: ["sensor_data"], CONF_RECORDER_PREFIX: "ha_"}
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await export_now(hass)
    assert {f"ha_{name}" for name in RECORDER_NAMES} <= there(warehouse)
    assert not issues_of(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_materialized_views_come_and_go(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """The option makes them, and without it the next export removes them: they are billed."""
    names = {view.name for view in MATERIALIZED_VIEWS}
    for wanted in (True, False):
        options = {CONF_TABLES: ["sensor_data"], CONF_MATERIALIZED_VIEWS: wanted}
        hass.config_entries.async_update_entry(entry, options=options)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await export_now(hass)
        assert there(warehouse) & names == (names if wanted else set())
        assert not issues_of(hass)
        assert await hass.config_entries.async_unload(entry.entry_id)


async def test_what_cannot_be_made_is_a_repair(
    hass: HomeAssistant, loaded: MockConfigEntry, answers: list[Any]
) -> None:
    """The export succeeds, a repair names the views, and goes when they are made."""
    taken = NameTakenError(name="p.home.mine")
    answers[:] = [{"mine": taken, "other": taken}, {}]
    await record(hass, 3)
    assert (await export_now(hass))["rows"]["sensor_data"] >= 3
    assert hass.states.get("sensor.home_sensor_data_status").state == "idle"  # type: ignore[union-attr]
    shown = issues_of(hass)["views_incomplete"]
    assert shown is not None
    assert shown["views"] == "mine, other"
    assert shown["problem"].startswith("p.home.mine is the name of something of yours")
    await export_now(hass)
    assert not issues_of(hass)
    await export_now(hass)
    assert answers == []


async def test_what_may_pass_is_tried_again(
    hass: HomeAssistant, loaded: MockConfigEntry, answers: list[Any]
) -> None:
    """Without an answer there is no repair, and the next export asks again."""
    answers[:] = [DOWN, {}]
    await export_now(hass)
    assert not issues_of(hass)
    await export_now(hass)
    assert answers == []


async def test_unexpected_error(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    answers: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An error of our own is logged, and the export has gone well all the same."""
    answers[:] = [ValueError("wrong")]
    with caplog.at_level(logging.ERROR):
        await export_now(hass)
    assert "while views were made" in caplog.text
    caplog.clear()
    assert not issues_of(hass)


async def test_ends_with_the_entry(
    hass: HomeAssistant, loaded: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request for a view is on its way any more when the entry is unloaded."""
    ended = []

    def ensure(views: DatasetViews, *_: Any) -> Any:
        with suppress(StoppedError):
            views._connection.wait(30)
        time.sleep(0.3)
        ended.append(True)
        return {}

    monkeypatch.setattr(DatasetViews, "ensure", ensure)
    await loaded.runtime_data.runner.async_export(Trigger.ACTION)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    assert ended == [True]


@pytest.mark.usefixtures("loaded")
async def test_role_without_routines(
    hass: HomeAssistant, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role of the user's own that may not list routines leaves a repair, and views are made."""
    monkeypatch.setattr(
        dataset_views, "_RETRY", dataset_views._RETRY.with_delay(0.01, 0.05).with_timeout(0.2)
    )
    warehouse.server.add_fault("routines.list", "accessDenied", times=None)
    await record(hass, 3)
    assert (await export_now(hass))["rows"]["sensor_data"] >= 3
    assert "statistics_latest" in there(warehouse)
    assert "views_incomplete" in issues_of(hass)
    warehouse.server.clear_faults()
    await export_now(hass)
    assert not issues_of(hass)
