"""The smoke test against the local BigQuery, which answers as the checks expect."""

from collections.abc import Callable, Iterator
from functools import partial
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
from uuid import uuid4

import pytest

from custom_components.bigquery_export.bigquery import storage_write
from tests.local_bigquery.clients import rest_client
from tests.local_bigquery.process import (
    DATA_EDITOR,
    DATA_VIEWER,
    JOB_USER,
    REPOSITORY,
    Json,
    LocalBigQuery,
)

from .__main__ import main

type Options = Callable[..., list[str]]

LAST = re.compile(r"smoke: checks=(\d+) ok=(\d+) differs=(\d+) skipped=(\d+) seconds=\d+\.\d")


@pytest.fixture
def project() -> str:
    """Return a project of the test's own."""
    return f"smoke-{uuid4().hex[:12]}"


@pytest.fixture
def server(local_bigquery: LocalBigQuery, socket_enabled: None) -> Iterator[LocalBigQuery]:
    """Return the local BigQuery, which is as it was after the test."""
    yield local_bigquery
    local_bigquery.clear_faults()
    local_bigquery.change_settings(schema_lag_seconds=0)


@pytest.fixture
def options(server: LocalBigQuery, project: str, tmp_path: Path) -> Options:
    """Return what makes the options for a new key with roles on the project."""

    def make(*roles: str) -> list[str]:
        grants = [{"role": role, "project": project} for role in roles]
        path = tmp_path / "key.json"
        path.write_text(json.dumps(server.create_account(project, grants)))
        return [
            *("--key", str(path)),
            *("--api-endpoint", server.rest_url, "--storage-endpoint", server.storage_url),
        ]

    return make


def key_of(options: list[str]) -> Json:
    """Return the key that options name."""
    key: Json = json.loads(Path(options[1]).read_text())
    return key


def tables_left(server: LocalBigQuery, project: str) -> list[str]:
    """Return the tables that are left in any dataset of the project."""
    key = server.create_account(project, [{"role": DATA_EDITOR, "project": project}])
    with rest_client(server.rest_url, key) as client:
        datasets = list(client.list_datasets())
        return [
            table.table_id for found in datasets for table in client.list_tables(found.dataset_id)
        ]


def counts(output: str) -> tuple[int, int, int]:
    """Return how many checks were ok, differ and were skipped, as the last line has it."""
    last = LAST.fullmatch(output.splitlines()[-1])
    assert last, output
    total, *each = map(int, last.groups())
    statuses = re.findall(r"^(ok|differs|skipped) +\S", output, re.MULTILINE)
    assert total == sum(each) == len(statuses)
    assert each == [statuses.count(status) for status in ("ok", "differs", "skipped")]
    ok, differs, skipped = each
    return ok, differs, skipped


@pytest.mark.long
def test_both_roles(
    server: LocalBigQuery,
    project: str,
    options: Options,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With both roles everything is checked, nothing differs, and nothing is left."""
    arguments = options(DATA_EDITOR, JOB_USER)
    assert main(arguments) == 0
    output = capsys.readouterr().out
    ok, differs, skipped = counts(output)
    assert (differs, skipped) == (0, 0), output
    assert ok > 50
    assert tables_left(server, project) == []
    assert key_of(arguments)["private_key"].splitlines()[1] not in output


def test_what_takes_days(
    server: LocalBigQuery,
    project: str,
    options: Options,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a run has saved is asked about again and again, each time of another stream."""
    arguments = options(DATA_EDITOR, JOB_USER)
    path = tmp_path / "saved.json"
    assert main([*arguments, "--delivery", "storage_write", "--save", str(path)]) == 0
    output = capsys.readouterr().out
    assert "its tables live for 144 hours" in output
    assert f"for --again {path}" in output
    assert tables_left(server, project) != []
    assert key_of(arguments)["private_key"].splitlines()[1] not in path.read_text()

    waiting = json.loads(path.read_text())["waiting"]
    for hours in (1, 24):
        server.move_clock(hours * 3600)
        assert main([*arguments, "--again", str(path), "--idle", "0.1"]) == 0
        output = capsys.readouterr().out
        assert counts(output) == (6, 0, 0), output
        assert "a commit: STREAM_ALREADY_COMMITTED; settled as COMMITTED" in output
        assert "GetWriteStream: not committed; settled as COMMITTED_NOW" in output
        assert tables_left(server, project) != []
        assert json.loads(path.read_text())["waiting"] == (waiting := waiting[1:])
    assert main([*arguments, "--again", str(path), "--idle", "0", "--delete"]) == 0
    assert tables_left(server, project) == []


def test_what_was_saved_is_gone(
    server: LocalBigQuery,
    options: Options,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each answer that is another one days later differs, and says what came of it."""
    monkeypatch.setattr(storage_write, "FORGOTTEN_AFTER", (0.01,))
    arguments = options(DATA_EDITOR)
    path = tmp_path / "saved.json"
    assert main([*arguments, "--delivery", "storage_write", "--save", str(path)]) == 0
    capsys.readouterr()
    server.add_fault("GetWriteStream", "NOT_FOUND", times=None)
    assert main([*arguments, "--again", str(path), "--idle", "0", "--delete"]) == 1
    output = capsys.readouterr().out
    assert re.search(
        r"^differs +a stream that waits — .*NOT_FOUND .*settled as FORGOTTEN",
        output,
        re.MULTILINE,
    ), output


@pytest.mark.parametrize(
    ("content", "says"), [("{}", "is not a file that --save has written"), (None, "cannot be read")]
)
def test_a_file_of_no_run(
    options: Options,
    tmp_path: Path,
    content: str | None,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another file than a saved one is told in one sentence."""
    path = tmp_path / "saved.json"
    if content is not None:
        path.write_text(content)
    assert main([*options(DATA_EDITOR), "--again", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_tables_that_are_known_late(
    server: LocalBigQuery, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table, and a stream, that are NOT_FOUND at first are counted."""
    server.add_fault("CreateWriteStream", "NOT_FOUND", table="new_3", times=1)
    server.add_fault("GetWriteStream", "NOT_FOUND", table="new_5", times=1)
    assert main([*options(DATA_EDITOR), "--delivery", "storage_write"]) == 1
    output = capsys.readouterr().out
    assert re.search(
        r"^differs +streams to 20 new tables — 1 of 20 tables .* and 1 streams",
        output,
        re.MULTILINE,
    ), output


def test_data_editor_alone(
    server: LocalBigQuery,
    project: str,
    options: Options,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What needs another role is skipped, and the role is named; the schema lag is measured."""
    server.change_settings(schema_lag_seconds=1)
    assert main(options(DATA_EDITOR)) == 0
    output = capsys.readouterr().out
    ok, differs, skipped = counts(output)
    assert differs == 0, output
    assert ok > 30
    assert skipped > 15
    assert "not allowed: bigquery.jobs.create, grant BigQuery Job User on the project" in output
    lag = re.search(r"^ok +schema lag — schema lag: (\d+\.\d) s", output, re.MULTILINE)
    assert lag
    assert float(lag[1]) > 0.9
    assert tables_left(server, project) == []


def test_key_that_may_not_make_a_dataset(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a dataset nothing else is checked, and the role is named."""
    assert main(options(DATA_VIEWER)) == 0
    output = capsys.readouterr().out
    assert counts(output)[1] == 0, output
    assert (
        "not allowed: bigquery.datasets.create, grant BigQuery Data Editor on the project" in output
    )
    assert "there was nothing to delete" in output


def test_differences(
    server: LocalBigQuery,
    project: str,
    options: Options,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What differs is told with both sides and with what rests on it, and nothing is left."""
    server.add_fault("BatchCommitWriteStreams", "stream_errors", code="STREAM_NOT_FOUND")
    server.add_fault("tables.insert", "accessDenied", table="latest")
    assert main([*options(DATA_EDITOR), "--delivery", "storage_write"]) == 1
    output = capsys.readouterr().out
    assert counts(output)[1] == 2, output
    assert re.search(
        r"^differs +a transaction — .*STREAM_NOT_FOUND.*\n +expected: .*\n +rests on it: .*Pending",
        output,
        re.MULTILINE,
    )
    assert re.search(r"^differs +making a view — .*Access Denied", output, re.MULTILINE)
    assert tables_left(server, project) == []


def test_tables_that_cannot_be_deleted(
    server: LocalBigQuery, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    """When something is left, the user is told what to delete."""
    server.add_fault("tables.delete", "accessDenied", times=None)
    assert main([*options(DATA_EDITOR), "--delivery", "load_job"]) == 1
    output = capsys.readouterr().out
    assert re.search(r"^differs +deleting everything — .* smoke_\w+ by hand$", output, re.MULTILINE)


def test_neither_delivery(
    server: LocalBigQuery,
    project: str,
    options: Options,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A project without billing is no failure, a refusal that names no permission differs."""
    server.add_fault("jobs.insert", "billingNotEnabled", times=None)
    server.add_fault("CreateWriteStream", "PERMISSION_DENIED", times=None)
    assert main(options(DATA_EDITOR, JOB_USER)) == 1
    output = capsys.readouterr().out
    _, differs, skipped = counts(output)
    assert differs == 1, output
    assert skipped > 30
    assert re.search(r"^skipped +running a query — .*enable billing", output, re.MULTILINE)
    assert re.search(r"^differs +a stream to a new table — access_denied", output, re.MULTILINE)
    assert tables_left(server, project) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(
    server: LocalBigQuery, project: str, options: Options, number: signal.Signals
) -> None:
    """Ctrl-C ends it early, and nothing is left."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.smoke", *options(DATA_EDITOR)],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Of what runs in the background a shell has Ctrl-C ignored, and of all that it starts.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        output = ""
        while "a stream to a new table" not in output:
            line = process.stdout.readline()
            assert line, output
            output += line
        assert tables_left(server, project) != []
        process.send_signal(number)
        output += process.communicate(timeout=30)[0]
    assert process.returncode == 1, output
    assert "\ninterrupted\nok       deleting everything" in output
    assert "Traceback" not in output
    counts(output)
    assert tables_left(server, project) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"not json", "is not a JSON file"),
        (b"\xff\xfe", "is not a JSON file"),
        (b'{"type": "authorized_user", "secret": "hush"}', "is not the key of a service account"),
        (
            b'{"type": "service_account", "project_id": "p", "private_key": "hush"}',
            "is not the key of a service account",
        ),
        (None, "cannot be read"),
    ],
)
def test_broken_key_file(
    tmp_path: Path, content: bytes | None, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bad key file is told in one sentence that quotes nothing of it."""
    path = tmp_path / "key.json"
    if content is not None:
        path.write_bytes(content)
    assert main(["--key", str(path)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert says in line
    assert "hush" not in line


def test_refused_key(
    server: LocalBigQuery, options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that Google does not accept is told in one sentence."""
    arguments = options(DATA_EDITOR)
    server.delete_account(key_of(arguments)["client_email"])
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("smoke: Google gives no token for this key: key_refused")


def test_open_connection(options: Options, capsys: pytest.CaptureFixture[str]) -> None:
    """No token is sent over a connection that others can read."""
    assert main([*options(DATA_EDITOR), "--api-endpoint", "http://example.com"]) == 2
    assert "without encryption" in capsys.readouterr().err


def test_key_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a key the usage is shown."""
    with pytest.raises(SystemExit) as err:
        main([])
    assert err.value.code == 2
    assert "--key" in capsys.readouterr().err
