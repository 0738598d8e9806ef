"""Events of presets, from a real Home Assistant and its recorder to BigQuery."""

from collections.abc import Iterator
from contextlib import closing
import logging
from typing import Any
from unittest.mock import Mock

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import area_registry as ar, entity_registry as er
from homeassistant.setup import async_setup_component
import orjson
import pytest

from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.event_presets import EventPreset
from custom_components.bigquery_export.rows.events import EventChoice
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

USER = "0123456789abcdef0123456789abcdef"
EXPECTED = """
area_registry_updated   | action=create area_id=hall                 |
call_service            | alarm_control_panel.alarm_disarm ['alarm_control_panel.home'] | user
call_service            | homeassistant.restart []                   |
component_loaded        | component=recorder                         |
component_loaded        | component=system_log                       |
entity_registry_updated | action=create entity_id=light.lamp         |
homeassistant_stop      |                                            |
system_log_event        | Login at … failed                          |
"""


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[Exporter]:
    """Return what exports all presets."""
    warehouse.create_table()
    choice = Choice(EventChoice(frozenset(), frozenset(EventPreset)))
    with closing(warehouse.connect()) as connection:
        yield Exporter(hass, connection, tables=("events",), choice=choice)


def told(row: dict[str, Any]) -> str:
    """Return what a row says, in a line."""
    data = orjson.loads(row["event_data"] or "{}")
    if "service" in data:
        name, targets = f"{data['domain']}.{data['service']}", data.get("service_data") or {}
        said = f"{name} {targets.get('entity_id', [])}"
    elif "message" in data:
        (said,) = data["message"]
    else:
        said = " ".join(f"{name}={value}" for name, value in data.items())
    return " | ".join((row["event_type"], said, "user" if row["context_user_id"] else ""))


async def test_every_preset(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, caplog: pytest.LogCaptureFixture
) -> None:
    """What Home Assistant itself says of each preset is sent, and no code of an alarm."""
    for domain, name in (
        ("alarm_control_panel", "alarm_disarm"),
        ("homeassistant", "restart"),
        ("light", "turn_on"),
    ):
        hass.services.async_register(domain, name, Mock())
    assert await async_setup_component(hass, "system_log", {"system_log": {"fire_event": True}})
    ar.async_get(hass).async_create("Hall")
    er.async_get(hass).async_get_or_create("light", "hue", "1", suggested_object_id="lamp")
    alarm = {"entity_id": "alarm_control_panel.home", "code": "4711"}
    by_user = Context(user_id=USER)
    await hass.services.async_call(
        "alarm_control_panel", "alarm_disarm", alarm, context=by_user, blocking=True
    )
    await hass.services.async_call("homeassistant", "restart", {}, blocking=True)
    await hass.services.async_call("light", "turn_on", {"entity_id": "light.lamp"}, blocking=True)
    logging.getLogger("an.integration").error("Login at %s failed", "192.168.1.9")
    logging.getLogger("an.integration").warning("Only a warning")
    caplog.clear()
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    await record(hass, 0)
    await exporter.export()
    rows = await hass.async_add_executor_job(
        warehouse.server.query, "SELECT * FROM home.events", warehouse.project
    )
    expected = {
        " | ".join(cell.strip() for cell in line.split("|"))
        for line in EXPECTED.strip().splitlines()
    }
    assert {told(row) for row in rows} == expected
    assert "4711" not in str(rows)
    assert {row["context_user_id"] for row in rows} == {None, USER}
