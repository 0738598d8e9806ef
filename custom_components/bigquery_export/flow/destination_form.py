"""The forms for key and destination: their fields, and the rules for names and endpoints."""

from collections.abc import Mapping
import re
from typing import Any

from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    FileSelector,
    FileSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ..bigquery import DELIVERIES
from ..bigquery.credentials import is_safe
from ..bigquery.fence_table import FENCE
from ..bigquery.views import MATERIALIZED_VIEWS, VIEWS
from ..const import (
    CONF_ADVANCED,
    CONF_API_ENDPOINT,
    CONF_DATASET_ID,
    CONF_DELIVERY,
    CONF_KEY_FILE,
    CONF_KEY_JSON,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
)
from ..export.tables import TABLES
from ..rows.export_log import EXPORT_LOG
from ..rows.sensor_data import SENSOR_DATA
from ..settings.options import DEFAULTS
from .field_rules import FormError
from .locations import LOCATIONS, location_label, location_of

KEY_SCHEMA = probatio.Schema(
    {
        probatio.Optional(CONF_KEY_FILE): FileSelector(
            FileSelectorConfig(accept=".json,application/json")
        ),
        probatio.Optional(CONF_KEY_JSON): TextSelector(
            TextSelectorConfig(type=TextSelectorType.PASSWORD)
        ),
    }
)
DELIVERY_SELECTOR = SelectSelector(
    SelectSelectorConfig(
        options=list(DELIVERIES),
        translation_key=CONF_DELIVERY,
        mode=SelectSelectorMode.LIST,
    )
)
_NAMES: dict[Any, Any] = {
    probatio.Required(CONF_PROJECT_ID): TextSelector(),
    probatio.Required(CONF_DATASET_ID, default="home_assistant"): TextSelector(),
    probatio.Required(CONF_LOCATION): SelectSelector(
        SelectSelectorConfig(
            options=list(map(location_label, LOCATIONS)),
            custom_value=True,
            mode=SelectSelectorMode.DROPDOWN,
        )
    ),
    probatio.Required(CONF_TABLE_ID, default=SENSOR_DATA.name): TextSelector(),
}
_ENDPOINTS: dict[Any, Any] = {
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
DESTINATION_SCHEMA = probatio.Schema(
    {
        **_NAMES,
        probatio.Required(CONF_DELIVERY, default=DEFAULTS.delivery): DELIVERY_SELECTOR,
        **_ENDPOINTS,
    }
)
RECONFIGURE_SCHEMA = probatio.Schema({**KEY_SCHEMA.schema, **_NAMES, **_ENDPOINTS})
DESTINATION_FIELDS = (
    *(CONF_PROJECT_ID, CONF_DATASET_ID, CONF_LOCATION, CONF_TABLE_ID),
    *(CONF_API_ENDPOINT, CONF_STORAGE_ENDPOINT),
)
"""The keys of a config entry's data that describe the destination."""
# BigQuery's pages "Creating and managing projects", "Create datasets" and "Create and use tables".
# Of the names that they allow, those that need no quoting in SQL.
NAMES = {
    CONF_PROJECT_ID: re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"),
    CONF_DATASET_ID: re.compile(r"[A-Za-z0-9_]{1,1024}"),
    CONF_LOCATION: re.compile(r"[A-Za-z0-9-]{2,64}"),
    CONF_TABLE_ID: re.compile(r"[A-Za-z0-9_-]{1,1024}"),
}
_FIXED_TABLES = [*(table for table in TABLES.values() if table is not SENSOR_DATA), EXPORT_LOG]
RESERVED_NAMES = frozenset(
    name.casefold()
    for name in (
        *(table.name for table in _FIXED_TABLES),
        *(view.name for view in (*VIEWS, *MATERIALIZED_VIEWS)),
    )
)
"""Names of the tables and views that have the same one in each dataset.

Those that differ in case alone are the same in some datasets (API reference, "Dataset",
`isCaseInsensitive`), and too much alike in all.
"""


def entry_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the destination as a config entry stores it: trimmed, and without empty values.

    Raises FormError for invalid names and endpoints, without asking Google.
    """
    values = {**user_input, **user_input[CONF_ADVANCED]}
    trimmed = {
        field: values[field].strip().rstrip("/") for field in DESTINATION_FIELDS if field in values
    }
    trimmed[CONF_LOCATION] = location_of(trimmed[CONF_LOCATION])
    data = {name: value for name, value in trimmed.items() if value}
    if errors := _field_errors(data):
        raise FormError(errors)
    return data


def suggested_destination(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the destination of a config entry as the form has it."""
    values = {name: data[name] for name in DESTINATION_FIELDS if name in data}
    return {
        **values,
        CONF_LOCATION: location_label(data.get(CONF_LOCATION, "")),
        CONF_ADVANCED: values,
    }


def _field_errors(data: Mapping[str, Any]) -> dict[str, str]:
    """Return errors by field."""
    errors = {
        field: f"invalid_{field}"
        for field, pattern in NAMES.items()
        if not pattern.fullmatch(data.get(field, ""))
    }
    name = data.get(CONF_TABLE_ID, "").casefold()
    if name in RESERVED_NAMES or name.startswith(FENCE):
        errors[CONF_TABLE_ID] = "reserved_table_id"
    if not all(
        is_safe(data[field])
        for field in (CONF_API_ENDPOINT, CONF_STORAGE_ENDPOINT)
        if field in data
    ):
        errors[CONF_ADVANCED] = "unsafe_endpoint"
    return errors
