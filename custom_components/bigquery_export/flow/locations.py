"""Locations of datasets, and the one to suggest for a home."""

from homeassistant.core import HomeAssistant

EUROPE, AMERICA = "EU", "US"
# BigQuery's page "BigQuery locations". The multi-regions and the regions that hold most homes; any
# other can be typed.
LOCATIONS = {
    EUROPE: "European Union",
    AMERICA: "United States",
    "asia-northeast1": "Tokyo",
    "asia-south1": "Mumbai",
    "asia-southeast1": "Singapore",
    "australia-southeast1": "Sydney",
    "europe-north1": "Finland",
    "europe-west1": "Belgium",
    "europe-west2": "London",
    "europe-west3": "Frankfurt",
    "europe-west4": "Netherlands",
    "europe-west6": "Zurich",
    "europe-west9": "Paris",
    "northamerica-northeast1": "Montréal",
    "southamerica-east1": "São Paulo",
    "us-central1": "Iowa",
    "us-east1": "South Carolina",
    "us-west1": "Oregon",
}
_BY_COUNTRY = {
    "AU": "australia-southeast1",
    "IN": "asia-south1",
    "JP": "asia-northeast1",
    "NZ": "australia-southeast1",
    "SG": "asia-southeast1",
}
"""Countries with a region of their own, or next to one, outside Europe and America."""
_BY_CONTINENT = {
    "America": AMERICA,
    "Asia": "asia-southeast1",
    "Australia": "australia-southeast1",
    "Pacific": AMERICA,
}
"""By the first part of a time zone's name; elsewhere Europe is as near as any."""


def location_label(location: str) -> str:
    """Return a location as the form has it: with its place, if that is known.

    A drop-down that takes other values shows the value itself, and not the label beside it.
    """
    place = LOCATIONS.get(location)
    return f"{location} ({place})" if place else location


def location_of(label: str) -> str:
    """Return the location that a label stands for, or one that was typed."""
    return label.partition(" (")[0]


def suggested_location(hass: HomeAssistant) -> str:
    """Return the location for the home's country, or for its time zone if that is not set."""
    by_time_zone = _BY_CONTINENT.get(hass.config.time_zone.split("/")[0], EUROPE)
    return _BY_COUNTRY.get(hass.config.country or "", by_time_zone)
