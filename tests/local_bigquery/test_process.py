"""The process: that it ends, that it keeps its data, and script/bigquery."""

from collections.abc import Iterator
import json
import os
from pathlib import Path
import signal
import stat
import subprocess
import sys

from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
import pytest

from tests.machine.patience import wait_until

from .clients import (
    RowType,
    append,
    append_request,
    commit,
    new_stream,
    rest_client,
    write_client,
)
from .process import DATA_EDITOR, JOB_USER, REPOSITORY, Json, LocalBigQuery, start
from .store import Store

PROJECT = "local-project"
ROW = RowType(("id", "int64", "optional"))
PARENT = """
import sys
from tests.local_bigquery.process import start
with start() as bigquery:
    print(bigquery.process.pid, flush=True)
    sys.stdin.read()
"""


def processes_below(pid: int) -> list[int]:
    """Return the process and its descendants."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]
    return [pid, *(found for child in children for found in processes_below(child))]


def is_running(pid: int) -> bool:
    """Say whether the process does anything still."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_ends_with_a_parent_that_is_killed() -> None:
    """Neither the server nor bqemulator outlives a process that could not stop them."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    server = int(parent.stdout.readline())
    pids = processes_below(server)
    assert len(pids) == 2
    parent.kill()
    parent.communicate()
    wait_until(lambda: not any(map(is_running, pids)), 20)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_bqemulator_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    """A killed server leaves no process behind, so that it can be started again."""
    with start(tmp_path) as bigquery:
        pids = processes_below(bigquery.process.pid)
        bigquery.process.kill()
        wait_until(lambda: not any(map(is_running, pids)), 20)


def a_table(local_bigquery: LocalBigQuery, key: Json) -> str:
    """Make a table and return its path."""
    with rest_client(local_bigquery.rest_url, key) as client:
        client.create_dataset("d")
        schema = [bigquery.SchemaField("id", "INTEGER", description="kept")]
        client.create_table(bigquery.Table(f"{PROJECT}.d.t", schema=schema))
    return f"projects/{PROJECT}/datasets/d/tables/t"


def test_everything_outlives_a_kill(tmp_path: Path) -> None:
    """Accounts, tables, rows and waiting streams are there after kill -9, on the same ports."""
    rows = ROW.serialized([{"id": id_} for id_ in range(3)])
    with start(tmp_path) as first:
        roles = [{"role": role, "project": PROJECT} for role in (DATA_EDITOR, JOB_USER)]
        key = first.create_account(PROJECT, roles)
        table = a_table(first, key)
        with write_client(first.storage_url, key) as writer:
            append(
                writer,
                f"{table}/streams/_default",
                [append_request(f"{table}/streams/_default", rows, ROW)],
            )
            stream = new_stream(writer, table)
            append(writer, stream, [append_request(stream, rows, ROW)])
        pids = processes_below(first.process.pid)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(map(is_running, pids)), 20)

    with start(tmp_path) as second:
        second.change_settings(buffer_seconds=0)
        key["token_uri"] = f"{second.rest_url}/token"
        with (
            rest_client(second.rest_url, key) as client,
            write_client(second.storage_url, key) as writer,
        ):
            kept = client.get_table(f"{PROJECT}.d.t")
            assert (kept.num_rows, kept.schema[0].description) == (3, "kept")
            (taken,) = append(writer, stream, [append_request(stream, rows, ROW, offset=3)])
            assert taken.append_result.offset == 3
            assert writer.finalize_write_stream(name=stream).row_count == 6
            assert commit(writer, table, stream).commit_time
            assert client.get_table(f"{PROJECT}.d.t").num_rows == 9


def stream_in(writer: BigQueryWriteClient, table: str, ids: range) -> str:
    """Return a finalized stream with rows of these ids."""
    stream = new_stream(writer, table)
    rows = ROW.serialized([{"id": id_} for id_ in ids])
    append(writer, stream, [append_request(stream, rows, ROW)])
    writer.finalize_write_stream(name=stream)
    return stream


def test_a_commit_that_a_kill_interrupted_is_found_out(tmp_path: Path) -> None:
    """Whether the rows had been loaded decides whether the stream is committed."""
    with start(tmp_path) as first:
        key = first.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
        table = a_table(first, key)
        with write_client(first.storage_url, key) as writer:
            landed = stream_in(writer, table, range(3))
            commit(writer, table, landed)
            lost = stream_in(writer, table, range(3))

    # As the server leaves it when it dies between the note about a load and its result.
    store = Store(tmp_path / "server.sqlite")
    streams = dict(store.all("stream"))
    committed = {**streams[lost], "committed": streams[landed]["committed"]}
    for rows_after, stream in ((3, streams[landed]), (6, committed)):
        after = {stream["name"]: stream}
        table_name = stream["table"]
        note = {"table": table_name, "rows_after": rows_after, "after": {"stream": after}}
        store.put("load", {stream["name"]: note})
    store.put("stream", {landed: {**streams[landed], "committed": None}})
    store.close()

    with start(tmp_path) as second:
        second.change_settings(buffer_seconds=0)
        key["token_uri"] = f"{second.rest_url}/token"
        with write_client(second.storage_url, key) as writer:
            assert writer.get_write_stream(name=landed).commit_time
            assert not writer.get_write_stream(name=lost).commit_time


@pytest.fixture
def served(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return what script/bigquery runs, with a key file in tmp_path."""
    command = [sys.executable, "-m", "tests.local_bigquery", "--project", "my-home"]
    process = subprocess.Popen(
        [*command, "--key", tmp_path / "key.json"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.terminate()
    process.communicate()


def test_a_person_gets_addresses_and_a_key(served: subprocess.Popen[str], tmp_path: Path) -> None:
    """It prints where to connect and writes a private key file that works, until SIGTERM."""
    assert served.stdout is not None
    lines = [served.stdout.readline() for _ in range(6)]
    rest_url = lines[0].split()[-1]
    path = tmp_path / "key.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with rest_client(rest_url, json.loads(path.read_text())) as client:
        client.create_dataset("home")
    served.send_signal(signal.SIGTERM)
    assert served.wait(20) == 0
