"""All tables of facts, and with them all tables that a user may choose."""

from collections.abc import Mapping

from homeassistant.core import HomeAssistant

from ..rows.entities import ENTITIES, entity_change_values
from ..rows.relationships import RELATIONSHIPS
from ..rows.table import Table
from .dimensions.snapshot import SnapshotType
from .dimensions.snapshot_file import SnapshotFile
from .recorder_tables import SOURCE_TYPES

SNAPSHOT_TYPES = {
    snapshot.table.name: snapshot
    for snapshot in (SnapshotType(ENTITIES, entity_change_values), SnapshotType(RELATIONSHIPS))
}
"""Tables of facts by their names, in the order in which they are exported."""

TABLES: Mapping[str, Table] = {name: type_.table for name, type_ in SOURCE_TYPES.items()} | {
    name: type_.table for name, type_ in SNAPSHOT_TYPES.items()
}
"""All tables that may be chosen, by their names."""


def remove_snapshots(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the files of all tables of facts; this blocks."""
    for table in SNAPSHOT_TYPES:
        SnapshotFile(hass, entry_id, table).remove()
