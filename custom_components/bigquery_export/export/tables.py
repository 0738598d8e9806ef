"""All dimension tables, and all tables that a user may choose."""

from collections.abc import Mapping

from homeassistant.core import HomeAssistant

from ..rows.daily_statistics import DAILY_STATISTICS
from ..rows.devices import DEVICES
from ..rows.entities import ENTITIES, entity_change_values
from ..rows.integrations import INTEGRATIONS, STATE_NUMBER
from ..rows.migration_changes import MIGRATION_CHANGES
from ..rows.relationships import RELATIONSHIPS
from ..rows.table import Table
from .dimensions.snapshot import DimensionTable
from .dimensions.snapshot_file import SnapshotFile
from .recorder_tables import RECORDER_TABLES

DIMENSION_TABLES = {
    snapshot.table.name: snapshot
    for snapshot in (
        DimensionTable(ENTITIES, entity_change_values),
        DimensionTable(RELATIONSHIPS),
        DimensionTable(DEVICES, default=False),
        DimensionTable(MIGRATION_CHANGES, default=False),
        DimensionTable(INTEGRATIONS, number=STATE_NUMBER, default=False),
    )
}
"""Dimension tables by their names, in the order in which they are exported."""

TABLES: Mapping[str, Table] = {
    **{name: type_.table for name, type_ in RECORDER_TABLES.items()},
    **{name: type_.table for name, type_ in DIMENSION_TABLES.items()},
    DAILY_STATISTICS.name: DAILY_STATISTICS,
}
"""All tables that may be chosen, by their names."""

DEFAULT_TABLES = (
    *(name for name, declared in RECORDER_TABLES.items() if declared.default),
    *(name for name, declared in DIMENSION_TABLES.items() if declared.default),
)
"""Names of the tables that are exported unless the user chooses."""


def remove_snapshots(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the files of all dimension tables; this blocks."""
    for table in DIMENSION_TABLES:
        SnapshotFile(hass, entry_id, table).remove()
