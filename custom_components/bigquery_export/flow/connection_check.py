"""Checks that an export can work, before it is saved: each part of the connection is used once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id

from ..bigquery import DELIVERIES
from ..bigquery.connection import Connection, Destination
from ..bigquery.fence_table import BigQueryFence
from ..bigquery.permissions import check_permissions
from ..bigquery.schema import DatasetSchema
from ..bigquery.select_query import Statement, plan_query
from ..bigquery.table_settings import TableSettings
from ..const import (
    CONF_ADVANCED,
    CONF_DATASET_ID,
    CONF_DELIVERY,
    CONF_LOCATION,
    CONF_PROJECT_ID,
    CONF_TABLE_ID,
    CONF_TABLES,
)
from ..errors import (
    ApiDisabledError,
    BillingDisabledError,
    ExportError,
    KeyRefusedError,
    LocationError,
    PermissionMissingError,
    ProjectNotFoundError,
    UnreachableError,
)
from ..rows.export_log import EXPORT_LOG
from ..rows.sensor_data import SENSOR_DATA
from ..rows.table import Table
from ..settings.options import Options, options_from
from .field_rules import FormError

_LOGGER = logging.getLogger(__name__)
FIELDS = (
    *(CONF_PROJECT_ID, CONF_DATASET_ID, CONF_LOCATION, CONF_TABLE_ID),
    *(CONF_DELIVERY, CONF_ADVANCED),
)
"""Fields of a destination where a user can correct an error."""


@dataclass(frozen=True, slots=True)
class CheckedDestination:
    """What is worth to know about a destination where exports work."""

    needless: tuple[str, ...] = ()
    """Permissions that the key has, but does not need."""
    expiring: Mapping[str, int] = field(default_factory=dict)
    """After how many days BigQuery deletes what is there, by the names of tables and dataset."""


def check_dataset(entries: Iterable[ConfigEntry], data: Mapping[str, Any], field: str) -> None:
    """Check that no other export goes to a dataset. Raises FormError, at this field.

    All tables but that of states have the same names there, so each row would be duplicated.
    """
    names = (CONF_PROJECT_ID, CONF_DATASET_ID)
    for entry in entries:
        if all(entry.data[name] == data[name] for name in names):
            raise FormError({field: "dataset_in_use"}, {"title": entry.title})


def check_destination(
    key: Mapping[str, Any],
    destination: Destination,
    source: str,
    delivery: str,
    tables: Sequence[Table] = (),
    settings: TableSettings | None = None,
) -> CheckedDestination:
    """Check dataset, tables and delivery, and return what is worth to know about them.

    The tables of states and of the log are always checked, and the fence of the installation
    `source`. This blocks. Raises ExportError.
    """
    with Connection.open(key, destination) as connection:
        fence = BigQueryFence(connection, source, settings)
        schema = DatasetSchema(connection, settings, fence=fence)
        is_creator = schema.ensure_dataset()
        schema.ensure_tables([SENSOR_DATA, EXPORT_LOG])
        schema.ensure_tables(tables)
        DELIVERIES[delivery](connection).check_access(SENSOR_DATA)
        needless = check_permissions(connection, SENSOR_DATA)
        # Who creates a dataset is its owner (BigQuery's page "Create datasets").
        return CheckedDestination(() if is_creator else needless, schema.expiring)


def check_tables(key: Mapping[str, Any], destination: Destination, tables: Sequence[Table]) -> None:
    """Create tables that are missing; this blocks. Raises ExportError."""
    with Connection.open(key, destination) as connection:
        DatasetSchema(connection).ensure_tables(tables)


def set_up_tables(key: Mapping[str, Any], destination: Destination, options: Options) -> None:
    """Apply the settings to the tables; this blocks. Raises ExportError."""
    with Connection.open(key, destination) as connection:
        DatasetSchema(connection, options.table_settings).ensure_tables(options.tables)


def check_delivery(key: Mapping[str, Any], destination: Destination, options: Options) -> None:
    """Create tables that are missing, and check the delivery; this blocks. Raises ExportError."""
    with Connection.open(key, destination) as connection:
        DatasetSchema(connection, options.table_settings).ensure_tables(options.tables)
        DELIVERIES[options.delivery](connection).check_access(SENSOR_DATA)


def check_queries(key: Mapping[str, Any], destination: Destination) -> None:
    """Check whether the account may query, by a dry run; this blocks. Raises ExportError."""
    with Connection.open(key, destination) as connection:
        plan_query(connection, Statement("SELECT 1"))


async def async_check_connection[*Ts, T](
    hass: HomeAssistant,
    fields: Collection[str],
    check: Callable[[*Ts], T],
    *args: *Ts,
) -> T:
    """Run a check and return its result. Raises FormError, at one of these fields if possible."""
    try:
        return await hass.async_add_executor_job(check, *args)
    except ExportError as err:
        field = _field(err)
        if field not in fields:
            # A form without the name of a table may have a choice of tables.
            field = CONF_TABLES if field == CONF_TABLE_ID and CONF_TABLES in fields else "base"
        raise FormError({field: err.key}, err.placeholders) from err
    except Exception as err:
        _LOGGER.exception("Unexpected error while the destination was checked")
        raise FormError({"base": "unknown"}) from err


async def async_check_entry(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key: Mapping[str, Any],
    destination: Destination,
    fields: Collection[str],
) -> None:
    """Check a key at a destination with the options of an entry. Raises FormError, as above."""
    options = options_from(entry.options)
    await async_check_connection(
        hass,
        fields,
        check_destination,
        key,
        destination,
        await instance_id.async_get(hass),
        options.delivery,
        options.tables,
        options.table_settings,
    )


def _field(err: ExportError) -> str:
    """Return the field where a user can correct an error."""
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
        case BillingDisabledError():
            return CONF_DELIVERY
        case PermissionMissingError() if "jobs" in err.placeholders["permission"]:
            return CONF_DELIVERY
        case KeyRefusedError():
            return "base"
        case _:
            return CONF_TABLE_ID
