"""Load jobs: beginning them, finding them and waiting for them."""

from collections.abc import Mapping
from contextlib import suppress
import time
from typing import cast

from google.api_core.exceptions import Conflict, NotFound, from_http_response
from google.cloud.bigquery import (
    CreateDisposition,
    LoadJob,
    LoadJobConfig,
    QueryJobConfig,
    SourceFormat,
    WriteDisposition,
)
from google.cloud.bigquery.retry import DEFAULT_RETRY
from google.resumable_media import InvalidResponse, RetryStrategy
from google.resumable_media.requests import ResumableUpload

from ..errors import ExportError, UnreachableError
from ..rows.table import Table
from .capped_query import LABELS
from .connection import Connection
from .job_budget import JobBudget
from .row_file import RowFile

_TIMEOUT = 60.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)
_UPLOAD_RETRIES = 3
_UPLOAD_BYTES = 2 * 1024 * 1024
"""A file is sent in pieces of 256 KiB times a whole number ("Upload data with the API")."""
_PASSING = ("backendError", "internalError", "resourceInUse", "stopped", "tableUnavailable")
"""Reasons for which a job fails and another one may not (BigQuery's page "Error messages")."""
_JOB_SECONDS = 600.0
"""How long to wait for a job; one that takes longer is in doubt until the next export."""
_UNSEEN_SECONDS = 30.0
"""How long jobs.get may not find a job that has just begun."""
_FIRST_WAIT = 0.2
_MAX_WAIT = 5.0


class LoadJobs:
    """The load jobs of one table; its methods block and raise ExportError."""

    def __init__(self, connection: Connection, table: Table, budget: JobBudget) -> None:
        """Load into a table of a connection's destination."""
        self.reference = connection.destination.table_reference(table)
        self._connection = connection
        self._client = connection.tables
        self._location = connection.destination.location
        self._budget = budget

    def check_access(self) -> None:
        """Make sure that the account may run jobs.

        It makes a dry run of a query, which needs the same permission as a job but runs none
        (BigQuery's page "Estimate and control costs"). A load job has no dry run.
        """
        config = QueryJobConfig(dry_run=True, labels=LABELS)
        with self._connection.errors():
            self._client.query("SELECT 1", job_config=config, retry=_RETRY, timeout=_TIMEOUT)

    def check_budget(self) -> None:
        """Raise LoadJobsUsedUpError when the table has had too many load jobs lately."""
        self._budget.check(str(self.reference))

    def run(
        self,
        job_id: str,
        file: RowFile,
        *,
        max_bad_records: int = 0,
        labels: Mapping[str, str] | None = None,
    ) -> LoadJob:
        """Return the job with this id when it is done: a new one, or one that has the id already.

        That it is done does not mean that it succeeded.
        """
        config = LoadJobConfig(
            source_format=SourceFormat.NEWLINE_DELIMITED_JSON,
            write_disposition=WriteDisposition.WRITE_APPEND,
            create_disposition=CreateDisposition.CREATE_NEVER,
            autodetect=False,
            max_bad_records=max_bad_records,
            labels=dict(labels or {}),
        )
        self._budget.count(str(self.reference))
        # A conflict: the id is taken, because an answer was lost, or a process has died.
        with self._connection.errors(), suppress(Conflict):
            self._upload(job_id, config, file)
        return self._wait(job_id, unseen_seconds=_UNSEEN_SECONDS)

    def find(self, job_id: str) -> LoadJob | None:
        """Return the job with this id when it is done, or None when there is none."""
        return None if self._get(job_id) is None else self._wait(job_id)

    def failure(self, job: LoadJob) -> ExportError:
        """Return why a job failed."""
        if job.error_result["reason"] in _PASSING:
            return UnreachableError(
                endpoint=self._connection.destination.api_endpoint,
                message=str(job.error_result.get("message", "")),
            )
        try:
            with self._connection.errors():
                raise job.exception()
        except ExportError as err:
            return err

    def _upload(self, job_id: str, config: LoadJobConfig, file: RowFile) -> None:
        """Send a file and begin its job.

        `Client.load_table_from_file` would hold up to 100 MB of the file in memory.
        """
        configuration = config.to_api_repr()
        configuration["load"]["destinationTable"] = self.reference.to_api_repr()
        reference = {
            "projectId": self._client.project,
            "jobId": job_id,
            "location": self._location,
        }
        upload = ResumableUpload(
            f"{self._connection.destination.api_endpoint}/upload/bigquery/v2/projects/"
            f"{self._client.project}/jobs?uploadType=resumable",
            _UPLOAD_BYTES,
        )
        # There is no other way to limit them, and Google's client does so as well. If the
        # attribute had another name, uploads would be repeated as often as the library does.
        upload._retry_strategy = RetryStrategy(max_retries=_UPLOAD_RETRIES)
        stream, size = file.open()
        transport = self._connection.http
        try:
            upload.initiate(
                transport,
                stream,
                {"jobReference": reference, "configuration": configuration},
                "application/octet-stream",
                total_bytes=size,
                timeout=_TIMEOUT,
            )
            while not upload.finished:
                # BigQuery may keep less of a piece than it was sent.
                stream.seek(upload.bytes_uploaded)
                upload.transmit_next_chunk(transport, timeout=_TIMEOUT)
        except InvalidResponse as err:
            raise from_http_response(err.response) from err

    def _wait(self, job_id: str, *, unseen_seconds: float = 0.0) -> LoadJob:
        begun = time.monotonic()
        wait = _FIRST_WAIT
        while True:
            job = self._get(job_id)
            if job is not None and job.state == "DONE":
                return job
            waited = time.monotonic() - begun
            if waited + wait > (unseen_seconds if job is None else _JOB_SECONDS):
                state = "not to be found" if job is None else str(job.state)
                raise UnreachableError(
                    endpoint=self._connection.destination.api_endpoint,
                    message=f"the load job {job_id} is {state} after {waited:.0f} seconds",
                )
            self._connection.wait(wait)
            wait = min(wait * 1.5, _MAX_WAIT)

    def _get(self, job_id: str) -> LoadJob | None:
        """Return a job as it is now; None when BigQuery does not know it."""
        with self._connection.errors():
            try:
                job = self._client.get_job(
                    job_id, location=self._location, retry=_RETRY, timeout=_TIMEOUT
                )
            except NotFound:
                return None
        return cast(LoadJob, job)
