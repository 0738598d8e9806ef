"""Load jobs as jobs.get shows them.

Source: rest/v2/Job (JobStatus, JobStatistics3), rest/v2/ErrorProto.
"""

from dataclasses import dataclass
import time

from .json_lines import ReadRows
from .names import TableName
from .schema import Json
from .store import Document


@dataclass(frozen=True, slots=True)
class Beginning:
    """A load job that may be begun as soon as its file is there."""

    project: str
    job: str
    location: str
    email: str
    load: Json
    labels: Json


def table_of(load: Json) -> TableName:
    """Return the table that a job's configuration names."""
    table = load["destinationTable"]
    return TableName(table["projectId"], table["datasetId"], table["tableId"])


def key_of(document: Document) -> str:
    """Return the key under which the history has the job."""
    reference = document["resource"]["jobReference"]
    return f"{reference['projectId']}:{reference['jobId']}"


def now() -> str:
    """Return the time as the REST API writes it: milliseconds since 1970."""
    return str(time.time_ns() // 1_000_000)


def pending(beginning: Beginning, url: str) -> Json:
    """Return the resource of a job that was just begun; `url` is that of all jobs."""
    key = f"{beginning.project}:{beginning.location}.{beginning.job}"
    return {
        "kind": "bigquery#job",
        "id": key,
        "selfLink": f"{url}/{beginning.job}?location={beginning.location}",
        "user_email": beginning.email,
        "configuration": {
            "jobType": "LOAD",
            "load": beginning.load,
            "labels": beginning.labels,
        },
        "jobReference": {
            "projectId": beginning.project,
            "jobId": beginning.job,
            "location": beginning.location,
        },
        "statistics": {"creationTime": now()},
        "status": {"state": "PENDING"},
    }


def done(
    document: Document, read: ReadRows, errors: list[Json], *, failed: bool = True
) -> Document:
    """Return the job as it ends; its numbers are its own, not the table's."""
    resource = document["resource"]
    status: Json = {"state": "DONE"}
    if errors:
        status["errors"] = errors
    if failed:
        status["errorResult"] = errors[0]
    load = {
        "inputFiles": "1",
        "outputRows": str(read.row_count),
        "badRecords": str(len(read.errors)),
    }
    statistics = {**resource["statistics"], "endTime": now(), "load": load}
    return {**document, "resource": {**resource, "status": status, "statistics": statistics}}


def too_many(read: ReadRows) -> list[Json]:
    """Return the errors of a job that met more bad rows than it overlooks."""
    message = (
        "Error while reading data, error message: JSON table encountered too many errors, giving"
        f" up. Rows: {read.row_count + len(read.errors)}; errors: {len(read.errors)}. Please look"
        " into the errors[] collection for more details."
    )
    return [problem("invalid", text) for text in (message, *read.errors)]


def problem(reason: str, message: str) -> Json:
    """Return an ErrorProto."""
    return {"reason": reason, "message": message}
