"""Delivery by load jobs: each transaction is a file of rows, which one job takes or does not.

A job's id is given by us and used once: of all requests to begin a job with the same id at most
one succeeds (BigQuery's pages "Introduction to reliability" and "Managing jobs"), and a load job
adds all rows or none ("Introduction to loading data"). So the id is the transaction, and what
became of it can be read for six months.
"""

from collections.abc import Sequence
import re

from google.cloud.bigquery import LoadJob

from ..errors import ExportError, RefusedError, TableMismatchError
from ..export.delivery import Outcome, Rejection
from ..rows.table import Table
from .connection import Connection
from .job_budget import JobBudget
from .load_jobs import LoadJobs
from .ndjson import NdjsonEncoding
from .row_file import RowFile

_ROW_BYTES = 100_000_000
"""A larger row is rejected ("Quotas and limits", "Load jobs": maximum JSON row size, 100 MB)."""
_PLAIN_ATTEMPTS = 2
"""Attempts with bad rows after which a survey finds all bad rows at once."""
_OVERLOOKED = 1_000
"""How many bad rows a survey finds at most."""
_BAD_LINE = b"x"
"""A line that is not JSON."""
_NO_ROWS = "fence"

_POSITION = re.compile(r"row starting at position (\d+)")
_NO_SUCH_FIELD = re.compile(r"No such field: (\w+)", re.IGNORECASE)


class LoadJobDelivery:
    """A way into the tables of a destination, by load jobs."""

    name = "load_job"
    sending_is_billed = False
    is_listed_at_once = True

    def __init__(self, connection: Connection) -> None:
        """Prepare the delivery; nothing is sent yet."""
        self._connection = connection
        self._budget = JobBudget()
        self._encodings: dict[str, NdjsonEncoding] = {}

    @property
    def load_jobs_used(self) -> int:
        """Return how many jobs of a day the table has used that has used most, in this process."""
        return self._budget.used

    def encoding(self, table: Table) -> NdjsonEncoding:
        """Return how the rows of a table have to be encoded."""
        if table.name not in self._encodings:
            self._encodings[table.name] = NdjsonEncoding(table)
        return self._encodings[table.name]

    def check_access(self, table: Table) -> None:
        """Make sure that the account may run jobs; nothing is run, and it costs nothing."""
        self._jobs(table).check_access()

    def begin(self, table: Table, label: str) -> LoadTransaction:
        """Open a transaction; Google is not asked before its commit.

        Raises LoadJobsUsedUpError when the table has had too many load jobs lately.
        """
        jobs = self._jobs(table)
        jobs.check_budget()
        return LoadTransaction(jobs, label)

    def settle(self, table: Table, transaction: str, age: float = 0.0) -> Outcome:
        """Decide a transaction in doubt: wait for its job, or make sure that there will be none.

        When there is no such job, the request of a process that died may still be on its way. So
        an empty job takes the id: either that request fails from now on, or it was faster.
        """
        jobs = self._jobs(table)
        job = jobs.find(transaction) or _taken(jobs, transaction)
        if job.error_result is None and _stored_rows(job):
            return Outcome.COMMITTED
        return Outcome.NOT_COMMITTED

    def _jobs(self, table: Table) -> LoadJobs:
        return LoadJobs(self._connection, table, self._budget)


class LoadTransaction:
    """Rows of one table, kept in a file until the commit."""

    def __init__(self, jobs: LoadJobs, label: str) -> None:
        """Begin with an empty file."""
        self._jobs = jobs
        self._label = label
        self._attempt = 1
        self._file = RowFile()

    @property
    def name(self) -> str:
        """Return the id of the job that commits, or will; it changes with the rows."""
        return f"{self._label}_{self._attempt}"

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Keep a batch for the commit; only rows that are too large are rejected here."""
        large = [row for row in rows if len(row) >= _ROW_BYTES]
        kept = [row for row in rows if len(row) < _ROW_BYTES] if large else rows
        # A table has no order. Rows of one entity begin alike, and one after another they take half
        # of the bytes.
        self._file.append(sorted(kept))
        return [Rejection(row, f"it has {len(row):,} bytes") for row in large]

    def finish(self) -> None:
        """End the file; nothing was sent that could have been lost."""
        self._file.finish()

    def commit(self) -> list[Rejection]:
        """Load the rows; to commit what is committed already changes nothing.

        Returns the rows that BigQuery rejects. Then nothing was loaded, these rows are left out,
        and the transaction has another name under which to commit the others.
        """
        if not self._file.rows:
            return []
        job = self._jobs.run(self.name, self._file)
        if job.error_result is None:
            self._check(job)
            return []
        bad = self._bad_rows(job)
        if not bad:
            raise self._jobs.failure(job)
        if self._attempt >= _PLAIN_ATTEMPTS:
            bad |= self._survey()
        return self._leave_out(bad)

    def close(self) -> None:
        """Delete the file with the rows."""
        self._file.close()

    def _check(self, job: LoadJob) -> None:
        if (stored := _stored_rows(job)) != self._file.rows:
            raise RefusedError(message=f"{self._file.rows} rows were sent and {stored} arrived")

    def _bad_rows(self, job: LoadJob) -> dict[int, str]:
        """Return why rows are bad, by where they begin in the file.

        There is none when the job failed for another reason. Raises TableMismatchError when the
        table lacks a column: that is no fault of any row.
        """
        if job.error_result.get("reason") != "invalid":
            return {}
        messages = [str(error.get("message", "")) for error in job.errors or ()]
        lacking = {name for message in messages for name in _NO_SUCH_FIELD.findall(message)}
        if lacking:
            raise TableMismatchError(
                table=str(self._jobs.reference), columns=", ".join(sorted(lacking))
            )
        bad: dict[int, str] = {}
        for message in messages:
            if match := _POSITION.search(message):
                bad.setdefault(int(match[1]), " ".join(message.split()))
        return bad

    def _survey(self) -> dict[int, str]:
        """Return all bad rows, up to a limit: an ordinary job stops at the first and names few.

        The job tolerates many bad rows and reports them, but it cannot load anything: the file
        ends with more bad lines than it tolerates, so the job fails (API reference,
        JobConfigurationLoad.maxBadRecords).
        """
        survey = RowFile()
        try:
            for _, row in self._file.lines():
                survey.append((row,))
            survey.append((_BAD_LINE,) * (_OVERLOOKED + 1))
            job = self._jobs.run(f"{self.name}_survey", survey, max_bad_records=_OVERLOOKED)
        finally:
            survey.close()
        if job.error_result is None:
            raise RefusedError(message=f"the load job {job.job_id} overlooked too many bad rows")
        bad = self._bad_rows(job)
        return {place: reason for place, reason in bad.items() if place < self._file.size}

    def _leave_out(self, bad: dict[int, str]) -> list[Rejection]:
        """Take rows out of the file; raises RefusedError when no row begins where one is bad."""
        rejected = []
        others = RowFile()
        try:
            for place, row in self._file.lines():
                if place in bad:
                    rejected.append(Rejection(row, bad.pop(place)))
                else:
                    others.append((row,))
            if bad:
                raise RefusedError(message=next(iter(bad.values())))
            others.finish()
        except ExportError:
            others.close()
            raise
        self._file.close()
        self._file = others
        self._attempt += 1
        return rejected


def _taken(jobs: LoadJobs, job_id: str) -> LoadJob:
    """Run an empty job under the id, unless it is taken, and return the job that has it."""
    empty = RowFile()
    try:
        return jobs.run(job_id, empty, labels={_NO_ROWS: "true"})
    finally:
        empty.close()


def _stored_rows(job: LoadJob) -> int:
    """Return how many rows a job that did not fail has added.

    An empty job that took an id is no transaction. It has a label that says so, because the
    reference of JobStatistics3 leaves open whether BigQuery reports zero rows.
    """
    if _NO_ROWS in job.labels:
        return 0
    if job.output_rows is None:
        raise RefusedError(message=f"the load job {job.job_id} does not say what it loaded")
    return int(job.output_rows)
