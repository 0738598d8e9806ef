"""Table functions: what is kept of a declaration, what is refused, and what a call reads."""

from typing import Any

from google.api_core import exceptions
from google.api_core.page_iterator import HTTPIterator
from google.cloud import bigquery
from google.cloud.bigquery import Routine, RoutineArgument, StandardSqlDataType
import pytest

from .clients import rest_client
from .process import JOB_USER, LocalBigQuery
from .support.declarations import declared

BODY = """
SELECT r.id, seen -- begin_time is no column
FROM `{table}` AS r
WHERE seen >= begin_time AND `seen` < end_time AND id != 'begin_time'
"""

EVERYTHING = ["type_", "language", "arguments", "body", "description"]
"""The fields of an update, which replaces a routine as a whole."""


@pytest.fixture
def table(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the name of a table with a row on each of the first ten days of a year."""
    client.create_table(declared(project, dataset))
    name = f"{project}.{dataset}.t"
    client.query_and_wait(
        f"INSERT INTO `{name}` (id, seen) SELECT CONCAT('row ', day), TIMESTAMP(DATE(2026, 1, day))"  # noqa: S608
        " FROM UNNEST(GENERATE_ARRAY(1, 10)) AS day"
    )
    return name


def function(
    table: str, body: str = BODY, names: tuple[str, ...] = ("begin_time", "end_time"), **more: Any
) -> Routine:
    """Return the declaration of a table function of two times."""
    timestamp = StandardSqlDataType(type_kind=bigquery.StandardSqlTypeNames.TIMESTAMP)
    return Routine(
        f"{table.rpartition('.')[0]}.between",
        type_="TABLE_VALUED_FUNCTION",
        language="SQL",
        arguments=[RoutineArgument(name=name, data_type=timestamp) for name in names],
        body=body.format(table=table),
        **more,
    )


def test_it_is_kept_as_declared(client: bigquery.Client, table: str, dataset: str) -> None:
    """A function is made once, echoed, replaced under its etag, listed by a mask, and deleted."""
    made = client.create_routine(function(table, description="rows"))
    with pytest.raises(exceptions.Conflict):
        client.create_routine(function(table))
    kept = client.get_routine(made.reference)
    assert (kept.description, kept.body, kept.type_) == (
        "rows", BODY.format(table=table), "TABLE_VALUED_FUNCTION"
    )  # fmt: skip
    kept.description = "other rows"
    with pytest.raises(exceptions.BadRequest, match="routineType"):
        client.update_routine(kept, ["description"])
    changed = client.update_routine(kept, EVERYTHING)
    assert changed.etag != made.etag
    with pytest.raises(exceptions.PreconditionFailed):
        client.update_routine(kept, EVERYTHING)
    (listed,) = client.list_routines(dataset)
    assert listed.description is None
    masked = client.list_routines(dataset)
    assert isinstance(masked, HTTPIterator)
    masked.extra_params["readMask"] = "description"
    assert [one.description for one in masked] == ["other rows"]
    client.delete_routine(made.reference)
    assert list(client.list_routines(dataset)) == []
    with pytest.raises(exceptions.NotFound):
        client.get_routine(made.reference)


def test_a_call_takes_values(client: bigquery.Client, table: str) -> None:
    """Arguments stand for their names, and for nothing else that is spelled so."""
    name = f"`{client.create_routine(function(table)).reference}`".replace(":", ".")
    days = f"{name}('2026-01-03', TIMESTAMP_ADD(TIMESTAMP '2026-01-03', INTERVAL 2 DAY))"
    rows = client.query_and_wait(f"SELECT x.id FROM {days} AS x JOIN {days} USING (id) ORDER BY id")  # noqa: S608
    assert [row.id for row in rows] == ["row 3", "row 4"]
    with pytest.raises(exceptions.BadRequest, match="2 arguments"):
        client.query_and_wait(f"SELECT * FROM {name}('2026-01-03')")  # noqa: S608


@pytest.mark.parametrize(
    ("declaration", "error"),
    [
        ({"names": ("seen", "end_time")}, "column"),
        ({"body": "DELETE FROM `{table}` WHERE TRUE"}, "SELECT"),
        ({"body": "SELECT missing FROM `{table}`"}, "missing"),
        ({"body": "WITH RECURSIVE a AS (SELECT 1 AS x) SELECT x FROM a"}, "RECURSIVE"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_function_is_refused(
    client: bigquery.Client, table: str, declaration: dict[str, Any], error: str
) -> None:
    """An argument named as a column, what writes, an unknown column and recursion are refused."""
    with pytest.raises(exceptions.BadRequest, match=error):
        client.create_routine(function(table, **declaration))


def test_who_may_call_it(
    local_bigquery: LocalBigQuery, client: bigquery.Client, project: str, table: str
) -> None:
    """The right to run jobs is not the right to see a function."""
    client.create_routine(function(table))
    key = local_bigquery.create_account(project, [{"role": JOB_USER, "project": project}])
    name = f"{table.rpartition('.')[0]}.between"
    with rest_client(local_bigquery.rest_url, key) as other:
        with pytest.raises(exceptions.Forbidden, match=r"routines\.get"):
            other.query_and_wait(f"SELECT * FROM `{name}`('2026-01-01', '2026-01-02')")  # noqa: S608
        with pytest.raises(exceptions.Forbidden, match=r"routines\.create"):
            other.create_routine(function(table))


@pytest.mark.parametrize(
    ("days", "query"),
    [
        (10, "SELECT id, seen FROM `{table}`"),
        (1, "SELECT id, seen FROM `{table}` WHERE seen >= '2026-01-03' AND seen < '2026-01-04'"),
        (1, "SELECT id, seen FROM `{table}` WHERE seen = '2026-01-03'"),
        (2, "SELECT * FROM `{function}`('2026-01-03', '2026-01-05')"),
        (10, "SELECT id, seen FROM `{table}` WHERE TIMESTAMP_TRUNC(seen, DAY) > '2026-01-09'"),
        (10, "SELECT id, seen FROM `{table}` WHERE seen > '2026-01-09' OR id = 'a'"),
        (10, "SELECT * FROM (SELECT id, seen FROM `{table}`) WHERE seen > '2026-01-09'"),
        (20, "SELECT id, seen FROM `{table}` WHERE seen = (SELECT MAX(seen) AS id FROM `{table}`)"),
        (5, "SELECT * FROM `{table}` WHERE seen < TIMESTAMP_TRUNC(TIMESTAMP '2026-01-06', DAY)"),
        (0, "SELECT 1"),
    ],
)  # fmt: skip
def test_bytes_of_a_dry_run(client: bigquery.Client, table: str, days: int, query: str) -> None:
    """Only a constant beside the partitioning column leaves partitions out."""
    client.create_routine(function(table))
    name = f"{table.rpartition('.')[0]}.between"
    config = bigquery.QueryJobConfig(dry_run=True)
    job = client.query(query.format(table=table, function=name), job_config=config)
    day = 2 + len("row 1") + 8
    assert job.total_bytes_processed == days * day + (1 if days == 10 else 2 if days == 20 else 0)
