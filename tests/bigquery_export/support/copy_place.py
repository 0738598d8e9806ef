"""Where copies go in tests: what all destinations have in common."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.copies.copy_destination import CopyDestination
from custom_components.bigquery_export.copies.copy_subentry import settings_of

COPY_PLACES = ("postgresql", "files", "influxdb")
"""What the fixture `copy_place` can be."""


class CopyTarget(Protocol):
    """A destination of copies."""

    @property
    def source(self) -> str:
        """Return the installation that a test without a config entry copies."""

    def open(self) -> CopyDestination:
        """Return it as a process that has just begun has it."""


class CopyPlace(CopyTarget, Protocol):
    """A destination of copies, and what a test does to it."""

    kind: ClassVar[str]
    """The type of its subentries."""
    transaction: ClassVar[Any]
    log: ClassVar[tuple[Any, str]]
    """What writes the row of the log, and its method."""
    fence: ClassVar[Any]
    product: ClassVar[str]

    @property
    def data(self) -> dict[str, Any]:
        """Return the data of a subentry that copies there."""

    @property
    def unreachable(self) -> dict[str, Any]:
        """Return what to change in the data so that nothing is there."""

    @property
    def elsewhere(self) -> dict[str, Any]:
        """Return what to change in the data so that a copy goes to another place."""

    @property
    def settings(self) -> Any:
        """Return the data as a destination has them."""

    def end_process(self) -> None:
        """Do as the system does when a process dies that was at work there."""

    def refuse(self) -> None:
        """Let it refuse all until a user puts it right."""

    def accept(self) -> None:
        """Put it right."""

    def rows(self, table: str = "sensor_data", order: str = "state_id") -> list[dict[str, Any]]:
        """Return all rows of a table; raises LookupError where there is none."""

    def states(self) -> list[str]:
        """Return all states in the order of the recorder's ids."""


def put_copy(
    hass: HomeAssistant, entry: MockConfigEntry, place: CopyPlace, **changes: Any
) -> ConfigSubentry:
    """Add a copy that no form has checked; return its subentry."""
    data: Mapping[str, Any] = {**place.data, **changes}
    subentry = ConfigSubentry(
        data=MappingProxyType(dict(data)),
        subentry_type=place.kind,
        title="At home",
        unique_id=None,
    )
    identified = ConfigSubentry(
        data=subentry.data,
        subentry_type=place.kind,
        title=subentry.title,
        unique_id=settings_of(subentry).identity,
    )
    hass.config_entries.async_add_subentry(entry, identified)
    return identified
