"""Views: made of a SELECT that the caller may run, and of nothing else."""

from google.api_core import exceptions
from google.cloud import bigquery
import pytest

from .clients import rest_client
from .process import DATA_EDITOR, LocalBigQuery
from .support.declarations import declared


@pytest.fixture
def names(client: bigquery.Client, project: str, dataset: str) -> dict[str, str]:
    """Return what queries of the tests name, with a table of id, value, seen and labels."""
    client.create_table(declared(project, dataset))
    return {"t": f"`{project}.{dataset}.t`", "d": dataset, "p": project}


def make(client: bigquery.Client, names: dict[str, str], query: str) -> bigquery.Table:
    """Make a view of a query by tables.insert, or change it by tables.patch where it is there."""
    view = bigquery.Table(f"{names['p']}.{names['d']}.v")
    view.view_query = query.format(**names)
    return client.create_table(view)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM {t}",
        "SELECT id FROM {d}.t AS mine WHERE mine.id IS NOT NULL",
        "WITH few AS (SELECT id FROM {t}), one AS (SELECT id FROM few) SELECT id FROM one",
        "SELECT label FROM {t} AS x, UNNEST(x.labels) AS label",
        "SELECT EXTRACT(HOUR FROM seen) AS hour FROM {t}",
        "SELECT id FROM {t} WHERE id IS DISTINCT FROM 'a'",
        "SELECT id FROM {t} UNION ALL SELECT 'a' AS id",
        "SELECT 1 AS n",
    ],
)
def test_made(client: bigquery.Client, names: dict[str, str], query: str) -> None:
    """A SELECT of tables that have their dataset before them is made a view."""
    made = make(client, names, query)
    assert made.table_type == "VIEW"
    assert len(made.schema) == 1


@pytest.mark.parametrize(
    ("query", "kind", "message"),
    [
        (" ", exceptions.BadRequest, "missing: query"),
        ("SELEKT id FROM {t}", exceptions.BadRequest, "Syntax error"),
        ("SELECT nothing FROM {t}", exceptions.BadRequest, "nothing"),
        ("DELETE FROM {t} WHERE TRUE", exceptions.BadRequest, "Only SELECT statements"),
        ("SELECT 1 AS n; DROP TABLE {t}", exceptions.BadRequest, "Only SELECT statements"),
        ("SELECT @n AS n", exceptions.BadRequest, "parameters"),
        ("SELECT id FROM t", exceptions.BadRequest, "must be qualified with a dataset"),
        (
            "SELECT id FROM (SELECT id FROM {t}) JOIN t USING (id)",
            exceptions.BadRequest,
            "must be qualified with a dataset",
        ),
        ("SELECT id FROM {d}.missing", exceptions.NotFound, r"Table .*\.missing was not found"),
        ("SELECT id FROM missing.t", exceptions.NotFound, "Dataset .*:missing"),
        ("SELECT id FROM `other-project.home.t`", exceptions.Forbidden, "permission to query"),
    ],
)
def test_refused(
    client: bigquery.Client,
    names: dict[str, str],
    query: str,
    kind: type[exceptions.GoogleAPICallError],
    message: str,
) -> None:
    """What cannot be queried is refused when a view is made, and when it is changed."""
    with pytest.raises(kind, match=message):
        make(client, names, query)
    assert [table.table_id for table in client.list_tables(names["d"])] == ["t"]
    view = make(client, names, "SELECT id FROM {t}")
    view.view_query = query.format(**names)
    with pytest.raises(kind, match=message):
        client.update_table(view, ["view_query"])
    assert client.get_table(view.reference).view_query.startswith("SELECT id FROM `")


def test_of_another_dataset(
    local_bigquery: LocalBigQuery, client: bigquery.Client, names: dict[str, str]
) -> None:
    """An editor of one dataset makes no view of another one that it may not read."""
    client.create_dataset("theirs")
    client.create_table(declared(names["p"], "theirs"))
    grants = [{"role": DATA_EDITOR, "project": names["p"], "dataset": names["d"]}]
    key = local_bigquery.create_account(names["p"], grants)
    with rest_client(local_bigquery.rest_url, key) as guest:
        with pytest.raises(exceptions.Forbidden, match=r"theirs\.t"):
            make(guest, names, "SELECT id FROM theirs.t")
        make(guest, names, "SELECT id FROM {t}")
    local_bigquery.drop_dataset(names["p"], "theirs")
