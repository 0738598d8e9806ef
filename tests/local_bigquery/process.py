"""Start the local BigQuery as a process and talk to it, from tests, demonstrations and tools.

Everything here is synchronous and needs the standard library only.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
import json
import os
from pathlib import Path
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

REPOSITORY = Path(__file__).resolve().parents[2]

DATA_EDITOR = "roles/bigquery.dataEditor"
DATA_OWNER = "roles/bigquery.dataOwner"
DATA_VIEWER = "roles/bigquery.dataViewer"
JOB_USER = "roles/bigquery.jobUser"

type Json = dict[str, Any]


class LocalBigQueryError(Exception):
    """The local BigQuery did not start, or refused what it was asked."""


class LocalBigQuery:
    """A running local BigQuery.

    A grant is a dictionary with "role", "project" and, for a grant on one dataset, "dataset".
    """

    def __init__(
        self, folder: Path, rest_port: int, grpc_port: int, module: str, *, in_memory: bool
    ) -> None:
        """Use `start()` instead."""
        self._folder = folder
        self._in_memory = in_memory
        self._module = module
        self._settings: dict[str, float] = {}
        self._launch(rest_port, grpc_port)

    def _launch(self, rest_port: int, grpc_port: int) -> None:
        options = ["--data-dir", str(self._folder)]
        options += ["--rest-port", str(rest_port), "--grpc-port", str(grpc_port)]
        if self._in_memory:
            options += ["--in-memory"]
        if self._settings:
            # From the first call on: a moment without would list rows, and then no longer.
            options += ["--settings", json.dumps(self._settings)]
        self.process = _process(self._module, options, self._folder / "server.log")
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _stop(self.process)
            output = (self._folder / "server.log").read_text(errors="replace")
            raise LocalBigQueryError(f"The local BigQuery did not start.\n{output}")
        addresses = json.loads(line)
        self.rest_url: str = addresses["rest_url"]
        self.storage_url: str = addresses["storage_url"]
        self.emulator_rest_url: str = addresses["emulator_rest_url"]
        self.emulator_storage_url: str = addresses["emulator_storage_url"]
        self._emulator_pid: int = addresses["emulator_pid"]

    def kill(self) -> None:
        """Kill the server and bqemulator with SIGKILL, and wait until both are gone."""
        self.process.kill()
        with suppress(ProcessLookupError):
            os.kill(self._emulator_pid, signal.SIGKILL)
        _stop(self.process)
        while _listens(self.emulator_rest_url):
            time.sleep(0.02)

    def restart(self) -> None:
        """Start again on the same data and ports, after `kill()` or else after a regular stop.

        Raises LocalBigQueryError where the data is not kept.
        """
        if self._in_memory:
            raise LocalBigQueryError("It has no data folder, so that it cannot start again.")
        _stop(self.process)
        while _listens(self.emulator_rest_url):
            time.sleep(0.02)
        self._launch(_port(self.rest_url), _port(self.storage_url))

    def change_settings(self, **values: float) -> None:
        """Change some of `settings.Settings`, for example token_seconds=2; a restart undoes it."""
        self._call("PATCH", "/local/settings", values)

    def keep_settings(self, **values: float) -> None:
        """Change some settings, which a restart does not undo."""
        self._settings.update(values)
        self.change_settings(**values)

    def move_clock(self, seconds: float) -> None:
        """Move the server's clock forward; see `clock`. It stays so after a restart."""
        self._call("POST", "/local/clock", {"seconds": seconds})

    def add_fault(self, method: str, kind: str, **rule: Any) -> int:
        """Make calls of a method go wrong and return the id of the rule.

        `kind` is one of `fault_kinds.KINDS`; `rule` can have what `faults.Rule` (table, skip,
        times, seconds, probability, seed) and `fault_kinds.Details` have. A rule acts once unless
        `times` says otherwise; None is for ever.
        """
        body = {"method": method, "kind": kind, **rule}
        id_: int = self._call("POST", "/local/faults", body)["id"]
        return id_

    def faults(self) -> list[Json]:
        """Return all rules; "matched" and "fired" say how many calls each saw and spoilt."""
        rules: list[Json] = self._call("GET", "/local/faults")["faults"]
        return rules

    def clear_faults(self) -> None:
        """Forget all rules; calls that are delayed go on at once."""
        self._call("DELETE", "/local/faults")

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

    def add_kms_key(self, name: str) -> None:
        """Let BigQuery use a key of Cloud KMS, by its full name; there is none before."""
        self._call("POST", "/local/kms_keys", {"name": name})

    def billed(self, project: str) -> int:
        """Return how many bytes all query jobs of a project were billed for."""
        return int(self._call("GET", f"/local/billed/{project}")["bytes"])

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
    data_dir: Path | None = None,
    *,
    rest_port: int = 0,
    grpc_port: int = 0,
    module: str = "tests.local_bigquery",
) -> Iterator[LocalBigQuery]:
    """Start the local BigQuery and stop it at the end; another `module` may serve in its place.

    The data is kept in `data_dir`, or else in memory, which is faster. The processes also end when
    this one does, however it ends: they read a pipe from it.
    """
    with tempfile.TemporaryDirectory(
        prefix="local-bigquery-", ignore_cleanup_errors=True
    ) as temporary:
        folder = data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        in_memory = data_dir is None
        bigquery = LocalBigQuery(folder, rest_port, grpc_port, module, in_memory=in_memory)
        try:
            yield bigquery
        finally:
            _stop(bigquery.process)


def _process(module: str, options: Sequence[str], log_file: Path) -> subprocess.Popen[bytes]:
    with log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, "--with-parent", *options],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            # Ctrl-C in a terminal is for the parent, which then stops this process.
            start_new_session=True,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the process, if it has not ended; it takes bqemulator with it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _listens(url: str) -> bool:
    """Say whether there is a process behind the address; a killed one may take a moment to go."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", _port(url))) == 0
