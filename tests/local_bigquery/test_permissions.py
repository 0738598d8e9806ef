"""What each role lets an account do, on a project and on a dataset."""

from collections.abc import Iterator

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import types
import pytest

from .clients import rest_client, write_client
from .process import DATA_EDITOR, DATA_OWNER, DATA_VIEWER, JOB_USER, Json, LocalBigQuery


@pytest.fixture
def guest_key(local_bigquery: LocalBigQuery, project: str) -> Iterator[Json]:
    """Return the key of an account that may do nothing yet."""
    key = local_bigquery.create_account(project)
    yield key
    local_bigquery.delete_account(key["client_email"])


@pytest.fixture
def guest(local_bigquery: LocalBigQuery, guest_key: Json) -> Iterator[bigquery.Client]:
    """Return a client for that account."""
    with rest_client(local_bigquery.rest_url, guest_key) as client:
        yield client


@pytest.fixture
def table(client: bigquery.Client, dataset: str, project: str) -> str:
    """Return the name of a table."""
    name = f"{project}.{dataset}.t"
    client.create_table(bigquery.Table(name, schema=[bigquery.SchemaField("id", "INTEGER")]))
    return name


def test_who_creates_a_dataset_is_its_owner(
    local_bigquery: LocalBigQuery,
    guest: bigquery.Client,
    guest_key: Json,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """An editor of the project may decide who sees the dataset that it has made, and no other."""
    local_bigquery.set_grants(
        guest_key["client_email"], [{"role": DATA_EDITOR, "project": project}]
    )
    guest.create_dataset("made_by_guest")
    schema = [bigquery.SchemaField("id", "INTEGER")]
    made = guest.create_table(bigquery.Table(f"{project}.made_by_guest.t", schema=schema))
    asked = ["bigquery.tables.setIamPolicy"]
    assert guest.test_iam_permissions(made, asked) == {"permissions": asked}
    assert guest.test_iam_permissions(table, asked) == {}


def test_data_editor_on_a_dataset_reaches_tables_but_not_the_project(
    local_bigquery: LocalBigQuery,
    guest: bigquery.Client,
    guest_key: Json,
    project: str,
    dataset: str,
) -> None:
    """It makes, changes and drops tables; it makes no dataset, lists none and runs no query."""
    local_bigquery.set_grants(
        guest_key["client_email"], [{"role": DATA_EDITOR, "project": project, "dataset": dataset}]
    )
    guest.get_dataset(dataset)
    name = f"{project}.{dataset}.mine"
    table = guest.create_table(bigquery.Table(name, schema=[bigquery.SchemaField("id", "INTEGER")]))
    table.description = "changed"
    guest.update_table(table, ["description"])
    guest.delete_table(name)

    with pytest.raises(exceptions.Forbidden) as error:
        guest.create_dataset("another")
    assert (
        f"Access Denied: Project {project}: User does not have bigquery.datasets.create"
        f" permission in project {project}." in str(error.value)
    )
    with pytest.raises(exceptions.Forbidden, match=r"bigquery\.datasets\.get"):
        list(guest.list_datasets())
    with pytest.raises(exceptions.Forbidden, match=r"bigquery\.jobs\.create"):
        guest.query("SELECT 1")


def test_data_editor_on_the_project_creates_datasets_and_runs_no_query(
    local_bigquery: LocalBigQuery, guest: bigquery.Client, guest_key: Json, project: str
) -> None:
    """roles/bigquery.dataEditor has bigquery.datasets.create and not bigquery.jobs.create."""
    local_bigquery.set_grants(
        guest_key["client_email"], [{"role": DATA_EDITOR, "project": project}]
    )
    guest.create_dataset("made_by_editor")
    assert "made_by_editor" in [dataset.dataset_id for dataset in guest.list_datasets()]
    with pytest.raises(exceptions.Forbidden, match=r"bigquery\.jobs\.create"):
        guest.query_and_wait("SELECT 1")
    local_bigquery.drop_dataset(project, "made_by_editor")


def test_a_missing_dataset_looks_like_a_refused_one(
    local_bigquery: LocalBigQuery,
    client: bigquery.Client,
    guest: bigquery.Client,
    guest_key: Json,
    project: str,
    dataset: str,
) -> None:
    """Only a caller with rights on the project learns that a dataset does not exist."""
    granted = [{"role": DATA_EDITOR, "project": project, "dataset": "missing"}]
    local_bigquery.set_grants(guest_key["client_email"], granted)
    for name in ("missing", dataset):
        with pytest.raises(exceptions.Forbidden) as error:
            guest.get_dataset(name)
        assert (
            f"Access Denied: Dataset {project}:{name}: Permission bigquery.datasets.get denied on"
            f" dataset {project}:{name} (or it may not exist)." in str(error.value)
        )
    with pytest.raises(exceptions.NotFound):
        client.get_dataset("missing")


def test_an_unknown_project_is_not_found(client: bigquery.Client) -> None:
    """A project that was never made known has no datasets, for any account."""
    with pytest.raises(exceptions.NotFound, match="Not found: Project no-such-project"):
        client.get_dataset("no-such-project.d")


def test_data_viewer_reads_and_does_not_write(
    local_bigquery: LocalBigQuery,
    guest: bigquery.Client,
    guest_key: Json,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """With roles/bigquery.jobUser it runs queries, but changes and writes nothing."""
    local_bigquery.set_grants(
        guest_key["client_email"],
        [
            {"role": DATA_VIEWER, "project": project, "dataset": dataset},
            {"role": JOB_USER, "project": project},
        ],
    )
    assert not list(guest.query_and_wait(f"SELECT * FROM `{table}`"))  # noqa: S608
    assert guest.get_table(table).num_rows == 0
    with pytest.raises(exceptions.Forbidden):
        guest.query_and_wait(f"INSERT INTO `{table}` VALUES (1)")  # noqa: S608
    with pytest.raises(exceptions.Forbidden) as error:
        guest.delete_table(table)
    name = f"{project}:{dataset}.t"
    assert (
        f"Access Denied: Table {name}: Permission bigquery.tables.delete denied on table {name}"
        " (or it may not exist)." in str(error.value)
    )


def test_job_user_alone_reads_no_table(
    local_bigquery: LocalBigQuery,
    guest: bigquery.Client,
    guest_key: Json,
    project: str,
    table: str,
) -> None:
    """A query needs bigquery.tables.getData on what it names."""
    local_bigquery.set_grants(guest_key["client_email"], [{"role": JOB_USER, "project": project}])
    assert [row[0] for row in guest.query_and_wait("SELECT 1")] == [1]
    with pytest.raises(exceptions.Forbidden, match="permission to query table"):
        guest.query_and_wait(f"SELECT * FROM `{table}`")  # noqa: S608


def test_writing_needs_update_data(
    local_bigquery: LocalBigQuery, guest_key: Json, project: str, dataset: str, table: str
) -> None:
    """The Storage Write API is closed to a viewer, and a missing table looks the same."""
    local_bigquery.set_grants(
        guest_key["client_email"], [{"role": DATA_VIEWER, "project": project, "dataset": dataset}]
    )
    with write_client(local_bigquery.storage_url, guest_key) as writer:
        for name in ("t", "missing"):
            parent = f"projects/{project}/datasets/{dataset}/tables/{name}"
            with pytest.raises(exceptions.PermissionDenied) as error:
                writer.create_write_stream(
                    parent=parent, write_stream=types.WriteStream(type_="PENDING")
                )
            assert f"Permission 'TABLES_UPDATE_DATA' denied on resource '{parent}'" in str(
                error.value
            )


def test_a_job_belongs_to_the_account_that_ran_it(
    local_bigquery: LocalBigQuery,
    client: bigquery.Client,
    guest: bigquery.Client,
    guest_key: Json,
    project: str,
) -> None:
    """Another account with roles/bigquery.jobUser does not see the job."""
    local_bigquery.set_grants(guest_key["client_email"], [{"role": JOB_USER, "project": project}])
    job = client.query("SELECT 1")
    job.result()
    with pytest.raises(exceptions.Forbidden):
        guest.get_job(job.job_id)


def test_which_permissions_are_held(
    local_bigquery: LocalBigQuery,
    guest: bigquery.Client,
    guest_key: Json,
    project: str,
    dataset: str,
    table: str,
) -> None:
    """Every account may ask; the answer names what is held, and a missing table is told to few."""
    asked = ["bigquery.tables.getData", "bigquery.tables.setIamPolicy"]
    missing = f"{project}.{dataset}.missing"
    for role, held in ((None, None), (DATA_EDITOR, asked[:1]), (DATA_OWNER, asked)):
        grants = [{"role": role, "project": project, "dataset": dataset}] if role else []
        local_bigquery.set_grants(guest_key["client_email"], grants)
        assert guest.test_iam_permissions(table, asked).get("permissions") == held
        if held:
            with pytest.raises(exceptions.NotFound):
                guest.test_iam_permissions(missing, asked)
        else:
            assert guest.test_iam_permissions(missing, asked) == {}
    with pytest.raises(exceptions.BadRequest):
        guest.test_iam_permissions(table, ["bigquery.tables.*"])
