"""The config flow: it fails, is corrected, and finishes."""

from collections.abc import Awaitable, Callable
import json
from unittest.mock import AsyncMock, patch
from uuid import uuid4

from aiohttp import FormData
from homeassistant.components import file_upload
from homeassistant.config_entries import SOURCE_USER, ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export import config_flow
from custom_components.bigquery_export.const import (
    CONF_ADVANCED,
    CONF_API_ENDPOINT,
    CONF_DATASET_ID,
    CONF_DELIVERY,
    CONF_EXPORT_AT_ONCE,
    CONF_KEY_FILE,
    CONF_KEY_JSON,
    CONF_KEY_SINCE,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.flow.destination_form import entry_data
from custom_components.bigquery_export.restore.offer import Older
from tests.bigquery_export.support.forms import (
    CLOSED,
    WHAT,
    Key,
    begin,
    begin_destination,
    destination,
    errors_of,
    submit,
)
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, DATA_VIEWER, JOB_USER

type Upload = Callable[[str], Awaitable[str]]


@pytest.fixture
async def upload(
    hass: HomeAssistant, hass_client: ClientSessionGenerator, monkeypatch: pytest.MonkeyPatch
) -> Upload:
    """Return a function that uploads a file to Home Assistant and returns its id."""
    # Tests that run beside this one would share the folder, and delete it.
    monkeypatch.setattr(file_upload, "TEMP_DIR_NAME", f"home-assistant-file_upload-{uuid4().hex}")
    assert await async_setup_component(hass, "file_upload", {})
    client = await hass_client()

    async def upload(content: str | bytes) -> str:
        form = FormData()
        form.add_field("file", content, filename="key.json")
        response = await client.post("/api/file_upload", data=form)
        return str((await response.json())["file_id"])

    return upload


async def finish(hass: HomeAssistant, flow_id: str, warehouse: Warehouse, key: Key) -> None:
    """Submit what is right, and see the entry with it."""
    before = dt_util.utcnow()
    result = await submit(hass, flow_id, destination(warehouse))
    assert result["step_id"] == "what", result
    result = await submit(hass, flow_id, WHAT)
    assert result["type"] is FlowResultType.CREATE_ENTRY, result
    assert result["title"] == "BigQuery Export"
    data = dict(result["data"])
    since = dt_util.parse_datetime(data.pop(CONF_KEY_SINCE))
    assert since
    assert before <= since <= dt_util.utcnow()
    assert data == {
        CONF_SERVICE_ACCOUNT_KEY: key,
        CONF_PROJECT_ID: warehouse.project,
        CONF_DATASET_ID: "home",
        CONF_LOCATION: "EU",
        CONF_TABLE_ID: "sensor_data",
        CONF_API_ENDPOINT: warehouse.server.rest_url,
        CONF_STORAGE_ENDPOINT: warehouse.server.storage_url,
    }
    assert result["result"].unique_id == f"{warehouse.project}.home.sensor_data"
    assert await hass.config_entries.async_unload(result["result"].entry_id)


async def test_command_for_a_key(hass: HomeAssistant) -> None:
    """The lines to copy are short enough to be seen whole, and a shell takes them as they are."""
    result = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
    lines = (result["description_placeholders"] or {})["gcloud"].splitlines()
    assert max(map(len, lines)) <= 55
    assert [line.endswith(" \\") for line in lines] == [False, True, True, False]


async def test_uploaded_key(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, upload: Upload
) -> None:
    """An uploaded key and a destination make an entry, and the project comes from the key."""
    flow_id = await begin(hass)
    result = await submit(hass, flow_id, {CONF_KEY_FILE: await upload(json.dumps(key))})
    assert result["step_id"] == "destination"
    assert result["description_placeholders"]["service_account"] == key["client_email"]
    project = next(name for name in result["data_schema"].schema if name == CONF_PROJECT_ID)
    assert project.description["suggested_value"] == warehouse.project
    await finish(hass, flow_id, warehouse, key)
    assert warehouse.rows() == []


def damaged(key: Key) -> Key:
    """Return a key without its private part."""
    return {**key, "private_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (lambda key: "{", "not_json"),
        (lambda key: '"text"', "not_json"),
        (lambda key: b"\xff\xfe", "not_json"),
        (lambda key: '{"type": "authorized_user"}', "key_of_user"),
        (lambda key: '{"installed": {"client_secret": "s"}}', "key_of_oauth_client"),
        (lambda key: f"AIza{'x' * 35}", "api_key"),
        (lambda key: key["private_key"], "private_key_alone"),
        (lambda key: json.dumps({**key, "project_id": 1}), "not_a_service_account_key"),
        (lambda key: json.dumps(damaged(key)), "not_a_service_account_key"),
        (
            lambda key: json.dumps({**key, "token_uri": "http://192.0.2.1/token"}),
            "not_a_service_account_key",
        ),
        (lambda key: json.dumps({**key, "private_key_id": "another"}), "key_refused"),
        (lambda key: json.dumps({**key, "client_email": "a@b.c"}), "key_refused"),
        (lambda key: json.dumps({**key, "token_uri": CLOSED}), "unreachable"),
    ],
)
async def test_refused_key(
    hass: HomeAssistant,
    warehouse: Warehouse,
    key: Key,
    upload: Upload,
    text: Callable[[Key], str],
    error: str,
) -> None:
    """A key that cannot be used has its message at its field; the flow continues with another."""
    flow_id = await begin(hass)
    result = await submit(hass, flow_id, {CONF_KEY_FILE: await upload(text(key))})
    assert result["errors"] == {CONF_KEY_FILE: error}
    if isinstance(pasted := text(key), str):
        result = await submit(hass, flow_id, {CONF_KEY_JSON: pasted})
        assert result["errors"] == {CONF_KEY_JSON: error}
    assert key["private_key"] not in json.dumps(result["description_placeholders"])

    result = await submit(hass, flow_id, {CONF_KEY_FILE: await upload(json.dumps(key))})
    assert result["step_id"] == "destination"
    await finish(hass, flow_id, warehouse, key)


async def test_no_key(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """An empty form asks for a key."""
    flow_id = await begin(hass)
    for values in ({}, {CONF_KEY_JSON: ""}):
        result = await submit(hass, flow_id, values)
        assert result["errors"] == {"base": "key_missing"}
    await submit(hass, flow_id, {CONF_KEY_JSON: json.dumps(key)})
    await finish(hass, flow_id, warehouse, key)


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({CONF_PROJECT_ID: "My Project"}, {CONF_PROJECT_ID: "invalid_project_id"}),
        ({CONF_PROJECT_ID: "no-such-project"}, {CONF_PROJECT_ID: "project_not_found"}),
        ({CONF_DATASET_ID: "my-home"}, {CONF_DATASET_ID: "invalid_dataset_id"}),
        ({CONF_DATASET_ID: " "}, {CONF_DATASET_ID: "invalid_dataset_id"}),
        ({CONF_LOCATION: "Mars!"}, {CONF_LOCATION: "invalid_location"}),
        ({CONF_TABLE_ID: "a.b"}, {CONF_TABLE_ID: "invalid_table_id"}),
        *[
            ({CONF_TABLE_ID: name}, {CONF_TABLE_ID: "reserved_table_id"})
            for name in (
                *("events", "statistics", "Statistics", "export_log", "EXPORT_LOG"),
                *("entities", "entities_latest", "Entity_Names", "statistics_latest"),
                *("dependents", "automation_circles", "relationships_valid"),
                *("schema_changes", "recorder_runs", "export_fence_home", "Export_Fence_"),
            )
        ],
        ({CONF_API_ENDPOINT: "https://2001:db8::1"}, {CONF_ADVANCED: "unsafe_endpoint"}),
        ({CONF_API_ENDPOINT: "http://192.0.2.1"}, {CONF_ADVANCED: "unsafe_endpoint"}),
        ({CONF_STORAGE_ENDPOINT: "bigquery"}, {CONF_ADVANCED: "unsafe_endpoint"}),
        ({CONF_STORAGE_ENDPOINT: "http://[::1"}, {CONF_ADVANCED: "unsafe_endpoint"}),
        ({CONF_STORAGE_ENDPOINT: CLOSED}, {CONF_ADVANCED: "storage_unreachable"}),
    ],
)
async def test_refused_destination(
    hass: HomeAssistant,
    warehouse: Warehouse,
    key: Key,
    change: dict[str, str],
    errors: dict[str, str],
) -> None:
    """A refused value has its message at its field, and the right one finishes the same flow."""
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse, **change))
    assert result["type"] is FlowResultType.FORM
    assert errors_of(result) == errors
    await finish(hass, flow_id, warehouse, key)


async def test_unreachable_api(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """An address that does not answer is named, and the right one finishes the same flow."""
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse, api_endpoint=CLOSED))
    assert errors_of(result) == {CONF_ADVANCED: "unreachable"}
    assert result["description_placeholders"]["endpoint"] == CLOSED
    await finish(hass, flow_id, warehouse, key)


@pytest.mark.parametrize(
    ("roles", "permission", "field"),
    [
        ((), "bigquery.datasets.get", CONF_DATASET_ID),
        ((DATA_VIEWER,), "bigquery.tables.create", CONF_TABLE_ID),
    ],
)
async def test_missing_permission(
    hass: HomeAssistant,
    warehouse: Warehouse,
    key: Key,
    roles: tuple[str, ...],
    permission: str,
    field: str,
) -> None:
    """A missing permission is named, and granting it finishes the same flow."""
    warehouse.create_dataset()
    warehouse.grant(key, *roles)
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse))
    assert result["errors"] == {field: "permission_missing"}
    assert result["description_placeholders"]["permission"] == permission
    assert warehouse.project in result["description_placeholders"]["resource"]

    warehouse.grant(key, DATA_EDITOR)
    await finish(hass, flow_id, warehouse, key)


async def test_role_on_the_dataset_is_enough(
    hass: HomeAssistant, warehouse: Warehouse, key: Key
) -> None:
    """The least privilege of all, data editor of one dataset that exists, sets up an export."""
    warehouse.create_dataset()
    warehouse.grant(key, DATA_EDITOR, dataset="home")
    await finish(hass, await begin_destination(hass, key), warehouse, key)


async def test_missing_dataset_and_no_permission_to_make_it(
    hass: HomeAssistant, warehouse: Warehouse, key: Key
) -> None:
    """A role on a dataset that does not exist is not enough, and the message says for what."""
    warehouse.grant(key, DATA_EDITOR, dataset="other")
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse))
    assert result["errors"] == {CONF_DATASET_ID: "permission_missing"}
    warehouse.grant(key, DATA_EDITOR)
    await finish(hass, flow_id, warehouse, key)


async def test_dataset_elsewhere(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """A dataset in another location is noticed, and its location is named."""
    warehouse.create_dataset()
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse, location="US"))
    assert result["errors"] == {CONF_LOCATION: "other_location"}
    assert result["description_placeholders"]["location"] == "EU"
    await finish(hass, flow_id, warehouse, key)


async def test_table_with_other_columns(
    hass: HomeAssistant, warehouse: Warehouse, key: Key
) -> None:
    """A table whose columns have other types is not touched; another name finishes the flow."""
    warehouse.create_dataset()
    warehouse.server.query("CREATE TABLE home.other (entity_id INT64)", warehouse.project)
    flow_id = await begin_destination(hass, key)
    result = await submit(hass, flow_id, destination(warehouse, table_id="other"))
    assert result["errors"] == {CONF_TABLE_ID: "table_mismatch"}
    assert result["description_placeholders"]["columns"] == "entity_id"
    await finish(hass, flow_id, warehouse, key)


async def test_dataset_in_use(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, entry: MockConfigEntry
) -> None:
    """Two exports into one dataset would double rows; another one finishes the same flow.

    That holds also where the other export was added while the form was open.
    """
    flow_id = await begin_destination(hass, key)
    for table in ("sensor_data", "second"):
        result = await submit(hass, flow_id, destination(warehouse, table_id=table))
        assert result["errors"] == {CONF_DATASET_ID: "dataset_in_use"}
        assert result["description_placeholders"]["title"] == entry.title
    elsewhere = destination(warehouse, dataset_id="second")
    assert (await submit(hass, flow_id, elsewhere))["step_id"] == "what"
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_DATASET_ID: "second"})
    result = await submit(hass, flow_id, WHAT)
    assert result["errors"] == {"base": "dataset_in_use"}
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_DATASET_ID: "home"})
    result = await submit(hass, flow_id, WHAT)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "BigQuery Export (second)"
    assert await hass.config_entries.async_unload(result["result"].entry_id)


async def test_overtaken(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """A set-up that another one has overtaken at the last step ends, and replaces no entry."""
    older = AsyncMock(return_value=[Older("home", oldest=0, newest=0, since=1)])
    with patch.object(config_flow, "async_older_statistics", older):
        flow_id = await begin_destination(hass, key)
        await submit(hass, flow_id, destination(warehouse))
        result = await submit(hass, flow_id, {**WHAT, CONF_TABLES: ["statistics"]})
    assert result["step_id"] == "restore"
    other = MockConfigEntry(domain=DOMAIN, unique_id=f"{warehouse.project}.home.sensor_data")
    other.add_to_hass(hass)
    result = await submit(hass, flow_id, {"source": "none"})
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert hass.config_entries.async_entries(DOMAIN) == [other]


async def test_unexpected_error(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error is logged, and the form can be submitted again."""
    flow_id = await begin_destination(hass, key)
    with patch(
        "custom_components.bigquery_export.flow.connection_check.DatasetSchema",
        side_effect=ZeroDivisionError,
    ):
        result = await submit(hass, flow_id, destination(warehouse))
    assert result["errors"] == {"base": "unknown"}
    assert "ZeroDivisionError" in caplog.text
    await finish(hass, flow_id, warehouse, key)


async def test_no_billing(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """In the sandbox the Storage Write API is refused, and load jobs finish the same flow."""
    warehouse.grant(key, DATA_EDITOR, JOB_USER)
    flow_id = await begin_destination(hass, key)
    warehouse.server.add_fault("CreateWriteStream", "free_tier", times=None)
    try:
        result = await submit(hass, flow_id, destination(warehouse))
        assert result["errors"] == {CONF_DELIVERY: "billing_disabled"}
        chosen = destination(warehouse) | {CONF_DELIVERY: "load_job"}
        assert (await submit(hass, flow_id, chosen))["step_id"] == "what"
    finally:
        warehouse.server.clear_faults()


async def test_table_is_not_found_yet(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """A table that was just made is not gone: the same values are submitted again."""
    flow_id = await begin_destination(hass, key)
    warehouse.server.add_fault("CreateWriteStream", "NOT_FOUND", times=None)
    try:
        result = await submit(hass, flow_id, destination(warehouse))
    finally:
        warehouse.server.clear_faults()
    assert result["errors"] == {CONF_TABLE_ID: "table_not_ready"}
    await finish(hass, flow_id, warehouse, key)


@pytest.mark.parametrize("name", ["sensor_data", "Sensor_Data", "states", "events_of_home", "a-b"])
async def test_names_of_tables(hass: HomeAssistant, warehouse: Warehouse, name: str) -> None:
    """All other names are the user's."""
    assert entry_data(destination(warehouse, table_id=name))[CONF_TABLE_ID] == name


async def test_google_endpoints_are_the_default(hass: HomeAssistant, warehouse: Warehouse) -> None:
    """Endpoints that are left empty are not stored."""
    values = {**destination(warehouse), CONF_ADVANCED: {CONF_API_ENDPOINT: " "}}
    assert entry_data(values).keys() == {
        CONF_PROJECT_ID,
        CONF_DATASET_ID,
        CONF_LOCATION,
        CONF_TABLE_ID,
    }


async def test_reauth(
    hass: HomeAssistant, warehouse: Warehouse, key: Key, entry: MockConfigEntry, upload: Upload
) -> None:
    """A refused key asks for a new one, checks it at the destination, and continues."""
    warehouse.server.delete_account(key["client_email"])
    assert not await hass.config_entries.async_setup(entry.entry_id)
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["step_id"] == "reauth_confirm"

    result = await submit(hass, flow["flow_id"], {CONF_KEY_JSON: json.dumps(key)})
    assert result["errors"] == {CONF_KEY_JSON: "key_refused"}

    new_key = warehouse.create_key(DATA_EDITOR)
    warehouse.grant(new_key)
    refused = {CONF_KEY_FILE: await upload("{")}
    for error in ("not_json", "file_gone"):
        result = await submit(hass, flow["flow_id"], refused)
        assert result["errors"] == {CONF_KEY_FILE: error}
    uploaded = {CONF_KEY_FILE: await upload(json.dumps(new_key))}
    result = await submit(hass, flow["flow_id"], uploaded)
    assert result["errors"] == {"base": "permission_missing"}

    # The form comes again with the same file.
    warehouse.grant(new_key, DATA_EDITOR)
    result = await submit(hass, flow["flow_id"], uploaded)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "reauth_successful"
    assert entry.data[CONF_SERVICE_ACCOUNT_KEY] == new_key
    assert entry.state is ConfigEntryState.LOADED
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_delivery_by_load_jobs(hass: HomeAssistant, warehouse: Warehouse, key: Key) -> None:
    """Load jobs need a role on the project, which is named; with it the flow finishes."""
    flow_id = await begin_destination(hass, key)
    chosen = destination(warehouse) | {CONF_DELIVERY: "load_job"}
    result = await submit(hass, flow_id, chosen)
    assert result["errors"] == {CONF_DELIVERY: "permission_missing"}
    assert result["description_placeholders"]["permission"] == "bigquery.jobs.create"
    assert "BigQuery Job User" in result["description_placeholders"]["role"]
    warehouse.grant(key, DATA_EDITOR, JOB_USER)
    await submit(hass, flow_id, chosen)
    result = await submit(hass, flow_id, WHAT)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    chosen = {name: value for name, value in WHAT.items() if name != CONF_EXPORT_AT_ONCE}
    assert result["result"].options == {CONF_DELIVERY: "load_job", **chosen}
    assert await hass.config_entries.async_unload(result["result"].entry_id)
