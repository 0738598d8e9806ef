"""Opens the destination of a copy, once the libraries are installed that only a copy needs."""

from dataclasses import dataclass

from homeassistant.core import HomeAssistant
from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from ..const import DOMAIN
from ..errors import TransientError
from .copy_destination import CopyDestination, CopySettings
from .files.files_settings import FilesSettings
from .influxdb.influxdb_settings import InfluxdbSettings
from .postgresql.postgresql_settings import PostgresqlSettings


@dataclass(eq=False)
class LibraryMissingError(TransientError):
    """The library of a copy cannot be installed."""

    key = "library_missing"
    library: str


async def async_open_destination(hass: HomeAssistant, settings: CopySettings) -> CopyDestination:
    """Return where a copy goes; nothing is asked yet. Raises LibraryMissingError."""
    libraries = list(settings.requirements)
    try:
        await async_process_requirements(hass, DOMAIN, libraries, is_built_in=False)
        return await hass.async_add_import_executor_job(_open, settings)
    except (RequirementsNotFound, ImportError) as err:  # There is no wheel for this machine.
        raise LibraryMissingError(library=", ".join(libraries)) from err


def _open(settings: CopySettings) -> CopyDestination:
    """Import what the destination needs, which blocks."""
    match settings:
        case FilesSettings():
            from .files.files_folder import FilesFolder

            return FilesFolder(settings)
        case InfluxdbSettings():
            from .influxdb.influxdb_database import InfluxdbDatabase

            return InfluxdbDatabase(settings)
        case PostgresqlSettings():
            from .postgresql.postgresql_database import PostgresqlDatabase

            return PostgresqlDatabase(settings)
    raise TypeError(settings)
