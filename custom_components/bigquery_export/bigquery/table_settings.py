"""Settings of the tables in BigQuery that a user may choose.

What is not set stays as it is in BigQuery, where others may have set it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from google.cloud.bigquery import EncryptionConfiguration, Table as BigQueryTable, TimePartitioning
from google.cloud.bigquery.table import TableListItem

from ..rows.table import Table

_VERSION = "/cryptoKeyVersions/"
"""What may follow the name of a key: its version, which changes when the key is rotated."""
_DAY = timedelta(days=1) // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class TableSettings:
    """Settings of tables; None and empty ones are not set."""

    partition_days: int | None = None
    """For how many days partitions are kept; 0 means without expiration."""
    kms_key: str | None = None
    """The name of a Cloud KMS key."""
    partition_filter: bool | None = None
    """Whether queries must have a filter on the partitioning column."""
    labels: tuple[tuple[str, str], ...] = ()
    """Keys and values; a table may have further labels."""


def apply_settings(settings: TableSettings, table: Table, declared: BigQueryTable) -> list[str]:
    """Change a table's declaration to what is set; return the properties that were changed.

    The declaration is that of a table to be made, or of one that is there.
    """
    return [name for name, change in _CHANGES.items() if change(settings, table, declared)]


def days_kept(
    settings: TableSettings, table: Table | None, found: BigQueryTable | TableListItem
) -> int | None:
    """Return after how many days BigQuery deletes a table or its partitions, if not for ever.

    It is None as well where the user has set it. A view has no `table`. A new table takes it over
    from its dataset, and that from the sandbox (BigQuery's page "Update dataset properties",
    "Update default table expiration times").
    """
    days = []
    if found.expires and found.created:
        # The two are not counted from the same moment.
        days.append(round((found.expires - found.created) / timedelta(days=1)))
    partitioning = found.time_partitioning
    ours = table is not None and table.expires and settings.partition_days
    if partitioning is not None and partitioning.expiration_ms and not ours:
        days.append(partitioning.expiration_ms // _DAY)
    return min(days, default=None)


def keep_for_ever(settings: TableSettings, table: Table | None, found: BigQueryTable) -> list[str]:
    """Take away what `days_kept` has found; return the properties that were changed."""
    changed = []
    if found.expires:
        found.expires = None
        changed.append("expires")
    partitioning = found.time_partitioning
    ours = table is not None and table.expires and settings.partition_days
    if partitioning is not None and partitioning.expiration_ms and not ours:
        partitioning.expiration_ms = None
        found.time_partitioning = partitioning
        changed.append("time_partitioning")
    return changed


def _change_expiration(settings: TableSettings, table: Table, declared: BigQueryTable) -> bool:
    """Set when partitions expire.

    Their age counts from the time in their name, however late rows are added (BigQuery's page
    "Manage partitioned tables", "Update the partition expiration").
    """
    if settings.partition_days is None or not table.expires:
        return False
    # None means without expiration: BigQuery does not take 0 (API reference, TimePartitioning).
    expiration = settings.partition_days * _DAY or None
    partitioning = TimePartitioning(type_=table.partition_unit, field=table.partition_by)
    found = declared.time_partitioning
    if found is not None and found.expiration_ms == expiration:
        return False
    partitioning.expiration_ms = expiration
    declared.time_partitioning = partitioning
    return True


def _change_key(settings: TableSettings, _: Table, declared: BigQueryTable) -> bool:
    """Set the key that protects a table.

    A table with Google's default encryption stays as it is: only a copy of it could have a key
    ("Customer-managed Cloud KMS keys", "Change a table from default encryption").
    """
    found = declared.encryption_configuration
    if settings.kms_key is None or (declared.created and found is None):
        return False
    if found is not None and found.kms_key_name.partition(_VERSION)[0] == settings.kms_key:
        return False
    encrypt(settings, declared)
    return True


def encrypt(settings: TableSettings, declared: BigQueryTable) -> None:
    """Set the key that protects a table that is to be made, if one is chosen."""
    if settings.kms_key is not None:
        declared.encryption_configuration = EncryptionConfiguration(settings.kms_key)


def _change_filter(settings: TableSettings, table: Table, declared: BigQueryTable) -> bool:
    """Set whether queries need a filter ("Manage partitioned tables", the same name)."""
    if settings.partition_filter is None or not table.filtered:
        return False
    if bool(declared.require_partition_filter) == settings.partition_filter:
        return False
    declared.require_partition_filter = settings.partition_filter
    return True


def _change_labels(settings: TableSettings, _: Table, declared: BigQueryTable) -> bool:
    """Set labels, and keep those that others have set."""
    labels = {**declared.labels, **dict(settings.labels)}
    if labels == declared.labels:
        return False
    declared.labels = labels
    return True


_CHANGES: dict[str, Callable[[TableSettings, Table, BigQueryTable], bool]] = {
    "time_partitioning": _change_expiration,
    "encryption_configuration": _change_key,
    "require_partition_filter": _change_filter,
    "labels": _change_labels,
}
"""Functions that change a property, by the name of the property in Google's client."""
