"""tabledata.list: rows without a job."""

from datetime import UTC, date, datetime

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField
import pytest

from .clients import rest_client
from .process import DATA_EDITOR, JOB_USER, LocalBigQuery
from .support.loads import lines, load

SCHEMA = [
    SchemaField("id", "INTEGER"),
    SchemaField("seen", "TIMESTAMP"),
    SchemaField("day", "DATE"),
    SchemaField("local", "DATETIME"),
    SchemaField("value", "FLOAT"),
    SchemaField("good", "BOOLEAN"),
    SchemaField("attributes", "JSON"),
    SchemaField("labels", "STRING", "REPEATED"),
]
ROW = {
    "seen": "2026-01-02 03:04:05.000006",
    "day": "2026-01-02",
    "local": "2026-01-02T03:04:05.000006",
    "value": 0.1,
    "good": True,
    "attributes": {"a": 1},
    "labels": ["x", "y"],
}


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the full id of a table, partitioned by day, with rows of ids 0 to 4 on two days."""
    name = f"{project}.{dataset}.t"
    table = bigquery.Table(name, schema=SCHEMA)
    table.time_partitioning = bigquery.TimePartitioning(field="seen")
    client.create_table(table)
    rows = [
        {**ROW, "id": id_, "seen": f"2026-01-0{2 + id_ // 3} 03:04:05.000006"} for id_ in range(4)
    ]
    load(client, name, lines([*rows, {"id": 4}])).result()
    return name


def test_rows_have_their_values(client: bigquery.Client, table: str) -> None:
    """Every type of column comes as Google's client reads it, and missing values as None."""
    first, *_, last = client.list_rows(table)
    assert dict(first.items()) == {
        **ROW,
        "id": 0,
        "seen": datetime(2026, 1, 2, 3, 4, 5, 6, UTC),
        "day": date(2026, 1, 2),
        "local": datetime(2026, 1, 2, 3, 4, 5, 6),
    }
    assert dict(last.items()) == {**dict.fromkeys(ROW), "id": 4, "labels": []}


def test_rows_come_in_pages(client: bigquery.Client, table: str) -> None:
    """All rows arrive whatever the size of a page, and every page knows how many there are."""
    rows = client.list_rows(table, page_size=2)
    assert [[row.id for row in page] for page in rows.pages] == [[0, 1], [2, 3], [4]]
    assert rows.total_rows == 5
    assert [row.id for row in client.list_rows(table, start_index=3)] == [3, 4]


def test_columns_can_be_chosen(client: bigquery.Client, table: str) -> None:
    """Only the selected fields come, in the table's order; an unknown one is refused."""
    rows = list(client.list_rows(table, selected_fields=[SCHEMA[0], SCHEMA[4]], max_results=1))
    assert [dict(row.items()) for row in rows] == [{"id": 0, "value": 0.1}]
    with pytest.raises(exceptions.BadRequest):
        list(client.list_rows(table, selected_fields=[SchemaField("more", "STRING")]))


def test_one_partition_can_be_read(client: bigquery.Client, table: str) -> None:
    """A partition decorator leads to the rows of one day, in UTC, or to those without one."""
    fields = SCHEMA[:1]
    for partition, ids in (("20260102", [0, 1, 2]), ("20260103", [3]), ("__NULL__", [4])):
        rows = client.list_rows(f"{table}${partition}", selected_fields=fields)
        assert [row.id for row in rows] == ids
    with pytest.raises(exceptions.BadRequest):
        list(client.list_rows(f"{table}$2026", selected_fields=fields))


def test_reading_needs_no_job(local_bigquery: LocalBigQuery, table: str) -> None:
    """The role dataEditor on the dataset is enough, and jobUser alone is not."""
    project, dataset, _ = table.split(".")
    editor = {"role": DATA_EDITOR, "project": project, "dataset": dataset}
    key = local_bigquery.create_account(project, [editor])
    with rest_client(local_bigquery.rest_url, key) as client:
        assert len(list(client.list_rows(table, selected_fields=SCHEMA[:1]))) == 5
    key = local_bigquery.create_account(project, [{"role": JOB_USER, "project": project}])
    with (
        rest_client(local_bigquery.rest_url, key) as client,
        pytest.raises(exceptions.Forbidden, match=r"bigquery.tables.getData denied"),
    ):
        list(client.list_rows(table, selected_fields=SCHEMA[:1]))
