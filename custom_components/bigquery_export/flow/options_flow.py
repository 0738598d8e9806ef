"""Options flow of BigQuery Export."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import (
    ConfigEntryState,
    ConfigFlowResult,
    OptionsFlowWithReload,
)

from ..bigquery.views import names_in_views
from ..const import (
    CONF_CONTEXT_ENTITIES,
    CONF_FREQUENCY,
    CONF_OWN,
    CONF_OWN_COLUMNS,
    CONF_QUERYING,
    CONF_SCHEDULE,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE,
    CONF_TRANSFER,
    CONF_WEEKDAYS,
    CONF_WHAT,
)
from ..errors import ExportError, TableMismatchError
from ..estimate.estimate import async_row_sizes
from ..home.context_entities import default_context_entities
from ..rows.column_groups import ColumnGroup
from ..rows.sensor_data import SENSOR_DATA
from ..settings.destination import destination_from, service_account_of
from ..settings.options import DEFAULTS, Options, options_from
from ..translation import async_load_translations, async_number, async_reason
from .connection_check import check_delivery, check_queries, set_up_tables
from .field_rules import (
    NO_ERROR,
    FormError,
    check_options,
    check_schedule,
    checked_context_entities,
)
from .options_form import async_recorded_entities, chosen_options, options_schema, suggested_values
from .own_columns_form import checked_own_columns
from .schedule_form import frequency_of, frequency_schema, hidden_values, is_complete
from .sections import async_shown, shown_errors


class BigQueryExportOptionsFlow(OptionsFlowWithReload):
    """Asks what, when and how to export, and how BigQuery stores it."""

    def __init__(self) -> None:
        """Begin before anything is shown."""
        self._shown = DEFAULTS.schedule.frequency
        """The frequency whose fields the form shows."""
        self._options: dict[str, Any] = {}
        """The options, once checked, as long as it is asked when to export."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the options, and check those that Google may refuse."""
        error = NO_ERROR
        values = suggested_values(self._chosen_or_default())
        if user_input is not None:
            schedule = user_input.get(CONF_SCHEDULE, {})
            complete = not schedule or is_complete(schedule, self._shown)
            hidden = hidden_values(values[CONF_SCHEDULE], self._shown)
            values = {**user_input, CONF_SCHEDULE: {**hidden, **schedule}}
            try:
                if complete:
                    check_schedule(schedule, CONF_SCHEDULE)
                self._options = await self._async_options(values)
            except FormError as err:
                error = err
            else:
                if not complete:
                    return await self.async_step_schedule()
                return self.async_create_entry(data=self._options)
        self._shown = frequency_of(values[CONF_SCHEDULE])
        schema = options_schema(self._shown)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                async_shown(self.hass, schema, error), values
            ),
            errors=shown_errors(schema, error),
            description_placeholders={
                **error.placeholders,
                **await async_recorded_entities(self.hass),
                **await self._async_sizes(),
            },
        )

    async def async_step_schedule(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask when to export, where the form did not show the fields of the chosen frequency."""
        error = NO_ERROR
        values = self._options
        frequency = frequency_of(values)
        if user_input is not None:
            values = user_input
            try:
                check_schedule({CONF_FREQUENCY: frequency, **values}, CONF_WEEKDAYS)
            except FormError as err:
                error = err
            else:
                return self.async_create_entry(data={**self._options, **values})
        return self.async_show_form(
            step_id="schedule",
            data_schema=self.add_suggested_values_to_schema(frequency_schema(frequency), values),
            errors=error.errors,
        )

    async def _async_options(self, user_input: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that a user has submitted, once checked. Raises FormError."""
        check_options(user_input)
        options = chosen_options(user_input)
        # An empty list says that the user wants none, not even the default ones.
        options[CONF_CONTEXT_ENTITIES] = checked_context_entities(
            self.hass, options.get(CONF_CONTEXT_ENTITIES, []), CONF_WHAT
        )
        if own_columns := options.pop(CONF_OWN_COLUMNS, []):
            in_views = await self.hass.async_add_executor_job(names_in_views, SENSOR_DATA)
            options[CONF_OWN_COLUMNS] = checked_own_columns(own_columns, in_views)
        await self._async_check(options_from(options))
        return options

    async def _async_check(self, chosen: Options) -> None:
        """Check the delivery and the tables, as far as they have changed. Raises FormError."""
        entry = self.config_entry
        before = options_from(entry.options)
        destination = destination_from(entry.data)
        args = entry.data.get(CONF_SERVICE_ACCOUNT_KEY, {}), destination, chosen
        errors: dict[str, str] = {}
        try:
            if chosen.table_settings != before.table_settings:
                errors = {CONF_STORAGE: "settings_refused"}
                await self.hass.async_add_executor_job(set_up_tables, *args)
            if chosen.choice.own_columns not in ((), before.choice.own_columns):
                errors = {CONF_OWN: "own_columns_refused"}
                await self.hass.async_add_executor_job(set_up_tables, *args)
            if chosen.delivery != before.delivery:
                errors = {CONF_TRANSFER: "unusable"}
                await self.hass.async_add_executor_job(check_delivery, *args)
            if chosen.queries.enabled and not before.queries.enabled:
                errors = {CONF_QUERYING: "queries_unusable"}
                await self.hass.async_add_executor_job(check_queries, *args[:2])
        except ExportError as err:
            if CONF_OWN in errors and (columns := _of_another_type(err, chosen)):
                raise FormError({CONF_OWN: "own_columns_other_type"}, {"text": columns}) from err
            await async_load_translations(self.hass)
            raise FormError(
                errors,
                {
                    "message": async_reason(self.hass, err),
                    "project": destination.project,
                    "service_account": service_account_of(entry.data),
                },
            ) from err

    async def _async_sizes(self) -> dict[str, str]:
        """Return the placeholders with the sizes of rows in bytes, as far as they are known."""
        entry = self.config_entry
        loaded = entry.state is ConfigEntryState.LOADED
        sizes = await async_row_sizes(self.hass, options_from(entry.options)) if loaded else None
        names = ("all", "rest", *ColumnGroup)
        await async_load_translations(self.hass)
        return {
            f"bytes_{name}": async_number(self.hass, sizes[name]) if sizes else "?"
            for name in names
        }

    def _chosen_or_default(self) -> Mapping[str, Any]:
        """Return the options, with the default context entities if none were ever chosen."""
        options = self.config_entry.options
        if CONF_CONTEXT_ENTITIES in options:
            return options
        return {**options, CONF_CONTEXT_ENTITIES: default_context_entities(self.hass)}


def _of_another_type(err: ExportError, chosen: Options) -> str:
    """Return those own columns that a table already has with another type, if that is an error."""
    found = err.columns.split(", ") if isinstance(err, TableMismatchError) else []
    return ", ".join(own.name for own in chosen.choice.own_columns if own.name in found)
