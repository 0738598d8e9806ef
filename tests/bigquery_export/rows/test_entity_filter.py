"""Which entities are exported."""

from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.registry import RegistryValues
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

KITCHEN = RegistryValues(
    integration="zha", device_id="oven", area_id="kitchen", labels=("Private", "Slow")
)
BEDROOM = RegistryValues(integration="mqtt", device_id="lamp", area_id="bedroom")


def select(**what: Any) -> Selection:
    """Return a selection."""
    ordered = ("globs", "domains")
    kept: dict[str, Any] = {
        name: tuple(value) if name in ordered else frozenset(value) for name, value in what.items()
    }
    return Selection(**kept)


@pytest.mark.parametrize(
    ("include", "exclude", "entity_id", "registry_values", "exported"),
    [
        # Nothing is selected.
        ({}, {}, "light.a", RegistryValues(), True),
        # As Home Assistant's own filters.
        ({"domains": ["light"]}, {}, "light.a", RegistryValues(), True),
        ({"domains": ["light"]}, {}, "sensor.a", RegistryValues(), False),
        ({"globs": ["*.a"]}, {"domains": ["sensor"]}, "sensor.a", RegistryValues(), True),
        ({"domains": ["sensor"]}, {"globs": ["*.a"]}, "sensor.a", RegistryValues(), False),
        ({}, {"domains": ["light"]}, "sensor.a", RegistryValues(), True),
        ({}, {"entities": ["light.a"]}, "light.a", RegistryValues(), False),
        ({"entities": ["light.a"]}, {"domains": ["light"]}, "light.a", RegistryValues(), True),
        # By what the registries say.
        ({"areas": ["kitchen"]}, {}, "light.a", KITCHEN, True),
        ({"areas": ["kitchen"]}, {}, "light.a", BEDROOM, False),
        ({"devices": ["oven"]}, {}, "light.a", KITCHEN, True),
        ({"integrations": ["mqtt"]}, {}, "light.a", KITCHEN, False),
        ({"labels": ["Slow"]}, {}, "light.a", KITCHEN, True),
        ({}, {"labels": ["Private"]}, "light.a", KITCHEN, False),
        ({}, {"labels": ["Private"]}, "light.a", BEDROOM, True),
        # Both: to exclude goes first, but for what is named by itself.
        ({"areas": ["kitchen"]}, {"labels": ["Private"]}, "light.a", KITCHEN, False),
        ({"entities": ["light.a"]}, {"labels": ["Private"]}, "light.a", KITCHEN, True),
        ({"areas": ["kitchen"]}, {"entities": ["light.a"]}, "light.a", KITCHEN, False),
        ({"areas": ["kitchen"]}, {"domains": ["update"]}, "light.a", BEDROOM, False),
        ({"areas": ["kitchen"], "domains": ["light"]}, {}, "light.a", BEDROOM, True),
        ({"domains": ["light"]}, {"areas": ["bedroom"]}, "light.a", BEDROOM, False),
        # What the registries do not know has no area.
        ({}, {"areas": ["kitchen"]}, "light.a", RegistryValues(), True),
    ],
)
def test_choice(
    include: dict[str, Any],
    exclude: dict[str, Any],
    entity_id: str,
    registry_values: RegistryValues,
    exported: bool,
) -> None:
    """What is named by itself comes first, then the registries, then domains and globs."""
    choice = EntityFilter(select(**include), select(**exclude))
    assert choice.includes(entity_id, registry_values) is exported


async def test_export(hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter) -> None:
    """Entities that are not chosen are passed over, and others later do not bring them back."""
    exporter.choice = Choice(entities=EntityFilter(exclude=select(entities=["sensor.s1"])))
    await record(hass, 9, entities=3)
    assert (await exporter.export()).rows == {"sensor_data": 6}
    exporter.choice = Choice()
    assert (await exporter.export()).rows == {"sensor_data": 0}
    rows = warehouse.rows("entity_id, state_id")
    assert {row["entity_id"] for row in rows} == {"sensor.s0", "sensor.s2"}
    assert exporter.rejected_rows() == []
    await record(hass, 3, entities=3)
    assert (await exporter.export()).rows == {"sensor_data": 3}


async def test_nothing_is_chosen(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter
) -> None:
    """Where no row is of a chosen entity, an export ends well and comes to the end."""
    exporter.choice = Choice(entities=EntityFilter(select(domains=["light"])))
    await record(hass, 9)
    assert (await exporter.export()).rows == {"sensor_data": 0}
    assert exporter.file.load().position("sensor_data").cursor == 9
