"""Query jobs."""

import uuid

from google.api_core import exceptions
from google.cloud import bigquery
import pytest

from .process import LocalBigQuery


def test_results_come_in_pages(client: bigquery.Client) -> None:
    """All rows of a result arrive, whatever the size of a page."""
    job = client.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25)) AS x ORDER BY x")
    assert [row.x for row in job.result(page_size=10)] == list(range(1, 26))


def test_a_query_without_an_account_returns_every_row(
    local_bigquery: LocalBigQuery, project: str
) -> None:
    """LocalBigQuery.query follows the pages of a large result."""
    rows = local_bigquery.query("SELECT x FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS x", project)
    assert {int(row["x"]) for row in rows} == set(range(1, 25_001))


def test_a_query_takes_parameters(client: bigquery.Client) -> None:
    """Named parameters reach the statement."""
    config = bigquery.QueryJobConfig(
        query_parameters=[bigquery.ScalarQueryParameter("name", "STRING", "x' OR 'a")]
    )
    assert [row[0] for row in client.query_and_wait("SELECT @name", job_config=config)] == [
        "x' OR 'a"
    ]


def test_a_job_id_is_used_once(client: bigquery.Client) -> None:
    """The same id again is a duplicate, and the first job can be looked up."""
    job_id = f"test_{uuid.uuid4().hex}"
    client.query("SELECT 1", job_id=job_id, job_retry=None).result()
    with pytest.raises(exceptions.Conflict):
        client.query("SELECT 2", job_id=job_id, job_retry=None)
    assert client.get_job(job_id).state == "DONE"


def test_a_bad_statement_is_an_error_of_the_statement(client: bigquery.Client) -> None:
    """Statements that fail give 400 and no server error, which clients would repeat."""
    for sql in (
        "SELEKT 1",
        "SELECT * FROM missing_dataset.t",
        "SELECT * FROM ML.FORECAST(MODEL d.m)",
    ):
        with pytest.raises(exceptions.ClientError):
            client.query_and_wait(sql)


def test_a_query_is_not_billed_for_more_than_it_may_be(
    client: bigquery.Client, dataset: str
) -> None:
    """What would be billed for more does not run; a cap of just as much lets it run."""
    for name in "ab":
        client.query(f"CREATE TABLE `{dataset}.{name}` AS SELECT 1 AS x").result()
    sql = f"SELECT * FROM `{dataset}.a`"  # noqa: S608
    enough = bigquery.QueryJobConfig(maximum_bytes_billed=10 * 1024**2)
    assert len(list(client.query(sql, job_config=enough).result())) == 1
    low = bigquery.QueryJobConfig(maximum_bytes_billed=10 * 1024**2 - 1)
    job = client.query(sql, job_config=low)
    with pytest.raises(exceptions.GoogleAPICallError, match="10485760 or higher required") as error:
        job.result()
    assert error.value.errors[0]["reason"] == "bytesBilledLimitExceeded"
    assert client.get_job(job.job_id).error_result["reason"] == "bytesBilledLimitExceeded"
    with pytest.raises(exceptions.GoogleAPICallError, match="or higher required"):
        client.query_and_wait(sql, job_config=low)
    both = f"SELECT 1 FROM `{dataset}.a` AS a, `{dataset}.b` AS b"  # noqa: S608
    with pytest.raises(exceptions.GoogleAPICallError, match="20971520 or higher required"):
        client.query(both, job_config=enough).result()
    # A query that has failed is none of the load jobs that are counted.
    load = client.load_table_from_json([{"x": 2}], f"{dataset}.a")
    load.result()
    assert load.output_rows == 1


def test_legacy_sql_is_not_offered(client: bigquery.Client) -> None:
    """The API means legacy SQL unless useLegacySql is false, as it must be here."""
    config = bigquery.QueryJobConfig(use_legacy_sql=True)
    with pytest.raises(exceptions.BadRequest, match="useLegacySql"):
        client.query_and_wait("SELECT 1", job_config=config)


def test_a_job_runs_where_its_dataset_is(
    local_bigquery: LocalBigQuery, client: bigquery.Client, project: str
) -> None:
    """The location follows from the dataset, and outside US and EU it must be given to find it."""
    dataset = bigquery.Dataset(f"{project}.in_zurich")
    dataset.location = "europe-west6"
    client.create_dataset(dataset)
    table = f"{project}.in_zurich.t"
    client.create_table(bigquery.Table(table, schema=[bigquery.SchemaField("id", "INTEGER")]))
    job = client.query(f"SELECT * FROM `{table}`")  # noqa: S608
    job.result()
    assert job.location == "europe-west6"
    assert client.get_job(job.job_id, location="europe-west6").state == "DONE"
    with pytest.raises(exceptions.NotFound):
        client.get_job(job.job_id)
    with pytest.raises(exceptions.NotFound, match="not found in location US"):
        client.query_and_wait(f"SELECT * FROM `{table}`", location="US")  # noqa: S608
    local_bigquery.drop_dataset(project, "in_zurich")


def test_statements_that_declare_are_seen_by_the_rest_api(
    client: bigquery.Client, project: str, dataset: str
) -> None:
    """Tables and views made, changed and dropped by SQL are those that tables.get knows."""
    name = f"{project}.{dataset}.by_sql"
    client.query_and_wait(f"CREATE TABLE `{name}` (id INT64 NOT NULL, seen TIMESTAMP)")
    schema = client.get_table(name).schema
    assert [(field.name, field.field_type, field.mode) for field in schema] == [
        ("id", "INTEGER", "REQUIRED"),
        ("seen", "TIMESTAMP", "NULLABLE"),
    ]
    client.query_and_wait(f"ALTER TABLE `{name}` ADD COLUMN more STRING")
    assert client.get_table(name).schema[-1].name == "more"
    client.query_and_wait(f"CREATE VIEW `{name}_view` AS SELECT id FROM `{name}`")  # noqa: S608
    assert client.get_table(f"{name}_view").table_type == "VIEW"
    client.query_and_wait(f"DROP VIEW `{name}_view`")
    client.query_and_wait(f"DROP TABLE `{name}`")
    assert not list(client.list_tables(dataset))
