"""Uploads: the file of a load job, in one request or in chunks that can be resumed.

Source: reference/api-uploads ("Multipart upload", "Resumable upload"): a session is begun with the
job's description and answers with its address; chunks are multiples of 256 KiB, except the last.
"""

from dataclasses import asdict
from pathlib import Path
import re
import secrets

from aiohttp import BodyPartReader, web
import orjson

from .access import Caller
from .errors import ApiError, invalid, not_found
from .load_jobs import LoadJobs
from .load_resource import Beginning, table_of
from .rest import PREFIX, RestApi, json_body
from .schema import Json
from .settings import Settings
from .store import Document, Store

_PATH = f"/upload{PREFIX}/projects/{{project}}/jobs"
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_CHUNK_UNIT = 256 * 1024
_PARTS = "parts"


class Uploads:
    """The upload paths of jobs.insert. Sessions survive a kill."""

    def __init__(self, jobs: LoadJobs, store: Store, settings: Settings, data_dir: Path) -> None:
        """Hand complete files to these jobs."""
        self._jobs = jobs
        self._store = store
        self._settings = settings
        self._folder = data_dir / "uploads"
        self._folder.mkdir(exist_ok=True)
        self._sessions = dict(store.all("upload"))

    def register(self, api: RestApi) -> None:
        """Add the methods to the API."""
        api.add("POST", _PATH, "jobs.insert", self.begin, _table_of_job)
        api.add("PUT", _PATH, "jobs.upload", self.continue_, self._table_of_session)

    async def begin(self, request: web.Request, caller: Caller) -> Json | web.Response:
        """Begin a session, or take a whole job from one request."""
        kind = request.query.get("uploadType")
        if kind == "multipart":
            return await self._multipart(request, caller)
        if kind != "resumable":
            raise invalid(f"Invalid upload type {kind}.")
        beginning = self._check(request, caller, await json_body(request))
        upload = secrets.token_urlsafe(32)
        session = {"beginning": asdict(beginning), "received": 0, "resource": None}
        self._keep(upload, session)
        address = request.url.with_query(uploadType="resumable", upload_id=upload)
        return web.Response(headers={"Location": str(address), "X-GUploader-UploadID": upload})

    async def continue_(self, request: web.Request, caller: Caller) -> Json | web.Response:
        """Take a chunk, or say how far the session is."""
        upload = request.query.get("upload_id", "")
        session = self._sessions.get(upload)
        if session is None or session["beginning"]["email"] != caller.email:
            raise not_found(f"Upload {upload}")
        if session["resource"]:
            resource: Json = session["resource"]
            return resource
        first, last, total = _range_of(request)
        if first is not None:
            await self._receive(upload, session, request, first, last)
        session = self._sessions[upload]
        received = session["received"]
        if (total is None and first is not None and last is None) or total == received:
            return self._complete(upload, session, request)
        if first is not None and received % _CHUNK_UNIT:
            raise invalid(f"A chunk must be a multiple of {_CHUNK_UNIT} bytes.")
        headers = {"Range": f"bytes=0-{received - 1}"} if received else {}
        return web.Response(status=308, reason="Resume Incomplete", headers=headers)

    async def _receive(
        self, upload: str, session: Document, request: web.Request, first: int, last: int | None
    ) -> None:
        """Write what is new of a chunk; a connection that breaks leaves whole units of it.

        So does a limit of what is kept at once.
        """
        received = session["received"]
        if first > received:
            raise invalid(f"The chunk begins at {first}; the session has {received} bytes.")
        position = first
        whole = False
        try:
            with self._file(upload).open("r+b" if received else "wb") as file:
                file.seek(first)
                async for content in request.content.iter_any():
                    file.write(content)
                    position += len(content)
            whole = True
        finally:
            arrived = min(position, received + self._settings.upload_bytes)
            if not whole or arrived < position:
                arrived -= arrived % _CHUNK_UNIT
            self._keep(upload, {**session, "received": max(received, arrived)})
        if last is not None and position != last + 1:
            raise invalid(f"The chunk has {position - first} bytes, not {last + 1 - first}.")

    def _complete(self, upload: str, session: Document, request: web.Request) -> Json:
        file = self._file(upload)
        if not session["received"]:
            file.touch()
        resource = self._jobs.begin(Beginning(**session["beginning"]), file, _job_url(request))
        self._keep(upload, {**session, "resource": resource})
        return resource

    async def _multipart(self, request: web.Request, caller: Caller) -> Json:
        """Take the two parts of a multipart upload: the job's description and its file."""
        body, content = await _parts_of(request)
        beginning = self._check(request, caller, body)
        file = self._folder / secrets.token_hex(16)
        file.write_bytes(content)
        return self._jobs.begin(beginning, file, _job_url(request))

    def _check(self, request: web.Request, caller: Caller, body: Json) -> Beginning:
        return self._jobs.check(request.match_info["project"], caller, body)

    async def _table_of_session(self, request: web.Request) -> str:
        session = self._sessions.get(request.query.get("upload_id", ""))
        return table_of(session["beginning"]["load"]).table if session else ""

    def _keep(self, upload: str, session: Document) -> None:
        self._sessions[upload] = session
        self._store.put("upload", {upload: session})

    def _file(self, upload: str) -> Path:
        return self._folder / upload


def _range_of(request: web.Request) -> tuple[int | None, int | None, int | None]:
    """Return first byte, last byte and total size that a request tells; raises ApiError.

    Without Content-Range it is the whole file: (0, None, None). A question has no first byte.
    """
    header = request.headers.get("Content-Range")
    if header is None:
        return 0, None, None
    match = _CONTENT_RANGE.fullmatch(header)
    if match is None:
        raise invalid(f"Failed to parse Content-Range header {header}.")
    first, last, total = (int(text) if text and text != "*" else None for text in match.groups())
    return first, last, total


async def _parts_of(request: web.Request) -> tuple[Json, bytes]:
    """Return the job's description and the file of a multipart request; raises ApiError."""
    if _PARTS not in request:
        try:
            reader = await request.multipart()
            parts = [
                bytes(await part.read())
                async for part in reader
                if isinstance(part, BodyPartReader)
            ]
            description, content = parts
            request[_PARTS] = orjson.loads(description), content
        except (AssertionError, ValueError) as error:
            raise ApiError(400, "parseError", f"Parse Error: {error}") from None
    parts_of_request: tuple[Json, bytes] = request[_PARTS]
    return parts_of_request


async def _table_of_job(request: web.Request) -> str:
    """Return the id of the table that a job's description names, if it can be read at all."""
    try:
        if request.query.get("uploadType") == "multipart":
            body, _ = await _parts_of(request)
        else:
            body = await json_body(request)
    except ApiError:
        return ""
    load = body.get("configuration", {}).get("load", {})
    return str(load.get("destinationTable", {}).get("tableId", ""))


def _job_url(request: web.Request) -> str:
    project = request.match_info["project"]
    return str(request.url.origin().with_path(f"{PREFIX}/projects/{project}/jobs"))
