"""The form that asks, at the end of the set-up, whether statistics come back."""

from collections.abc import Iterable, Mapping
import logging
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
from homeassistant.util import dt as dt_util
import probatio

from ..bigquery.connection import Destination
from ..errors import ExportError
from ..restore.offer import Older, async_older_at
from ..translation import async_text

_LOGGER = logging.getLogger(__name__)
CONF_SOURCE = "source"
NO_INSTALLATION = "none"
"""The choice to bring nothing back."""


async def async_older_statistics(
    hass: HomeAssistant, key: Mapping[str, Any], destination: Destination
) -> list[Older]:
    """Return whose statistics can come back; none where that is not known."""
    try:
        return await async_older_at(hass, key, destination)
    except ExportError as err:
        _LOGGER.debug("Whether BigQuery has older statistics is not known: %s", err)
        return []


@callback
def restore_schema(hass: HomeAssistant, older: Iterable[Older]) -> probatio.Schema:
    """Return the form: a choice of installations, and none of them."""
    options = [SelectOptionDict(value=one.source, label=_label(hass, one)) for one in older]
    none = SelectOptionDict(
        value=NO_INSTALLATION, label=async_text(hass, "common", "restore_no", {})
    )
    return probatio.Schema(
        {
            probatio.Required(CONF_SOURCE, default=options[0]["value"]): SelectSelector(
                SelectSelectorConfig(options=[*options, none], mode=SelectSelectorMode.LIST)
            )
        }
    )


def _label(hass: HomeAssistant, one: Older) -> str:
    """Return an installation as a user can tell it from others: by when it has exported."""
    since, until = (
        dt_util.as_local(dt_util.utc_from_timestamp(time)).strftime("%Y-%m")
        for time in (one.oldest, one.newest)
    )
    placeholders = {"since": since, "until": until, "source": one.source[:8]}
    return async_text(hass, "common", "restore_installation", placeholders)
