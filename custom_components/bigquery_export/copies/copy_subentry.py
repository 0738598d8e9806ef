"""The copies of an export, as its config subentries have them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from homeassistant.config_entries import ConfigEntry, ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR

from ..const import DOMAIN
from .copy_destination import CopySettings
from .files.files_settings import FilesSettings
from .influxdb.influxdb_settings import InfluxdbSettings
from .postgresql.postgresql_settings import PostgresqlSettings


class CopyType(StrEnum):
    """The types of subentries."""

    FILES = "files"
    INFLUXDB = "influxdb"
    POSTGRESQL = "postgresql"


_SETTINGS: Mapping[str, Callable[[Mapping[str, Any]], CopySettings]] = {
    CopyType.FILES: FilesSettings.of,
    CopyType.INFLUXDB: InfluxdbSettings.of,
    CopyType.POSTGRESQL: PostgresqlSettings.of,
}
"""What reads the data of a subentry, by its type."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of an export."""

    subentry_id: str
    title: str
    settings: CopySettings
    files_id: str
    """What the names of its files in Home Assistant have."""


def copies(entry: ConfigEntry) -> list[Copy]:
    """Return the copies of an export, without those that this version cannot read."""
    return [copy for subentry in copy_subentries(entry) if (copy := _copy(entry, subentry))]


def copy_subentries(entry: ConfigEntry) -> list[ConfigSubentry]:
    """Return the subentries of all copies of an export."""
    return [one for one in entry.subentries.values() if one.subentry_type in _SETTINGS]


def settings_of(subentry: ConfigSubentry) -> CopySettings:
    """Return where a copy goes, as its subentry says.

    Raises KeyError, TypeError or ValueError for what this version cannot read: it may be of a later
    one, from a backup or after a downgrade.
    """
    return _SETTINGS[subentry.subentry_type](subentry.data)


def _copy(entry: ConfigEntry, subentry: ConfigSubentry) -> Copy | None:
    try:
        settings = settings_of(subentry)
    except KeyError, TypeError, ValueError:
        return None
    id_ = subentry.subentry_id
    return Copy(id_, subentry.title, settings, f"{_files_of(entry.entry_id)}{id_}")


def remove_copy_files(hass: HomeAssistant, entry_id: str, kept: Collection[str] = ()) -> None:
    """Delete the files of copies, but not of those whose ids are in `kept`; this blocks."""
    prefix = f"{DOMAIN}.{_files_of(entry_id)}"
    for path in Path(hass.config.path(STORAGE_DIR)).glob(f"{prefix}*"):
        if path.name.removeprefix(prefix).partition(".")[0] not in kept:
            path.unlink()


def _files_of(entry_id: str) -> str:
    """Return what the names of the files of all copies of an export begin with."""
    return f"{entry_id}.copy_"
