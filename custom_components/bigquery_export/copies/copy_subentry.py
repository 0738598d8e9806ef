"""The copies of an export, as its config subentries have them."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from ..const import DOMAIN
from ..errors import TransientError
from .copy_destination import CopyDestination
from .postgresql_settings import PostgresqlSettings


class CopyType(StrEnum):
    """The types of subentries."""

    POSTGRESQL = "postgresql"


REQUIREMENT = "psycopg[binary]==3.3.9"
"""What a copy in PostgreSQL needs: others do without, so the manifest has it not."""
_TITLES = {CopyType.POSTGRESQL: "PostgreSQL"}


@dataclass(eq=False)
class LibraryMissingError(TransientError):
    """The library of a copy cannot be installed."""

    key = "library_missing"
    library: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of an export."""

    subentry_id: str
    title: str
    settings: PostgresqlSettings
    files_id: str
    """What the names of its files in Home Assistant have."""

    @property
    def product(self) -> str:
        """Return the name of what it is in."""
        return _TITLES[CopyType.POSTGRESQL]


def copies(entry: ConfigEntry) -> list[Copy]:
    """Return the copies of an export."""
    return [
        Copy(
            subentry.subentry_id,
            subentry.title,
            PostgresqlSettings.of(subentry.data),
            f"{_files_of(entry.entry_id)}{subentry.subentry_id}",
        )
        for subentry in entry.get_subentries_of_type(CopyType.POSTGRESQL)
    ]


def is_copy(subentry: ConfigSubentry) -> bool:
    """Return whether a subentry is a copy."""
    return subentry.subentry_type in set(CopyType)


async def async_open_destination(
    hass: HomeAssistant, settings: PostgresqlSettings
) -> CopyDestination:
    """Return where a copy is, once its library is installed. Raises LibraryMissingError."""
    try:
        await async_process_requirements(hass, DOMAIN, [REQUIREMENT], is_built_in=False)
    except RequirementsNotFound as err:
        raise LibraryMissingError(library=REQUIREMENT) from err
    return await hass.async_add_import_executor_job(_open, settings)


def _open(settings: PostgresqlSettings) -> CopyDestination:
    try:
        from .postgresql.postgresql_database import PostgresqlDatabase
    except ImportError as err:  # There is no wheel of it for this machine.
        raise LibraryMissingError(library=REQUIREMENT) from err
    return PostgresqlDatabase(settings)


def remove_copy_files(hass: HomeAssistant, entry_id: str, kept: Collection[str] = ()) -> None:
    """Delete the files of copies, but not of those whose ids are in `kept`; this blocks."""
    prefix = f"{DOMAIN}.{_files_of(entry_id)}"
    for path in Path(hass.config.path(STORAGE_DIR)).glob(f"{prefix}*"):
        if path.name.removeprefix(prefix).partition(".")[0] not in kept:
            path.unlink()


def _files_of(entry_id: str) -> str:
    """Return what the names of the files of all copies of an export begin with."""
    return f"{entry_id}.copy_"
