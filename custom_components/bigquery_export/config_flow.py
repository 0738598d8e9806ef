"""Config flow of BigQuery Export."""

from collections.abc import Mapping
import logging
from typing import Any, override

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
)
from homeassistant.core import callback

from .bigquery import DELIVERIES
from .bigquery.administration import Administration
from .bigquery.connection import Connection, Destination
from .bigquery.credentials import (
    NotAServiceAccountKeyError,
    NotJsonError,
    check_key,
    read_key,
)
from .const import (
    CONF_ADVANCED,
    CONF_DATASET_ID,
    CONF_DELIVERY,
    CONF_KEY_FILE,
    CONF_KEY_JSON,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLE_ID,
    DOMAIN,
)
from .destination import destination_from
from .export.errors import (
    ApiDisabledError,
    ExportError,
    KeyRefusedError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    UnreachableError,
)
from .forms import DESTINATION_SCHEMA, KEY_SCHEMA, entry_data, wrong_fields
from .options import Options, options_from
from .options_flow import BigQueryExportOptionsFlow
from .rows.sensor_data import SENSOR_DATA

_LOGGER = logging.getLogger(__name__)

KEY_HELP = "https://github.com/bigquery-export/ha-bigquery-export#google-cloud"


class BigQueryExportConfigFlow(ConfigFlow, domain=DOMAIN):
    """Asks for the key, then for the destination, and proves both before they are saved."""

    VERSION = 1

    def __init__(self) -> None:
        """Begin without a key."""
        self._key: dict[str, Any] = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> BigQueryExportOptionsFlow:
        """Return the options flow."""
        return BigQueryExportOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the service account's key."""
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            errors, placeholders = await self._async_take_key(user_input)
            if not errors:
                return await self.async_step_destination()
        return self._show_key_form("user", errors, placeholders)

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Begin again with a new key, after Google refused the old one."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask for a new key, and prove it at the destination that there is."""
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        entry = self._get_reauth_entry()
        if user_input is not None:
            errors, placeholders = await self._async_take_key(user_input)
            if not errors:
                errors, placeholders = await self._async_prove(
                    destination_from(entry.data), entry.options
                )
            if not errors:
                return self.async_update_reload_and_abort(
                    entry, data_updates={CONF_SERVICE_ACCOUNT_KEY: self._key}
                )
        # The fields of the destination are not in this form.
        if errors.keys() - {CONF_KEY_FILE, CONF_KEY_JSON}:
            errors = {"base": next(iter(errors.values()))}
        return self._show_key_form("reauth_confirm", errors, placeholders)

    async def async_step_destination(
        self, user_input: dict[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Ask where the rows go, and make dataset and table there when they are missing."""
        errors: dict[str, str] = {}
        placeholders: dict[str, str] = {}
        if user_input is not None:
            data = entry_data(user_input)
            options = {CONF_DELIVERY: data.pop(CONF_DELIVERY)}
            errors = wrong_fields(data)
            if not errors:
                destination = destination_from(data)
                await self.async_set_unique_id(destination.table_id, raise_on_progress=False)
                if self.hass.config_entries.async_entry_for_domain_unique_id(
                    DOMAIN, destination.table_id
                ):
                    errors = {CONF_TABLE_ID: "already_configured"}
                else:
                    errors, placeholders = await self._async_prove(destination, options)
            if not errors:
                return self.async_create_entry(
                    title=f"{destination.dataset}.{destination.table}",
                    data={CONF_SERVICE_ACCOUNT_KEY: self._key, **data},
                    options=options,
                )
        return self.async_show_form(
            step_id="destination",
            data_schema=self.add_suggested_values_to_schema(
                DESTINATION_SCHEMA,
                user_input or {CONF_PROJECT_ID: self._key["project_id"]},
            ),
            errors=errors,
            description_placeholders={
                "service_account": self._key["client_email"],
                **placeholders,
            },
        )

    def _show_key_form(
        self, step_id: str, errors: dict[str, str], placeholders: dict[str, str]
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=KEY_SCHEMA,
            errors=errors,
            description_placeholders={"help_url": KEY_HELP, **placeholders},
        )

    async def _async_take_key(
        self, user_input: dict[str, Any]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Keep the key that a form brought; return errors by field, and their placeholders."""
        field = CONF_KEY_FILE if CONF_KEY_FILE in user_input else CONF_KEY_JSON
        if not user_input.get(field):
            return {"base": "key_missing"}, {}
        try:
            self._key = await self.hass.async_add_executor_job(
                self._read_key, field, user_input[field]
            )
        except NotJsonError:
            return {field: "not_json"}, {}
        except NotAServiceAccountKeyError:
            return {field: "not_a_service_account_key"}, {}
        except ExportError as err:
            return {field: err.key}, err.placeholders
        return {}, {}

    def _read_key(self, field: str, value: str) -> dict[str, Any]:
        """Return the key from an uploaded file or from text, once Google has accepted it."""
        text = value
        if field == CONF_KEY_FILE:
            with process_uploaded_file(self.hass, value) as path:
                try:
                    text = path.read_text(encoding="utf-8")
                except ValueError:
                    raise NotJsonError from None
        key = read_key(text)
        check_key(key)
        return key

    async def _async_prove(
        self, destination: Destination, options: Mapping[str, Any]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Use the destination once; return errors by field, and their placeholders."""
        chosen = options_from(options)
        try:
            await self.hass.async_add_executor_job(_prove, self._key, destination, chosen)
        except ExportError as err:
            return {_field(err): err.key}, err.placeholders
        except Exception:
            _LOGGER.exception("Unexpected error while the destination was checked")
            return {"base": "unknown"}, {}
        return {}, {}


def _prove(key: Mapping[str, Any], destination: Destination, options: Options) -> None:
    """Make dataset and tables when they are missing, and prove a delivery; this blocks."""
    connection = Connection(key, destination)
    try:
        connection.authenticate()
        administration = Administration(connection, options.table_settings)
        administration.ensure_dataset()
        administration.ensure(options.tables)
        DELIVERIES[options.delivery](connection).prove(SENSOR_DATA)
    finally:
        connection.close()


def _field(err: ExportError) -> str:
    """Return the field of the destination where a user can put an error right."""
    match err:
        case ProjectNotFoundError() | ApiDisabledError():
            return CONF_PROJECT_ID
        case PermissionMissingError() if "datasets" in err.placeholders["permission"]:
            return CONF_DATASET_ID
        case LocationError():
            return CONF_LOCATION
        case UnreachableError():
            # The frontend shows the errors of a section above it, and none inside.
            return CONF_ADVANCED
        case PermissionMissingError() if "jobs" in err.placeholders["permission"]:
            return CONF_DELIVERY
        case KeyRefusedError():
            return "base"
        case _:
            return CONF_TABLE_ID
