"""The dashboard to copy, and the automations beside it."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from tests.bigquery_export.support.metadata import ENGLISH, ROOT
from tests.bigquery_export.support.warehouse import Warehouse

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


def test_lines_of_the_page() -> None:
    """No line of the dashboard has a tab, and it ends as a file should."""
    text = Path(DOCS / "dashboard.yaml").read_text()
    assert "\t" not in text
    assert text.endswith("\n")
