"""Registry values: what Home Assistant's registries say of an entity, in each of its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol, Self

from .columns import Values


@dataclass(frozen=True, slots=True)
class RegistryValues:
    """The values of the columns that the registries give to all rows of an entity."""

    integration: str | None = None
    entity_category: str | None = None
    unique_id: str | None = None
    registry_id: str | None = None
    device_id: str | None = None
    device_name: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    via_device_id: str | None = None
    area_id: str | None = None
    area_name: str | None = None
    floor_id: str | None = None
    floor_name: str | None = None
    labels: tuple[str, ...] = ()

    @property
    def values(self) -> Values:
        """Return them by the names of their columns."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """Return those that a row of `entities` holds, which may be an older version's."""
        known = {name: row[name] for name in _NAMES if name in row}
        return cls(**{**known, "labels": tuple(row.get("labels") or ())})


_NAMES = tuple(field.name for field in fields(RegistryValues))


class Registry(Protocol):
    """Returns the registry values of entities; it may be used in any thread."""

    @property
    def version(self) -> int:
        """Return a number that differs after each change."""

    def of(self, entity_id: str) -> RegistryValues:
        """Return the registry values of an entity, or the last known ones if it is gone."""


class EmptyRegistry:
    """A registry without entities."""

    version = 0

    def of(self, entity_id: str) -> RegistryValues:
        """Return registry values that are all NULL."""
        return RegistryValues()
