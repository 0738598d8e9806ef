"""Views of the user's own in the life of an export: kept where it goes, and never in its way."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery import dataset_views
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.const import CONF_DATASET_ID, CONF_TABLES
from custom_components.bigquery_export.runner import removal_file
from tests.bigquery_export.support import actions
from tests.bigquery_export.support.forms import destination, submit
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.saved_queries import settled
from tests.bigquery_export.support.status import issues_of, state
from tests.bigquery_export.support.view_subentries import own_views_there, put_view
from tests.bigquery_export.support.warehouse import Warehouse

STATES = "SELECT state FROM `{dataset}.sensor_data`"
OF_MINE = "SELECT n FROM `{dataset}.mine`"

pytestmark = pytest.mark.with_views


@pytest.fixture(autouse=True)
def only_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let exports make none of the integration's views, which takes seconds."""
    monkeypatch.setattr(dataset_views, "views", lambda *_, **__: [])


@pytest.fixture
async def loaded(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """Return an entry that exports states, set up."""
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: ["sensor_data"]})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    return entry


async def export_now(hass: HomeAssistant) -> Any:
    """Export, and wait for the views, which no export does."""
    response = await actions.export_now(hass)
    await settled(hass)
    return response


def make_mine(warehouse: Warehouse, column: str = "n") -> None:
    """Make a table of the user's own that a view reads."""
    warehouse.server.query(f"CREATE TABLE home.mine ({column} INT64)", warehouse.project)


async def test_repair(hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse) -> None:
    """A view whose table is gone or changed is a repair, and no export fails for it."""
    make_mine(warehouse)
    put_view(hass, loaded, "of_mine", OF_MINE)
    put_view(hass, loaded, "states", STATES)
    await settled(hass)
    assert own_views_there(warehouse).keys() == {"of_mine", "states"}
    assert not issues_of(hass)
    warehouse.server.query("DROP TABLE home.mine", warehouse.project)
    assert await hass.config_entries.async_reload(loaded.entry_id)
    assert (await export_now(hass))["rows"]["sensor_data"] >= 3
    assert state(hass, "status") == "idle"
    shown = issues_of(hass)["own_views_failed"]
    assert shown is not None
    assert shown["views"] == "of_mine"
    assert "home.mine was not found" in shown["problem"]
    make_mine(warehouse, "m")
    await record(hass, 1)
    await export_now(hass)
    shown = issues_of(hass)["own_views_failed"]
    assert shown is not None
    assert "mine was not found" not in shown["problem"]
    warehouse.server.query("ALTER TABLE home.mine ADD COLUMN n INT64", warehouse.project)
    await export_now(hass)
    assert not issues_of(hass)


async def test_repair_goes_with_the_view(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """Where the subentry is deleted nothing is wrong any more."""
    subentry = put_view(hass, loaded, "of_mine", OF_MINE)
    await settled(hass)
    assert "own_views_failed" in issues_of(hass)
    assert hass.config_entries.async_remove_subentry(loaded, subentry.subentry_id)
    await settled(hass)
    assert not issues_of(hass)
    assert own_views_there(warehouse) == {}


async def test_stays(hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse) -> None:
    """A start makes no view anew: what a user has added to it in the console is still there."""
    put_view(hass, loaded, "states", STATES)
    await export_now(hass)
    with warehouse.connecting() as connection:
        view = connection.tables.get_table(f"{warehouse.project}.home.states")
        view.labels = {**view.labels, "mine": "yes"}
        connection.tables.update_table(view, ["labels"])
        assert await hass.config_entries.async_reload(loaded.entry_id)
        await export_now(hass)
        assert connection.tables.get_table(view.reference).labels["mine"] == "yes"


async def test_while_it_was_not_loaded(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """What was changed while the export did not run is done after its first export."""
    gone = put_view(hass, loaded, "gone", STATES)
    await settled(hass)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    assert hass.config_entries.async_remove_subentry(loaded, gone.subentry_id)
    assert await hass.config_entries.async_setup(loaded.entry_id)
    assert own_views_there(warehouse).keys() == {"gone"}
    await export_now(hass)
    assert own_views_there(warehouse) == {}
    assert await hass.config_entries.async_unload(loaded.entry_id)
    put_view(hass, loaded, "new", STATES)
    assert await hass.config_entries.async_setup(loaded.entry_id)
    assert own_views_there(warehouse) == {}
    await export_now(hass)
    assert own_views_there(warehouse).keys() == {"new"}


async def test_older_backup(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A view that is newer than the restored configuration stays, and can be taken over again."""
    before = dict(loaded.data)
    newer = put_view(hass, loaded, "newer", STATES)
    await settled(hass)
    assert await hass.config_entries.async_unload(loaded.entry_id)
    hass.config_entries.async_remove_subentry(loaded, newer.subentry_id)
    hass.config_entries.async_update_entry(loaded, data=before)
    assert await hass.config_entries.async_setup(loaded.entry_id)
    await export_now(hass)
    assert own_views_there(warehouse).keys() == {"newer"}
    again = put_view(hass, loaded, "newer", "SELECT 1 AS n")
    await settled(hass)
    assert own_views_there(warehouse) == {"newer": "SELECT 1 AS n"}
    assert hass.config_entries.async_remove_subentry(loaded, again.subentry_id)
    await settled(hass)
    assert own_views_there(warehouse) == {}


async def test_may_not_delete(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A view that the account may not delete is a repair until it may."""
    subentry = put_view(hass, loaded, "states", STATES)
    await export_now(hass)
    warehouse.server.add_fault("tables.delete", "accessDenied", times=None)
    assert hass.config_entries.async_remove_subentry(loaded, subentry.subentry_id)
    await settled(hass)
    shown = issues_of(hass)["own_views_failed"]
    assert shown is not None
    assert shown["views"] == "states"
    warehouse.server.clear_faults()
    await export_now(hass)
    assert own_views_there(warehouse) == {}
    assert not issues_of(hass)


async def test_offline(hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse) -> None:
    """A view that cannot be deleted now goes with the next export."""
    subentry = put_view(hass, loaded, "states", STATES)
    await export_now(hass)
    warehouse.server.add_fault("tables.delete", "backendError", times=None)
    assert hass.config_entries.async_remove_subentry(loaded, subentry.subentry_id)
    await settled(hass)
    assert own_views_there(warehouse).keys() == {"states"}
    warehouse.server.clear_faults()
    await export_now(hass)
    assert own_views_there(warehouse) == {}
    assert not issues_of(hass)


async def test_other_dataset(
    hass: HomeAssistant, loaded: MockConfigEntry, warehouse: Warehouse
) -> None:
    """The first export to another dataset makes the views there; those of before stay."""
    put_view(hass, loaded, "states", STATES)
    await settled(hass)
    begun = await loaded.start_reconfigure_flow(hass)
    form = destination(warehouse, **{CONF_DATASET_ID: "attic"})
    result = await submit(hass, begun["flow_id"], form)
    assert result["reason"] == "reconfigure_successful"
    assert loaded.state is ConfigEntryState.LOADED
    assert own_views_there(warehouse, "attic") == {}
    await export_now(hass)
    query = STATES.replace("{dataset}", f"{warehouse.project}.attic")
    assert own_views_there(warehouse, "attic") == {"states": query}
    assert own_views_there(warehouse).keys() == {"states"}


async def test_drop_and_create(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Dropping the tables takes the views along, and creating them brings these back."""
    monkeypatch.setattr(removal_file, "_WAIT", 0.0)
    put_view(hass, loaded, "states", STATES)
    warehouse.server.query("CREATE VIEW home.theirs AS SELECT 1 AS n", warehouse.project)
    await export_now(hass)
    planned = await actions.act(hass, "drop_tables", dataset="home", dry_run=True)
    assert planned["views"] == ["states"]
    await actions.act(hass, "drop_tables", dataset="home", dry_run=False)
    with warehouse.connecting() as connection:
        assert "theirs" in DatasetViews(connection).everything()
    assert own_views_there(warehouse) == {}
    created = await actions.act(hass, "create_tables", dataset="home")
    assert created["created"] == ["export_log", "sensor_data", "states"]
    assert own_views_there(warehouse).keys() == {"states"}
    assert await hass.config_entries.async_unload(loaded.entry_id)
