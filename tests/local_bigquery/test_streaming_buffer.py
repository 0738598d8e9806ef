"""Rows that were streamed lately are seen by queries, but not yet by whoever reads a partition."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.request import urlopen

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery import SchemaField, TimePartitioning
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
import pytest

from .clients import (
    RowType,
    append,
    append_request,
    commit,
    new_stream,
    rest_client,
    write_client,
)
from .fixtures import as_tests_need_it
from .process import DATA_EDITOR, JOB_USER, LocalBigQuery, LocalBigQueryError, start
from .settings import Settings
from .store import Store
from .support.loads import lines, load

ROW = RowType(("id", "int64", "optional"), ("seen", "int64", "optional"))
SEEN = datetime(2026, 1, 2, 3, tzinfo=UTC)
FIELDS = [SchemaField("id", "INTEGER"), SchemaField("seen", "TIMESTAMP")]
UNITS = [("DAY", "20260102"), ("MONTH", "202601")]
HOUR = 3600


@pytest.fixture
def buffer(local_bigquery: LocalBigQuery) -> Iterator[None]:
    """Keep rows in the buffer for an hour, and show them in tables.get after two minutes."""
    local_bigquery.change_settings(buffer_seconds=HOUR, buffer_lag_seconds=120)
    yield
    local_bigquery.change_settings(**asdict(Settings()))
    as_tests_need_it(local_bigquery)


class Target:
    """A partitioned table that rows are sent to, and read from in each way."""

    def __init__(
        self,
        client: bigquery.Client,
        writer: BigQueryWriteClient,
        dataset: str,
        unit: str = "DAY",
        decorator: str = "20260102",
    ) -> None:
        """Make the table t."""
        self.client = client
        self.writer = writer
        self.name = f"{client.project}.{dataset}.t"
        self.path = f"projects/{client.project}/datasets/{dataset}/tables/t"
        self.decorator = decorator
        table = bigquery.Table(self.name, schema=FIELDS)
        table.time_partitioning = TimePartitioning(field="seen", type_=unit)
        client.create_table(table)

    def stream(self, ids: Sequence[int], kind: str = "PENDING") -> None:
        """Send rows of these ids through a stream, and commit it."""
        micros = int(SEEN.timestamp() * 1_000_000)
        rows = ROW.serialized([{"id": id_, "seen": micros} for id_ in ids])
        stream = (
            f"{self.path}/streams/_default"
            if kind == "DEFAULT"
            else new_stream(self.writer, self.path, kind)
        )
        (answer,) = append(self.writer, stream, [append_request(stream, rows, ROW)])
        assert not answer.row_errors
        if kind == "PENDING":
            self.writer.finalize_write_stream(name=stream)
            assert commit(self.writer, self.path, stream).commit_time

    def load(self, ids: Sequence[int]) -> None:
        """Send rows of these ids by a load job."""
        rows = [{"id": id_, "seen": SEEN.isoformat()} for id_ in ids]
        load(self.client, self.name, lines(rows)).result()

    def listed(self, decorator: str = "") -> list[int]:
        """Return the ids that tabledata.list has, which counts them, too."""
        name = f"{self.name}${decorator}" if decorator else self.name
        rows = self.client.list_rows(name, selected_fields=FIELDS[:1], page_size=2)
        ids = [row.id for row in rows]
        assert rows.total_rows == len(ids)
        return ids

    def queried(self) -> list[int]:
        """Return the ids that a query has."""
        sql = f"SELECT id FROM `{self.name}` ORDER BY id"  # noqa: S608
        return [row.id for row in self.client.query_and_wait(sql)]

    def run(self, sql: str) -> None:
        """Run a statement, in which {} stands for the table."""
        self.client.query_and_wait(sql.format(f"`{self.name}`"))

    def partition(self) -> list[int]:
        """Return the ids of the rows' partition, which are also those of the whole list."""
        ids = self.listed(self.decorator)
        assert self.listed() == ids
        assert self.client.get_table(self.name).num_rows == len(ids)
        return ids

    def shown(self) -> tuple[int, datetime] | None:
        """Return how many rows tables.get shows in the buffer, and the time of the oldest."""
        buffer = self.client.get_table(self.name).streaming_buffer
        if buffer is None:
            return None
        assert buffer.estimated_bytes > 0
        return buffer.estimated_rows, buffer.oldest_entry_time


@pytest.fixture
def target(
    client: bigquery.Client, writer: BigQueryWriteClient, dataset: str, buffer: None
) -> Target:
    """Return a table that is partitioned by the day."""
    return Target(client, writer, dataset)


@pytest.mark.parametrize(("unit", "decorator"), UNITS)
@pytest.mark.parametrize("kind", ["PENDING", "COMMITTED", "DEFAULT"])
def test_streamed_rows_come_into_their_partition_later(
    local_bigquery: LocalBigQuery,
    client: bigquery.Client,
    writer: BigQueryWriteClient,
    dataset: str,
    buffer: None,
    unit: str,
    decorator: str,
    kind: str,
) -> None:
    """Rows of every kind of stream are queried at once, and listed when they have left."""
    target = Target(client, writer, dataset, unit, decorator)
    target.stream([1, 2, 3], kind)
    assert target.queried() == [1, 2, 3]
    assert target.partition() == []
    local_bigquery.move_clock(HOUR - 60)
    assert target.partition() == []
    local_bigquery.move_clock(60)
    assert target.partition() == [1, 2, 3]


def test_loaded_and_inserted_rows_are_listed_at_once(
    local_bigquery: LocalBigQuery, target: Target
) -> None:
    """Only rows of streams are hidden, wherever they are among the others."""
    target.load([1, 2])
    target.stream([3, 4])
    target.stream([5])
    target.load([6])
    local_bigquery.move_clock(HOUR / 2)
    target.stream([7, 8])
    target.run(f"INSERT INTO {{}} (id, seen) VALUES (9, TIMESTAMP '{SEEN.isoformat()}')")  # noqa: S608
    assert target.queried() == list(range(1, 10))
    assert target.partition() == [1, 2, 6, 9]
    local_bigquery.move_clock(HOUR / 2)
    assert target.partition() == [1, 2, 3, 4, 5, 6, 9]


def test_a_setting_is_for_earlier_commits_too(
    local_bigquery: LocalBigQuery, target: Target
) -> None:
    """How long rows stay is asked when they are read; what was in its partition stays there."""
    target.stream([1])
    local_bigquery.change_settings(buffer_seconds=2 * HOUR)
    local_bigquery.move_clock(HOUR)
    assert target.partition() == []
    local_bigquery.change_settings(buffer_seconds=0)
    assert target.partition() == [1]
    local_bigquery.change_settings(buffer_seconds=2 * HOUR)
    target.stream([2])
    assert target.partition() == [1]
    assert target.listed() == [1]


def test_what_no_page_promises_is_a_setting(local_bigquery: LocalBigQuery, target: Target) -> None:
    """The buffer has no decorator, and the whole list has no rows of it, unless it is allowed."""
    target.load([1])
    target.stream([2])
    with pytest.raises(exceptions.BadRequest, match="__UNPARTITIONED__"):
        target.listed("__UNPARTITIONED__")
    local_bigquery.change_settings(lists_unpartitioned=True, lists_buffer=True)
    assert target.listed("__UNPARTITIONED__") == [2]
    assert target.listed() == [1, 2]
    assert target.listed(target.decorator) == [1]
    local_bigquery.move_clock(HOUR)
    assert target.listed("__UNPARTITIONED__") == []
    with pytest.raises(LocalBigQueryError, match="no setting lists_buffer"):
        local_bigquery.change_settings(lists_buffer=1)


def test_the_buffer_shows_in_tables_get_after_its_lag(
    local_bigquery: LocalBigQuery, target: Target
) -> None:
    """It shows rows after its lag and until they leave, with the time of the oldest."""
    target.load([9])
    assert target.shown() is None
    target.stream([1, 2])
    assert target.shown() is None
    local_bigquery.move_clock(120)
    shown = target.shown()
    assert shown is not None
    rows, oldest = shown
    assert rows == 2
    target.stream([3])
    assert target.shown() == (2, oldest)
    local_bigquery.move_clock(HOUR / 2)
    assert target.shown() == (3, oldest)
    local_bigquery.move_clock(HOUR / 2 - 120)
    shown = target.shown()
    assert shown is not None
    rows, later = shown
    assert rows == 1
    assert timedelta(seconds=120) <= later - oldest < timedelta(seconds=180)
    local_bigquery.move_clock(HOUR)
    assert target.shown() is None


@pytest.mark.parametrize(
    ("statement", "queried", "listed"),
    [
        ("DELETE FROM {} WHERE id IN (1, 4)", [2, 3, 5, 6], [2, 6]),
        ("DELETE FROM {} AS x WHERE x.id >= 3", [1, 2], [1, 2]),
        ("DELETE FROM {} WHERE id = 99;", [1, 2, 3, 4, 5, 6], [1, 2, 6]),
        ("TRUNCATE TABLE {}", [], []),
    ],
)
def test_a_deletion_takes_rows_out_of_the_buffer(
    local_bigquery: LocalBigQuery,
    target: Target,
    statement: str,
    queried: list[int],
    listed: list[int],
) -> None:
    """What is left in the buffer is hidden still, and nothing that comes in its place is."""
    target.load([1, 2])
    target.stream([3, 4])
    target.stream([5])
    target.load([6])
    target.run(statement)
    assert target.queried() == queried
    assert target.partition() == listed
    target.load([7, 8, 9])
    assert target.partition() == [*listed, 7, 8, 9]
    local_bigquery.move_clock(HOUR)
    assert target.partition() == [*queried, 7, 8, 9]


def test_a_deletion_can_have_parameters(target: Target, local_bigquery: LocalBigQuery) -> None:
    """The rows that it deletes are counted with the values of its parameters."""
    target.stream([1, 2, 3])
    config = bigquery.QueryJobConfig(
        query_parameters=[bigquery.ScalarQueryParameter("id", "INT64", 2)]
    )
    sql = f"DELETE FROM `{target.name}` WHERE id = @id"  # noqa: S608
    target.client.query(sql, job_config=config).result()
    target.load([4])
    assert target.queried() == [1, 3, 4]
    assert target.partition() == [4]


def test_a_deletion_that_is_not_done_changes_nothing(
    target: Target, local_bigquery: LocalBigQuery, project: str
) -> None:
    """Rows stay in the buffer whether a statement is refused or only tried."""
    target.stream([1, 2])
    target.load([3])
    with pytest.raises(LocalBigQueryError):
        local_bigquery.query(f"DELETE FROM `{target.name}` WHERE nothing = 1", project)  # noqa: S608
    dry = bigquery.QueryJobConfig(dry_run=True)
    target.client.query(f"DELETE FROM `{target.name}` WHERE id = 1", job_config=dry)  # noqa: S608
    assert target.queried() == [1, 2, 3]
    assert target.partition() == [3]


def test_what_cannot_be_followed_is_refused(target: Target, local_bigquery: LocalBigQuery) -> None:
    """A statement that may move rows waits until none of its tables is in the buffer."""
    target.stream([1])
    update = "UPDATE {} SET id = 2 WHERE id = 1"
    with pytest.raises(exceptions.MethodNotImplemented, match="in the buffer"):
        target.client.query(update.format(f"`{target.name}`"))
    local_bigquery.move_clock(HOUR)
    target.run(update)
    assert target.partition() == [2]


def test_a_table_of_the_same_name_begins_without_a_buffer(target: Target, dataset: str) -> None:
    """What was streamed to a table is forgotten with it."""
    target.stream([1, 2])
    target.client.delete_table(target.name)
    again = Target(target.client, target.writer, dataset)
    again.load([3, 4])
    assert again.partition() == [3, 4]
    again.stream([5])
    again.run("DROP TABLE {}")
    again = Target(target.client, target.writer, dataset)
    again.load([6])
    assert again.partition() == [6]


def leave_unfinished(data_dir: Path, target: Target, rows_after: int) -> None:
    """Leave the store as a server does that dies between the load of a commit and its end."""
    store = Store(data_dir / "server.sqlite")
    _, project, _, dataset, _, table = target.path.split("/")
    name = {"project": project, "dataset": dataset, "table": table}
    kind = f"buffered {project}:{dataset}.{table}"
    after = {kind: dict(store.all(kind))}
    store.drop_all(kind)
    store.put("load", {"note": {"table": name, "rows_after": rows_after, "after": after}})
    store.close()


def test_the_buffer_and_the_clock_survive_a_kill(tmp_path: Path) -> None:
    """Rows are as hidden after a kill and a checkpoint as before, and leave when they should."""
    project = "local-project"
    with start(tmp_path) as server:
        roles = [{"role": role, "project": project} for role in (DATA_EDITOR, JOB_USER)]
        key = server.create_account(project, roles)
        with (
            rest_client(server.rest_url, key) as client,
            write_client(server.storage_url, key) as writer,
        ):
            client.create_dataset("d")
            target = Target(client, writer, "d")
            server.change_settings(buffer_seconds=HOUR)
            target.load(range(300))
            target.stream(range(300, 303))
            target.run("DELETE FROM {} WHERE id BETWEEN 1 AND 300")
            server.move_clock(HOUR - 60)
            for unfinished in (False, True):
                server.kill()
                if unfinished:
                    leave_unfinished(tmp_path, target, rows_after=3)
                server.restart()
                server.change_settings(buffer_seconds=HOUR)
                assert target.queried() == [0, 301, 302]
                assert target.partition() == [0]
            server.move_clock(60)
            assert target.partition() == [0, 301, 302]


def test_the_date_of_answers_follows_the_clock(
    local_bigquery: LocalBigQuery, client: bigquery.Client, dataset: str
) -> None:
    """The Date header and the times of tables are the clock's; it cannot be turned back."""
    before = _date(local_bigquery)
    table = client.create_table(bigquery.Table(f"{client.project}.{dataset}.t"))
    local_bigquery.move_clock(5000)
    assert timedelta(seconds=5000) <= _date(local_bigquery) - before < timedelta(seconds=5060)
    table.description = "later"
    changed = client.update_table(table, ["description"])
    assert changed.modified - table.modified >= timedelta(seconds=5000)
    for seconds in (-1, True):
        with pytest.raises(LocalBigQueryError, match="cannot be moved"):
            local_bigquery.move_clock(seconds)


def _date(local_bigquery: LocalBigQuery) -> datetime:
    with pytest.raises(Exception, match="404") as refused, urlopen(local_bigquery.rest_url):  # noqa: S310
        pass
    return parsedate_to_datetime(refused.value.headers["Date"])  # type: ignore[attr-defined]
