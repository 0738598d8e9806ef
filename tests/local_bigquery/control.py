"""What BigQuery does not have: the token endpoint, and /local/ for tests."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from .accounts import GRANT_TYPE, Account, Accounts, InvalidGrantError, new_key
from .calls import Call, Gate
from .catalog import Catalog
from .clock import Clock
from .errors import ApiError, not_found
from .job_history import JobHistory
from .permissions import Grant
from .responses import error_response, json_response, response_of
from .rest import json_body
from .routines import Routines
from .running_statements import RunningStatements
from .schema import Json
from .statements import may_declare

type Handler = Callable[[web.Request], Awaitable[Json | None]]


class Control:
    """The token endpoint, and calls that change accounts, projects, datasets and the clock."""

    def __init__(
        self,
        gate: Gate,
        accounts: Accounts,
        catalog: Catalog,
        statements: RunningStatements,
        clock: Clock,
        routines: Routines,
        history: JobHistory,
    ) -> None:
        """Act on these parts."""
        self._gate = gate
        self._accounts = accounts
        self._catalog = catalog
        self._statements = statements
        self._clock = clock
        self._routines = routines
        self._history = history

    def register(self, app: web.Application) -> None:
        """Add the calls to the application."""
        app.router.add_post("/token", self.token)
        account = "/local/accounts/{email}"
        for method, path, handler in (
            ("POST", "/local/projects", self.create_project),
            ("POST", "/local/accounts", self.create_account),
            ("PUT", f"{account}/grants", self.set_grants),
            ("POST", f"{account}/keys", self.create_key),
            ("DELETE", f"{account}/keys/{{key}}", self.delete_key),
            ("DELETE", account, self.delete_account),
            ("DELETE", "/local/datasets/{project}/{dataset}", self.drop_dataset),
            ("POST", "/local/kms_keys", self.add_kms_key),
            ("POST", "/local/query", self.query),
            ("GET", "/local/billed/{project}", self.billed),
            ("POST", "/local/clock", self.move_clock),
        ):
            app.router.add_route(method, path, answering(handler))

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Exchange a signed assertion for an access token.

        Source: identity/protocols/oauth2/service-account, "Making the access token request".
        """
        call = Call("token", request.path)
        return await response_of(
            self._gate, call, request, partial(self._token, request), _token_error
        )

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("grant_type") != GRANT_TYPE:
            raise ApiError(400, "unsupported_grant_type", "Invalid grant_type")
        try:
            value, seconds = self._accounts.exchange(str(form.get("assertion", "")))
        except InvalidGrantError as error:
            raise ApiError(400, "invalid_grant", str(error)) from None
        return json_response(
            {"access_token": value, "expires_in": int(seconds), "token_type": "Bearer"}
        )

    async def create_project(self, request: web.Request) -> Json:
        """Make the project {"id"} known."""
        project = (await json_body(request))["id"]
        self._catalog.add_project(project)
        return {"id": project}

    async def create_account(self, request: web.Request) -> Json:
        """Make an account from {"project", "grants"} and return its first key file."""
        body = await json_body(request)
        grants = _grants(body)
        for project in {body["project"], *(grant.project for grant in grants)}:
            self._catalog.add_project(project)
        account = self._accounts.create(body["project"], grants)
        return await self._new_key(request, account.email)

    async def set_grants(self, request: web.Request) -> Json:
        """Give an account {"grants"} instead of those that it has."""
        account = self._account(request)
        account.grants = _grants(await json_body(request))
        self._accounts.save(account)
        return {"email": account.email}

    async def create_key(self, request: web.Request) -> Json:
        """Return a further key file of an account."""
        return await self._new_key(request, request.match_info["email"])

    async def delete_key(self, request: web.Request) -> None:
        """Delete a key; access tokens that were had with it last until they expire.

        Source: iam/docs/keys-create-delete, "Delete service account keys".
        """
        account = self._account(request)
        if account.keys.pop(request.match_info["key"], None) is None:
            raise not_found(f"Key {request.match_info['key']}")
        self._accounts.save(account)

    async def delete_account(self, request: web.Request) -> None:
        """Delete an account; its keys and access tokens are worth nothing at once."""
        self._accounts.delete(self._account(request).email)

    async def drop_dataset(self, request: web.Request) -> None:
        """Drop a dataset with everything in it."""
        path = request.match_info
        await self._catalog.drop_dataset(path["project"], path["dataset"])
        self._routines.forget_dataset(path["project"], path["dataset"])

    async def add_kms_key(self, request: web.Request) -> Json:
        """Let BigQuery use the key {"name"} of Cloud KMS."""
        name = (await json_body(request))["name"]
        self._catalog.kms_keys.add(name)
        return {"name": name}

    async def query(self, request: web.Request) -> Json:
        """Run {"project", "sql"} without an account and return its rows."""
        body = await json_body(request)
        project = body["project"]
        sql = self._routines.expanded(project, body["sql"])
        async with self._statements.running(project, {"query": sql}) as emulator:
            rows = await emulator.query(project, sql)
        if may_declare(sql):
            await self._catalog.adopt_changes(project)
        return {"rows": rows}

    async def billed(self, request: web.Request) -> Json:
        """Return how many bytes all query jobs of a project were billed for."""
        return {"bytes": self._history.billed(request.match_info["project"])}

    async def move_clock(self, request: web.Request) -> Json:
        """Move the server's clock forward by {"seconds"} and return its time."""
        self._clock.move((await json_body(request))["seconds"])
        return {"date": self._clock.http_date()}

    async def _new_key(self, request: web.Request, email: str) -> Json:
        account = self._accounts.get(email)
        if account is None:
            raise not_found(f"Account {email}")
        token_uri = str(request.url.origin() / "token")
        key = await asyncio.to_thread(new_key, account, token_uri)
        self._accounts.save(account)
        return dict(key)

    def _account(self, request: web.Request) -> Account:
        account = self._accounts.get(request.match_info["email"])
        if account is None:
            raise not_found(f"Account {request.match_info['email']}")
        return account


def _grants(body: Json) -> list[Grant]:
    return [Grant.from_json(grant) for grant in body.get("grants", [])]


def _token_error(error: ApiError) -> Json:
    """Return the body of a refusal; source: RFC 6749, section 5.2."""
    return {"error": error.reason, "error_description": error.message}


def answering(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a route's handler that answers with JSON, also for what is refused."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return json_response(await handler(request))
        except ApiError as error:
            return error_response(error)
        except KeyError as error:
            return error_response(ApiError(400, "required", f"Missing {error}"))

    return handle
