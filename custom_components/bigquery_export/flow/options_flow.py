"""Options flow of BigQuery Export."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlowResult,
    OptionsFlowWithReload,
)

from ..bigquery import DELIVERIES
from ..bigquery.connection import Connection, Destination
from ..bigquery.schema import DatasetSchema
from ..const import (
    CONF_CONTEXT_ENTITIES,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE,
    CONF_TRANSFER,
    CONF_WHAT,
)
from ..errors import ExportError
from ..estimate.estimate import async_row_sizes
from ..home.context_entities import (
    ContextEntityError,
    checked_context_entities,
    default_context_entities,
)
from ..rows.column_groups import ColumnGroup
from ..rows.sensor_data import SENSOR_DATA
from ..settings.destination import destination_from
from ..settings.options import Options, options_from
from ..translation import async_reason
from .field_rules import option_errors
from .options_form import OPTIONS_SCHEMA, chosen_options, recorded_entities, suggested_values


class BigQueryExportOptionsFlow(OptionsFlowWithReload):
    """Asks what, when and how to export, and how BigQuery keeps it."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the options, and prove what Google may refuse before it is used."""
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            options = chosen_options(user_input)
            errors, placeholders = option_errors(user_input)
            if not errors:
                errors, placeholders = self._take_context_entities(options)
            if not errors:
                errors, placeholders = await self._async_check(options_from(options))
            if not errors:
                return self.async_create_entry(data=options)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                OPTIONS_SCHEMA, user_input or suggested_values(self._chosen_or_default())
            ),
            errors=errors,
            description_placeholders={
                **placeholders,
                **recorded_entities(self.hass),
                **await self._async_sizes(),
            },
        )

    def _take_context_entities(
        self, options: dict[str, Any]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Put surroundings into their final form; return errors, and what fills their blanks."""
        try:
            # An empty list says that the proposal was refused.
            named = checked_context_entities(self.hass, options.get(CONF_CONTEXT_ENTITIES, []))
        except ContextEntityError as err:
            return {CONF_WHAT: err.key}, {"surrounding": err.context_entity}
        options[CONF_CONTEXT_ENTITIES] = named
        return {}, {}

    async def _async_sizes(self) -> dict[str, str]:
        """Return how many bytes rows take here, as far as that can be known now."""
        entry = self.config_entry
        loaded = entry.state is ConfigEntryState.LOADED
        sizes = await async_row_sizes(self.hass, options_from(entry.options)) if loaded else None
        names = ("all", "rest", *ColumnGroup)
        return {f"bytes_{name}": str(sizes[name]) if sizes else "?" for name in names}

    def _chosen_or_default(self) -> Mapping[str, Any]:
        """Return the options, with a proposal of surroundings for who has not chosen any."""
        options = self.config_entry.options
        if CONF_CONTEXT_ENTITIES in options:
            return options
        return {**options, CONF_CONTEXT_ENTITIES: default_context_entities(self.hass)}

    async def _async_check(self, chosen: Options) -> tuple[dict[str, str], dict[str, str]]:
        """Try what is new of delivery and tables; return errors, and what fills their blanks."""
        entry = self.config_entry
        before = options_from(entry.options)
        key = entry.data[CONF_SERVICE_ACCOUNT_KEY]
        destination = destination_from(entry.data)
        try:
            if chosen.table_settings != before.table_settings:
                errors = {CONF_STORAGE: "settings_refused"}
                await self.hass.async_add_executor_job(_set_tables, key, destination, chosen)
            if chosen.delivery != before.delivery:
                errors = {CONF_TRANSFER: "unusable"}
                await self.hass.async_add_executor_job(_check_delivery, key, destination, chosen)
        except ExportError as err:
            return errors, {"message": async_reason(self.hass, err)}
        return {}, {}


def _set_tables(key: Mapping[str, Any], destination: Destination, options: Options) -> None:
    """Give the tables their settings; this blocks. Raises ExportError."""
    with Connection.open(key, destination) as connection:
        DatasetSchema(connection, options.table_settings).ensure_tables(options.tables)


def _check_delivery(key: Mapping[str, Any], destination: Destination, options: Options) -> None:
    """Make tables when they are missing, and prove a delivery; this blocks. Raises ExportError."""
    with Connection.open(key, destination) as connection:
        DatasetSchema(connection, options.table_settings).ensure_tables(options.tables)
        DELIVERIES[options.delivery](connection).check_access(SENSOR_DATA)
