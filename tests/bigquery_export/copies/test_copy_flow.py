"""The form of a copy: it connects before it saves, and each error is a sentence at its field."""

from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SubentryFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.bigquery_export.support.copy_place import put_copy
from tests.bigquery_export.support.postgresql_copies import CopyDatabase
from tests.bigquery_export.support.recording import numbers, record


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str | None = None
) -> dict[str, Any]:
    """Begin the flow of a new copy, or of one that there is."""
    context = SubentryFlowContext(source=SOURCE_USER)
    if subentry_id:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=subentry_id)
    handler = (entry.entry_id, "postgresql")
    return dict(await hass.config_entries.subentries.async_init(handler, context=context))


async def submit(hass: HomeAssistant, flow_id: str, values: dict[str, Any]) -> dict[str, Any]:
    """Submit the form."""
    return dict(await hass.config_entries.subentries.async_configure(flow_id, values))


async def test_add(
    hass: HomeAssistant, loaded: MockConfigEntry, copy_database: CopyDatabase
) -> None:
    """What is wrong is told at its field; then it is put right, and the copy begins at once."""
    await record(hass, 3)
    result = await begin(hass, loaded)
    good = {"name": " At home ", **copy_database.data}
    for changes, field, message in (
        ({"port": 1}, "host", "does not answer: connection to server"),
        ({"username": "nobody"}, "username", 'refuses access: role "nobody" does not exist'),
        ({"database": "nothing"}, "username", 'database "nothing" does not exist'),
        ({"tls": "on"}, "tls", "does not fit|server does not support SSL"),
        ({"schema": "pg_mine"}, "base", "PostgreSQL refused: unacceptable schema name"),
    ):
        shown = await submit(hass, result["flow_id"], {**good, "password": "s3same", **changes})
        if field == "tls" and shown["type"] is FlowResultType.CREATE_ENTRY:
            pytest.skip("this server has TLS")
        # What is too far below to be seen stands at the top as well.
        fields = ("base", "tls") if field == "tls" else (field,)
        assert shown["errors"] == dict.fromkeys(fields, "refused")
        said = shown["description_placeholders"]["message"]
        assert any(text in said for text in message.split("|")), said
        assert "s3same" not in str(shown)
    copy_database.query("CREATE SCHEMA home_assistant")
    copy_database.query("CREATE TABLE home_assistant.sensor_data (entity_id bytea)")
    shown = await submit(hass, result["flow_id"], good)
    assert shown["errors"] == {"base": "refused", "schema": "refused"}
    copy_database.query("DROP TABLE home_assistant.sensor_data")
    shown = await submit(hass, result["flow_id"], good)
    assert shown["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    (subentry,) = loaded.subentries.values()
    assert (subentry.title, subentry.subentry_type) == ("At home", "postgresql")
    states = [row["state"] for row in copy_database.rows() if row["entity_id"] == "sensor.s0"]
    assert states == numbers(3)


async def test_schema_in_use(
    hass: HomeAssistant, loaded: MockConfigEntry, copy_database: CopyDatabase
) -> None:
    """Two copies cannot go to the same schema; the same copy may be reconfigured."""
    subentry = put_copy(hass, loaded, copy_database)
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await begin(hass, loaded)
    values = {"name": "Again", **copy_database.data}
    shown = await submit(hass, result["flow_id"], values)
    assert shown["errors"] == {"base": "schema_in_use", "schema": "schema_in_use"}
    result = await begin(hass, loaded, subentry.subentry_id)
    shown = await submit(hass, result["flow_id"], {**values, "name": "Attic"})
    assert shown["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert loaded.subentries[subentry.subentry_id].title == "Attic"


async def test_unreadable_copy(
    hass: HomeAssistant, loaded: MockConfigEntry, copy_database: CopyDatabase
) -> None:
    """A copy that a later version has saved is in nobody's way, and can be reconfigured."""
    subentry = put_copy(hass, loaded, copy_database)
    later = {**copy_database.data, "tls": "later"}
    hass.config_entries.async_update_subentry(loaded, subentry, data=later)
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await begin(hass, loaded)
    values = {"name": "At home", **copy_database.data}
    shown = await submit(hass, result["flow_id"], {**values, "schema": "elsewhere"})
    assert shown["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await begin(hass, loaded, subentry.subentry_id)
    shown = await submit(hass, result["flow_id"], values)
    assert shown["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert loaded.runtime_data.runner.copies.of(subentry.subentry_id)


async def test_password_stays(
    hass: HomeAssistant, loaded: MockConfigEntry, copy_database: CopyDatabase
) -> None:
    """A form never shows the password, and keeps it where none is given."""
    subentry = put_copy(hass, loaded, copy_database, password="s3same")  # noqa: S106
    await hass.async_block_till_done(wait_background_tasks=True)
    result = await begin(hass, loaded, subentry.subentry_id)
    suggested = {
        str(key): (key.description or {}).get("suggested_value")
        for key in result["data_schema"].schema
    }
    assert suggested["name"] == "At home"
    assert suggested["password"] is None
    values = {"name": "At home", **copy_database.data, "schema": "elsewhere"}
    await submit(hass, result["flow_id"], values)
    await hass.async_block_till_done(wait_background_tasks=True)
    data = loaded.subentries[subentry.subentry_id].data
    assert (data["password"], data["schema"]) == ("s3same", "elsewhere")
