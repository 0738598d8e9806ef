"""The dataset and its tables: finding them, making them, checking that they fit."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed, ServiceUnavailable
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..errors import LocationError, TableMismatchError
from ..export.fence import BEFORE_FENCE, FencedTransaction, FenceMovedError
from ..rows.table import Column, Mode, Table
from .connection import Connection
from .fence_table import BigQueryFence
from .table_settings import TableSettings, apply_settings, days_kept, keep_for_ever

_STANDARD_TYPES = {"BOOLEAN": "BOOL", "FLOAT": "FLOAT64", "INTEGER": "INT64"}
"""tables.get answers with the names of legacy SQL (API reference, "TableFieldSchema")."""
_NOW = "CURRENT_TIMESTAMP()"
_DAY = 24 * 60 * 60 * 1000
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)


class DatasetSchema:
    """Ensures a dataset's tables: creates what is missing, updates what may change.

    The methods block and raise ExportError.
    """

    def __init__(
        self,
        connection: Connection,
        settings: TableSettings | None = None,
        *,
        fence: BigQueryFence | None = None,
    ) -> None:
        """Prepare for a connection's destination; without settings, tables keep theirs.

        A `fence` that is missing is made before the tables.
        """
        self._connection = connection
        self._fence = fence
        self._settings = settings or TableSettings()
        self._client = connection.tables
        self._destination = connection.destination
        self.expiring: dict[str, int] = {}
        """After how many days BigQuery deletes what is in tables, or new tables of the dataset, by
        their names, of those that were looked at: only where the user has not set it here."""

    def ensure_dataset(self) -> bool:
        """Find the dataset, or create it in the destination's location; return whether it is new.

        Raises LocationError when it is elsewhere: the location of a dataset cannot be changed
        (BigQuery's page "BigQuery locations").
        """
        found = self._find_dataset()
        dataset = found or self._make_dataset()
        # The first takes precedence for tables with partitions (REST reference, "datasets").
        default = dataset.default_partition_expiration_ms or dataset.default_table_expiration_ms
        if default:
            self.expiring[dataset.dataset_id] = default // _DAY
        if dataset.location and dataset.location.upper() != self._destination.location.upper():
            raise LocationError(dataset=self._destination.dataset, location=dataset.location)
        return found is None

    def ensure_tables(self, tables: Iterable[Table]) -> None:
        """Find tables, or make them. Raises TableMismatchError."""
        wanted = list(tables)
        if self._fence:
            if self._fence.read() is None:
                self._make_fence(self._fence, wanted)
            if self._fence.table:
                self._note_days(None, self._fence.table)
        for table in wanted:
            self.ensure_table(table)

    def _make_fence(self, fence: BigQueryFence, tables: Iterable[Table]) -> None:
        """Make a fence, with no token if there is no table that could have rows yet."""
        references = map(self._destination.table_reference, tables)
        first = not any(map(self._find_table, references))
        # If another process makes it now, it is as good.
        with suppress(FenceMovedError):
            fence.make(FencedTransaction("" if first else BEFORE_FENCE))

    def ensure_table(self, table: Table) -> None:
        """Find the table, or make it; columns that it lacks are added, and settings changed.

        Raises TableMismatchError when it has columns of another type or mode, or other partitions.
        """
        reference = self._destination.table_reference(table)
        found = self._find_table(reference) or self._make_table(reference, table)
        wrong = [column.name for column in table.columns if not _fits(column, found)]
        if not wrong and not _fits_partitions(table, found):
            wrong = [table.partition_by]
        if wrong:
            raise TableMismatchError(table=str(reference), columns=", ".join(wrong))
        changed = apply_settings(self._settings, table, found)
        if lacking := _lacking(table, found):
            _add_columns(found, lacking)
            changed.append("schema")
        if changed:
            self._update(found, changed)
        self._note_days(table, found)

    def there(self, tables: Iterable[Table]) -> list[tuple[Table, bigquery.Table]]:
        """Return those of some tables that are there, and have what exports need."""
        return [
            (table, found)
            for table in tables
            if (found := self._find_table(self._destination.table_reference(table)))
            and _is_ours(table, found)
        ]

    def delete(self, tables: Iterable[Table]) -> None:
        """Delete those of some tables that are there, with their rows."""
        for _, found in self.there(tables):
            self._connection.wait(0)
            with self._connection.errors():
                self._client.delete_table(
                    found.reference, not_found_ok=True, retry=_RETRY, timeout=_TIMEOUT
                )

    def keep_for_ever(self, tables: Iterable[Table]) -> None:
        """Take away what lets BigQuery delete tables, or their rows."""
        for table in tables:
            self._keep(table, self._destination.table_reference(table))
        if self._fence:
            self._keep(None, self._fence.reference)

    def _keep(self, table: Table | None, reference: bigquery.TableReference) -> None:
        found = self._find_table(reference)
        if found and (changed := keep_for_ever(self._settings, table, found)):
            self._update(found, changed)

    def _note_days(self, table: Table | None, found: bigquery.Table) -> None:
        if (days := days_kept(self._settings, table, found)) is not None:
            self.expiring[found.table_id] = days

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
            except Conflict:  # It was created in the meantime.
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
            type_=table.partition_unit, field=table.partition_by
        )
        wanted.clustering_fields = list(table.cluster_by)
        apply_settings(self._settings, table, wanted)
        return self._create(wanted)

    def _create(self, wanted: bigquery.Table) -> bigquery.Table:
        with self._connection.errors():
            try:
                return self._client.create_table(wanted, retry=_RETRY, timeout=_TIMEOUT)
            except Conflict:
                return self._client.get_table(wanted.reference, retry=_RETRY, timeout=_TIMEOUT)

    def _update(self, found: bigquery.Table, properties: Sequence[str]) -> None:
        with self._connection.errors():
            try:
                self._client.update_table(found, properties, retry=_RETRY, timeout=_TIMEOUT)
            except PreconditionFailed as err:  # It was changed since it was read: try again.
                raise ServiceUnavailable(err.message) from err


def _field(column: Column, *, relaxed: bool = False) -> bigquery.SchemaField:
    required = column.mode is Mode.REQUIRED
    return bigquery.SchemaField(
        column.name,
        column.type,
        mode=Mode.NULLABLE if relaxed and required else column.mode,
        description=column.description,
        default_value_expression=_NOW if column.default_now and not relaxed else None,
    )


def _add_columns(found: bigquery.Table, columns: Sequence[Column]) -> None:
    """Add columns at the end of a table.

    A new column cannot be REQUIRED (BigQuery's page "Modifying table schemas"), though all rows
    of this integration have it. The etag keeps columns that others add at the same time.
    """
    found.schema = [*found.schema, *(_field(column, relaxed=True) for column in columns)]


def _fits_partitions(table: Table, found: bigquery.Table) -> bool:
    partitioning = found.time_partitioning
    return (
        partitioning is not None
        and partitioning.field == table.partition_by
        and partitioning.type_ == table.partition_unit
    )


def _is_ours(table: Table, found: bigquery.Table) -> bool:
    """Return whether a table is one that rows were exported to: it has the declared columns."""
    names = {field.name for field in found.schema}
    required = {column.name for column in table.columns if column.mode is Mode.REQUIRED}
    return required <= names and all(_fits(column, found) for column in table.columns)


def _lacking(table: Table, found: bigquery.Table) -> list[Column]:
    names = {field.name for field in found.schema}
    return [column for column in table.columns if column.name not in names]


def _fits(column: Column, found: bigquery.Table) -> bool:
    """Return whether a table takes a column's values, as it is or once the column is added.

    A column whose name differs in the case of letters is in its place (BigQuery's page "Specify a
    schema", "Column names").
    """
    name = column.name.casefold()
    return all(
        field.name == column.name
        and _STANDARD_TYPES.get(field.field_type, field.field_type) == column.type
        # A column that others have relaxed to NULLABLE still takes every row.
        and (field.mode == "REPEATED") == (column.mode is Mode.REPEATED)
        for field in found.schema
        if field.name.casefold() == name
    )
