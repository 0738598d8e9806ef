"""The settings that decide which rows an export makes, and how, as the export log has them.

Names are said that the export sends anyway. Of what is excluded or hidden, entities, patterns,
areas, devices and labels go by pseudonyms: what they stand for never leaves the home, but that a
rule has changed can be seen.
"""

from collections.abc import Callable, Iterable

from homeassistant.const import (
    CONF_ATTRIBUTE,
    CONF_DOMAINS,
    CONF_ENTITIES,
    CONF_ENTITY_ID,
    CONF_EXCLUDE,
    CONF_INCLUDE,
    CONF_NAME,
    CONF_TYPE,
    CONF_UNIT_OF_MEASUREMENT,
)
from homeassistant.helpers.entityfilter import CONF_ENTITY_GLOBS
import orjson

from ..const import (
    CONF_AREAS,
    CONF_COLUMNS,
    CONF_COORDINATES,
    CONF_DELIVERY,
    CONF_DEVICES,
    CONF_DROPPED,
    CONF_EVENT_PRESETS,
    CONF_EVENTS,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_INTEGRATIONS,
    CONF_LABELS,
    CONF_OWN_COLUMNS,
    CONF_TABLES,
    CONF_VALUE_UNIT,
)
from ..rows.devices import DEVICES
from ..rows.entity_filter import Selection
from ..rows.export_log import EXPORT_LOG
from ..rows.own_columns import OwnColumn
from ..rows.privacy import Privacy
from .options import Options

type _Naming = Callable[[str], str]


def needs_secret(options: Options) -> bool:
    """Return whether the settings have names that go by pseudonyms, in rows or in the log."""
    has_pseudonyms = options.privacy.needs_secret or DEVICES in options.tables
    return has_pseudonyms or options.choice.entities.exclude != Selection()


def lineage(options: Options, privacy: Privacy) -> str:
    """Return the settings that rows depend on, as JSON: equal ones have the same text.

    `privacy` has the secret of the pseudonyms if `needs_secret`.
    """
    choice, rules = options.choice, options.privacy
    # Where entities are hidden, a pattern may have the name of one that it does not match.
    pattern: _Naming = privacy.pseudonym if rules.hidden else str
    settings = {
        CONF_TABLES: [table.name for table in options.tables if table is not EXPORT_LOG],
        CONF_COLUMNS: sorted(group.name.lower() for group in options.columns),
        CONF_EVENTS: sorted(choice.events.names),
        CONF_EVENT_PRESETS: sorted(choice.events.presets),
        "context_entities": [
            {CONF_ENTITY_ID: privacy.entity(one.entity_id), CONF_NAME: one.name}
            for one in choice.context_entities
        ],
        CONF_INCLUDE: _selection(choice.entities.include, privacy.entity, pattern, str),
        CONF_EXCLUDE: _selection(choice.entities.exclude, *3 * (privacy.pseudonym,)),
        CONF_DROPPED: sorted(_dropped(rules.dropped, pattern)),
        CONF_COORDINATES: rules.coordinates,
        CONF_HASH_USERS: rules.hash_users,
        CONF_HIDDEN: sorted(map(privacy.pseudonym, rules.hidden)),
        CONF_DELIVERY: options.delivery,
        CONF_OWN_COLUMNS: [_own_column(one, pattern) for one in choice.own_columns],
    }
    return orjson.dumps(settings, option=orjson.OPT_SORT_KEYS).decode()


def _selection(
    selection: Selection, entity: _Naming, pattern: _Naming, other: _Naming
) -> dict[str, list[str]]:
    """Return what is selected; domains and integrations are no names of the home."""
    return {
        name: sorted(map(naming, values))
        for name, values, naming in (
            (CONF_AREAS, selection.areas, other),
            (CONF_DEVICES, selection.devices, other),
            (CONF_DOMAINS, selection.domains, str),
            (CONF_ENTITIES, selection.entities, entity),
            (CONF_ENTITY_GLOBS, selection.globs, pattern),
            (CONF_INTEGRATIONS, selection.integrations, str),
            (CONF_LABELS, selection.labels, other),
        )
        if values
    }


def _own_column(column: OwnColumn, pattern: _Naming) -> dict[str, object]:
    """Return what an own column is made of."""
    said: dict[str, object] = {
        CONF_NAME: column.name,
        CONF_TYPE: str(column.type),
        CONF_ATTRIBUTE: column.attribute,
        CONF_UNIT_OF_MEASUREMENT: column.unit,
        CONF_VALUE_UNIT: column.value_unit,
    }
    selection = _selection(column.selection, str, pattern, str)
    return {name: value for name, value in {**said, **selection}.items() if value}


def _dropped(rules: Iterable[str], pattern: _Naming) -> Iterable[str]:
    """Return the attributes to drop; a rule may be of those of some entities."""
    for glob, colon, name in (rule.rpartition(":") for rule in rules):
        yield f"{pattern(glob)}{colon}{name}" if glob else name
