"""The tables of a config entry in BigQuery: made where one is missing, and kept for ever."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id

from ..bigquery.connection import Connection
from ..bigquery.fence_table import BigQueryFence
from ..bigquery.schema import DatasetSchema
from ..settings.options import options_from
from ..status.issues import async_show_expiring


class DestinationTables:
    """The tables that an entry exports to, with the settings that the user has chosen."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, connection: Connection) -> None:
        """Prepare; BigQuery is not asked yet."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._options = options_from(entry.options)
        self._schema = DatasetSchema(connection, self._options.table_settings)

    async def async_ensure(self) -> None:
        """Make tables and columns that are missing. Raises ExportError."""
        await self._hass.async_add_executor_job(self._schema.ensure, self._options.tables)

    async def async_keep_for_ever(self) -> None:
        """Take away what lets BigQuery delete tables or their rows. Raises ExportError."""
        source = await instance_id.async_get(self._hass)
        # Of its own: what exports know of theirs must stay as it is.
        fence = BigQueryFence(self._connection, source)
        schema = DatasetSchema(self._connection, self._options.table_settings, fence=fence)
        await self._hass.async_add_executor_job(schema.keep_for_ever, self._options.tables)
        async_show_expiring(self._hass, self._entry, {})
