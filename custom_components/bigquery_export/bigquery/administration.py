"""The dataset and its tables: finding them, making them, and checking that they fit."""

from google.api_core.exceptions import Conflict, NotFound
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..export import TABLES
from ..export.errors import LocationError, TableMismatchError
from ..export.tables import Column, Mode, Table
from .connection import Connection

_STANDARD_TYPES = {"BOOLEAN": "BOOL", "FLOAT": "FLOAT64", "INTEGER": "INT64"}
"""tables.get answers with the names of legacy SQL (API reference, "TableFieldSchema")."""
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)


class Administration:
    """Makes sure that dataset and table are there; its methods block and raise ExportError."""

    def __init__(self, connection: Connection) -> None:
        """Administer the destination of a connection."""
        self._connection = connection
        self._client = connection.tables
        self._destination = connection.destination

    def ensure_dataset(self) -> None:
        """Find the dataset, or make it where it is wanted.

        Raises LocationError when it is elsewhere: the location of a dataset cannot be changed
        (BigQuery's page "BigQuery locations").
        """
        dataset = self._find_dataset() or self._make_dataset()
        if dataset.location and dataset.location.upper() != self._destination.location.upper():
            raise LocationError(dataset=self._destination.dataset, location=dataset.location)

    def ensure_tables(self) -> None:
        """Find all tables of an export, or make them. Raises TableMismatchError."""
        for table in TABLES:
            self.ensure_table(table)

    def ensure_table(self, table: Table) -> None:
        """Find the table, or make it.

        Raises TableMismatchError when it lacks columns or has them with another type or mode.
        """
        reference = self._destination.table_reference(table)
        found = self._find_table(reference) or self._make_table(reference, table)
        columns = {field.name: field for field in found.schema}
        wrong = [column.name for column in table.columns if not _fits(column, columns)]
        if wrong:
            raise TableMismatchError(table=str(reference), columns=", ".join(wrong))

    def _find_dataset(self) -> bigquery.Dataset | None:
        with self._connection.errors():
            try:
                return self._client.get_dataset(
                    self._destination.dataset_reference, retry=_RETRY, timeout=_TIMEOUT
                )
            except NotFound:
                return None

    def _make_dataset(self) -> bigquery.Dataset:
        dataset = bigquery.Dataset(self._destination.dataset_reference)
        dataset.location = self._destination.location
        dataset.description = "The history of a home, exported by Home Assistant"
        with self._connection.errors():
            try:
                return self._client.create_dataset(dataset, retry=_RETRY, timeout=_TIMEOUT)
            except Conflict:  # Somebody else was faster.
                return self._client.get_dataset(dataset.reference, retry=_RETRY, timeout=_TIMEOUT)

    def _find_table(self, reference: bigquery.TableReference) -> bigquery.Table | None:
        with self._connection.errors():
            try:
                return self._client.get_table(reference, retry=_RETRY, timeout=_TIMEOUT)
            except NotFound:
                return None

    def _make_table(self, reference: bigquery.TableReference, table: Table) -> bigquery.Table:
        wanted = bigquery.Table(reference, schema=[_field(column) for column in table.columns])
        wanted.description = table.description
        wanted.time_partitioning = bigquery.TimePartitioning(
            type_=bigquery.TimePartitioningType.DAY, field=table.partition_by
        )
        wanted.clustering_fields = list(table.cluster_by)
        with self._connection.errors():
            try:
                return self._client.create_table(wanted, retry=_RETRY, timeout=_TIMEOUT)
            except Conflict:
                return self._client.get_table(reference, retry=_RETRY, timeout=_TIMEOUT)


def _field(column: Column) -> bigquery.SchemaField:
    return bigquery.SchemaField(
        column.name,
        column.type,
        mode=column.mode,
        description=column.description,
        default_value_expression=column.default,
    )


def _fits(column: Column, fields: dict[str, bigquery.SchemaField]) -> bool:
    field = fields.get(column.name)
    return field is not None and (
        _STANDARD_TYPES.get(field.field_type, field.field_type) == column.type
        # A column that others have relaxed to NULLABLE still takes every row.
        and (field.mode == "REPEATED") == (column.mode is Mode.REPEATED)
    )
