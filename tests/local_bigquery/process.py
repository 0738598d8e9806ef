"""Start the local BigQuery as a process and talk to it, from tests, demonstrations and tools.

Everything here is synchronous and needs the standard library only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import json
from pathlib import Path
import subprocess
import sys
import tempfile
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

REPOSITORY = Path(__file__).resolve().parents[2]

DATA_EDITOR = "roles/bigquery.dataEditor"
DATA_VIEWER = "roles/bigquery.dataViewer"
JOB_USER = "roles/bigquery.jobUser"

type Json = dict[str, Any]


class LocalBigQueryError(Exception):
    """The local BigQuery did not start, or refused what it was asked."""


class LocalBigQuery:
    """A running local BigQuery.

    A grant is a dictionary with "role", "project" and, for a grant on one dataset, "dataset".
    """

    def __init__(self, process: subprocess.Popen[bytes], addresses: Json) -> None:
        """Use `start()` instead."""
        self.process = process
        self.rest_url: str = addresses["rest_url"]
        self.storage_url: str = addresses["storage_url"]
        self.emulator_rest_url: str = addresses["emulator_rest_url"]
        self.emulator_storage_url: str = addresses["emulator_storage_url"]

    def create_project(self, project: str) -> None:
        """Make a project known."""
        self._call("POST", "/local/projects", {"id": project})

    def create_account(self, project: str, grants: Sequence[Json] = ()) -> Json:
        """Make a service account and return its key file; makes its projects known, too."""
        body = {"project": project, "grants": list(grants)}
        return self._call("POST", "/local/accounts", body)

    def set_grants(self, email: str, grants: Sequence[Json]) -> None:
        """Give an account these grants instead of those that it has."""
        self._call("PUT", f"/local/accounts/{email}/grants", {"grants": list(grants)})

    def create_key(self, email: str) -> Json:
        """Return a further key file of an account."""
        return self._call("POST", f"/local/accounts/{email}/keys")

    def delete_key(self, email: str, key_id: str) -> None:
        """Delete a key; access tokens that were had with it still work."""
        self._call("DELETE", f"/local/accounts/{email}/keys/{key_id}")

    def delete_account(self, email: str) -> None:
        """Delete an account with its keys and access tokens."""
        self._call("DELETE", f"/local/accounts/{email}")

    def drop_dataset(self, project: str, dataset: str) -> None:
        """Drop a dataset with everything in it."""
        self._call("DELETE", f"/local/datasets/{project}/{dataset}")

    def query(self, sql: str, project: str) -> list[Json]:
        """Run a statement without an account; values are as the REST API has them (mostly text)."""
        rows: list[Json] = self._call("POST", "/local/query", {"project": project, "sql": sql})[
            "rows"
        ]
        return rows

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        request = Request(  # noqa: S310  (an http address of our own)
            self.rest_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=300) as response:  # noqa: S310
                content = response.read()
        except HTTPError as error:
            raise LocalBigQueryError(f"{method} {path}: {error.read().decode()}") from None
        answer: Json = json.loads(content) if content else {}
        return answer


@contextmanager
def start(
    data_dir: Path | None = None, *, rest_port: int = 0, grpc_port: int = 0
) -> Iterator[LocalBigQuery]:
    """Start the local BigQuery and stop it at the end.

    The data is kept in `data_dir`, or is gone at the end. The processes also end when this one
    does, however it ends: they read a pipe from it.
    """
    with tempfile.TemporaryDirectory(
        prefix="local-bigquery-", ignore_cleanup_errors=True
    ) as temporary:
        folder = data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", "tests.local_bigquery", "--with-parent"),
            *("--data-dir", str(folder)),
            *("--rest-port", str(rest_port), "--grpc-port", str(grpc_port)),
        ]
        with (folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Ctrl-C in a terminal is for the parent, which then stops this process.
                start_new_session=True,
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                output = (folder / "server.log").read_text(errors="replace")
                raise LocalBigQueryError(f"The local BigQuery did not start.\n{output}")
            yield LocalBigQuery(process, json.loads(line))
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
