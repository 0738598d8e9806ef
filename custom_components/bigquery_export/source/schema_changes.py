"""The recorder's schema changes: which version its database was migrated to, and when."""

from homeassistant.components.recorder.db_schema import SchemaChanges

from .source_table import SourceTable

SCHEMA_CHANGES = SourceTable(
    columns=(SchemaChanges.change_id, SchemaChanges.schema_version, SchemaChanges.changed),
    fingerprint=(SchemaChanges.schema_version, SchemaChanges.changed),
    # A database that is migrated through several versions may keep seconds only.
    identity=(SchemaChanges.changed,),
    times=(SchemaChanges.changed,),
)
