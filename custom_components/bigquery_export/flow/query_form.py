"""The forms of saved queries, and what is checked of them before BigQuery is asked."""

from collections.abc import Iterable, Mapping
from typing import Any

from homeassistant.components.recorder.statistics import STATISTIC_UNIT_TO_UNIT_CONVERTER
from homeassistant.components.sensor import (
    CONF_STATE_CLASS,
    DEVICE_CLASS_STATE_CLASSES,
    SensorDeviceClass,
    SensorStateClass,
)
from homeassistant.components.sensor.const import (
    DEVICE_CLASS_UNITS,
    NON_NUMERIC_DEVICE_CLASSES,
    STATE_CLASS_UNITS,
)
from homeassistant.const import CONF_DEVICE_CLASS, CONF_NAME, CONF_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant
from homeassistant.helpers.selector import (
    ObjectSelector,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
)
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import slugify
import probatio

from ..const import CONF_QUERY, DOMAIN
from ..query.questions import CONF_PARAMETERS, CONF_QUESTION
from ..query.saved_query import CONF_COLUMN, CONF_HOURS, DEFAULT_HOURS, MAX_HOURS
from .field_rules import FormError
from .selectors import SQL, number

_HOURS = number(1, MAX_HOURS, unit="h")
_DEVICE_CLASSES = [
    device_class
    for device_class in SensorDeviceClass
    if device_class not in (SensorDeviceClass.ENUM, SensorDeviceClass.UPTIME)
]
_UNITS = sorted({str(unit) for units in DEVICE_CLASS_UNITS.values() for unit in units if unit})
_MAX_NAME = 200
"""Characters of an id, of which the recorder keeps 255 with what stands before them."""
_SENSOR_TEXTS = "component.sensor.entity_component."

STATISTIC_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_NAME): TextSelector(),
        probatio.Required(CONF_QUERY): SQL,
        probatio.Optional(CONF_UNIT_OF_MEASUREMENT): SelectSelector(
            SelectSelectorConfig(
                options=sorted(unit for unit in STATISTIC_UNIT_TO_UNIT_CONVERTER if unit),
                custom_value=True,
                mode=SelectSelectorMode.DROPDOWN,
            )
        ),
        probatio.Required(CONF_HOURS, default=DEFAULT_HOURS): _HOURS,
    }
)


async def async_sensor_schema(hass: HomeAssistant, questions: Iterable[str]) -> probatio.Schema:
    """Return the form of a sensor, with the names that Home Assistant has for its classes."""
    texts = await async_get_translations(hass, hass.config.language, "entity_component", ["sensor"])
    state_class = f"{_SENSOR_TEXTS}_.state_attributes.state_class.state."
    return probatio.Schema(
        {
            probatio.Required(CONF_NAME): TextSelector(),
            probatio.Optional(CONF_QUERY): SQL,
            probatio.Optional(CONF_QUESTION): _dropdown({name: name for name in questions}),
            probatio.Optional(CONF_PARAMETERS): ObjectSelector(),
            probatio.Optional(CONF_COLUMN): TextSelector(),
            probatio.Optional(CONF_UNIT_OF_MEASUREMENT): SelectSelector(
                SelectSelectorConfig(
                    options=_UNITS, custom_value=True, mode=SelectSelectorMode.DROPDOWN
                )
            ),
            probatio.Optional(CONF_DEVICE_CLASS): _dropdown(
                {
                    name.value: texts.get(f"{_SENSOR_TEXTS}{name}.name", name.value)
                    for name in _DEVICE_CLASSES
                }
            ),
            probatio.Optional(CONF_STATE_CLASS): _dropdown(
                {
                    name.value: texts.get(f"{state_class}{name}", name.value)
                    for name in SensorStateClass
                }
            ),
            probatio.Required(CONF_HOURS, default=DEFAULT_HOURS): _HOURS,
        }
    )


def check_sensor(data: Mapping[str, Any]) -> None:
    """Raise FormError if unit and classes do not belong together, as Home Assistant has them."""
    device_class = data.get(CONF_DEVICE_CLASS)
    state_class = data.get(CONF_STATE_CLASS)
    unit = data.get(CONF_UNIT_OF_MEASUREMENT)
    units = DEVICE_CLASS_UNITS.get(device_class) if device_class else None
    if device_class in NON_NUMERIC_DEVICE_CLASSES:
        units = {None}
    if units is None and state_class:
        units = STATE_CLASS_UNITS.get(state_class)
    if units is not None and unit not in units:
        raise FormError({CONF_UNIT_OF_MEASUREMENT: "unit_unfit"}, {"known": _listed(units)})
    state_classes = DEVICE_CLASS_STATE_CLASSES.get(device_class) if device_class else None
    if state_class and state_classes is not None and state_class not in state_classes:
        raise FormError({CONF_STATE_CLASS: "state_class_unfit"}, {"known": _listed(state_classes)})


def check_name(name: str) -> None:
    """Raise FormError if no id can be made of a name."""
    if not any(map(str.isalnum, name)) or len(slugify(name)) > _MAX_NAME:
        raise FormError({CONF_NAME: "name_unfit"})


def statistic_id_of(name: str, taken: Iterable[str | None]) -> str:
    """Return the id of a statistic of this name. Raises FormError."""
    statistic_id = f"{DOMAIN}:{slugify(name)}"
    if statistic_id in taken:
        raise FormError({CONF_NAME: "name_in_use"}, {"statistic_id": statistic_id})
    return statistic_id


def _dropdown(labels: Mapping[str, str]) -> SelectSelector:
    """Return a selector of one of some values, in the order of their labels."""
    options = [SelectOptionDict(value=value, label=label) for value, label in labels.items()]
    return SelectSelector(
        SelectSelectorConfig(
            options=sorted(options, key=lambda option: option["label"].casefold()),
            mode=SelectSelectorMode.DROPDOWN,
        )
    )


def _listed(values: Iterable[object]) -> str:
    return ", ".join(sorted(str(value or "-") for value in values)) or "-"
