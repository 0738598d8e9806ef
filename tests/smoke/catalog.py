"""Checks of datasets, tables and views, and of who may what with them."""

from dataclasses import replace

from google.api_core.exceptions import GoogleAPICallError
from google.cloud import bigquery

from custom_components.bigquery_export.bigquery.fence_table import BigQueryFence
from custom_components.bigquery_export.errors import (
    PermissionMissingError,
    TableNotFoundError,
)
from custom_components.bigquery_export.export.fence import FencedTransaction, FenceMovedError
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import (
    Column,
    ColumnType,
    Mode,
    PartitionUnit,
    Scope,
    Table,
)

from .check import Check, DiffersError, Part, same
from .site import RETRY, Site

TABLES = (SENSOR_DATA, EXPORT_LOG)

GROWING = Table(
    name="growing",
    description="A table that gets more columns",
    partition_by="time",
    cluster_by=("source",),
    columns=(
        Column("source", ColumnType.STRING, Scope.RUN, "Who", Mode.REQUIRED),
        Column("time", ColumnType.TIMESTAMP, Scope.ROW, "When", Mode.REQUIRED),
    ),
    identity=("source", "time"),
    partition_unit=PartitionUnit.MONTH,
)
_ADDED = (
    Column("added", ColumnType.STRING, Scope.ROW, "A required one", Mode.REQUIRED),
    Column("many", ColumnType.STRING, Scope.ROW, "A repeated one", Mode.REPEATED),
    Column("now", ColumnType.TIMESTAMP, Scope.RUN, "One with a default", default_now=True),
)
_STANDARD_TYPES = {"BOOLEAN": "BOOL", "FLOAT": "FLOAT64", "INTEGER": "INT64"}
_VIEW = "latest"


def missing_dataset(site: Site) -> str:
    """Look for a dataset that is not there."""
    other = bigquery.DatasetReference(site.destination.project, "smoke_that_is_not_there")
    try:
        with site.connection.errors():
            site.client.get_dataset(other, retry=RETRY)
    except (TableNotFoundError, PermissionMissingError) as err:
        return str(err)
    raise DiffersError("it is there")


def make_dataset(site: Site) -> str:
    """Make the dataset."""
    with site.connection.errors():
        made = site.make()
    site.schema.ensure_dataset()
    if made.default_table_expiration_ms != site.life_ms:
        raise DiffersError(f"tables live {made.default_table_expiration_ms} ms", opens=True)
    hours = site.life_ms / 3_600_000
    return f"{made.dataset_id} in {made.location}, its tables live for {hours:.0f} hours"


def make_tables(site: Site) -> str:
    """Make the tables of an export."""
    site.schema.ensure_tables(TABLES)
    return ", ".join(table.name for table in TABLES)


def declarations(site: Site) -> str:
    """Look whether the tables are as declared."""
    return "; ".join(_declaration(site, table) for table in TABLES)


def _declaration(site: Site, table: Table) -> str:
    found = site.client.get_table(site.destination.table_reference(table))
    fields = [
        (
            field.name,
            _STANDARD_TYPES.get(field.field_type, field.field_type),
            field.mode,
            field.description,
            field.default_value_expression,
        )
        for field in found.schema
    ]
    for field, column in zip(fields, table.columns, strict=True):
        default = "CURRENT_TIMESTAMP()" if column.default_now else None
        wanted = (column.name, column.type, column.mode, column.description, default)
        same(field, tuple(None if part is None else str(part) for part in wanted))
    partitioning = found.time_partitioning
    same((partitioning.type_, partitioning.field), (table.partition_unit, table.partition_by))
    same(tuple(found.clustering_fields), table.cluster_by)
    return f"{table.name} with {len(fields)} columns"


def find_tables(site: Site) -> str:
    """Look for the tables once more."""
    before = [site.client.get_table(site.destination.table_reference(each)) for each in TABLES]
    site.schema.ensure_tables(TABLES)
    after = [site.client.get_table(site.destination.table_reference(each)) for each in TABLES]
    return same(
        [table.etag for table in after],
        [table.etag for table in before],
        "found, and their etags are as before",
    )


def missing_table(site: Site) -> str:
    """Look for a table that is not there."""
    try:
        with site.connection.errors():
            site.client.get_table(site.destination.dataset_reference.table("none"), retry=RETRY)
    except TableNotFoundError as err:
        return str(err)
    raise DiffersError("it is there")


def add_columns(site: Site) -> str:
    """Add columns to a table as an update of the integration would."""
    site.schema.ensure_table(GROWING)
    grown = replace(GROWING, columns=(*GROWING.columns, *_ADDED))
    site.schema.ensure_table(grown)
    found = site.client.get_table(site.destination.table_reference(grown))
    return same(
        [f"{field.name} {field.mode}" for field in found.schema],
        [
            *("source REQUIRED", "time REQUIRED"),
            *("added NULLABLE", "many REPEATED", "now NULLABLE"),
        ],
    )


def stale_etag(site: Site) -> str:
    """Change a table that another client has changed meanwhile."""
    site.schema.ensure_table(GROWING)
    reference = site.destination.table_reference(GROWING)
    stale = site.client.get_table(reference)
    table = site.client.get_table(reference)
    table.description = "Somebody else was here"
    site.client.update_table(table, ["description"])
    stale.schema = [*stale.schema, bigquery.SchemaField("late", "STRING")]
    return same(_status(site, stale, "schema"), 412, "412, and nothing was changed")


def change_fence(site: Site) -> str:
    """Change the description of a table without columns, as two processes that have read it."""
    first, second = (BigQueryFence(site.connection, "smoke") for _ in range(2))
    first.make(FencedTransaction("made"))
    second.read()
    first.write(FencedTransaction("first"))
    try:
        second.write(FencedTransaction("second"))
    except FenceMovedError:
        pass
    else:
        raise DiffersError("both have changed it")
    state = second.read()
    return same(state and state.last.token, "first", "the second one found it changed")


def refused_changes(site: Site) -> str:
    """Change a table in ways that BigQuery does not allow."""
    site.schema.ensure_table(GROWING)
    seen = []
    for fields in (
        [bigquery.SchemaField("source", "STRING", "REQUIRED")],
        [
            bigquery.SchemaField("source", "INTEGER", "REQUIRED"),
            bigquery.SchemaField("time", "TIMESTAMP", "REQUIRED"),
        ],
    ):
        table = site.client.get_table(site.destination.table_reference(GROWING))
        kept = [field for field in table.schema if field.name not in ("source", "time")]
        table.schema = [*fields, *kept]
        seen.append(_status(site, table, "schema"))
    return same(seen, [400, 400], "400 for a column less, 400 for another type")


def _status(site: Site, table: bigquery.Table, field: str) -> int:
    try:
        site.client.update_table(table, [field], retry=RETRY)
    except GoogleAPICallError as err:
        return int(err.code or 0)
    return 200


def make_view(site: Site) -> str:
    """Make a view by tables.insert."""
    view = bigquery.Table(site.destination.dataset_reference.table(_VIEW))
    view.view_query = (
        f"SELECT entity_id, MAX(last_updated) AS last_updated"  # noqa: S608  (names of our own)
        f" FROM `{site.destination.table_id}` GROUP BY entity_id"
    )
    made = site.client.create_table(view, retry=RETRY)
    fields = [f"{field.name} {field.field_type}" for field in made.schema]
    return same((made.table_type, fields), ("VIEW", ["entity_id STRING", "last_updated TIMESTAMP"]))


def query_view(site: Site) -> str:
    """Ask the view."""
    destination = site.destination
    rows = site.query(
        f"SELECT COUNT(*) AS n FROM `{destination.project}.{destination.dataset}.{_VIEW}`"  # noqa: S608
    )
    return same([set(row) for row in rows], [{"n"}], f"{rows[0]['n']} entities")


def run_query(site: Site) -> str:
    """Run a query that reads nothing, to see whether the key may run jobs."""
    with site.connection.errors():
        return str(site.query("SELECT 1 AS one"))


FIRST = (
    Check(
        "a dataset that is missing",
        missing_dataset,
        "404 notFound, or 403 that names bigquery.datasets.get for a key that may not look",
        "bigquery/errors.py tells them apart by the text",
        needs=(),
    ),
    Check(
        "making a dataset",
        make_dataset,
        "it is made, or 403 names bigquery.datasets.create and the project",
        "DatasetSchema.ensure_dataset, and _PERMISSION in bigquery/errors.py",
        needs=(),
        opens=Part.DATASET,
    ),
    Check(
        "making the tables",
        make_tables,
        "they are made",
        "DatasetSchema.ensure_tables",
        needs=(Part.DATASET,),
        opens=Part.TABLES,
    ),
    Check(
        "what the tables are like",
        declarations,
        "columns, partitions and clusters are as declared",
        "DatasetSchema.ensure_table, and docs/tables.md",
    ),
    Check(
        "finding the tables",
        find_tables,
        "nothing is changed",
        "DatasetSchema.ensure_table: types come back by the names of legacy SQL",
    ),
    Check("a table that is missing", missing_table, "404 notFound", "bigquery/errors.py"),
    Check(
        "adding columns",
        add_columns,
        "tables.patch with an etag adds them at the end, and none is REQUIRED",
        "DatasetSchema._add_columns",
    ),
    Check(
        "a stale etag",
        stale_etag,
        "412",
        "DatasetSchema._add_columns: no column of another client's is lost",
    ),
    Check(
        "the fence",
        change_fence,
        "one of two that have read it can change it, at once",
        "BigQueryFence: an old checkpoint is known as old",
        needs=(Part.DATASET,),
    ),
    Check(
        "changes that are refused",
        refused_changes,
        "400 when a column is left out, and when one gets another type",
        "DatasetSchema.ensure_table raises TableMismatchError before",
    ),
    Check(
        "running a query",
        run_query,
        "it runs, or 403 names bigquery.jobs.create and the project",
        "PermissionMissingError.placeholders names the role",
        opens=Part.JOBS,
    ),
)
"""These find out what is there for the others."""

LAST = (
    Check(
        "making a view",
        make_view,
        "BigQuery Data Editor is enough, by tables.insert",
        "views are made without the right to run jobs",
    ),
    Check(
        "asking the view",
        query_view,
        "it shows what is in the table",
        "views are made without the right to run jobs",
        needs=(Part.TABLES, Part.JOBS),
    ),
)
