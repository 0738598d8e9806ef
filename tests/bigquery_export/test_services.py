"""Actions: what they refuse, and in which words; what the documentation says of them."""

import asyncio
from collections.abc import Iterator
import re
from time import sleep
from typing import Any
from unittest.mock import patch

from homeassistant.components.automation.config import PLATFORM_SCHEMA
from homeassistant.core import Context, HomeAssistant, SupportsResponse
from homeassistant.exceptions import (
    HomeAssistantError,
    ServiceValidationError,
    Unauthorized,
)
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.template import render_complex
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import load_yaml_dict, parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from sqlalchemy.exc import OperationalError

from custom_components.bigquery_export import services
from custom_components.bigquery_export.actions.fields import METHODS
from custom_components.bigquery_export.bigquery.listed_rows import ListedRows
from custom_components.bigquery_export.const import CONF_SERVICE_ACCOUNT_KEY, CONF_TABLES, DOMAIN
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.file_formats.file_format import FormatName
from tests.bigquery_export.support.actions import act, export_now
from tests.bigquery_export.support.metadata import ENGLISH, FOLDER, ROOT
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.status import issues_of, state
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR

FIELDS = {
    name: set(service["fields"])
    for name, service in load_yaml_dict(str(FOLDER / "services.yaml")).items()
}
PAGE = (ROOT / "docs" / "actions.md").read_text()


def steps(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield all uses of actions in an automation."""
    if isinstance(tree, dict):
        if "action" in tree:
            yield tree
        tree = list(tree.values())
    if isinstance(tree, list):
        for part in tree:
            yield from steps(part)


def rendered(data: Any) -> Any:
    """Return the data of an action as an automation renders them."""
    return render_complex(cv.template_complex(data))


def test_examples(hass: HomeAssistant) -> None:
    """Each example is an automation whose actions and fields exist, and each action has one."""
    used = set()
    examples = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for example in examples:
        automation = parse_yaml(example)
        PLATFORM_SCHEMA(automation)
        for step in steps(automation):
            domain, _, name = step["action"].partition(".")
            if domain == DOMAIN:
                used.add(name)
                data = rendered(step.get("data", {}))
                assert data.keys() <= FIELDS[name]
                action = services.ACTIONS[name]
                action.schema(data)
                answers = action.supports_response is not SupportsResponse.NONE
                assert answers or "response_variable" not in step
    assert used == FIELDS.keys()


def test_fields() -> None:
    """Each field that an action takes is offered, described in the page, and no other."""
    assert services.ACTIONS.keys() == FIELDS.keys()
    for name, fields in FIELDS.items():
        assert {str(key) for key in services.ACTIONS[name].schema.schema} == fields
        assert all(f"`{field}`" in PAGE for field in fields)
    raw = load_yaml_dict(str(FOLDER / "services.yaml"))
    offered = raw["export_now"]["fields"]["tables"]["selector"]["select"]["options"]
    assert offered == list(TABLES)
    for name in ("verify", "export_files"):
        assert raw[name]["fields"]["tables"]["selector"]["select"]["options"] == list(
            RECORDER_TABLES
        )
    formats = raw["export_files"]["fields"]["format"]["selector"]["select"]["options"]
    assert formats == [*FormatName]
    assert ENGLISH["selector"]["file_format"]["options"].keys() == set(FormatName)
    methods = raw["verify"]["fields"]["method"]["selector"]["select"]["options"]
    assert tuple(methods) == METHODS
    assert ENGLISH["selector"]["verify_method"]["options"].keys() == set(METHODS)


REQUIRED = {
    "create_tables": {"dataset": "home"},
    "drop_tables": {"dataset": "home"},
    "export_files": {"start": "2026-11-01"},
    "get_history": {"entity_ids": "light.a", "start_time": "2026-11-01"},
    "get_statistics": {"statistic_ids": "sensor.a", "start_time": "2026-11-01"},
}


async def test_administrators(hass: HomeAssistant, hass_read_only_user: MockUser) -> None:
    """Only administrators may begin and end what writes into the recorder, and discard rows."""
    services.async_setup_services(hass)
    context = Context(user_id=hass_read_only_user.id)
    refused = set()
    for name, action in services.ACTIONS.items():
        answers = action.supports_response is not SupportsResponse.NONE
        try:
            await hass.services.async_call(
                DOMAIN,
                name,
                REQUIRED.get(name, {}),
                blocking=True,
                context=context,
                return_response=answers,
            )
        except Unauthorized:
            refused.add(name)
        except ServiceValidationError:  # There is no export.
            pass
    assert refused == {
        *("cancel_restore", "discard_rejected", "restore_statistics"),
        *("create_tables", "drop_tables", "export_files"),
    }


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "export_now",
        {"tables": ["states"]},
        "Unknown table: states. Choose from daily",
    ),
    ("export_now", {"tables": "events"}, "Not exported: events. Choose other tables, or turn"),
    ("export_now", {"entities": ["sensor.a"]}, "Turn on Force, or remove them"),
    ("export_now", {"start": "2026-11-01 00:00:00"}, "require Force"),
    (
        "export_now",
        {"force": True, "start": "2026-11-02 00:00:00", "end": "2026-11-01 00:00:00"},
        "2026-11-01 00:00:00 is not after 2026-11-02 00:00:00. Choose a later end",
    ),
    (
        "verify",
        {"tables": ["entities"]},
        "No rows in the recorder: entities",
    ),
    (
        "verify",
        {"start_date": "2026-11-02", "end_date": "2026-11-01"},
        "2026-11-01 is not after 2026-11-02",
    ),
    (
        "verify",
        {"start_date": "2025-01-01", "end_date": "2026-11-01"},
        "670 days are too many. Choose at most 366",
    ),
]


async def test_what_is_refused_and_what_is_not(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse
) -> None:
    """A mistake is said in a sentence; a part of an export heals nothing and is not the last."""
    tables = ["sensor_data", "recorder_runs", "entities"]
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: tables})
    await record(hass, 3)
    assert await hass.config_entries.async_setup(entry.entry_id)
    for name, data, sentence in REFUSED:
        with pytest.raises(ServiceValidationError, match=sentence):
            await act(hass, name, **data)

    estimate = await act(hass, "estimate")
    assert estimate["tables"]["sensor_data"]["rows"] >= 3
    assert estimate["within_free_tier"] is True
    error = OperationalError("select", {}, Exception("disk I/O error"))
    extent = "custom_components.bigquery_export.source.reader.TableReader.extent"
    with patch(extent, side_effect=error), pytest.raises(HomeAssistantError, match="disk I/O"):
        await act(hass, "estimate")

    sent = await act(hass, "export_now", tables=["entities", "recorder_runs"])
    assert sent["rows"].keys() == {"entities", "recorder_runs"}
    assert "sent_again" not in sent
    assert state(hass, "last_export") == "unknown"
    assert warehouse.rows() == []
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY])
    with pytest.raises(HomeAssistantError):
        await export_now(hass)
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR)
    await act(hass, "export_now", tables=["recorder_runs"])
    assert state(hass, "status") == "failed"
    assert issues_of(hass).keys() == {"permission_missing"}
    await export_now(hass)
    assert issues_of(hass) == {}
    assert state(hass, "last_export") != "unknown"

    # Comparing goes on beside exports, once at a time, and ends when the export is unloaded.
    rows = ListedRows.rows
    verifier = entry.runtime_data.runner.verifier
    exported: list[Any] = []

    def look(listed_rows: ListedRows, *args: Any) -> Any:
        """Export more rows before the first look into BigQuery."""
        if not exported:
            exported.append(
                asyncio.run_coroutine_threadsafe(more_rows(), hass.loop).result(timeout=60)
            )
        return rows(listed_rows, *args)

    async def more_rows() -> Any:
        await record(hass, 4, name="later")
        with pytest.raises(ServiceValidationError, match="A comparison is already running"):
            await act(hass, "verify")
        return await export_now(hass)

    today = {"start_date": str(dt_util.utcnow().date()), "tables": ["sensor_data"]}
    with patch.object(ListedRows, "rows", look):
        found = await act(hass, "verify", **today)
    assert exported[0]["rows"]["sensor_data"] >= 4
    assert found["total"]["missing"] == found["total"]["only_in_bigquery"] == 0

    def stop(listed_rows: ListedRows, *args: Any) -> Any:
        hass.loop.call_soon_threadsafe(verifier.async_stop)
        for row in rows(listed_rows, *args):
            while not verifier._stopped:
                sleep(0.001)
            yield row

    with (
        patch.object(ListedRows, "rows", stop),
        pytest.raises(HomeAssistantError, match="stopped"),
    ):
        await act(hass, "verify", **today)
    with pytest.raises(HomeAssistantError, match="stopped"):
        await act(hass, "verify", **today)
    assert await hass.config_entries.async_unload(entry.entry_id)
