"""Datasets and tables: what is kept of a declaration and what is refused."""

from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField, TimePartitioning
import pytest

from .process import LocalBigQuery
from .support.declarations import SCHEMA, declared


def test_a_dataset_keeps_its_location_and_is_made_once(
    local_bigquery: LocalBigQuery, client: bigquery.Client, project: str
) -> None:
    """Location, description and defaults are echoed; a second insert is a duplicate."""
    dataset = bigquery.Dataset(f"{project}.home")
    dataset.location = "EU"
    dataset.description = "a home"
    dataset.labels = {"made_by": "test"}
    dataset.default_partition_expiration_ms = 86_400_000
    client.create_dataset(dataset)
    kept = client.get_dataset("home")
    assert (kept.location, kept.description) == ("EU", "a home")
    assert kept.labels == {"made_by": "test"}
    assert kept.default_partition_expiration_ms == 86_400_000
    with pytest.raises(exceptions.Conflict, match=f"Already Exists: Dataset {project}:home"):
        client.create_dataset(dataset)

    table = client.create_table(declared(project, "home"))
    assert table.location == "EU"
    assert table.time_partitioning.expiration_ms == 86_400_000
    local_bigquery.drop_dataset(project, "home")


def test_a_dataset_without_a_location_is_in_us(client: bigquery.Client, dataset: str) -> None:
    """US is the default location."""
    assert client.get_dataset(dataset).location == "US"


@pytest.mark.parametrize(
    ("name", "location", "error"),
    [
        ("with-dash", "US", exceptions.BadRequest),
        ("d", "atlantis", exceptions.Forbidden),
    ],
)
def test_a_bad_dataset_is_refused(
    client: bigquery.Client, project: str, name: str, location: str, error: type[Exception]
) -> None:
    """A dataset's id has letters, digits and underscores; its location must exist."""
    dataset = bigquery.Dataset(f"{project}.{name}")
    dataset.location = location
    with pytest.raises(error):
        client.create_dataset(dataset)


def test_a_table_keeps_its_declaration(client: bigquery.Client, project: str, dataset: str) -> None:
    """What bqemulator forgets is echoed: defaults, descriptions, the partition filter, labels."""
    client.create_table(
        declared(
            project,
            dataset,
            description="states",
            labels={"made_by": "test"},
            require_partition_filter=True,
        )
    )
    table = client.get_table(f"{project}.{dataset}.t")
    assert table.schema[0].description == "who"
    assert table.schema[2].default_value_expression == "CURRENT_TIMESTAMP()"
    assert [field.field_type for field in table.schema[4:6]] == ["JSON", "FLOAT"]
    assert [field.mode for field in table.schema[:3]] == ["REQUIRED", "REQUIRED", "NULLABLE"]
    assert (table.description, table.labels) == ("states", {"made_by": "test"})
    assert table.require_partition_filter is True
    assert (table.time_partitioning.field, table.time_partitioning.type_) == ("seen", "DAY")
    assert table.clustering_fields == ["id"]
    assert table.etag
    assert [item.table_id for item in client.list_tables(dataset)] == ["t"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": [*SCHEMA, SchemaField("ID", "STRING")]}, "Duplicate column name: ID"),
        ({"schema": [*SCHEMA, SchemaField("1st", "STRING")]}, "Invalid field name"),
        ({"schema": [*SCHEMA, SchemaField("a b", "STRING")]}, "Invalid field name"),
        ({"schema": [*SCHEMA, SchemaField("_PARTITIONTIME", "DATE")]}, "Invalid field name"),
        ({"schema": [*SCHEMA, SchemaField("x", "VARCHAR")]}, "has type VARCHAR"),
        ({"time_partitioning": TimePartitioning(field="missing")}, "cannot be found"),
        ({"time_partitioning": TimePartitioning(field="id")}, "must be a TIMESTAMP"),
        ({"time_partitioning": TimePartitioning(field="day", type_="HOUR")}, "by the hour"),
        ({"clustering_fields": ["missing"]}, "cannot be found"),
        ({"clustering_fields": ["facts"]}, "JSON is not supported"),
        ({"clustering_fields": ["value"]}, "FLOAT64 is not supported"),
        ({"clustering_fields": ["labels"]}, "is not supported"),
        ({"clustering_fields": ["id", "id"]}, "only once"),
        ({"clustering_fields": ["id", "day", "seen", "written", "value"]}, "one to four"),
    ],
)
def test_a_bad_declaration_is_refused(
    client: bigquery.Client, project: str, dataset: str, changes: dict[str, Any], message: str
) -> None:
    """Columns, partitioning and clustering that BigQuery does not have are refused with 400."""
    with pytest.raises(exceptions.BadRequest, match=message):
        client.create_table(declared(project, dataset, **changes))
    with pytest.raises(exceptions.NotFound):
        client.get_table(f"{project}.{dataset}.t")


def test_a_table_is_made_once_and_only_in_a_dataset(
    client: bigquery.Client, project: str, dataset: str
) -> None:
    """A second insert is a duplicate; a missing dataset is 404 and not a server error."""
    client.create_table(declared(project, dataset))
    with pytest.raises(exceptions.Conflict, match=f"Table {project}:{dataset}.t"):
        client.create_table(declared(project, dataset))
    with pytest.raises(exceptions.NotFound, match="missing"):
        client.create_table(declared(project, "missing"))


def test_columns_can_be_added_and_relaxed(
    local_bigquery: LocalBigQuery, client: bigquery.Client, project: str, dataset: str
) -> None:
    """A patch adds columns behind the others, whatever their names, and relaxes REQUIRED ones."""
    table = client.create_table(declared(project, dataset))
    table.schema = [
        SchemaField("end", "INTEGER"),
        SchemaField("tags", "STRING", "REPEATED"),
        SchemaField("id", "STRING", "NULLABLE", description="anyone"),
        *SCHEMA[1:],
    ]
    client.update_table(table, ["schema"])
    schema = client.get_table(table.reference).schema
    assert [field.name for field in schema] == [*(f.name for f in SCHEMA), "end", "tags"]
    assert (schema[0].mode, schema[0].description) == ("NULLABLE", "anyone")
    name = f"`{project}.{dataset}.t`"
    local_bigquery.query(
        f"INSERT INTO {name} (seen, `end`, tags) VALUES (CURRENT_TIMESTAMP(), 7, ['x'])",  # noqa: S608
        project,
    )
    (row,) = local_bigquery.query(f"SELECT `end` FROM {name}", project)  # noqa: S608
    assert row["end"] == "7"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (SCHEMA[:-1], "Field labels is missing in new schema"),
        ([*SCHEMA[:-1], SchemaField("labels", "JSON", "REPEATED")], "has changed type"),
        ([*SCHEMA[:-1], SchemaField("labels", "STRING")], "has changed mode"),
        ([*SCHEMA, SchemaField("new", "STRING", "REQUIRED")], "Cannot add required fields"),
    ],
)
def test_other_changes_of_a_schema_are_refused(
    client: bigquery.Client,
    project: str,
    dataset: str,
    schema: list[SchemaField],
    message: str,
) -> None:
    """Columns are not dropped, retyped or tightened, and none is added as REQUIRED."""
    table = client.create_table(declared(project, dataset))
    table.schema = schema
    with pytest.raises(exceptions.BadRequest, match=message):
        client.update_table(table, ["schema"])


def test_the_partitioning_of_a_table_stays(
    client: bigquery.Client, project: str, dataset: str
) -> None:
    """Another partition column or unit is refused; another expiration is taken."""
    table = client.create_table(declared(project, dataset))
    table.time_partitioning = TimePartitioning(field="seen", expiration_ms=3_600_000)
    table = client.update_table(table, ["time_partitioning"])
    assert table.time_partitioning.expiration_ms == 3_600_000
    table.time_partitioning = TimePartitioning(field="seen", type_="MONTH")
    with pytest.raises(exceptions.BadRequest, match="partitioning"):
        client.update_table(table, ["time_partitioning"])


def test_an_update_from_an_old_version_is_refused(
    client: bigquery.Client, project: str, dataset: str
) -> None:
    """An etag of another version gets 412; Google's client sends that of the table it read."""
    table = client.create_table(declared(project, dataset))
    stale = client.get_table(table.reference)
    table.description = "first"
    client.update_table(table, ["description"])
    stale.description = "second"
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_table(stale, ["description"])
    assert client.get_table(table.reference).description == "first"


def test_tables_and_views_can_be_dropped(
    client: bigquery.Client, project: str, dataset: str
) -> None:
    """A view knows its columns, can be read and changed; both are gone after a delete."""
    client.create_table(declared(project, dataset))
    view = bigquery.Table(f"{project}.{dataset}.v")
    view.view_query = f"SELECT id, value FROM `{project}.{dataset}.t`"  # noqa: S608
    assert [field.name for field in client.create_table(view).schema] == ["id", "value"]
    kept = client.get_table(view.reference)
    assert (kept.table_type, kept.view_query) == ("VIEW", view.view_query)
    assert not list(client.query_and_wait(f"SELECT * FROM `{project}.{dataset}.v`"))  # noqa: S608
    kept.view_query = view.view_query.replace("id, value", "id AS who")
    client.update_table(kept, ["view_query"])
    assert [field.name for field in client.get_table(view.reference).schema] == ["who"]
    for name in ("v", "t"):
        client.delete_table(f"{project}.{dataset}.{name}")
        with pytest.raises(exceptions.NotFound):
            client.delete_table(f"{project}.{dataset}.{name}")
    assert not list(client.list_tables(dataset))


def test_lists_come_in_pages(client: bigquery.Client, project: str, dataset: str) -> None:
    """A list gives the page that was asked for, and a token for the next one."""
    for name in ("a", "b", "c"):
        client.create_table(bigquery.Table(f"{project}.{dataset}.{name}", schema=SCHEMA))
    pages = list(client.list_tables(dataset, page_size=2).pages)
    assert [[table.table_id for table in page] for page in pages] == [["a", "b"], ["c"]]
