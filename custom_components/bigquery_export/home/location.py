"""What the home says of a choice and of rows: names of labels, units, location and time zone."""

from dataclasses import replace

from astral import Observer
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import label_registry as lr
from homeassistant.util import dt as dt_util

from ..rows.context import Choice
from ..rows.entity_filter import EntityFilter, Selection
from ..rows.local_time import Place
from ..rows.own_values import can_convert


@callback
def named_choice(hass: HomeAssistant, choice: Choice) -> Choice:
    """Return the user's choice with labels by name instead of id, and the home's own units.

    Home Assistant shows temperatures in attributes, such as those of a thermostat, in its own unit.
    """
    labels = lr.async_get(hass)

    def named(selection: Selection) -> Selection:
        found = map(labels.async_get_label, selection.labels)
        return replace(selection, labels=frozenset(label.name for label in found if label))

    entities = choice.entities
    temperature = hass.config.units.temperature_unit
    return replace(
        choice,
        entities=EntityFilter(named(entities.include), named(entities.exclude)),
        own_columns=tuple(
            replace(column, home_unit=temperature)
            if column.attribute and can_convert(temperature, column.unit)
            else column
            for column in choice.own_columns
        ),
    )


async def async_place(hass: HomeAssistant) -> Place:
    """Return the home's location and time zone."""
    config = hass.config
    return Place(
        await dt_util.async_get_time_zone(config.time_zone) or dt_util.UTC,
        Observer(config.latitude, config.longitude, config.elevation),
    )
