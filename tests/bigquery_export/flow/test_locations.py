"""Locations: each is shown with its place, stored by its code, and one is suggested."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.const import CONF_LOCATION
from custom_components.bigquery_export.flow.destination_form import (
    DESTINATION_SCHEMA,
    entry_data,
    suggested_destination,
)
from custom_components.bigquery_export.flow.locations import LOCATIONS, suggested_location
from tests.bigquery_export.support.forms import destination
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.mark.parametrize(
    ("shown", "stored"),
    [
        ("EU (European Union)", "EU"),
        ("europe-west3 (Frankfurt)", "europe-west3"),
        (" southamerica-east1 (São Paulo) ", "southamerica-east1"),
        ("europe-west3", "europe-west3"),
        (" me-central2 ", "me-central2"),
    ],
)
def test_code_of_a_location(warehouse: Warehouse, shown: str, stored: str) -> None:
    """The code alone is stored, of a location from the list and of one that was typed."""
    assert entry_data(destination(warehouse, location=shown))[CONF_LOCATION] == stored


@pytest.mark.parametrize("location", [*LOCATIONS, "me-central2"])
def test_location_with_its_place(warehouse: Warehouse, location: str) -> None:
    """A location is shown as the list has it, and is the same when it is submitted again."""
    data = entry_data(destination(warehouse, location=location))
    shown = suggested_destination(data)[CONF_LOCATION]
    assert shown.split(" (")[0] == location
    (selector,) = (of for name, of in DESTINATION_SCHEMA.schema.items() if name == CONF_LOCATION)
    assert (shown in selector.config["options"]) == (location in LOCATIONS)
    assert entry_data(destination(warehouse, location=shown)) == data


@pytest.mark.parametrize(
    ("country", "time_zone", "location"),
    [
        ("DE", "Europe/Berlin", "EU"),
        ("NZ", "Pacific/Auckland", "australia-southeast1"),
        ("US", "America/Chicago", "US"),
        ("AU", "Europe/Berlin", "australia-southeast1"),
        (None, "America/New_York", "US"),
        (None, "Asia/Tokyo", "asia-southeast1"),
        (None, "UTC", "EU"),
    ],
)
async def test_suggested_location(
    hass: HomeAssistant, country: str | None, time_zone: str, location: str
) -> None:
    """It is near the home, by its country or its time zone."""
    hass.config.country = country
    hass.config.time_zone = time_zone
    assert suggested_location(hass) == location
