"""The recorder's migrations of its data: which it has done, in which version."""

from homeassistant.components.recorder.db_schema import MigrationChanges
from homeassistant.core import HomeAssistant
from sqlalchemy import select

from .connections import connected


def migration_changes(hass: HomeAssistant) -> dict[str, int]:
    """Return the versions of migrations by their names, some ten; this blocks."""
    with connected(hass) as connection:
        rows = connection.execute(select(MigrationChanges.migration_id, MigrationChanges.version))
        return {str(name): version for name, version in rows}
