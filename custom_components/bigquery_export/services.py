"""Actions of BigQuery Export."""

from homeassistant.core import (
    HomeAssistant,
    ServiceCall,
    ServiceResponse,
    SupportsResponse,
    callback,
)
from homeassistant.helpers import service
import probatio

from .const import DOMAIN
from .coordinator import BigQueryExportConfigEntry

CONF_CONFIG_ENTRY_ID = "config_entry_id"

SERVICE_EXPORT_NOW = "export_now"
SERVICE_EXPORT_NOW_SCHEMA = probatio.Schema({probatio.Optional(CONF_CONFIG_ENTRY_ID): str})


async def _async_export_now(call: ServiceCall) -> ServiceResponse:
    """Export everything that waits, and return what was done."""
    entry: BigQueryExportConfigEntry = service.async_get_config_entry(
        call.hass, DOMAIN, call.data.get(CONF_CONFIG_ENTRY_ID)
    )
    result = await entry.runtime_data.async_export("action")
    if not call.return_response:
        return None
    return {
        "export_id": result.export_id,
        "rows": {**result.rows},
        "rejected": result.rejected,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
    }


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Set up the actions."""
    hass.services.async_register(
        DOMAIN,
        SERVICE_EXPORT_NOW,
        _async_export_now,
        SERVICE_EXPORT_NOW_SCHEMA,
        supports_response=SupportsResponse.OPTIONAL,
    )
