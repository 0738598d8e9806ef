"""Config flow of BigQuery Export."""

from collections.abc import Mapping
import logging
import re
from typing import Any, override

from homeassistant.components.file_upload import process_uploaded_file
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    OptionsFlowWithReload,
)
from homeassistant.core import callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    FileSelector,
    FileSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
    TimeSelector,
)
import probatio

from .bigquery.administration import Administration
from .bigquery.connection import Connection, Destination
from .bigquery.credentials import (
    NotAServiceAccountKeyError,
    NotJsonError,
    check_key,
    is_safe,
    read_key,
)
from .bigquery.storage_write import StorageWriteDelivery
from .const import (
    CONF_ADVANCED,
    CONF_API_ENDPOINT,
    CONF_BATCH_ROWS,
    CONF_DATASET_ID,
    CONF_EXPORT_TIME,
    CONF_KEY_FILE,
    CONF_KEY_JSON,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
    DEFAULT_BATCH_ROWS,
    DEFAULT_DATASET_ID,
    DEFAULT_EXPORT_TIME,
    DEFAULT_LOCATION,
    DEFAULT_TABLE_ID,
    DOMAIN,
    MAX_BATCH_ROWS,
    MIN_BATCH_ROWS,
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
from .export.sensor_data import SENSOR_DATA

_LOGGER = logging.getLogger(__name__)

KEY_HELP = "https://github.com/bigquery-export/ha-bigquery-export#google-cloud"

_KEY_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_KEY_FILE): FileSelector(
            FileSelectorConfig(accept=".json,application/json")
        ),
        probatio.Optional(CONF_KEY_JSON): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD)
        ),
    }
)
_LOCATIONS = [
    # The multi-regions and the regions that hold most homes; any other can be typed.
    "EU",
    "US",
    "asia-northeast1",
    "asia-south1",
    "asia-southeast1",
    "australia-southeast1",
    "europe-north1",
    "europe-west1",
    "europe-west2",
    "europe-west3",
    "europe-west4",
    "europe-west6",
    "europe-west9",
    "northamerica-northeast1",
    "southamerica-east1",
    "us-central1",
    "us-east1",
    "us-west1",
]
_DESTINATION_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_PROJECT_ID): TextSelector(),
        probatio.Required(CONF_DATASET_ID, default=DEFAULT_DATASET_ID): TextSelector(),
        probatio.Required(CONF_LOCATION, default=DEFAULT_LOCATION): SelectSelector(
            SelectSelectorConfig(
                options=_LOCATIONS, custom_value=True, mode=SelectSelectorMode.DROPDOWN
            )
        ),
        probatio.Required(CONF_TABLE_ID, default=DEFAULT_TABLE_ID): TextSelector(),
        probatio.Required(CONF_ADVANCED): section(
            probatio.Schema(
                {
                    probatio.Optional(CONF_API_ENDPOINT): TextSelector(
                        TextSelectorConfig(type=TextSelectorType.URL)
                    ),
                    probatio.Optional(CONF_STORAGE_ENDPOINT): TextSelector(
                        TextSelectorConfig(type=TextSelectorType.URL)
                    ),
                }
            ),
            {"collapsed": True},
        ),
    }
)
_OPTIONS_SCHEMA = probatio.Schema(
    {
        probatio.Required(
            CONF_EXPORT_TIME, default=DEFAULT_EXPORT_TIME.isoformat()
        ): TimeSelector(),
        probatio.Required(CONF_BATCH_ROWS, default=DEFAULT_BATCH_ROWS): probatio.All(
            NumberSelector(
                NumberSelectorConfig(
                    min=MIN_BATCH_ROWS, max=MAX_BATCH_ROWS, step=100, mode=NumberSelectorMode.BOX
                )
            ),
            probatio.Coerce(int),
        ),
    }
)

# BigQuery's pages "Creating and managing projects", "Create datasets" and "Create and use tables".
# Of the names that they allow, those that need no quoting in SQL.
_NAMES = {
    CONF_PROJECT_ID: re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"),
    CONF_DATASET_ID: re.compile(r"[A-Za-z0-9_]{1,1024}"),
    CONF_LOCATION: re.compile(r"[A-Za-z0-9-]{2,64}"),
    CONF_TABLE_ID: re.compile(r"[A-Za-z0-9_-]{1,1024}"),
}


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
                errors, placeholders = await self._async_prove(destination_from(entry.data))
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
            data = _entry_data(user_input)
            errors = _wrong_fields(data)
            if not errors:
                destination = destination_from(data)
                await self.async_set_unique_id(destination.table_id)
                if self.hass.config_entries.async_entry_for_domain_unique_id(
                    DOMAIN, destination.table_id
                ):
                    errors = {CONF_TABLE_ID: "already_configured"}
                else:
                    errors, placeholders = await self._async_prove(destination)
            if not errors:
                return self.async_create_entry(
                    title=f"{destination.dataset}.{destination.table}",
                    data={CONF_SERVICE_ACCOUNT_KEY: self._key, **data},
                )
        return self.async_show_form(
            step_id="destination",
            data_schema=self.add_suggested_values_to_schema(
                _DESTINATION_SCHEMA,
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
            data_schema=_KEY_SCHEMA,
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

    async def _async_prove(self, destination: Destination) -> tuple[dict[str, str], dict[str, str]]:
        """Use the destination once; return errors by field, and their placeholders."""
        try:
            await self.hass.async_add_executor_job(_prove, self._key, destination)
        except ExportError as err:
            return {_field(err): err.key}, err.placeholders
        except Exception:
            _LOGGER.exception("Unexpected error while the destination was checked")
            return {"base": "unknown"}, {}
        return {}, {}


class BigQueryExportOptionsFlow(OptionsFlowWithReload):
    """Asks when to export, and in batches of how many rows."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the options."""
        if user_input is not None:
            return self.async_create_entry(data=user_input)
        return self.async_show_form(
            step_id="init",
            data_schema=self.add_suggested_values_to_schema(
                _OPTIONS_SCHEMA, self.config_entry.options
            ),
        )


def _prove(key: Mapping[str, Any], destination: Destination) -> None:
    """Make dataset and table when they are missing, and open a transaction; this blocks."""
    connection = Connection(key, destination)
    try:
        connection.authenticate()
        administration = Administration(connection)
        administration.ensure_dataset()
        administration.ensure_table(SENSOR_DATA)
        StorageWriteDelivery(connection, SENSOR_DATA).begin().abandon()
    finally:
        connection.close()


def _entry_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form's values as a config entry keeps them: trimmed, and none that is empty."""
    values = {**user_input, **user_input[CONF_ADVANCED]}
    del values[CONF_ADVANCED]
    values = {name: value.strip().rstrip("/") for name, value in values.items()}
    return {name: value for name, value in values.items() if value}


def _wrong_fields(data: Mapping[str, Any]) -> dict[str, str]:
    """Return errors by field for what can be seen to be wrong without asking Google."""
    errors = {
        field: f"invalid_{field}"
        for field, pattern in _NAMES.items()
        if not pattern.fullmatch(data.get(field, ""))
    }
    if not all(
        is_safe(data[field])
        for field in (CONF_API_ENDPOINT, CONF_STORAGE_ENDPOINT)
        if field in data
    ):
        errors[CONF_ADVANCED] = "unsafe_endpoint"
    return errors


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
        case KeyRefusedError():
            return "base"
        case _:
            return CONF_TABLE_ID
