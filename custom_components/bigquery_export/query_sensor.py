"""The sensors from SQL: what saved queries have found, each a device of its own."""

from datetime import date, datetime
from typing import override

from homeassistant.components.sensor import CONF_STATE_CLASS, SensorDeviceClass, SensorEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_DEVICE_CLASS, CONF_UNIT_OF_MEASUREMENT
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.typing import StateType
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .query.after_exports import AfterExports


class QuerySensor(SensorEntity):
    """A sensor that shows what a saved query has found, which is a device of its own."""

    _attr_has_entity_name = True
    _attr_name = None
    _attr_should_poll = False

    def __init__(self, after_exports: AfterExports, subentry: ConfigSubentry) -> None:
        """Name the sensor as the subentry, which has its unit and classes."""
        self._after_exports = after_exports
        self._subentry_id = subentry.subentry_id
        self._attr_unique_id = subentry.subentry_id
        self._attr_device_class = subentry.data.get(CONF_DEVICE_CLASS)
        self._attr_state_class = subentry.data.get(CONF_STATE_CLASS)
        self._attr_native_unit_of_measurement = subentry.data.get(CONF_UNIT_OF_MEASUREMENT)
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, subentry.subentry_id)},
            name=subentry.title,
            manufacturer="Google",
            model="BigQuery",
            entry_type=DeviceEntryType.SERVICE,
        )

    @override
    async def async_added_to_hass(self) -> None:
        """Follow the answers."""
        self.async_on_remove(self._after_exports.async_listen(self.async_write_ha_state))

    @property
    @override
    def available(self) -> bool:
        """Return whether the query has not failed."""
        return self._after_exports.is_available(self._subentry_id)

    @property
    @override
    def native_value(self) -> StateType | date | datetime:
        """Return the value that was found last, also before a restart."""
        value = self._after_exports.value(self._subentry_id)
        match self.device_class:
            case SensorDeviceClass.TIMESTAMP:
                return dt_util.parse_datetime(str(value))
            case SensorDeviceClass.DATE:
                return dt_util.parse_date(str(value))
            case _:
                return value
