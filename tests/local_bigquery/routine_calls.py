"""The REST API's collection routines.

Sources: rest/v2/routines (list, get, insert, update, delete, and the permission of each).
"""

from aiohttp import web

from .access import Caller
from .rest import PREFIX, RestApi, json_body, page
from .routines import Routines
from .schema import Json

_ROUTINES = f"{PREFIX}/projects/{{project}}/datasets/{{dataset}}/routines"
_ROUTINE = f"{_ROUTINES}/{{routine}}"
_LISTED = ("etag", "routineType", "creationTime", "lastModifiedTime", "language")
"""What a list has of routines unless a mask says otherwise (rest/v2/routines/list, readMask)."""


class RoutineCalls:
    """The methods of the collection routines."""

    def __init__(self, routines: Routines) -> None:
        """Answer from these routines."""
        self._routines = routines

    def register(self, api: RestApi) -> None:
        """Add the methods to the API."""
        api.add("GET", _ROUTINES, "routines.list", self.list)
        api.add("POST", _ROUTINES, "routines.insert", self.insert)
        api.add("GET", _ROUTINE, "routines.get", self.get)
        api.add("PUT", _ROUTINE, "routines.update", self.update)
        api.add("DELETE", _ROUTINE, "routines.delete", self.delete)

    async def list(self, request: web.Request, caller: Caller) -> Json:
        """Answer routines.list."""
        dataset = _dataset(request)
        caller.check_dataset("bigquery.routines.list", *dataset)
        mask = request.query.get("readMask")
        keys = ("routineReference", *(mask.split(",") if mask else _LISTED))
        routines = self._routines.all(*dataset)
        answer = page(request, "", "routines", routines, keys)
        del answer["kind"]  # The reference has none here.
        return answer

    async def insert(self, request: web.Request, caller: Caller) -> Json:
        """Answer routines.insert."""
        dataset = _dataset(request)
        caller.check_dataset("bigquery.routines.create", *dataset)
        return await self._routines.create(*dataset, await json_body(request))

    async def get(self, request: web.Request, caller: Caller) -> Json:
        """Answer routines.get."""
        caller.check_dataset("bigquery.routines.get", *_dataset(request))
        return self._routines.existing(*_dataset(request), request.match_info["routine"])

    async def update(self, request: web.Request, caller: Caller) -> Json:
        """Answer routines.update."""
        caller.check_dataset("bigquery.routines.update", *_dataset(request))
        routine, etag = request.match_info["routine"], request.headers.get("If-Match")
        body = await json_body(request)
        return await self._routines.replace(*_dataset(request), routine, body, etag)

    async def delete(self, request: web.Request, caller: Caller) -> None:
        """Answer routines.delete."""
        caller.check_dataset("bigquery.routines.delete", *_dataset(request))
        self._routines.delete(*_dataset(request), request.match_info["routine"])


def _dataset(request: web.Request) -> tuple[str, str]:
    return request.match_info["project"], request.match_info["dataset"]
