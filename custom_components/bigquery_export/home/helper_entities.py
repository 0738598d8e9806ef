"""The source entities of helpers, such as those of a minimum, a utility meter or a template."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import ATTR_ENTITY_ID, CONF_ENTITIES, CONF_NAME
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity import entity_sources
from homeassistant.helpers.template import Template, is_template_string

from ..rows.relationships import Edge, Kind, NodeType
from .edges import entity_edges, readable_edges

_ATTRIBUTES = (ATTR_ENTITY_ID, "source")
"""Attributes in which helpers that are set up in YAML say what they are made from."""
_GROUP = "group"


def helper_edges(hass: HomeAssistant, helpers: set[str]) -> Iterator[Iterable[Edge]]:
    """Yield edges from helpers, which are the entities of these integrations.

    The options of their config entries name the sources, by entity id, by the registry's id, or in
    templates. A text that is none of these is another option, and ignored.
    """
    for domain in sorted(helpers):
        for entry in hass.config_entries.async_entries(domain):
            yield readable_edges(entry.domain, partial(_entry_edges, hass, entry))
    for entity_id, source in list(entity_sources(hass).items()):
        if source["domain"] in helpers - {_GROUP} and "config_entry" not in source:
            state = hass.states.get(entity_id)
            values = [state.attributes.get(name) for name in _ATTRIBUTES] if state else []
            yield _edges(entity_id, Kind.MADE_FROM, _known(hass, _texts(values)))


def _entry_edges(hass: HomeAssistant, entry: ConfigEntry) -> list[Edge]:
    """Return the edges of the entities that a config entry of a helper has made."""
    kind = Kind.HAS_MEMBER if entry.domain == _GROUP else Kind.MADE_FROM
    sources = list(_sources(hass, entry))
    made = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return [edge for one in made for edge in _edges(one.entity_id, kind, sources)]


def _edges(made: str, kind: Kind, sources: Iterable[str]) -> list[Edge]:
    others = [source for source in sources if source != made]
    return entity_edges(made, (kind, NodeType.ENTITY, others))


def _sources(hass: HomeAssistant, entry: ConfigEntry) -> Iterator[str]:
    """Yield the entities that the options of a config entry name."""
    options = {name: value for name, value in entry.options.items() if name != CONF_NAME}
    if entry.domain == _GROUP:
        options = {CONF_ENTITIES: options.get(CONF_ENTITIES)}
    for text in _texts(options):
        if is_template_string(text):
            info = Template(text, hass).async_render_to_info(log_fn=_ignore)
            yield from sorted(info.entities)
        else:
            yield from _known(hass, [text])


def _texts(value: object) -> Iterator[str]:
    """Yield all texts in options, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _known(hass: HomeAssistant, texts: Iterable[str]) -> Iterator[str]:
    """Yield texts that are the id of an existing entity; "1.5" has the form of one, too."""
    registry = er.async_get(hass)
    for text in texts:
        entity_id = er.async_resolve_entity_id(registry, text)
        if entity_id and (entity_id in registry.entities or hass.states.get(entity_id)):
            yield entity_id


def _ignore(level: int, message: str) -> None:
    """Log nothing: the helper itself logs what is wrong with its template."""
