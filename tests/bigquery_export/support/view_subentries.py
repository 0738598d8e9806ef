"""Views of the user's own: their subentries, and what BigQuery has of them."""

from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import CONF_NAME
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.settings.view_subentries import VIEW
from tests.bigquery_export.support.warehouse import Warehouse


def put_view(hass: HomeAssistant, entry: MockConfigEntry, name: str, query: str) -> ConfigSubentry:
    """Add a subentry that no form has checked; return it."""
    subentry = ConfigSubentry(
        data=MappingProxyType({CONF_NAME: name, "query": query}),
        subentry_type=VIEW,
        title=name,
        unique_id=name,
    )
    hass.config_entries.async_add_subentry(entry, subentry)
    return subentry


def own_views_there(warehouse: Warehouse, dataset: str = "home") -> dict[str, str]:
    """Return the queries of the own views in a dataset, by their names."""
    with warehouse.connecting() as connection:
        return {
            item.table_id: connection.tables.get_table(item).view_query or ""
            for item in connection.tables.list_tables(dataset)
            if "bigquery_export_entry" in item.labels
        }
