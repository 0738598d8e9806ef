"""bqemulator as a part: its process, and the one path on which everything reaches it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
import re
from typing import Any, BinaryIO, Self
import uuid

import aiohttp
import orjson

from tests.machine.patience import patient

from .errors import ApiError, invalid_query

REPOSITORY = Path(__file__).resolve().parents[2]
_PYTHON = REPOSITORY / ".venv-bigquery" / "bin" / "python"
_LAUNCHER = Path(__file__).with_name("emulator_launcher.py")
_START_SECONDS = 60
_LISTENING = re.compile(rb'"port": (\d+), "event": "(rest|grpc)\.listen"')

type Json = dict[str, Any]


class EmulatorError(Exception):
    """bqemulator did not start, or did not do what it was asked."""


class Emulator:
    """A running bqemulator.

    It hangs for good when REST and other work overlap, so `_lock` lets one call in at a time.
    """

    def __init__(self, process: asyncio.subprocess.Process, ports: Mapping[str, int]) -> None:
        """Use `running()` instead."""
        self._process = process
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600))
        self._lock = asyncio.Lock()
        self.pid = process.pid
        self.rest_url = f"http://127.0.0.1:{ports['rest']}"
        self.storage_url = f"http://127.0.0.1:{ports['grpc']}"

    @classmethod
    @asynccontextmanager
    async def running(cls, data_dir: Path, *, in_memory: bool) -> AsyncIterator[Self]:
        """Start bqemulator and stop it at the end; `in_memory`, only its log is in the folder."""
        with (data_dir / "bqemulator.log").open("wb", buffering=0) as log:
            process = await asyncio.create_subprocess_exec(
                _PYTHON,
                _LAUNCHER,
                *(() if in_memory else (data_dir / "bqemulator",)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=2**20,
                # Ctrl-C is for the server, which then stops this process itself.
                start_new_session=True,
            )
            assert process.stdout is not None
            reading: asyncio.Task[None] | None = None
            try:
                async with patient(_START_SECONDS):
                    ports = await _read_ports(process.stdout, log)
                reading = asyncio.create_task(_copy(process.stdout, log))
                emulator = cls(process, ports)
                try:
                    yield emulator
                finally:
                    await emulator._session.close()
            finally:
                await _stop(process)
                if reading is not None:
                    await reading

    @asynccontextmanager
    async def exclusively(self) -> AsyncIterator[Exclusive]:
        """Hold bqemulator for a sequence of calls between which nothing else may happen."""
        async with self._lock:
            yield Exclusive(self._session, self.rest_url)

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        """Make one REST call; see `Exclusive.call`."""
        async with self.exclusively() as exclusive:
            return await exclusive.call(method, path, body, params)

    async def query(self, project: str, sql: str) -> list[Json]:
        """Run one statement; see `Exclusive.query`."""
        async with self.exclusively() as exclusive:
            return await exclusive.query(project, sql)


class Exclusive:
    """The calls that can be made while no other reaches bqemulator."""

    def __init__(self, session: aiohttp.ClientSession, rest_url: str) -> None:
        """Use `Emulator.exclusively()` instead."""
        self._session = session
        self._rest_url = rest_url

    async def call(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        """Make one REST call below /bigquery/v2 and return its JSON.

        Raises ApiError for what bqemulator refuses. It answers 500 to statements that it cannot
        translate, which clients would repeat for minutes: they become errors of the statement.
        """
        async with self._session.request(
            method,
            f"{self._rest_url}/bigquery/v2{path}",
            data=None if body is None else orjson.dumps(body),
            headers={"Content-Type": "application/json"},
            params=params,
        ) as response:
            content = await response.read()
        answer: Json = orjson.loads(content) if content else {}
        if response.status >= 500:
            raise invalid_query(_error_of(answer)["message"])
        if response.status >= 400:
            error = _error_of(answer)
            raise ApiError(response.status, error["reason"], error["message"])
        return answer

    async def query(self, project: str, sql: str, options: Json | None = None) -> list[Json]:
        """Run one statement and return its rows as dictionaries of the REST API's values.

        `options` are further ones of jobs.query.
        """
        body = {**(options or {}), "query": sql, "useLegacySql": False}
        answer = await self.call("POST", f"/projects/{project}/queries", body)
        if errors := answer.get("errors"):
            raise invalid_query(errors[0]["message"])
        names = [column["name"] for column in answer["schema"]["fields"]]
        rows = answer["rows"]
        results = f"/projects/{project}/queries/{answer['jobReference']['jobId']}"
        while token := answer.get("pageToken"):
            answer = await self.call("GET", results, params={"pageToken": token})
            rows += answer["rows"]
        return [dict(zip(names, (cell["v"] for cell in row["f"]), strict=True)) for row in rows]

    async def count(self, project: str, dataset: str, table: str) -> int:
        """Return how many rows the table has."""
        sql = f"SELECT COUNT(*) AS n FROM `{project}.{dataset}.{table}`"  # noqa: S608
        return int((await self.query(project, sql))[0]["n"])

    async def load(self, project: str, dataset: str, table: str, file: Path) -> None:
        """Append a file of JSON lines to the table, all of it or nothing."""
        load = {
            "sourceUris": [f"file://{file}"],
            "sourceFormat": "NEWLINE_DELIMITED_JSON",
            "writeDisposition": "WRITE_APPEND",
            "createDisposition": "CREATE_NEVER",
            "destinationTable": {"projectId": project, "datasetId": dataset, "tableId": table},
        }
        job = await self.call(
            "POST",
            f"/projects/{project}/jobs",
            {
                "jobReference": {"projectId": project, "jobId": f"store_{uuid.uuid4().hex}"},
                "configuration": {"load": load},
            },
        )
        if error := job["status"].get("errorResult"):
            raise EmulatorError(error["message"])


async def _read_ports(output: asyncio.StreamReader, log: BinaryIO) -> dict[str, int]:
    ports: dict[str, int] = {}
    async for line in output:
        log.write(line)
        if match := _LISTENING.search(line):
            ports[match[2].decode()] = int(match[1])
        if len(ports) == 2:
            return ports
    log.flush()
    raise EmulatorError(f"bqemulator did not start; see {log.name}")


async def _copy(output: asyncio.StreamReader, log: BinaryIO) -> None:
    while content := await output.read(2**16):
        log.write(content)


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _error_of(answer: Json) -> dict[str, str]:
    error = answer.get("error")
    if not isinstance(error, dict):
        return {"reason": "invalid", "message": str(answer)}
    details = (error.get("errors") or [{}])[0]
    return {
        "reason": details.get("reason", "invalid"),
        "message": str(error.get("message", "unknown error")),
    }
