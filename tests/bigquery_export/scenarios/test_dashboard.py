"""The dashboard to copy, the automations beside it, and the blueprints."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
import re
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.importer import fetch_blueprint_from_url
from homeassistant.components.persistent_notification import Notification
from homeassistant.const import EVENT_HOMEASSISTANT_STARTED
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from tests.bigquery_export.support.metadata import ENGLISH, ROOT
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import async_wait_until

DOCS = ROOT / "docs"
PAGE = (DOCS / "entities.md").read_text()
NAME = "bigquery_export"
CARDS = {"heading", "history-graph", "logbook", "statistics-graph", "tile"}
"""Those that are used, all of which Home Assistant has built in."""


def entity_ids(text: str) -> set[str]:
    """Return all IDs of entities of the export in a text."""
    return set(re.findall(rf"\b[a-z_]+\.{NAME}_\w+", text))


def cards(dashboard: Any) -> Iterator[dict[str, Any]]:
    """Yield all cards of a dashboard of sections."""
    for view in dashboard["views"]:
        assert view["type"] == "sections"
        for section in view["sections"]:
            assert section["type"] == "grid"
            yield from section["cards"]


@pytest.fixture
async def with_defaults(hass: HomeAssistant, warehouse: Warehouse, key: dict[str, Any]) -> Any:
    """Return an entry with the names that set-up proposes."""
    warehouse.create_table()
    entry: MockConfigEntry = warehouse.config_entry(key)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, title="BigQuery Export")
    assert await hass.config_entries.async_setup(entry.entry_id)
    yield entry
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_documented_entities(hass: HomeAssistant, with_defaults: MockConfigEntry) -> None:
    """Dashboard and automations name entities that there are at first, and the page has all."""
    text = (DOCS / "dashboard.yaml").read_text()
    shown = entity_ids(text)
    assert len(shown) > 10
    registry = er.async_get(hass)
    for entity_id in shown | entity_ids(PAGE):
        assert hass.states.get(entity_id), entity_id
    entries = er.async_entries_for_config_entry(registry, with_defaults.entry_id)
    assert all(NAME in entry.entity_id for entry in entries)
    for entry in entries:
        assert entry.original_name
        (line,) = [
            line for line in PAGE.splitlines() if line.startswith(f"| {entry.original_name} |")
        ]
        if entry.domain == "sensor":
            assert (line.split(" | ")[2] == "off") is entry.disabled, line
    dashboard = list(cards(parse_yaml(text)))
    assert {card["type"] for card in dashboard} == CARDS
    for card in dashboard:
        named = (
            card.get("entities") or card.get("target", {}).get("entity_id") or card.get("entity")
        )
        assert named or card["type"] == "heading"
    headings = [card["heading"] for card in dashboard if card["type"] == "heading"]
    assert headings == ["Status", "Progress", "Throughput", "Backlog", "Errors"]
    event = hass.states.get(f"event.{NAME}_event")
    assert event
    words = ENGLISH["entity"]["event"]["export"]["state_attributes"]["event_type"]["state"]
    assert event.attributes["event_types"] == list(words)
    assert all(f"| `{word}` |" in PAGE for word in words)

    for domain in ("automation", "notify", "persistent_notification"):
        assert await async_setup_component(hass, domain, {})
    automations: list[Any] = [
        parse_yaml(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    ]
    assert len(automations) == 6
    for automation in automations:
        checked = await async_validate_config_item(hass, "test", automation)
        assert checked
        assert checked.validation_status == "ok", checked.validation_error


BLUEPRINTS = {path: path.read_text() for path in (ROOT / "blueprints").rglob("*.yaml")}
BLUEPRINTS_PAGE = (DOCS / "blueprints.md").read_text()
ALERT = "bigquery_export_alert"
SOURCE = "https://github.com/bigquery-export/ha-bigquery-export/blob/main/"
INPUTS: dict[str, dict[str, Any]] = {
    "alert_when_exports_fail": {
        "problem": f"binary_sensor.{NAME}_problem",
        "last_error": f"sensor.{NAME}_last_error",
    },
    "export_when_a_condition_holds": {
        "export_now": f"button.{NAME}_export_now",
        "start": [{"trigger": "numeric_state", "entity_id": "sensor.price", "below": 0.2}],
        "holds": [{"condition": "numeric_state", "entity_id": "sensor.price", "below": 0.2}],
    },
}


async def import_as_a_user_does(
    hass: HomeAssistant, path: Path, text: str, web: AiohttpClientMocker
) -> dict[str, Any]:
    """Import a blueprint by its address; return the automation that is made of it."""
    name = str(path.relative_to(ROOT))
    web.get(
        f"https://raw.githubusercontent.com/bigquery-export/ha-bigquery-export/main/{name}",
        text=text,
    )
    found = await fetch_blueprint_from_url(hass, SOURCE + name)
    assert found.blueprint.metadata["source_url"] == SOURCE + name
    assert not found.blueprint.validate()
    assert f"blueprint_url={quote(SOURCE + name, safe='')})" in BLUEPRINTS_PAGE
    place = f"{found.suggested_filename}.yaml"
    await async_get_blueprints(hass).async_add_blueprint(found.blueprint, place)
    use = {"path": place, "input": INPUTS[path.stem]}
    return {"id": path.stem, "alias": path.stem, "use_blueprint": use}


async def test_blueprints(
    hass: HomeAssistant,
    with_defaults: MockConfigEntry,
    aioclient_mock: AiohttpClientMocker,
    notifications: dict[str, Notification],
) -> None:
    """They can be imported, and automations of them alert, recover, and export."""

    async def settle() -> None:
        """Let happen what does not wait: an automation that does would be waited for."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def wait(minutes: float) -> None:
        await settle()
        async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=minutes))
        await settle()

    async def until(condition: Callable[[], bool]) -> None:
        await async_wait_until(condition, 20)

    assert await async_setup_component(hass, "persistent_notification", {})
    assert await async_setup_component(hass, "automation", {})
    config = [
        await import_as_a_user_does(hass, path, text, aioclient_mock)
        for path, text in BLUEPRINTS.items()
    ]
    assert {one["id"] for one in config} == INPUTS.keys()
    # The export cannot be set up, and that is so before automations run.
    assert await hass.config_entries.async_unload(with_defaults.entry_id)
    hass.set_state(CoreState.starting)
    with patch("homeassistant.config.load_yaml_config_file", return_value={"automation": config}):
        await hass.services.async_call("automation", "reload", blocking=True)
    hass.set_state(CoreState.running)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STARTED)
    await settle()
    assert ALERT not in notifications
    await wait(10.1)
    await until(lambda: ALERT in notifications)
    assert "could not be set up" in notifications[ALERT]["message"]
    assert await hass.config_entries.async_setup(with_defaults.entry_id)
    await until(lambda: ALERT not in notifications)
    # An export fails.
    assert await hass.config_entries.async_unload(with_defaults.entry_id)
    problem, error = INPUTS["alert_when_exports_fail"].values()
    restored = {"restored": True}  # The states of entities that are not set up.
    hass.states.async_set(error, "The disk is full.", restored)
    hass.states.async_set(problem, "on", restored)
    await wait(9.5)
    assert ALERT not in notifications
    await wait(10.1)
    await until(lambda: ALERT in notifications)
    assert notifications[ALERT]["message"] == "The disk is full."
    assert await hass.config_entries.async_setup(with_defaults.entry_id)
    await until(lambda: ALERT not in notifications)
    # Electricity becomes cheap, stays so for more than an hour, and is expensive again.
    button, event = f"button.{NAME}_export_now", f"event.{NAME}_event"

    def seen(entity_id: str) -> str:
        return hass.states.get(entity_id).state  # type: ignore[union-attr]

    before, exported = seen(button), seen(event)
    hass.states.async_set("sensor.price", "0.3")
    await settle()
    assert seen(button) == before
    hass.states.async_set("sensor.price", "0.1")
    await until(lambda: seen(event) != exported)
    pressed, exported = seen(button), seen(event)
    assert pressed != before
    assert hass.states.get(event).attributes["event_type"] == "completed"  # type: ignore[union-attr]
    await wait(61)
    await until(lambda: seen(button) != pressed)
    await until(lambda: seen(event) != exported)
    again = seen(button)
    hass.states.async_set("sensor.price", "0.3")
    await wait(61)
    await settle()
    assert seen(button) == again
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)


def test_lines_of_the_page() -> None:
    """No line of the dashboard has a tab, and it ends as a file should."""
    text = Path(DOCS / "dashboard.yaml").read_text()
    assert "\t" not in text
    assert text.endswith("\n")
