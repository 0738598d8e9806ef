"""Which entities are exported."""

from dataclasses import dataclass, field

from homeassistant.const import CONF_DOMAINS, CONF_ENTITIES, CONF_EXCLUDE, CONF_INCLUDE
from homeassistant.helpers.entityfilter import (
    CONF_ENTITY_GLOBS,
    INCLUDE_EXCLUDE_FILTER_SCHEMA,
    EntityFilter as HomeAssistantFilter,
)

from .registry import RegistryValues

_NO_DOMAIN = "-"
"""A domain that no entity has: as soon as one domain is included, all others are excluded."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Entities by id, domain and glob, and by their registry values."""

    entities: frozenset[str] = frozenset()
    globs: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    devices: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    """Names of labels."""
    integrations: frozenset[str] = frozenset()

    @property
    def by_registry(self) -> bool:
        """Return whether it depends on registry values."""
        return bool(self.devices or self.areas or self.labels or self.integrations)

    def has(self, registry_values: RegistryValues) -> bool:
        """Return whether the registry values of an entity select it."""
        return (
            registry_values.device_id in self.devices
            or registry_values.area_id in self.areas
            or registry_values.integration in self.integrations
            or not self.labels.isdisjoint(registry_values.labels)
        )


@dataclass(frozen=True, slots=True)
class EntityFilter:
    """The entities that are exported: all, unless something is selected.

    Entity ids are decided first, as in Home Assistant's own filters; then registry values, where
    exclude goes before include. The rest is Home Assistant's filter of domains and globs.
    """

    include: Selection = field(default_factory=Selection)
    exclude: Selection = field(default_factory=Selection)
    _filter: HomeAssistantFilter = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Make Home Assistant's filter."""
        domains = [*self.include.domains, *([_NO_DOMAIN] if self.include.by_registry else ())]
        object.__setattr__(
            self,
            "_filter",
            INCLUDE_EXCLUDE_FILTER_SCHEMA(
                {
                    CONF_INCLUDE: _schema(self.include) | {CONF_DOMAINS: domains},
                    CONF_EXCLUDE: _schema(self.exclude),
                }
            ),
        )

    def includes(self, entity_id: str, registry_values: RegistryValues) -> bool:
        """Return whether an entity is exported."""
        if entity_id in self.include.entities:
            return True
        if entity_id in self.exclude.entities or self.exclude.has(registry_values):
            return False
        return self.include.has(registry_values) or self._filter(entity_id)


def _schema(selection: Selection) -> dict[str, list[str]]:
    return {
        CONF_ENTITIES: sorted(selection.entities),
        CONF_ENTITY_GLOBS: list(selection.globs),
        CONF_DOMAINS: list(selection.domains),
    }
