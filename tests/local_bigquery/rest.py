"""The REST API's datasets and tables, and what all its calls have in common.

Source: rest/v2 (the reference of the BigQuery API).
"""

from collections.abc import Awaitable, Callable
import re
from typing import Any

from aiohttp import web
import orjson

from .access import Access, Caller
from .accounts import Accounts
from .calls import Call, Gate
from .catalog import Catalog
from .errors import ApiError, invalid, not_found
from .logical_views import check_view
from .metadata_quota import MetadataQuota
from .names import TableName, table_id
from .permissions import Grant
from .responses import error_response, json_response, response_of
from .schema import Json

type Handler = Callable[[web.Request, Caller], Awaitable[Json | web.Response | None]]
type TableOf = Callable[[web.Request], Awaitable[str]]

PREFIX = "/bigquery/v2"
_DATASETS = f"{PREFIX}/projects/{{project}}/datasets"
_DATASET = f"{_DATASETS}/{{dataset}}"
_TABLES = f"{_DATASET}/tables"
_TABLE = f"{_TABLES}/{{table}}"


async def json_body(request: web.Request) -> Json:
    """Read the JSON object that a request carries; raises ApiError."""
    content = await request.read()
    try:
        body = orjson.loads(content or b"{}")
    except orjson.JSONDecodeError:
        raise ApiError(400, "parseError", "Parse Error") from None
    if not isinstance(body, dict):
        raise invalid("The body must be a JSON object.")
    return body


def _partial(body: Json | None, fields: str | None) -> Json | None:
    """Return only those fields that a request asks for; raises ApiError.

    Source: "Performance tips" of the BigQuery API, "Partial response". Fields of fields are not
    served here.
    """
    if body is None or fields is None:
        return body
    if not re.fullmatch(r"\w+(,\w+)*", fields):
        raise invalid(f"Invalid field selection {fields}")
    return {name: body[name] for name in fields.split(",") if name in body}


class RestApi:
    """Registers handlers so that every call passes the gate and has a known caller."""

    def __init__(self, app: web.Application, gate: Gate, access: Access) -> None:
        """Add to this application."""
        self._router = app.router
        self._gate = gate
        self._access = access

    def add(
        self,
        http_method: str,
        path: str,
        method: str,
        handler: Handler,
        table_of: TableOf | None = None,
    ) -> None:
        """Serve one method of the API, for example "tables.insert".

        `table_of` finds the id of the table that a call concerns if the path does not have it.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            async def answer() -> web.Response:
                caller = self._access.caller(request.headers.get("Authorization"))
                body = await handler(request, caller)
                if isinstance(body, web.Response):
                    return body
                return json_response(_partial(body, request.query.get("fields")))

            table = await table_of(request) if table_of else table_id(request.path)
            return await response_of(self._gate, Call(method, request.path, table), request, answer)

        self._router.add_route(http_method, path, handle)


class Resources:
    """The methods of the collections datasets and tables."""

    def __init__(self, catalog: Catalog, quota: MetadataQuota, accounts: Accounts) -> None:
        """Answer from this catalog."""
        self._catalog = catalog
        self._quota = quota
        self._accounts = accounts

    def register(self, api: RestApi) -> None:
        """Add the methods to the API."""
        api.add("GET", _DATASETS, "datasets.list", self.list_datasets)
        api.add("POST", _DATASETS, "datasets.insert", self.insert_dataset)
        api.add("GET", _DATASET, "datasets.get", self.get_dataset)
        api.add("GET", _TABLES, "tables.list", self.list_tables)
        api.add("POST", _TABLES, "tables.insert", self.insert_table, _table_of_insert)
        api.add("GET", _TABLE, "tables.get", self.get_table)
        api.add("PATCH", _TABLE, "tables.patch", self.patch_table)
        api.add("PUT", _TABLE, "tables.update", self.update_table)
        api.add("DELETE", _TABLE, "tables.delete", self.delete_table)
        api.add(
            *("POST", f"{_TABLE}:testIamPermissions", "tables.testIamPermissions"),
            self.test_permissions,
        )

    async def list_datasets(self, request: web.Request, caller: Caller) -> Json:
        """Answer datasets.list; source: listing-datasets, "Required permissions"."""
        project = request.match_info["project"]
        caller.check_project("bigquery.datasets.get", project)
        keys = ("kind", "id", "datasetReference", "location", "labels", "friendlyName", "type")
        return page(
            request, "bigquery#datasetList", "datasets", self._catalog.datasets(project), keys
        )

    async def insert_dataset(self, request: web.Request, caller: Caller) -> Json:
        """Answer datasets.insert; the caller becomes the owner of the dataset.

        Source: datasets, "Required permissions": "you're automatically granted ... Data Owner".
        """
        project = request.match_info["project"]
        caller.check_project("bigquery.datasets.create", project)
        dataset = await self._catalog.create_dataset(project, await json_body(request))
        id_ = dataset["datasetReference"]["datasetId"]
        self._accounts.grant(caller.email, Grant("roles/bigquery.dataOwner", project, id_))
        return _linked(request, dataset)

    async def get_dataset(self, request: web.Request, caller: Caller) -> Json:
        """Answer datasets.get."""
        project, dataset = request.match_info["project"], request.match_info["dataset"]
        caller.check_dataset("bigquery.datasets.get", project, dataset)
        return _linked(request, self._catalog.existing_dataset(project, dataset))

    async def list_tables(self, request: web.Request, caller: Caller) -> Json:
        """Answer tables.list."""
        project, dataset = request.match_info["project"], request.match_info["dataset"]
        caller.check_dataset("bigquery.tables.list", project, dataset)
        self._catalog.existing_dataset(project, dataset)
        keys = (
            *("kind", "id", "tableReference", "type", "creationTime", "labels", "friendlyName"),
            *("timePartitioning", "clustering", "expirationTime"),
        )
        tables = self._catalog.tables(project, dataset)
        answer = page(request, "bigquery#tableList", "tables", tables, keys)
        return {**answer, "totalItems": len(tables)}

    async def insert_table(self, request: web.Request, caller: Caller) -> Json:
        """Answer tables.insert."""
        project, dataset = request.match_info["project"], request.match_info["dataset"]
        caller.check_dataset("bigquery.tables.create", project, dataset)
        body = await json_body(request)
        name = TableName(project, dataset, body.get("tableReference", {}).get("tableId", ""))
        self._quota.spend(name)
        check_view(project, body, caller)
        return _linked(request, await self._catalog.create_table(name, body))

    async def get_table(self, request: web.Request, caller: Caller) -> Json:
        """Answer tables.get; rows in the streaming buffer have numbers of their own."""
        name = _name(request)
        caller.check_table("bigquery.tables.get", name)
        table = self._catalog.existing_table(name)
        if table["type"] == "TABLE":
            table = {**table, **await self._catalog.statistics(name)}
        return _linked(request, table)

    async def patch_table(self, request: web.Request, caller: Caller) -> Json:
        """Answer tables.patch."""
        return await self._change_table(request, caller, replace=False)

    async def update_table(self, request: web.Request, caller: Caller) -> Json:
        """Answer tables.update."""
        return await self._change_table(request, caller, replace=True)

    async def _change_table(self, request: web.Request, caller: Caller, *, replace: bool) -> Json:
        name = _name(request)
        caller.check_table("bigquery.tables.update", name)
        body = await json_body(request)
        etag = request.headers.get("If-Match")
        self._quota.spend(name)
        check_view(name.project, body, caller)
        return _linked(request, await self._catalog.update_table(name, body, etag, replace=replace))

    async def delete_table(self, request: web.Request, caller: Caller) -> None:
        """Answer tables.delete."""
        name = _name(request)
        caller.check_table("bigquery.tables.delete", name)
        await self._catalog.delete_table(name)

    async def test_permissions(self, request: web.Request, caller: Caller) -> Json:
        """Answer tables.testIamPermissions, which needs no permission.

        Of a table that is missing, a caller with rights on its dataset learns that it is; to
        others it looks like one on which they have no permission. An empty list is left out.
        Source: rest/v2/tables/testIamPermissions.
        """
        name = _name(request)
        permissions = _permissions(await json_body(request))
        if self._catalog.table(name) is None:
            if caller.may("bigquery.tables.get", name.project, name.dataset):
                raise not_found(f"Table {name}")
            return {}
        held = [one for one in permissions if caller.may(one, name.project, name.dataset)]
        return {"permissions": held} if held else {}


def _permissions(body: Json) -> list[str]:
    """Return what is asked about, without what may not be asked."""
    permissions = body.get("permissions", [])
    if any("*" in permission for permission in permissions):
        raise invalid("Permissions with wildcards are not allowed.")
    return list(permissions)


def _name(request: web.Request) -> TableName:
    path = request.match_info
    return TableName(path["project"], path["dataset"], path["table"])


async def _table_of_insert(request: web.Request) -> str:
    """Return the id that the declaration of a new table has, if it can be read at all."""
    try:
        body = await json_body(request)
    except ApiError:
        return ""
    return str(body.get("tableReference", {}).get("tableId", ""))


def _linked(request: web.Request, body: Json) -> Json:
    return {**body, "selfLink": str(request.url)}


def page(
    request: web.Request, kind: str, name: str, bodies: list[Json], keys: tuple[str, ...]
) -> Json:
    """Return one page of a list: maxResults items from pageToken on, in the order of their ids."""
    first = int(request.query.get("pageToken") or 0)
    last = first + int(request.query.get("maxResults") or 1000)
    bodies = sorted(bodies, key=lambda body: str(body.get("id", "")))
    answer: dict[str, Any] = {"kind": kind}
    if page := [{key: body[key] for key in keys if key in body} for body in bodies[first:last]]:
        answer[name] = page
    if last < len(bodies):
        answer["nextPageToken"] = str(last)
    return answer


async def unknown_path(request: web.Request) -> web.Response:
    """Answer what no handler serves."""
    return error_response(not_found(f"the local BigQuery has no {request.method} {request.path}"))
