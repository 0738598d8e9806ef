"""What copies in InfluxDB have of their own, beside what is tested of all copies."""

from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SubentryFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.const import CONF_OWN_COLUMNS, DOMAIN
from custom_components.bigquery_export.copies import open_destination
from custom_components.bigquery_export.copies.copy_destination import CopyDestination, CopySettings
from custom_components.bigquery_export.copies.influxdb.influxdb_errors import (
    InfluxdbUnreachableError,
)
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.copy_runner import CopyRunner
from tests.bigquery_export.support.copy_exporter import CopyExporter
from tests.bigquery_export.support.copy_place import put_copy
from tests.bigquery_export.support.influxdb_copies import InfluxdbPlace, states_of
from tests.bigquery_export.support.recording import numbers, record
from tests.bigquery_export.support.status import issues_of
from tests.local_influxdb.server import Answer, LocalInfluxdb


@pytest.fixture
def influxdb(copy_influxdb: InfluxdbPlace) -> LocalInfluxdb:
    """Return an empty InfluxDB 2."""
    return copy_influxdb.influxdb


async def settled(hass: HomeAssistant) -> None:
    """Wait until all copies have ended."""
    await hass.async_block_till_done(wait_background_tasks=True)


async def set_up(
    hass: HomeAssistant, entry: MockConfigEntry, influxdb: LocalInfluxdb, **changes: Any
) -> CopyRunner:
    """Set up an export with a copy, and return that."""
    subentry = put_copy(hass, entry, InfluxdbPlace(influxdb), **changes)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settled(hass)
    copy: CopyRunner | None = entry.runtime_data.runner.copies.of(subentry.subentry_id)
    assert copy
    return copy


async def export(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Export to BigQuery, and copy."""
    await entry.runtime_data.runner.async_export(Trigger.ACTION)
    await settled(hass)


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_follows_exports(
    hass: HomeAssistant, entry: MockConfigEntry, influxdb: LocalInfluxdb, version: int
) -> None:
    """A new copy has all history at once, follows each export, and asks for no library."""
    influxdb.version, influxdb.storage.has_fixed_tags = version, version == 3
    await record(hass, 5)
    with patch.object(open_destination, "async_process_requirements") as wanted:
        copy = await set_up(hass, entry, influxdb)
    wanted.assert_called_once_with(hass, DOMAIN, [], is_built_in=False)
    assert copy.last_error is None
    assert states_of(influxdb, "sensor.s") == numbers(5)
    await record(hass, 3, name="t")
    await export(hass, entry)
    assert states_of(influxdb, "sensor.t") == numbers(3)
    entity_id = er.async_get(hass).async_get_entity_id(
        "sensor", DOMAIN, f"{copy.copy.subentry_id}_status"
    )
    assert hass.states.get(str(entity_id)).state == "idle"  # type: ignore[union-attr]


async def test_own_columns(
    hass: HomeAssistant, entry: MockConfigEntry, influxdb: LocalInfluxdb
) -> None:
    """Columns of the user's own are fields, also where InfluxDB reserves their names."""
    own = [{"name": "time", "attribute": "brightness", "type": "INT64"}]
    hass.config_entries.async_update_entry(entry, options={CONF_OWN_COLUMNS: own})
    hass.states.async_set("light.lamp", "on", {"brightness": 200})
    await record(hass, 1)
    await set_up(hass, entry, influxdb)
    (row,) = (row for row in influxdb.rows("sensor_data") if row["entity_id"] == "light.lamp")
    assert row["own_time"] == 200


async def test_refused_field(
    hass: HomeAssistant, entry: MockConfigEntry, influxdb: LocalInfluxdb
) -> None:
    """Rows that do not fit are counted and told, and all others are copied."""
    influxdb.storage.types["sensor_data", "state_numeric"] = str
    hass.states.async_set("light.lamp", "on")
    await record(hass, 3)
    copy = await set_up(hass, entry, influxdb)
    assert copy.last_error is None
    assert states_of(influxdb, "light.lamp") == ["on"]
    assert states_of(influxdb, "sensor.s0") == []
    found = issues_of(hass)
    assert found.keys() == {"copy_incomplete"}
    assert "3 rows could not be copied" in str(found["copy_incomplete"])


async def test_server_is_busy(
    hass: HomeAssistant, entry: MockConfigEntry, influxdb: LocalInfluxdb
) -> None:
    """What passes is tried again by itself, and the export goes on."""
    influxdb.answers = [Answer(503, {"message": "warming up"}, {"Retry-After": "9"})]
    await record(hass, 3)
    copy = await set_up(hass, entry, influxdb)
    assert "warming up" in (copy.last_error or "")
    await export(hass, entry)
    assert copy.last_error is None
    assert states_of(influxdb, "sensor.s") == numbers(3)


async def test_diagnostics(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    influxdb: LocalInfluxdb,
    hass_client: ClientSessionGenerator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither diagnostics nor the log have the token, or where the copy is."""
    assert await async_setup_component(hass, "diagnostics", {})
    await set_up(hass, entry, influxdb, token="wr0ng")  # noqa: S106
    found = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    copies: Any = found["copies"]
    assert [copy["error"] for copy in copies] == ["influxdb_access"]
    assert "wr0ng" not in str(found) + caplog.text
    assert "127.0.0.1" not in str(found)


async def test_answer_lost(hass: HomeAssistant, copy_influxdb: InfluxdbPlace) -> None:
    """Where an answer is lost, the rows are sent again, and are there once."""
    influxdb = copy_influxdb.influxdb
    exporter = CopyExporter(hass, None, goes_to=copy_influxdb)  # type: ignore[arg-type]
    await record(hass, 5)
    for _ in range(2):
        influxdb.lost_answers = 1
        with pytest.raises(InfluxdbUnreachableError):
            await exporter.export()
    await exporter.export()
    assert states_of(influxdb) == numbers(5)
    (logged,) = influxdb.rows("export_log")
    assert logged["row_count"] == 5


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str | None = None
) -> dict[str, Any]:
    """Begin the flow of a new copy, or of one that there is."""
    context = SubentryFlowContext(source=SOURCE_USER)
    if subentry_id:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=subentry_id)
    handler = (entry.entry_id, "influxdb")
    return dict(await hass.config_entries.subentries.async_init(handler, context=context))


async def submit(hass: HomeAssistant, flow_id: str, values: dict[str, Any]) -> dict[str, Any]:
    """Submit the form."""
    return dict(await hass.config_entries.subentries.async_configure(flow_id, values))


async def test_form(hass: HomeAssistant, loaded: MockConfigEntry, influxdb: LocalInfluxdb) -> None:
    """What is wrong is told at its field; then it is put right, and the copy begins at once."""
    await record(hass, 3)
    result = await begin(hass, loaded)
    good = {"name": " At home ", **influxdb.data}
    for changes, field, message in (
        ({"url": "http://127.0.0.1:1"}, "url", "does not answer: "),
        ({"token": "wr0ng"}, "token", "refuses access: unauthorized access"),
        ({"database": "nothing"}, "database", 'does not find it: bucket not found: "nothing"'),
        ({"organization": "other"}, "database", 'organization name "other" not found'),
        ({"version": "3"}, "version", "has version v2.7"),
        ({"token": "s3same\nwr0ng"}, "token", "the token has a line break"),
        ({"token": "s3same\u201cwr0ng"}, "token", "the token has a line break"),
        ({"url": "influxdb"}, "url", None),
        ({"url": "http://influx db:8086"}, "url", None),
        ({"url": "http://ex%zz:1"}, "url", None),
        ({"organization": " "}, "organization", None),
    ):
        shown = await submit(hass, result["flow_id"], {**good, **changes})
        assert shown["errors"].keys() - {"base"} == {field}, shown["errors"]
        if message:
            assert shown["errors"][field] == "refused"
            assert message in shown["description_placeholders"]["message"]
        said = str(shown["description_placeholders"])
        assert not [secret for secret in ("s3same", "wr0ng") if secret in said]
    shown = await submit(hass, result["flow_id"], good)
    assert shown["type"] is FlowResultType.CREATE_ENTRY
    await settled(hass)
    (subentry,) = loaded.subentries.values()
    assert (subentry.title, subentry.subentry_type) == ("At home", "influxdb")
    assert states_of(influxdb, "sensor.s0") == numbers(3)


async def test_form_closes(
    hass: HomeAssistant, loaded: MockConfigEntry, influxdb: LocalInfluxdb
) -> None:
    """What a form opens to try settings is closed, also where these are refused."""
    opened: list[Any] = []

    async def remembered(hass: HomeAssistant, settings: CopySettings) -> CopyDestination:
        destination = await open_destination.async_open_destination(hass, settings)
        opened.append(destination)
        return destination

    result = await begin(hass, loaded)
    module = "custom_components.bigquery_export.flow.copy_flow.async_open_destination"
    with patch(module, remembered):
        for changes in ({"token": "wr0ng"}, {}):
            values = {"name": "At home", **influxdb.data, **changes}
            shown = await submit(hass, result["flow_id"], values)
    assert shown["type"] is FlowResultType.CREATE_ENTRY
    await settled(hass)
    for destination in opened:
        sockets = destination._server._sockets
        assert sockets
        assert {one.fileno() for one in sockets} == {-1}


async def test_reconfigure(
    hass: HomeAssistant, loaded: MockConfigEntry, influxdb: LocalInfluxdb
) -> None:
    """No other copy may go to the database; the token is not shown, and stays by itself."""
    subentry = put_copy(hass, loaded, InfluxdbPlace(influxdb))
    await settled(hass)
    result = await begin(hass, loaded)
    shown = await submit(hass, result["flow_id"], {"name": "Again", **influxdb.data})
    assert shown["errors"] == {"database": "database_in_use"}
    result = await begin(hass, loaded, subentry.subentry_id)
    suggested = {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }
    assert (suggested["name"], suggested["token"]) == ("At home", None)
    values = {name: value for name, value in influxdb.data.items() if name != "token"}
    shown = await submit(hass, result["flow_id"], {**values, "name": "Attic"})
    assert shown["reason"] == "reconfigure_successful"
    await settled(hass)
    changed = loaded.subentries[subentry.subentry_id]
    assert (changed.title, changed.data["token"]) == ("Attic", influxdb.secret)
