"""The REST API's collection jobs, except for uploads.

The statements of query jobs run in bqemulator; who may run them, under which id, and where, is
decided here.

Sources: rest/v2/jobs, rest/v2/jobs/query, running-queries ("Required permissions"), locations.
"""

from typing import Any

from aiohttp import web

from .access import Caller
from .bytes_billed import failed_job, refused
from .catalog import Catalog
from .emulator import Emulator
from .errors import ApiError, access_denied, invalid, invalid_query, not_found, not_implemented
from .job_history import JobHistory
from .named_tables import named_tables
from .names import TableName
from .partition_filter import check_filters
from .permissions import denied_on_dataset
from .rest import PREFIX, RestApi, json_body
from .running_statements import RunningStatements
from .schema import Json
from .statements import may_declare, reads_only

_PROJECT = f"{PREFIX}/projects/{{project}}"


class Jobs:
    """The methods of the collection jobs."""

    def __init__(
        self,
        catalog: Catalog,
        emulator: Emulator,
        statements: RunningStatements,
        history: JobHistory,
    ) -> None:
        """Run statements in this emulator, on the tables of this catalog."""
        self._catalog = catalog
        self._emulator = emulator
        self._statements = statements
        self._history = history

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
        location = self._check_statement(project, caller, body, body.get("location"))
        if refusal := await self._refused(project, body, body):
            raise refusal
        async with self._statements.running(project, body) as emulator:
            answer = await emulator.call("POST", f"/projects/{project}/queries", body)
        if errors := answer.get("errors"):
            raise invalid_query(errors[0]["message"])
        if job := answer.get("jobReference", {}).get("jobId"):
            self._remember(project, job, caller, location)
        await self._after(project, str(body["query"]))
        return _located(answer, location)

    async def insert(self, request: web.Request, caller: Caller) -> Json:
        """Answer jobs.insert for a query."""
        project = request.match_info["project"]
        caller.check_project("bigquery.jobs.create", project)
        body = await json_body(request)
        query = body.get("configuration", {}).get("query")
        if query is None:
            raise not_implemented("jobs other than queries without an upload")
        reference = body.get("jobReference", {})
        job = self._history.checked_id(reference.get("jobId"))
        location = self._check_statement(project, caller, query, reference.get("location"))
        self._history.check_unused(project, job)
        body["jobReference"] = {"projectId": project, "jobId": job, "location": location}
        if refusal := await self._refused(project, query, body["configuration"]):
            resource = failed_job(body, refusal)
            document = {"email": caller.email, "location": location, "resource": resource}
            self._history.keep(project, job, document)
            return resource
        self._remember(project, job, caller, location)
        async with self._statements.running(project, query) as emulator:
            answer = await emulator.call("POST", f"/projects/{project}/jobs", body)
        await self._after(project, str(query["query"]))
        return _located(answer, location)

    async def get(self, request: web.Request, caller: Caller) -> Json:
        """Answer jobs.get."""
        project, job, document = self._history.found(request, caller)
        if "resource" in document:
            resource: Json = document["resource"]
            return resource
        answer = await self._emulator.call("GET", f"/projects/{project}/jobs/{job}")
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

    async def _refused(self, project: str, query: Json, configuration: Json) -> ApiError | None:
        """Return why a query may not run, because it would be billed for too much."""
        if not query.get("maximumBytesBilled") or configuration.get("dryRun"):
            return None
        asked = {"configuration": {"query": query, "dryRun": True}}
        async with self._statements.running(project, query) as emulator:
            answer = await emulator.call("POST", f"/projects/{project}/jobs", asked)
        processed = int(answer.get("statistics", {}).get("totalBytesProcessed") or 0)
        sql, default = str(query.get("query", "")), query.get("defaultDataset")
        return refused(query, processed, named_tables(self._catalog, project, sql, default))

    def _remember(self, project: str, job: str, caller: Caller, location: str) -> None:
        self._history.keep(project, job, {"email": caller.email, "location": location})

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


def _located(answer: Json, location: str) -> Json:
    if "jobReference" in answer:
        answer["jobReference"]["location"] = location
    return answer
