"""Materialized views: made as a table is, and only of what BigQuery can refresh row by row."""

from datetime import timedelta
from typing import Any

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import TimePartitioning
import pytest

from .support.declarations import declared

QUERY = (
    "SELECT id, TIMESTAMP_TRUNC(seen, HOUR) AS hour, COUNT(*) AS n, AVG(value) AS mean"
    " FROM `{base}` GROUP BY id, hour"
)


@pytest.fixture
def base(client: bigquery.Client, project: str, dataset: str) -> str:
    """Return the name of a table with partitions of days."""
    client.create_table(declared(project, dataset))
    return f"{project}.{dataset}.t"


def view(base: str, query: str = QUERY, **more: Any) -> bigquery.Table:
    """Return a materialized view of a table."""
    made = bigquery.Table(base.removesuffix("t") + "by_hour")
    made.mview_query = query.format(base=base)
    made.mview_refresh_interval = timedelta(days=1)
    made.time_partitioning = TimePartitioning(type_="DAY", field="hour")
    for name, value in more.items():
        setattr(made, name, value)
    return made


def test_made_and_read(client: bigquery.Client, base: str) -> None:
    """It has the columns of its query, its rows are right at once, and it goes as a table does."""
    made = client.create_table(view(base, labels={"a": "b"}))
    assert made.table_type == "MATERIALIZED_VIEW"
    assert [field.name for field in made.schema] == ["id", "hour", "n", "mean"]
    client.query_and_wait(
        f"INSERT `{base}` (id, value, seen) SELECT 'a', x,"  # noqa: S608
        " TIMESTAMP '2026-10-28 10:20:00' FROM UNNEST([1.0, 3.0]) AS x"
    )
    (row,) = client.query_and_wait(f"SELECT n, mean FROM `{made.reference}`")  # noqa: S608
    assert tuple(row) == (2, 2.0)
    (item,) = (one for one in client.list_tables(made.dataset_id) if one.table_id == "by_hour")
    assert (item.table_type, item.labels) == ("MATERIALIZED_VIEW", {"a": "b"})
    client.delete_table(made)
    with pytest.raises(exceptions.NotFound):
        client.get_table(made)


def test_the_query_cannot_be_changed(client: bigquery.Client, base: str) -> None:
    """The page says to make it anew; its description and its labels may be changed."""
    made = client.create_table(view(base))
    made.description = "by hour"
    made = client.update_table(made, ["description"])
    assert made.description == "by hour"
    made.mview_query = QUERY.format(base=base).replace("AVG", "MAX")
    with pytest.raises(exceptions.BadRequest, match="Cannot change"):
        client.update_table(made, ["mview_query"])


@pytest.mark.parametrize(
    ("before", "after", "match"),
    [
        ("GROUP BY", "WHERE TRUE GROUP BY", ""),
        ("AVG(value)", "APPROX_QUANTILES(value, 2)", "APPROX_QUANTILES"),
        ("AVG(value)", "SUM(value) / COUNT(*)", "computed"),
        ("AVG(value)", "ROUND(AVG(value))", "ROUND"),
        ("AVG(value)", "IFNULL(AVG(value), 0)", "computed"),
        ("AVG(value)", "MAX(LAG(value) OVER ())", "OVER"),
        ("GROUP BY id, hour", "GROUP BY id, hour HAVING n > 1", "HAVING"),
        ("GROUP BY id, hour", "GROUP BY id, hour ORDER BY id", "ORDER"),
        ("FROM", "FROM (SELECT * FROM", "subqueries"),
        ("COUNT(*)", "COUNTIF(seen < CURRENT_TIMESTAMP())", "CURRENT_TIMESTAMP"),
        ("TIMESTAMP_TRUNC(seen, HOUR)", "TIMESTAMP_TRUNC(seen, MONTH)", "table"),
        ("TIMESTAMP_TRUNC(seen, HOUR)", "MAX(seen)", "table"),
    ],
)
def test_what_it_may_not_hold(
    client: bigquery.Client, base: str, before: str, after: str, match: str
) -> None:
    """Only one SELECT with GROUP BY and functions of the page's list is refreshed row by row."""
    query = QUERY.replace(before, after)
    if "(SELECT * FROM" in query:
        query = query.replace("GROUP BY", ") GROUP BY")
    if match:
        with pytest.raises(exceptions.BadRequest, match=match):
            client.create_table(view(base, query))
    else:
        client.create_table(view(base, query))


def test_of_tables_alone(client: bigquery.Client, base: str) -> None:
    """It is of no view, and of no materialized one."""
    made = client.create_table(view(base))
    other = view(base, f"SELECT id, hour, MAX(n) AS n FROM `{made.reference}` GROUP BY id, hour")  # noqa: S608
    other = bigquery.Table.from_api_repr(
        other.to_api_repr() | {"tableReference": made.reference.to_api_repr() | {"tableId": "x"}}
    )
    with pytest.raises(exceptions.BadRequest, match="one table"):
        client.create_table(other)


def test_intervals(client: bigquery.Client, base: str) -> None:
    """It is refreshed once a minute at most, and once a week at least."""
    for interval in (timedelta(seconds=30), timedelta(days=8)):
        with pytest.raises(exceptions.BadRequest, match="interval"):
            client.create_table(view(base, mview_refresh_interval=interval))


def test_of_a_table_that_requires_a_filter(client: bigquery.Client, base: str) -> None:
    """The filter that queries of the table need counts for the view's query, too."""
    table = client.get_table(base)
    table.require_partition_filter = True
    client.update_table(table, ["require_partition_filter"])
    with pytest.raises(exceptions.BadRequest, match="filter"):
        client.create_table(view(base))
