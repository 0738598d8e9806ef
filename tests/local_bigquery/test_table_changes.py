"""Changes of a table's metadata: how many there may be, and the etag that each makes."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField
import pytest

from .catalog import Catalog
from .clients import rest_client
from .clock import Clock
from .fixtures import as_tests_need_it
from .names import TableName
from .process import DATA_EDITOR, JOB_USER, LocalBigQuery, start
from .schema_lag import SchemaLag
from .settings import Settings
from .store import Store
from .streaming_buffer import StreamingBuffer
from .support.declarations import declared

NO_RETRY = Retry(predicate=lambda _: False)


@pytest.fixture
def settings(local_bigquery: LocalBigQuery) -> Iterator[Callable[..., None]]:
    """Return what changes the settings until the end of the test."""
    yield local_bigquery.change_settings
    local_bigquery.change_settings(**asdict(Settings()))
    as_tests_need_it(local_bigquery)


def test_the_sixth_change_in_ten_seconds_is_refused(
    settings: Callable[..., None], client: bigquery.Client, project: str, dataset: str
) -> None:
    """Making a table counts, too; another table has changes of its own."""
    settings(**asdict(Settings()))
    table = client.create_table(declared(project, dataset))
    for number in range(4):
        table.description = str(number)
        table = client.update_table(table, ["description"])
    table.description = "one too many"
    message = "Exceeded rate limits: too many table update operations for this table"
    with pytest.raises(exceptions.Forbidden, match=message) as refused:
        client.update_table(table, ["description"], retry=NO_RETRY)
    assert refused.value.errors[0]["reason"] == "rateLimitExceeded"
    assert client.get_table(table).description == "3"
    client.create_table(bigquery.Table(f"{project}.{dataset}.other"))


def test_the_number_of_changes_is_a_setting(
    settings: Callable[..., None], client: bigquery.Client, project: str, dataset: str
) -> None:
    """A test that needs more changes than BigQuery takes says so."""
    settings(metadata_changes_per_10_seconds=1)
    table = client.create_table(declared(project, dataset))
    with pytest.raises(exceptions.Forbidden, match="Exceeded rate limits"):
        client.update_table(table, ["description"], retry=NO_RETRY)
    settings(metadata_changes_per_10_seconds=2)
    client.update_table(table, ["description"], retry=NO_RETRY)


def test_every_change_makes_another_etag(
    settings: Callable[..., None], client: bigquery.Client, project: str, dataset: str
) -> None:
    """A patch that changes nothing does so, too, however fast it is; an old etag gets 412."""
    settings(metadata_changes_per_10_seconds=100)
    first = table = client.create_table(declared(project, dataset, description="same"))
    etags = {first.etag}
    for _ in range(30):
        table = client.update_table(table, ["description"])
        etags.add(table.etag)
    assert len(etags) == 31
    with pytest.raises(exceptions.PreconditionFailed) as refused:
        client.update_table(first, ["description"])
    assert refused.value.errors[0]["reason"] == "conditionNotMet"


class StoppedClock(Clock):
    """A clock that stands still."""

    def microseconds(self) -> int:
        """Return always the same time."""
        return 1_767_225_600_000_000


async def test_changes_within_a_millisecond_make_other_etags(tmp_path: Path) -> None:
    """Neither the time nor an etag in the body decides what the next etag is."""
    name = TableName("p", "d", "t")
    table = {"id": str(name), "tableReference": name.reference, "type": "TABLE", "etag": "first"}
    with closing(Store(tmp_path / "server.sqlite")) as store:
        store.put("dataset", {"p:d": {"location": "US"}})
        store.put("table", {str(name): table})
        settings, clock = Settings(), StoppedClock(store)
        buffer = StreamingBuffer(store, clock, settings)
        no_emulator: Any = None
        catalog = Catalog(store, no_emulator, clock, SchemaLag(settings), buffer)
        etags = set()
        for _ in range(10):
            body = {"description": "same", "etag": "first"}
            changed = await catalog.update_table(name, body, None, replace=False)
            etags.add(changed["etag"])
    assert len(etags) == 10


def test_a_table_without_columns(tmp_path: Path) -> None:
    """It is made, changed, found after a restart, and gone when it is dropped in any way."""
    project = "local-project"
    with start(tmp_path) as server:
        roles = [{"role": role, "project": project} for role in (DATA_EDITOR, JOB_USER)]
        key = server.create_account(project, roles)
        with rest_client(server.rest_url, key) as client:
            client.create_dataset("d")
            made = bigquery.Table(f"{project}.d.a")
            made.description = "first"
            stale = client.create_table(made)
            stale.description = "second"
            kept = client.update_table(stale, ["description"])
            with pytest.raises(exceptions.PreconditionFailed):
                client.update_table(stale, ["description"])
            for name in ("b", "c"):
                client.create_table(bigquery.Table(f"{project}.d.{name}"))
            server.kill()
            server.restart()
            # The server looks then at what bqemulator has.
            server.query("CREATE TABLE d.other (id INT64)", project)
            found = client.get_table(made.reference)
            assert (found.schema, found.description, found.etag) == ([], "second", kept.etag)
            assert (found.num_rows, list(client.list_rows(made, selected_fields=[]))) == (0, [])
            assert [table.table_id for table in client.list_tables("d")] == ["a", "b", "c", "other"]
            client.delete_table(f"{project}.d.b")
            server.query("DROP TABLE d.c", project)
            assert [table.table_id for table in client.list_tables("d")] == ["a", "other"]

            found.schema = [SchemaField("id", "INTEGER")]
            assert len(client.update_table(found, ["schema"]).schema) == 1
            server.query("INSERT INTO d.a (id) VALUES (3)", project)
            assert server.query("SELECT * FROM d.a", project) == [{"id": "3"}]

            server.drop_dataset(project, "d")
            client.create_dataset("d")
            assert not list(client.list_tables("d"))
