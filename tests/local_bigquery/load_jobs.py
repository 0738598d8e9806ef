"""Load jobs: who may run one, and what becomes of its rows.

Sources: rest/v2/Job, batch-loading-data ("Required permissions"), quotas ("Load jobs"),
troubleshoot-quotas, managing-jobs. A job that cannot be begun is refused; everything that is wrong
with its table or its rows is told by the job itself.
"""

import asyncio
from pathlib import Path
import secrets
import time
from typing import Any

from .access import Caller
from .catalog import Catalog
from .emulator import EmulatorError
from .errors import ApiError, invalid, not_found, not_implemented
from .job_history import JobHistory
from .json_lines import MAX_PARTITIONS, ReadRows, RowRules, read_rows, unpack
from .load_resource import Beginning, done, key_of, now, pending, problem, table_of, too_many
from .load_schema import Plan, adds_fields, creates_table, plan_of
from .names import TableName
from .schema import Json, columns_of
from .settings import Settings
from .store import Document
from .table_loads import TableLoads
from .typed_files import AVRO, PARQUET, write_lines

_DAY = 86_400_000


class LoadJobs:
    """Runs load jobs in the background. They and their files survive a kill."""

    def __init__(
        self,
        history: JobHistory,
        catalog: Catalog,
        loads: TableLoads,
        settings: Settings,
        data_dir: Path,
    ) -> None:
        """Load into the tables of this catalog; `resume` must follow."""
        self._history = history
        self._catalog = catalog
        self._loads = loads
        self._settings = settings
        self._folder = data_dir / "load_jobs"
        self._folder.mkdir(exist_ok=True)
        self._running: set[asyncio.Task[None]] = set()

    def check(self, project: str, caller: Caller, body: Json) -> Beginning:
        """Return what a request for a load job would begin; raises ApiError."""
        caller.check_project("bigquery.jobs.create", project)
        reference = body.get("jobReference", {})
        job = self._history.checked_id(reference.get("jobId"))
        self._history.check_unused(project, job)
        configuration = body.get("configuration", {})
        load = configuration.get("load")
        if load is None or "destinationTable" not in load:
            raise invalid("Required parameter is missing: destinationTable")
        _check_offered(load)
        table = table_of(load)
        caller.check_table("bigquery.tables.updateData", table)
        if self._catalog.table(table) is None and creates_table(load):
            caller.check_dataset("bigquery.tables.create", table.project, table.dataset)
        if adds_fields(load):
            caller.check_table("bigquery.tables.update", table)
        dataset = self._catalog.existing_dataset(table.project, table.dataset)
        location = str(reference.get("location") or dataset["location"])
        if location.casefold() != dataset["location"].casefold():
            raise not_found(
                f"Dataset {table.project}:{table.dataset} was not found in location {location}"
            )
        labels = configuration.get("labels", {})
        return Beginning(project, job, dataset["location"], caller.email, load, labels)

    def begin(self, beginning: Beginning, file: Path, url: str) -> Json:
        """Take over the uploaded file, begin the job and return its resource.

        Raises ApiError (409) if another job has had the id since.
        """
        self._history.check_unused(beginning.project, beginning.job)
        kept = self._folder / secrets.token_hex(8)
        kept.hardlink_to(file)
        document: Document = {
            "email": beginning.email,
            "location": beginning.location,
            "resource": pending(beginning, url),
            "file": kept.name,
        }
        self._history.keep(beginning.project, beginning.job, document)
        file.unlink()
        self._start(document)
        resource: Json = document["resource"]
        return resource

    def resume(self) -> None:
        """Run again what a kill interrupted."""
        for _, document in self._history.loads():
            if document["resource"]["status"]["state"] != "DONE":
                self._start(document)

    def _start(self, document: Document) -> None:
        task = asyncio.create_task(self._run(document))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Leave what is running for the next start."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _run(self, document: Document) -> None:
        await self._take_half_the_time()
        resource = document["resource"]
        statistics = {**resource["statistics"], "startTime": now()}
        resource = {**resource, "status": {"state": "RUNNING"}, "statistics": statistics}
        document = {**document, "resource": resource}
        self._keep(document)
        await self._take_half_the_time()
        folder = self._folder
        uploaded = folder / document["file"]
        plain, good = (folder / f"{document['file']}{suffix}" for suffix in (".rows", ".good"))
        try:
            await self._load(document, uploaded, plain, good)
        except ApiError as error:
            self._keep(done(document, ReadRows(), [problem(error.reason, error.message)]))
        except EmulatorError as error:
            self._keep(done(document, ReadRows(), [problem("internalError", str(error))]))
        for file in (uploaded, plain, good):
            file.unlink(missing_ok=True)

    async def _take_half_the_time(self) -> None:
        """Wait for half of `job_seconds`, which a test may change meanwhile."""
        began = time.monotonic()
        while (left := began + self._settings.job_seconds / 2 - time.monotonic()) > 0:  # noqa: ASYNC110 (not an event)
            await asyncio.sleep(min(left, 0.1))

    async def _load(self, document: Document, uploaded: Path, plain: Path, good: Path) -> None:
        load = document["resource"]["configuration"]["load"]
        table = table_of(load)
        self._check_quota(table)
        plan = plan_of(table, self._catalog.table(table), load)
        rules = _rules(plan, load)
        if load["sourceFormat"] in (PARQUET, AVRO):
            await asyncio.to_thread(write_lines, uploaded, plain, load, rules.columns)
        else:
            try:
                await asyncio.to_thread(unpack, uploaded, plain)
            except ValueError as error:
                raise invalid(str(error)) from None
        read = await asyncio.to_thread(read_rows, plain, good, rules)
        if len(read.errors) > rules.max_bad_records:
            self._keep(done(document, ReadRows(errors=read.errors), too_many(read)))
            return
        if len(read.partitions) > MAX_PARTITIONS:
            raise invalid(
                f"Too many partitions produced by query, allowed {MAX_PARTITIONS}, query produces"
                f" at least {len(read.partitions)} partitions"
            )
        await self._change_table(table, plan)
        warnings = [problem("invalid", message) for message in read.errors]
        after = done(document, read, warnings, failed=False)
        key = key_of(after)
        if read.row_count:
            await self._loads.load(table, good, read.row_count, "job", {key: after})
            self._history.replace(key, after)
        else:
            self._keep(after)

    def _check_quota(self, table: TableName) -> None:
        """Count the day's load jobs for the table, failed ones too; raises ApiError.

        Source: quotas, "Load jobs"; troubleshoot-quotas, "Maximum number of table load jobs".
        """
        since = int(now()) - _DAY
        jobs = [
            document["resource"]
            for _, document in self._history.loads()
            if table_of(document["resource"]["configuration"]["load"]) == table
        ]
        today = [job for job in jobs if int(job["statistics"]["creationTime"]) > since]
        if len(today) > self._settings.load_jobs_per_day:
            raise ApiError(
                403,
                "quotaExceeded",
                "Quota exceeded: Your table exceeded quota for imports or query appends per table.",
            )

    async def _change_table(self, table: TableName, plan: Plan) -> None:
        if plan.makes_table:
            declared = {"tableReference": table.reference, **plan.declaration}
            await self._catalog.create_table(table, declared)
        elif plan.adds_fields:
            schema = {"schema": plan.declaration["schema"]}
            await self._catalog.update_table(table, schema, None, replace=False)

    def _keep(self, document: Document) -> None:
        reference = document["resource"]["jobReference"]
        self._history.keep(reference["projectId"], reference["jobId"], document)


def _check_offered(load: Json) -> None:
    offered: dict[str, tuple[Any, ...]] = {
        "sourceFormat": ("NEWLINE_DELIMITED_JSON", PARQUET, AVRO),
        "writeDisposition": ("WRITE_APPEND", None),
        "autodetect": (False, None),
    }
    for name, values in offered.items():
        if load.get(name) not in values:
            raise not_implemented(f"load jobs with {name} {load.get(name, 'left out')}")
    if "$" in load["destinationTable"].get("tableId", ""):
        raise not_implemented("load jobs into one partition")


def _rules(plan: Plan, load: Json) -> RowRules:
    partitioning = plan.declaration.get("timePartitioning") or {}
    return RowRules(
        columns_of(plan.declaration["schema"]),
        partitioning.get("field", ""),
        partitioning.get("type", "DAY"),
        bool(load.get("ignoreUnknownValues")),
        int(load.get("maxBadRecords") or 0),
    )
