"""The form of the options: its fields, and what is wrong with what a user has typed."""

from collections.abc import Mapping
from enum import StrEnum
import re
from typing import Any

from homeassistant.components.recorder import is_entity_recorded  # type: ignore[attr-defined]
from homeassistant.const import (
    CONF_DOMAINS,
    CONF_ENTITIES,
    CONF_ENTITY_ID,
    CONF_EXCLUDE,
    CONF_INCLUDE,
    CONF_NAME,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import section
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS
from homeassistant.helpers.selector import (
    AreaSelector,
    AreaSelectorConfig,
    BooleanSelector,
    DeviceSelector,
    DeviceSelectorConfig,
    EntitySelector,
    EntitySelectorConfig,
    LabelSelector,
    LabelSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    ObjectSelector,
    ObjectSelectorConfig,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TimeSelector,
)
import probatio

from .const import (
    CONF_AREAS,
    CONF_BATCH_ROWS,
    CONF_COLUMNS,
    CONF_COORDINATES,
    CONF_DELIVERY,
    CONF_DEVICES,
    CONF_DROPPED,
    CONF_EVENTS,
    CONF_EXPORT_TIME,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_INTEGRATIONS,
    CONF_LABELS,
    CONF_PRIVACY,
    CONF_SURROUNDINGS,
    CONF_TABLES,
    DEFAULT_BATCH_ROWS,
    DEFAULT_DELIVERY,
    DEFAULT_EXPORT_TIME,
    DEFAULT_TABLES,
    MAX_BATCH_ROWS,
    MIN_BATCH_ROWS,
)
from .export.snapshots import TABLES
from .forms import DELIVERY_SELECTOR
from .rows.column_groups import ColumnGroup
from .rows.events import DEFAULT_EVENTS
from .rows.privacy import DEFAULT_DROPPED, Coordinates

_GLOB = re.compile(r"[a-z0-9_*?\[\]!-]+\.[a-z0-9_*?\[\]!-]+|\*")
_DOMAIN = re.compile(r"[a-z0-9_]+")
_DROPPED = re.compile(rf"(({_GLOB.pattern}):)?[^:]+")


def _choices(options: type[StrEnum], key: str) -> SelectSelector:
    """Return a selector of any of some values."""
    return SelectSelector(
        SelectSelectorConfig(
            options=[option.value for option in options],
            translation_key=key,
            multiple=True,
            mode=SelectSelectorMode.LIST,
        )
    )


_TEXTS = TextSelector(TextSelectorConfig(multiple=True))
_SELECTION = probatio.Schema(
    {
        probatio.Optional(CONF_ENTITIES): EntitySelector(EntitySelectorConfig(multiple=True)),
        probatio.Optional(CONF_ENTITY_GLOBS): _TEXTS,
        probatio.Optional(CONF_DOMAINS): _TEXTS,
        probatio.Optional(CONF_DEVICES): DeviceSelector(DeviceSelectorConfig(multiple=True)),
        probatio.Optional(CONF_AREAS): AreaSelector(AreaSelectorConfig(multiple=True)),
        probatio.Optional(CONF_LABELS): LabelSelector(LabelSelectorConfig(multiple=True)),
        probatio.Optional(CONF_INTEGRATIONS): _TEXTS,
    }
)
_PRIVACY = probatio.Schema(
    {
        probatio.Optional(CONF_DROPPED, default=list(DEFAULT_DROPPED)): _TEXTS,
        probatio.Optional(CONF_COORDINATES, default=Coordinates.KEEP.value): SelectSelector(
            SelectSelectorConfig(
                options=[choice.value for choice in Coordinates],
                translation_key=CONF_COORDINATES,
                mode=SelectSelectorMode.LIST,
            )
        ),
        probatio.Optional(CONF_HASH_USERS, default=False): BooleanSelector(),
        probatio.Optional(CONF_HIDDEN): _TEXTS,
    }
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
OPTIONS_SCHEMA = probatio.Schema(
    {
        probatio.Required(CONF_TABLES, default=list(DEFAULT_TABLES)): probatio.All(
            SelectSelector(
                SelectSelectorConfig(
                    options=list(TABLES),
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
        probatio.Optional(CONF_SURROUNDINGS): ObjectSelector(
            ObjectSelectorConfig(
                fields={
                    CONF_ENTITY_ID: {"selector": EntitySelector(), "required": True},
                    CONF_NAME: {"selector": TextSelector()},
                },
                multiple=True,
                label_field=CONF_ENTITY_ID,
                description_field=CONF_NAME,
                translation_key=CONF_SURROUNDINGS,
            )
        ),
        probatio.Required(
            CONF_EXPORT_TIME, default=DEFAULT_EXPORT_TIME.isoformat()
        ): TimeSelector(),
        probatio.Required(CONF_DELIVERY, default=DEFAULT_DELIVERY): DELIVERY_SELECTOR,
        probatio.Required(CONF_BATCH_ROWS, default=DEFAULT_BATCH_ROWS): probatio.All(
            NumberSelector(
                NumberSelectorConfig(
                    min=MIN_BATCH_ROWS, max=MAX_BATCH_ROWS, step=100, mode=NumberSelectorMode.BOX
                )
            ),
            probatio.Coerce(int),
        ),
        probatio.Optional(CONF_INCLUDE): section(_SELECTION, {"collapsed": True}),
        probatio.Optional(CONF_EXCLUDE): section(_SELECTION, {"collapsed": True}),
        probatio.Optional(CONF_COLUMNS, default=[group.value for group in ColumnGroup]): _choices(
            ColumnGroup, CONF_COLUMNS
        ),
        probatio.Optional(CONF_PRIVACY): section(_PRIVACY, {"collapsed": True}),
    }
)
_PATTERNS = {
    (CONF_INCLUDE, CONF_ENTITY_GLOBS): (_GLOB, "glob_invalid"),
    (CONF_INCLUDE, CONF_DOMAINS): (_DOMAIN, "domain_invalid"),
    (CONF_INCLUDE, CONF_INTEGRATIONS): (_DOMAIN, "domain_invalid"),
    (CONF_EXCLUDE, CONF_ENTITY_GLOBS): (_GLOB, "glob_invalid"),
    (CONF_EXCLUDE, CONF_DOMAINS): (_DOMAIN, "domain_invalid"),
    (CONF_EXCLUDE, CONF_INTEGRATIONS): (_DOMAIN, "domain_invalid"),
    (CONF_PRIVACY, CONF_DROPPED): (_DROPPED, "attribute_invalid"),
    (CONF_PRIVACY, CONF_HIDDEN): (_GLOB, "glob_invalid"),
}
"""What texts in sections look like, and the error that says so."""


def wrong_texts(user_input: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Return errors by section for texts that cannot be meant so, and what they are about.

    Home Assistant shows the errors of a section above it, and none at a field in it.
    """
    for (part, field), (pattern, error) in _PATTERNS.items():
        for text in user_input.get(part, {}).get(field, ()):
            if not pattern.fullmatch(text):
                return {part: error}, {"text": text}
    return {}, {}


@callback
def recorded_entities(hass: HomeAssistant) -> dict[str, str]:
    """Return how many entities there are, and how many of them the recorder records."""
    entity_ids = hass.states.async_entity_ids()
    recorded = sum(is_entity_recorded(hass, entity_id) for entity_id in entity_ids)
    return {"entities": str(len(entity_ids)), "recorded": str(recorded)}
