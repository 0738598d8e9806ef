"""All jobs that were ever begun, of all kinds: an id is used once.

Sources: managing-jobs, rest/v2/jobs/get, rest/v2/JobReference, locations ("Specify locations").
"""

import re
import secrets

from aiohttp import web

from .access import Caller
from .errors import access_denied, duplicate, invalid, not_found
from .store import Document, Store

_JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,1024}")
# The others must be given with the job's id.
_FOUND_WITHOUT_LOCATION = frozenset({"US", "EU"})


class JobHistory:
    """What is kept about each job: "email", "location", and "resource" for those run here."""

    def __init__(self, store: Store) -> None:
        """Read the jobs that were begun before."""
        self._store = store
        self._jobs = dict(store.all("job"))

    @staticmethod
    def checked_id(job: str | None) -> str:
        """Return a job id that is as it must be, a new one for None; raises ApiError (400)."""
        job = job or f"job_{secrets.token_urlsafe(20)}"
        if not _JOB_ID.fullmatch(job):
            raise invalid(f'Invalid job ID "{job}".')
        return job

    def check_unused(self, project: str, job: str) -> None:
        """Refuse an id that was used, whatever became of that job; raises ApiError (409).

        Source: reliability-intro and loading-data-cloud-storage-json: of all jobs.insert with one
        id at most one succeeds.
        """
        if known := self._jobs.get(f"{project}:{job}"):
            raise duplicate(f"Job {project}:{known['location']}.{job}")

    def keep(self, project: str, job: str, document: Document) -> None:
        """Remember a job as it is now."""
        self._jobs[f"{project}:{job}"] = document
        self._store.put("job", {f"{project}:{job}": document})

    def replace(self, key: str, document: Document) -> None:
        """Take over what the store has been given already."""
        self._jobs[key] = document

    def loads(self) -> list[tuple[str, Document]]:
        """Return key and document of the load jobs."""
        return [
            (key, document)
            for key, document in self._jobs.items()
            if "load" in document.get("resource", {}).get("configuration", {})
        ]

    def billed(self, project: str) -> int:
        """Return how many bytes the query jobs of a project were billed for."""
        return sum(
            int(document.get("statistics", {}).get("query", {}).get("totalBytesBilled", 0))
            for key, document in self._jobs.items()
            if key.startswith(f"{project}:")
        )

    async def table_of(self, request: web.Request) -> str:
        """Return the id of the table that the load job in the request's path loads, or ""."""
        path = request.match_info
        known = self._jobs.get(f"{path['project']}:{path['job']}", {})
        load = known.get("resource", {}).get("configuration", {}).get("load", {})
        return str(load.get("destinationTable", {}).get("tableId", ""))

    def found(self, request: web.Request, caller: Caller) -> tuple[str, str, Document]:
        """Return project, id and document of a job that the caller made and finds.

        Raises ApiError: 404 also for a job whose location had to be given and was not.
        """
        project, job = request.match_info["project"], request.match_info["job"]
        known = self._jobs.get(f"{project}:{job}")
        asked = request.query.get("location")
        if known is None or (
            asked.casefold() != known["location"].casefold()
            if asked
            else known["location"] not in _FOUND_WITHOUT_LOCATION
        ):
            raise not_found(f"Job {project}:{job}")
        if known["email"] != caller.email:
            raise access_denied(
                f"Job {project}:{job}: Permission bigquery.jobs.get denied on job {project}:{job}"
                " (or it may not exist)."
            )
        return project, job, known
