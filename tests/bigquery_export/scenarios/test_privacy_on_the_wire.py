"""What is to stay at home is in no byte that is sent."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.const import (
    CONF_API_ENDPOINT,
    CONF_COORDINATES,
    CONF_DELIVERY,
    CONF_EVENT_PRESETS,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_PRIVACY,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.event_presets import EventPreset
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.daily_statistics import compile_until
from tests.bigquery_export.support.flaky_home import FlakyHome
from tests.bigquery_export.support.recording_proxy import Wire, tapped
from tests.bigquery_export.support.warehouse import Warehouse

USER = "5ec7e7" * 5 + "00"
SECRETS = (
    "t0kent0ken",  # dropped by default
    "52.37403",  # coordinates
    "bedroom_lamp",  # a hidden entity, wherever it is named
    "Annas Lampe",
    "unique-0815",
    "Nightstand",
    USER,
)
NEVER = (
    "SN-0815-4",  # a serial number
    *("aa:bb:cc:0d:0e:0f", "aa:bb:cc:0d:0e:10"),
    "Annas Haus",  # what an entry of an integration is called, and set up with
    "attic-hub",
    "s3same",
    "9137-code",  # the data of an action
    "Annas Raum",  # what something was called before
    "ada@example.org",  # addresses in the log
)
"""What is not sent whatever is chosen."""


@pytest.fixture
def wires(warehouse: Warehouse) -> Iterator[tuple[Wire, Wire]]:
    """Return what listens to both of BigQuery's services."""
    destination = warehouse.destination
    with ExitStack() as stack:
        yield (
            stack.enter_context(tapped(destination.api_endpoint or "")),
            stack.enter_context(tapped(destination.storage_endpoint or "")),
        )


def register(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Register an entity with a device, whose names tell who sleeps where."""
    device = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("hue", "1")},
        connections={("mac", "aa:bb:cc:0d:0e:0f")},
        name="Nightstand",
        serial_number="SN-0815-4",
    )
    dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id,
        identifiers={("hue", "2")},
        connections={("mac", "aa:bb:cc:0d:0e:10")},
        name="Bridge 7",
        serial_number="SN-0815-4",
    )
    er.async_get(hass).async_get_or_create(
        "light",
        "hue",
        "unique-0815",
        suggested_object_id="bedroom_lamp",
        original_name="Annas Lampe",
        device_id=device.id,
        config_entry=entry,
    )


SENT = (
    *("sensor_data", "statistics", "events", "daily_statistics"),
    *("entities", "devices", "integrations"),
)
"""Tables that have rows of it."""


async def live(hass: HomeAssistant) -> None:
    """Record what must stay private, and beside it what need not."""
    context = Context(user_id=USER)
    hass.states.async_set(
        "camera.door", "idle", {"access_token": "t0kent0ken", "brand": "Acme Cams"}, context=context
    )
    hass.states.async_set("zone.home", "0", {"latitude": 52.37403, "radius": 4711})
    hass.states.async_set("light.bedroom_lamp", "on", {"friendly_name": "Annas Lampe"})
    hass.states.async_set(
        "light.all", "on", {"entity_id": ["light.bedroom_lamp"], "friendly_name": "All lights"}
    )
    hass.bus.async_fire(
        "automation_triggered",
        {"name": "Wake up", "entity_id": "automation.up", "source": "state of light.bedroom_lamp"},
        context=context,
    )
    hass.bus.async_fire(
        "script_started", {"name": "Annas Lampe", "entity_id": "script.bedroom_lamp"}
    )
    hass.services.async_register("lock", "unlock", Mock())
    await hass.services.async_call(
        "lock", "unlock", {"entity_id": "lock.front", "code": "9137-code"}, context=context
    )
    changes = {"name": "Annas Raum"}
    hass.bus.async_fire(
        "entity_registry_updated",
        {"action": "update", "entity_id": "light.bedroom_lamp", "changes": changes},
    )
    hass.bus.async_fire(
        "system_log_event",
        {"level": "ERROR", "name": "hue", "message": ["ada@example.org is locked out"]},
    )
    home = FlakyHome(hass)
    home.failure = ConfigEntryNotReady("Annas Haus at attic-hub has refused s3same")
    data = {"host": "attic-hub", "password": "s3same"}
    await home.async_add("hub", title="Annas Haus", data=data)
    hour = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    async_import_statistics(
        hass,
        {
            "statistic_id": "sensor.bedroom_lamp_power",
            "source": "recorder",
            "name": "Annas Lampe",
            "unit_of_measurement": "W",
            "unit_class": "power",
            "has_sum": False,
            "mean_type": StatisticMeanType.ARITHMETIC,
        },
        [{"start": time, "mean": 21.0} for time in (hour - timedelta(days=2), hour)],
    )
    await async_wait_recording_done(hass)
    await compile_until(hass, dt_util.start_of_local_day())


@pytest.mark.long
@pytest.mark.parametrize("delivery", ["storage_write", "load_job"])
@pytest.mark.parametrize("private", [True, False])
async def test_bytes(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    wires: tuple[Wire, Wire],
    delivery: str,
    private: bool,
) -> None:
    """With privacy nothing of it is sent; without, all but keys is, so that it would be seen."""
    api, storage = wires
    options: dict[str, Any] = {
        CONF_DELIVERY: delivery,
        CONF_TABLES: list(TABLES),
        CONF_EVENT_PRESETS: list(EventPreset),
    }
    if private:
        options[CONF_PRIVACY] = {
            CONF_COORDINATES: "drop",
            CONF_HASH_USERS: True,
            CONF_HIDDEN: ["*.bedroom_*"],
        }
    endpoints = {CONF_API_ENDPOINT: api.endpoint, CONF_STORAGE_ENDPOINT: storage.endpoint}
    if delivery == "load_job":
        warehouse.grant(entry.data["service_account_key"], *LOAD_ROLES)
    hass.config_entries.async_update_entry(entry, data={**entry.data, **endpoints}, options=options)
    register(hass, entry)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await live(hass)
    response = await export_now(hass)
    assert response["rejected"] == 0
    assert all(response["rows"][table] for table in SENT)
    assert await hass.config_entries.async_unload(entry.entry_id)

    sent = api.sent + storage.sent
    for harmless in (b"Acme Cams", b"4711", b"All lights", b"Wake up", DOMAIN.encode()):
        assert harmless in sent
    for told in (b"has refused", b"lock.front", b"is locked out", b"Bridge 7"):
        assert told in sent
    assert not {never for never in NEVER if never.encode() in sent}
    found = {secret for secret in SECRETS if secret.encode() in sent}
    assert found == (set() if private else set(SECRETS[1:]))
    if private:
        rows = warehouse.rows("entity_id, state, context_user_id", "domain = 'light'")
        assert {row["state"] for row in rows} == {"on"}
        assert any(row["entity_id"].startswith("light.hidden_") for row in rows)


LOAD_ROLES = ("roles/bigquery.dataEditor", "roles/bigquery.jobUser")
