"""The REST API's collection jobs, except for uploads.

The statements of query jobs run in bqemulator; who may run them, under which id, and where, is
decided here.

Sources: rest/v2/jobs, rest/v2/jobs/query, running-queries ("Required permissions"), locations.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from .access import Caller
from .bytes_billed import billed, failed_job, refused
from .bytes_read import bytes_read
from .catalog import Catalog
from .emulator import Emulator
from .errors import ApiError, access_denied, invalid, invalid_query, not_found, not_implemented
from .job_history import JobHistory
from .named_tables import named_tables
from .names import TableName
from .partition_filter import check_filters
from .permissions import denied_on_dataset
from .query_statistics import statistics_of
from .rest import PREFIX, RestApi, json_body
from .routines import Routines
from .running_statements import RunningStatements
from .schema import Json
from .statements import may_declare, reads_only

_PARAMETERS: tuple[str, ...] = ("queryParameters", "parameterMode")
_PROJECT = f"{PREFIX}/projects/{{project}}"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many bytes a query reads, and is billed for."""

    processed: int
    billed: int

    def statistics(self, told: Json) -> Json:
        """Return what a job tells of it, with what is told of the statement."""
        processed = {"totalBytesProcessed": str(self.processed)}
        sizes = {**processed, "totalBytesBilled": str(self.billed), "cacheHit": False}
        return {**processed, "query": {**told, **sizes}}


class Jobs:
    """The methods of the collection jobs."""

    def __init__(
        self,
        catalog: Catalog,
        emulator: Emulator,
        statements: RunningStatements,
        history: JobHistory,
        routines: Routines,
    ) -> None:
        """Run statements in this emulator, on the tables of this catalog."""
        self._catalog = catalog
        self._emulator = emulator
        self._statements = statements
        self._history = history
        self._routines = routines

    def register(self, api: RestApi) -> None:
        """Add the methods to the API."""
        api.add("POST", f"{_PROJECT}/queries", "jobs.query", self.query)
        api.add("GET", f"{_PROJECT}/queries/{{job}}", "jobs.getQueryResults", self.results)
        api.add("POST", f"{_PROJECT}/jobs", "jobs.insert", self.insert)
        api.add("GET", f"{_PROJECT}/jobs/{{job}}", "jobs.get", self.get, self._history.table_of)

    async def query(self, request: web.Request, caller: Caller) -> Json:
        """Answer jobs.query."""
        project = request.match_info["project"]
        caller.check_project("bigquery.jobs.create", project)
        body = await json_body(request)
        told = self._expand(project, caller, body)
        location = self._check_statement(project, caller, body, body.get("location"))
        sizes = await self._sizes(project, body)
        if (refusal := refused(body, sizes.billed)) and not body.get("dryRun"):
            raise refusal
        async with self._statements.running(project, body) as emulator:
            answer = await emulator.call("POST", f"/projects/{project}/queries", body)
        if errors := answer.get("errors"):
            raise invalid_query(errors[0]["message"])
        answer["totalBytesProcessed"] = str(sizes.processed)
        if job := answer.get("jobReference", {}).get("jobId"):
            self._remember(project, job, caller, location, sizes.statistics(told))
        await self._after(project, str(body["query"]))
        return _located(answer, location)

    async def insert(self, request: web.Request, caller: Caller) -> Json:
        """Answer jobs.insert for a query."""
        project = request.match_info["project"]
        caller.check_project("bigquery.jobs.create", project)
        body = await json_body(request)
        configuration = body.get("configuration", {})
        query = configuration.get("query")
        if query is None:
            raise not_implemented("jobs other than queries without an upload")
        reference = body.get("jobReference", {})
        job = self._history.checked_id(reference.get("jobId"))
        told = self._expand(project, caller, query)
        if configuration.get("dryRun") and told["statementType"] != "SELECT":
            return _dry_run(body, {"query": told})  # It changes nothing, and is not run.
        location = self._check_statement(project, caller, query, reference.get("location"))
        self._history.check_unused(project, job)
        body["jobReference"] = {"projectId": project, "jobId": job, "location": location}
        sizes = await self._sizes(project, query)
        if not configuration.get("dryRun") and (refusal := refused(query, sizes.billed)):
            resource = failed_job(body, refusal)
            document = {"email": caller.email, "location": location, "resource": resource}
            self._history.keep(project, job, document)
            return resource
        if configuration.get("dryRun"):
            schema = await self._schema(project, query)
            return _dry_run(body, sizes.statistics({**told, "schema": schema}))
        statistics = sizes.statistics(told)
        self._remember(project, job, caller, location, statistics)
        async with self._statements.running(project, query) as emulator:
            answer = await emulator.call("POST", f"/projects/{project}/jobs", body)
        if not answer["status"].get("errorResult"):
            _include(answer, statistics)
        else:
            self._remember(project, job, caller, location)
        await self._after(project, str(query["query"]))
        return _located(answer, location)

    async def get(self, request: web.Request, caller: Caller) -> Json:
        """Answer jobs.get."""
        project, job, document = self._history.found(request, caller)
        if "resource" in document:
            resource: Json = document["resource"]
            return resource
        answer = await self._emulator.call("GET", f"/projects/{project}/jobs/{job}")
        _include(answer, document.get("statistics", {}))
        return _located(answer, document["location"])

    async def results(self, request: web.Request, caller: Caller) -> Json:
        """Answer jobs.getQueryResults, page by page."""
        project, job, document = self._history.found(request, caller)
        if error := document.get("resource", {}).get("status", {}).get("errorResult"):
            raise ApiError(400, error["reason"], error["message"])
        if "resource" in document:
            raise invalid("Cannot retrieve the results of a job that is no query.")
        params = {
            key: value
            for key, value in request.query.items()
            if key in ("maxResults", "pageToken", "startIndex", "timeoutMs")
        }
        answer = await self._emulator.call(
            "GET", f"/projects/{project}/queries/{job}", params=params
        )
        return _located(answer, document["location"])

    def _expand(self, project: str, caller: Caller, query: Json) -> Json:
        """Put the queries of table functions into the places of their calls.

        Returns what is told of the statement.
        """
        default = query.get("defaultDataset")
        sql = str(query.get("query") or "")
        if not sql.strip():
            raise invalid("Required parameter is missing: query")
        query["query"] = self._routines.expanded(project, sql, default, caller)
        return statistics_of(
            sql,
            query["query"],
            partial(self._found, project, default=default),
            partial(self._routines.called, project, default=default),
        )

    async def _schema(self, project: str, query: Json) -> Json:
        """Return the schema of a query's answer; raises ApiError if it cannot run."""
        asked = {**query, "query": f"SELECT * FROM (\n{query['query']}\n) LIMIT 0"}  # noqa: S608
        body = {"configuration": {"query": asked}}
        async with self._emulator.exclusively() as emulator:
            job = await emulator.call("POST", f"/projects/{project}/jobs", body)
            if error := job["status"].get("errorResult"):
                raise invalid_query(error["message"])
            name = job["jobReference"]["jobId"]
            answer = await emulator.call("GET", f"/projects/{project}/queries/{name}")
        schema: Json = answer["schema"]
        return schema

    async def _sizes(self, project: str, query: Json) -> Sizes:
        """Return how many bytes a query reads, if it only reads, and is billed for."""
        if not reads_only(sql := str(query["query"])):
            return Sizes(0, 0)
        default = query.get("defaultDataset")
        options = {key: query[key] for key in _PARAMETERS if key in query}
        async with self._emulator.exclusively() as emulator:
            find = partial(self._found, project, default=default)
            processed = await bytes_read(emulator, project, sql, find, options)
        tables = named_tables(self._catalog, project, sql, default)
        return Sizes(processed, billed(processed, tables) if tables else 0)

    def _remember(
        self,
        project: str,
        job: str,
        caller: Caller,
        location: str,
        statistics: Json | None = None,
    ) -> None:
        document = {"email": caller.email, "location": location, "statistics": statistics or {}}
        self._history.keep(project, job, document)

    def _check_statement(
        self, project: str, caller: Caller, query: dict[str, Any], location: str | None
    ) -> str:
        """Return where the statement runs; raises ApiError if the caller may not run it.

        What a statement names is found by its words, which is enough for the permission on
        datasets that the server knows: reading needs bigquery.tables.getData, every other
        statement bigquery.tables.updateData.
        """
        # Source: rest/v2/jobs, JobConfigurationQuery.useLegacySql: true unless it is false.
        if query.get("useLegacySql", True):
            raise invalid_query("The local BigQuery has no legacy SQL: set useLegacySql to false.")
        sql = str(query.get("query", ""))
        permission = "bigquery.tables.getData" if reads_only(sql) else "bigquery.tables.updateData"
        where = location
        for name in named_tables(self._catalog, project, sql, query.get("defaultDataset")):
            if not caller.may(permission, name.project, name.dataset):
                if self._catalog.table(name) is None:
                    raise denied_on_dataset(permission, name.project, name.dataset)
                raise access_denied(
                    f"Table {name}: User does not have permission to query table {name},"
                    " or perhaps it does not exist."
                )
            dataset = self._catalog.existing_dataset(name.project, name.dataset)
            where = where or dataset["location"]
            if where.casefold() != dataset["location"].casefold():
                raise not_found(
                    f"Dataset {name.project}:{name.dataset} was not found in location {where}"
                )
        check_filters(sql, lambda name: self._found(project, name, query.get("defaultDataset")))
        return where or "US"

    def _found(self, project: str, name: str, default: Json | None) -> Json | None:
        """Return the table or view that a statement names, if it is one."""
        owner, dataset, table = ["", "", *name.split(".")][-3:]
        default = default or {}
        dataset = dataset or default.get("datasetId", "")
        owner = owner or default.get("projectId") or project
        return self._catalog.table(TableName(owner, dataset, table))

    async def _after(self, project: str, sql: str) -> None:
        if may_declare(sql):
            await self._catalog.adopt_changes(project)


def _include(answer: Json, statistics: Json) -> None:
    """Add statistics to those of a job."""
    before = answer.get("statistics", {})
    details = {**before.get("query", {}), **statistics.get("query", {})}
    answer["statistics"] = {**before, **statistics, "query": details}


def _dry_run(body: Json, statistics: Json) -> Json:
    """Return the job of a dry run: it has no id."""
    body["jobReference"].pop("jobId", None)
    return {"kind": "bigquery#job", **body, "status": {"state": "DONE"}, "statistics": statistics}


def _located(answer: Json, location: str) -> Json:
    if "jobReference" in answer:
        answer["jobReference"]["location"] = location
    return answer
