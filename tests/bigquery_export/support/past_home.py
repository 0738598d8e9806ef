"""A home that lives for some hours, in times that are past, and exports as its user would."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import async_add_external_statistics
from homeassistant.core import Context, EventOrigin, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import bytes_to_ulid
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_purge_done,
    async_wait_recording_done,
    do_adhoc_statistics,
)

from custom_components.bigquery_export.const import CONF_EVENTS, CONF_TABLES, DOMAIN
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from tests.bigquery_export.support.exported_history import exported
from tests.bigquery_export.support.history_rows import History, counts, differences, together
from tests.bigquery_export.support.home_assistant_api import known
from tests.bigquery_export.support.warehouse import Warehouse

_THIS_HOUR = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
_EVENTS = ("bell_rang", "logbook_entry")
_OPTIONS = {CONF_EVENTS: list(_EVENTS)}

RECORDER: dict[str, Any] = {
    "auto_purge": False,  # Else old rows are exported as soon as there are any.
    "commit_interval": 5,
    # The sensors of the export change with each export.
    "exclude": {"entity_globs": ["*.home_sensor_data_*"]},
}
SENSORS: dict[str, dict[str, Any]] = {
    "sensor.kitchen": {
        "friendly_name": "Küche 🌡",
        "device_class": "temperature",
        "state_class": "measurement",
        "unit_of_measurement": "°C",
    },
    "sensor.meter": {
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
    },
    "sensor.wind": {
        "device_class": "wind_direction",
        "state_class": "measurement_angle",
        "unit_of_measurement": "°",
    },
    "sensor.bill": {
        "device_class": "energy",
        "state_class": "total",
        "unit_of_measurement": "kWh",
        "last_reset": "2026-01-01T00:00:00.000001+00:00",
    },
}
_ODD: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("light.hall", "on", {"brightness": 1}),
    ("light.hall", "on", {"brightness": 2, "rgb": [1, 2.5, None]}),  # last_changed stays.
    ("light.hall", "unavailable", {}),
    ("light.hall", "unknown", {"friendly_name": "Hall"}),
    ("text.note", 'Störung 🌙 "quoted" \\ \'\n\t', {"ключ": {"b": [True, None], "a": "\u2028"}}),
    ("text.note", "", {"n": 2**53 + 1, "f": [0.1, 1e22, -0.0, 5e-324]}),
    ("text.note", "😀" * 255, {"device_class": "x", "state_class": "y"}),
    ("text.note", "nan", {"friendly_name": "", "unit_of_measurement": "µg/m³"}),
)


def hours_ago(hours: int) -> datetime:
    """Return the beginning of an hour: the same one for as long as the tests take."""
    return _THIS_HOUR - timedelta(hours=hours)


@dataclass(frozen=True, slots=True)
class Home:
    """A Home Assistant in which the export is set up."""

    hass: HomeAssistant
    warehouse: Warehouse

    def set(
        self,
        entity_id: str,
        state: str,
        attributes: dict[str, Any],
        begin: datetime,
        seconds: float,
    ) -> None:
        """Let an entity have a state, so many seconds after some time."""
        time = begin.timestamp() + seconds
        self.hass.states.async_set(
            entity_id, state, attributes, timestamp=time, context=_context(time)
        )

    async def live(
        self, hours: int, *, sensors: Iterable[str] = SENSORS, level: float = 0.0
    ) -> None:
        """Live for an hour, so many hours ago: measurements, odd states, events, statistics."""
        begin = hours_ago(hours)
        for number in range(3):
            for index, entity_id in enumerate(sensors):
                attributes = SENSORS.get(entity_id, SENSORS["sensor.kitchen"])
                value = repr(100 - hours / 3 + level + number / 7)
                self.set(entity_id, value, attributes, begin, 60 * number + index + 0.123457)
        for number, odd in enumerate(_ODD):
            self.set(*odd, begin, 1_000 + number + 1e-6)
        for number, event_type in enumerate((*_EVENTS, "not_chosen")):
            time = begin.timestamp() + 2_000 + number + 0.999999
            self.hass.bus.async_fire(
                event_type,
                {"entity_id": "light.hall", "n": number / 3, "text": "🔔"} if number else None,
                origin=EventOrigin.remote if number else EventOrigin.local,
                context=_context(time),
                time_fired=time,
            )
        await async_wait_recording_done(self.hass)
        for minute in (0, 55):  # The last five minutes of an hour make it complete.
            do_adhoc_statistics(self.hass, start=begin.replace(minute=minute))
        await async_wait_recording_done(self.hass)

    async def import_costs(self, *hours: int, level: float = 0.0) -> None:
        """Import statistics of no entity, of so many hours ago each."""
        async_add_external_statistics(
            self.hass,
            {
                "source": "provider",
                "statistic_id": "provider:cost",
                "name": "Kosten €",
                "unit_of_measurement": None,
                "unit_class": None,
                "mean_type": StatisticMeanType.NONE,
                "has_sum": True,
            },
            [
                {"start": hours_ago(hour), "state": level + hour, "sum": level - hour / 3}
                for hour in hours
            ],
        )
        await async_wait_recording_done(self.hass)

    async def rename(self, old: str, new: str) -> None:
        """Rename an entity as its user does."""
        er.async_get(self.hass).async_update_entity(old, new_entity_id=new)
        self.hass.states.async_remove(old)  # The entity does so.
        await async_wait_recording_done(self.hass)

    async def purge(self, action: str, **data: Any) -> None:
        """Let the recorder delete rows, and wait until it has."""
        await self.hass.services.async_call("recorder", action, data, blocking=True)
        await async_wait_purge_done(self.hass)

    async def known(self) -> History:
        """Return what Home Assistant knows."""
        await async_wait_recording_done(self.hass)
        return await known(self.hass, _EVENTS)

    async def export(self) -> dict[str, int]:
        """Export as a user does; return how many rows were sent, of tables that had any."""
        response: Any = await self.hass.services.async_call(
            DOMAIN, "export_now", {"flush": True}, blocking=True, return_response=True
        )
        assert response["rejected"] == 0
        assert self.hass.states.is_state("sensor.home_sensor_data_status", "idle")
        return {table: rows for table, rows in response["rows"].items() if rows}

    async def exports(self, *before: History) -> History:
        """Export, and make sure that BigQuery has what Home Assistant knows and knew before.

        Return all that.
        """
        expected = together(*before, await self.known())
        await self.export()
        assert differences(expected, exported(self.warehouse)) == {}
        return expected

    async def exports_for_the_first_time(self, before: History | None = None) -> History:
        """Export what is new since before, and make sure that each row is sent once and as it is.

        Return what there is now.
        """
        after = await self.known()
        old, now = counts(before or {}), counts(after)
        assert await self.export() == {
            table: now[table] - old[table] for table in now if now[table] != old[table]
        }
        assert differences(after, exported(self.warehouse, latest=False)) == {}
        return after


async def set_up(
    hass: HomeAssistant,
    warehouse: Warehouse,
    key: dict[str, Any],
    *,
    tables: Iterable[str] = RECORDER_TABLES,
) -> Home:
    """Set up the export of tables: of all but the dimension tables."""
    entry = warehouse.config_entry(key)
    entry.add_to_hass(hass)
    hass.config_entries.async_update_entry(entry, options={**_OPTIONS, CONF_TABLES: list(tables)})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await async_wait_recording_done(hass)
    return Home(hass, warehouse)


def _context(time: float) -> Context:
    """Return the context of a time: the same again for the same time."""
    user, parent, own = (
        blake2b(f"{number} {time}".encode(), digest_size=16).digest() for number in range(3)
    )
    return Context(user_id=user.hex(), parent_id=bytes_to_ulid(parent), id=bytes_to_ulid(own))


QUIET = {**RECORDER, "commit_interval": 0}
"""A recorder that does not record the sensors of the export."""
