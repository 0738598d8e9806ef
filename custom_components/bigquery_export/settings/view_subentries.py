"""Views of the user's own, as subentries of a config entry store them."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME

from ..bigquery.own_views import OwnView
from ..const import CONF_QUERY

VIEW = "view"
"""The type of the subentries."""


def own_views(entry: ConfigEntry) -> list[OwnView]:
    """Return the views of all subentries."""
    return [
        own_view(subentry.data)
        for subentry in entry.subentries.values()
        if subentry.subentry_type == VIEW
    ]


def own_view(data: Mapping[str, Any]) -> OwnView:
    """Return the view that the data of a subentry, or a submitted form, describe."""
    return OwnView(data[CONF_NAME], data[CONF_QUERY])
