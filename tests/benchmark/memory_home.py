"""A Home Assistant inside this process: its recorder on any database, and full registries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from astral import Observer
from homeassistant.components.recorder import CONF_DB_URL
from homeassistant.components.recorder.const import DOMAIN as RECORDER
from homeassistant.core import HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
)
from homeassistant.helpers.recorder import async_initialize_recorder
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_test_home_assistant,
)

from custom_components.bigquery_export.home.registries import Registries
from custom_components.bigquery_export.rows.columns import run_values
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.local_time import Place
from custom_components.bigquery_export.rows.privacy import Privacy
from custom_components.bigquery_export.settings.options import options_from
from tests.home.entities import make_entities
from tests.home.home_assistant import PLACE, TIME_ZONE


@asynccontextmanager
async def home_with(folder: Path, db_url: str, entities: int) -> AsyncIterator[HomeAssistant]:
    """Run a Home Assistant whose recorder has this database, and so many registered entities."""
    async with async_test_home_assistant(config_dir=str(folder)) as hass:
        async_initialize_recorder(hass)
        config = {CONF_DB_URL: db_url, "auto_purge": False, "commit_interval": 1}
        assert await async_setup_component(hass, RECORDER, {RECORDER: config})
        await hass.async_block_till_done()
        _register(hass, entities)
        try:
            yield hass
        finally:
            await hass.async_stop(force=True)


async def row_context_of(hass: HomeAssistant) -> RowContext:
    """Return what the rows of an export depend on where a user has left everything as it is."""
    registries = Registries(hass)
    await registries.async_open({})
    options = options_from({})
    return RowContext(
        run_values(source="benchmark", export_id="benchmark", started=datetime.now(UTC)),
        Place(ZoneInfo(TIME_ZONE), Observer(PLACE.latitude, PLACE.longitude, PLACE.elevation)),
        options.choice,
        registries,
        Privacy(options.privacy),
    )


def _register(hass: HomeAssistant, entities: int) -> None:
    """Register the entities of a made-up home, one in three on each device, with areas."""
    entry = MockConfigEntry(domain="made_up")
    entry.add_to_hass(hass)
    floor = fr.async_get(hass).async_create("Ground floor")
    areas = [
        ar.async_get(hass).async_create(f"Room {number}", floor_id=floor.floor_id)
        for number in range(8)
    ]
    for number, entity in enumerate(make_entities(entities)):
        domain, _, slug = entity.entity_id.partition(".")
        device = dr.async_get(hass).async_get_or_create(
            config_entry_id=entry.entry_id,
            identifiers={("made_up", str(number // 3))},
            name=f"Device {number // 3}",
            manufacturer="Maker",
            model="Model X",
        )
        dr.async_get(hass).async_update_device(device.id, area_id=areas[number // 3 % 8].id)
        er.async_get(hass).async_get_or_create(
            domain,
            "made_up",
            f"unique-{number}",
            suggested_object_id=slug,
            config_entry=entry,
            device_id=device.id,
        )
