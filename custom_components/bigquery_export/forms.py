"""The forms of the config flow: their fields, and what is wrong without asking Google."""

from collections.abc import Mapping
import re
from typing import Any

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

from .bigquery import DELIVERIES
from .bigquery.credentials import is_safe
from .const import (
    CONF_ADVANCED,
    CONF_API_ENDPOINT,
    CONF_BATCH_ROWS,
    CONF_DATASET_ID,
    CONF_DELIVERY,
    CONF_EVENTS,
    CONF_EXPORT_TIME,
    CONF_KEY_FILE,
    CONF_KEY_JSON,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_STORAGE_ENDPOINT,
    CONF_TABLE_ID,
    CONF_TABLES,
    DEFAULT_BATCH_ROWS,
    DEFAULT_DATASET_ID,
    DEFAULT_DELIVERY,
    DEFAULT_EXPORT_TIME,
    DEFAULT_LOCATION,
    DEFAULT_TABLE_ID,
    DEFAULT_TABLES,
    MAX_BATCH_ROWS,
    MIN_BATCH_ROWS,
)
from .export.sources import SOURCE_TYPES
from .rows.events import DEFAULT_EVENTS

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
_DELIVERY = SelectSelector(
    SelectSelectorConfig(
        options=list(DELIVERIES),
        translation_key=CONF_DELIVERY,
        mode=SelectSelectorMode.LIST,
    )
)
_EVENTS = [
    # Events that say what happened in a home; any other can be typed.
    "automation_triggered",
    "call_service.scene",
    "logbook_entry",
    "mobile_app_notification_action",
    "script_started",
    "tag_scanned",
    "zha_event",
]
DESTINATION_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_PROJECT_ID): TextSelector(),
        probatio.Required(CONF_DATASET_ID, default=DEFAULT_DATASET_ID): TextSelector(),
        probatio.Required(CONF_LOCATION, default=DEFAULT_LOCATION): SelectSelector(
            SelectSelectorConfig(
                options=_LOCATIONS, custom_value=True, mode=SelectSelectorMode.DROPDOWN
            )
        ),
        probatio.Required(CONF_TABLE_ID, default=DEFAULT_TABLE_ID): TextSelector(),
        probatio.Required(CONF_DELIVERY, default=DEFAULT_DELIVERY): _DELIVERY,
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
OPTIONS_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_TABLES, default=list(DEFAULT_TABLES)): probatio.All(
            SelectSelector(
                SelectSelectorConfig(
                    options=list(SOURCE_TYPES),
                    translation_key=CONF_TABLES,
                    multiple=True,
                    mode=SelectSelectorMode.LIST,
                )
            ),
            probatio.Length(min=1),
        ),
        probatio.Required(CONF_EVENTS, default=sorted(DEFAULT_EVENTS)): SelectSelector(
            SelectSelectorConfig(
                options=_EVENTS,
                multiple=True,
                custom_value=True,
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
        probatio.Required(
            CONF_EXPORT_TIME, default=DEFAULT_EXPORT_TIME.isoformat()
        ): TimeSelector(),
        probatio.Required(CONF_DELIVERY, default=DEFAULT_DELIVERY): _DELIVERY,
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
NAMES = {
    CONF_PROJECT_ID: re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]"),
    CONF_DATASET_ID: re.compile(r"[A-Za-z0-9_]{1,1024}"),
    CONF_LOCATION: re.compile(r"[A-Za-z0-9-]{2,64}"),
    CONF_TABLE_ID: re.compile(r"[A-Za-z0-9_-]{1,1024}"),
}


def entry_data(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form's values as a config entry keeps them: trimmed, and none that is empty."""
    values = {**user_input, **user_input[CONF_ADVANCED]}
    del values[CONF_ADVANCED]
    values = {name: value.strip().rstrip("/") for name, value in values.items()}
    return {name: value for name, value in values.items() if value}


def wrong_fields(data: Mapping[str, Any]) -> dict[str, str]:
    """Return errors by field for what can be seen to be wrong without asking Google."""
    errors = {
        field: f"invalid_{field}"
        for field, pattern in NAMES.items()
        if not pattern.fullmatch(data.get(field, ""))
    }
    if not all(
        is_safe(data[field])
        for field in (CONF_API_ENDPOINT, CONF_STORAGE_ENDPOINT)
        if field in data
    ):
        errors[CONF_ADVANCED] = "unsafe_endpoint"
    return errors
