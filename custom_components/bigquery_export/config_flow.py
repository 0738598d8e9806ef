"""Config flow of BigQuery Export."""

from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
)
from homeassistant.core import callback
from homeassistant.helpers import instance_id
from homeassistant.util import dt as dt_util

from .const import (
    CONF_BEGIN,
    CONF_CONTEXT_ENTITIES,
    CONF_DATASET_ID,
    CONF_DELIVERY,
    CONF_EXPORT_AT_ONCE,
    CONF_HISTORY,
    CONF_KEY_FILE,
    CONF_KEY_SINCE,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_RESTORE,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLES,
    DOMAIN,
    NAME,
)
from .errors import ExportError
from .flow.connection_check import (
    FIELDS,
    CheckedDestination,
    async_check_connection,
    async_check_entry,
    check_dataset,
    check_destination,
    check_tables,
)
from .flow.content_form import CONTENT_SCHEMA, content_options
from .flow.copy_flows import COPY_FLOWS
from .flow.descriptions import async_content_sentences
from .flow.destination_form import (
    DESTINATION_FIELDS,
    DESTINATION_SCHEMA,
    KEY_SCHEMA,
    RECONFIGURE_SCHEMA,
    entry_data,
    suggested_destination,
)
from .flow.field_rules import NO_ERROR, FormError
from .flow.key_form import GCLOUD, KEY_HELP, async_about_key, async_take_key, has_key
from .flow.locations import location_label, suggested_location
from .flow.options_flow import BigQueryExportOptionsFlow
from .flow.options_form import async_recorded_entities
from .flow.query_flow import SAVED_QUERY_FLOWS
from .flow.restore_form import (
    CONF_SOURCE,
    NO_INSTALLATION,
    async_older_statistics,
    restore_schema,
)
from .flow.sections import async_shown, shown_errors
from .flow.view_flow import ViewFlow
from .home.context_entities import default_context_entities
from .restore.offer import Older
from .rows.statistics import STATISTICS
from .runner.start_position import History, async_newest_rows
from .settings.destination import destination_from
from .settings.options import options_from
from .settings.view_subentries import VIEW


class BigQueryExportConfigFlow(ConfigFlow, domain=DOMAIN):
    """Asks for the key, the destination and what to export, and checks all before it is saved."""

    VERSION = 1

    def __init__(self) -> None:
        """Begin without a key."""
        self._key: dict[str, Any] = {}
        self._file: str | None = None
        """The id of the uploaded file that the key is from."""
        self._destination: dict[str, Any] = {}
        self._delivery = ""
        self._checked = CheckedDestination()
        self._entry: dict[str, Any] = {}
        """The entry, as long as it is asked whether statistics come back."""
        self._older: list[Older] = []
        """Installations whose statistics can."""

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> BigQueryExportOptionsFlow:
        """Return the options flow."""
        return BigQueryExportOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the flows of saved queries, views and copies."""
        return {**SAVED_QUERY_FLOWS, VIEW: ViewFlow, **COPY_FLOWS}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the service account's key."""
        error = NO_ERROR
        if user_input is not None:
            try:
                await self._async_take_key(user_input)
            except FormError as err:
                error = err
            else:
                return await self.async_step_destination()
        return self._show_key_form("user", error, {"gcloud": GCLOUD})

    async def async_step_destination(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for the destination, and create the dataset and tables if they are missing."""
        error = NO_ERROR
        if user_input is not None:
            try:
                await self._async_take_destination(user_input)
            except FormError as err:
                error = err
            else:
                return await self.async_step_what()
        return self.async_show_form(
            step_id="destination",
            data_schema=self.add_suggested_values_to_schema(
                async_shown(self.hass, DESTINATION_SCHEMA, error),
                user_input
                or {
                    CONF_PROJECT_ID: self._key["project_id"],
                    CONF_LOCATION: location_label(suggested_location(self.hass)),
                },
            ),
            errors=shown_errors(DESTINATION_SCHEMA, error),
            description_placeholders={
                "service_account": self._key["client_email"],
                **error.placeholders,
            },
        )

    async def async_step_what(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what to export, show an estimate, and create the entry."""
        error = NO_ERROR
        if user_input is not None:
            try:
                return await self._async_create_entry(user_input)
            except FormError as err:
                error = err
        values = user_input or {CONF_CONTEXT_ENTITIES: default_context_entities(self.hass)}
        return self.async_show_form(
            step_id="what",
            data_schema=self.add_suggested_values_to_schema(
                async_shown(self.hass, CONTENT_SCHEMA, error), values
            ),
            errors=shown_errors(CONTENT_SCHEMA, error),
            description_placeholders={
                **await async_recorded_entities(self.hass),
                **await async_content_sentences(
                    self.hass,
                    options={CONF_DELIVERY: self._delivery, **values},
                    checked=self._checked,
                    service_account=self._key["client_email"],
                ),
                **error.placeholders,
            },
        )

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin to ask for a new key, after Google refused the old one."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new key, and check it at the destination."""
        error = NO_ERROR
        entry = self._get_reauth_entry()
        if user_input is not None:
            try:
                await self._async_take_key(user_input)
                destination = destination_from(entry.data)
                await async_check_entry(self.hass, entry, self._key, destination, ())
            except FormError as err:
                error = err
            else:
                return self.async_update_reload_and_abort(
                    entry, reason="reauth_successful", data_updates=self._key_data()
                )
        return self._show_key_form("reauth_confirm", error, await async_about_key(self.hass, entry))

    async def async_step_reconfigure(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new key or another destination; the old ones hold until these are checked."""
        error = NO_ERROR
        entry = self._get_reconfigure_entry()
        if user_input is not None:
            try:
                return await self._async_change_entry(entry, user_input)
            except FormError as err:
                error = err
        return self.async_show_form(
            step_id="reconfigure",
            data_schema=self.add_suggested_values_to_schema(
                async_shown(self.hass, RECONFIGURE_SCHEMA, error),
                user_input or suggested_destination(entry.data),
            ),
            errors=shown_errors(RECONFIGURE_SCHEMA, error),
            description_placeholders={
                **await async_about_key(self.hass, entry),
                **error.placeholders,
            },
        )

    def _show_key_form(
        self, step_id: str, error: FormError, placeholders: Mapping[str, str]
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=KEY_SCHEMA,
            errors=error.errors,
            description_placeholders={"help_url": KEY_HELP, **placeholders, **error.placeholders},
        )

    async def _async_take_key(self, user_input: dict[str, Any]) -> None:
        """Take the key from a submitted form. Raises FormError.

        An uploaded file can be read only once, but the form may be submitted again with it after an
        error in another field.
        """
        file = user_input.get(CONF_KEY_FILE)
        if not file or file != self._file:
            self._key = await async_take_key(self.hass, user_input)
            self._file = file

    async def _async_take_destination(self, user_input: dict[str, Any]) -> None:
        """Take the destination from a submitted form, once it is checked. Raises FormError."""
        data = entry_data(user_input)
        check_dataset(self._async_current_entries(), data, CONF_DATASET_ID)
        destination = destination_from(data)
        await self.async_set_unique_id(destination.table_id, raise_on_progress=False)
        delivery = user_input[CONF_DELIVERY]
        self._checked = await async_check_connection(
            self.hass,
            FIELDS,
            check_destination,
            self._key,
            destination,
            await instance_id.async_get(self.hass),
            delivery,
        )
        self._destination, self._delivery = data, delivery

    async def _async_create_entry(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Create the entry, once everything is checked. Raises FormError."""
        check_dataset(self._async_current_entries(), self._destination, "base")
        options = {CONF_DELIVERY: self._delivery, **content_options(self.hass, user_input)}
        destination = destination_from(self._destination)
        tables = options_from(options).tables
        await async_check_connection(
            self.hass, (CONF_TABLES,), check_tables, self._key, destination, tables
        )
        data = {**self._key_data(), **self._destination}
        if user_input[CONF_HISTORY] == History.NONE:
            data[CONF_BEGIN] = await self._async_begin()
        if user_input[CONF_EXPORT_AT_ONCE]:
            data[CONF_EXPORT_AT_ONCE] = True
        # Devices and entities are named after the title: other datasets are told by their names.
        several = bool(self._async_current_entries())
        title = f"{NAME} ({destination.dataset})" if several else NAME
        self._entry = {"title": title, "data": data, "options": options}
        if STATISTICS in tables:
            self._older = await async_older_statistics(self.hass, self._key, destination)
        if self._older:
            return await self.async_step_restore()
        return self._create_entry()

    def _create_entry(self) -> ConfigFlowResult:
        """Create the entry, unless another flow has made one for the table in the meantime."""
        self._abort_if_unique_id_configured()
        return self.async_create_entry(**self._entry)

    async def async_step_restore(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask whether statistics come back that are older than the recorder's."""
        if user_input is not None:
            if user_input[CONF_SOURCE] != NO_INSTALLATION:
                self._entry["data"][CONF_RESTORE] = user_input[CONF_SOURCE]
            return self._create_entry()
        return self.async_show_form(
            step_id="restore", data_schema=restore_schema(self.hass, self._older)
        )

    async def _async_begin(self) -> dict[str, Any]:
        """Return the newest rows, after which the export begins. Raises FormError."""
        try:
            return await async_newest_rows(self.hass)
        except ExportError as err:
            raise FormError({CONF_HISTORY: err.key}, err.placeholders) from err

    async def _async_change_entry(
        self, entry: ConfigEntry, user_input: dict[str, Any]
    ) -> ConfigFlowResult:
        """Save the new data, once they are checked. Raises FormError."""
        data = entry_data(user_input)
        others = [other for other in self._async_current_entries() if other is not entry]
        check_dataset(others, data, CONF_DATASET_ID)
        if has_key(user_input):
            await self._async_take_key(user_input)
            data.update(self._key_data())
        else:
            self._key = entry.data.get(CONF_SERVICE_ACCOUNT_KEY, {})
        destination = destination_from(data)
        await async_check_entry(self.hass, entry, self._key, destination, FIELDS)
        kept = {name: entry.data[name] for name in entry.data if name not in DESTINATION_FIELDS}
        return self.async_update_reload_and_abort(
            entry,
            reason="reconfigure_successful",
            unique_id=destination.table_id,
            data={**kept, **data},
        )

    def _key_data(self) -> dict[str, Any]:
        """Return the part of an entry's data that belongs to the key."""
        return {CONF_SERVICE_ACCOUNT_KEY: self._key, CONF_KEY_SINCE: dt_util.utcnow().isoformat()}
