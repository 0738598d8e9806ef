"""What BigQuery may answer, and what a user sees of it; the tests hold it to be true."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Fault:
    """A fault of BigQuery's, and what a user sees of it."""

    method: str
    kind: str
    status: str
    """The status sensor after the export that met the fault."""
    shows: str | None = None
    """The repair issue, or "reauth" for the flow that asks for a new key."""
    rule: dict[str, Any] = field(default_factory=dict)
    delivery: str = "storage_write"

    @property
    def name(self) -> str:
        """Return what the test is called."""
        return "-".join(map(str, (self.method, self.kind, *self.rule.values())))


ALWAYS = {"times": None}
DENIED = "access_denied"


def page(status: int, **rule: Any) -> dict[str, Any]:
    """Return the rule for a page that a proxy or a filter answers with."""
    return {"status": status, "content": "<title>Blocked</title>", **rule}


def load_job(
    method: str, kind: str, status: str, shows: str | None = None, /, **rule: Any
) -> Fault:
    """Return a fault that an export by load jobs meets."""
    return Fault(method, kind, status, shows, rule, "load_job")


FAULTS = [
    # Passing troubles that the client library rides out are not seen at all.
    Fault("CreateWriteStream", "UNAVAILABLE", "idle"),
    Fault("FinalizeWriteStream", "UNAVAILABLE", "idle"),
    Fault("BatchCommitWriteStreams", "UNAVAILABLE", "idle"),
    Fault("BatchCommitWriteStreams", "UNAVAILABLE", "idle", rule={"done": True}),
    Fault("tables.patch", "backendError", "idle"),
    Fault("tables.patch", "backendError", "idle", rule={"done": True}),
    Fault("tables.patch", "drop", "idle", rule={"done": True}),
    Fault("tables.patch", "rateLimitExceeded", "idle"),
    Fault("tables.patch", "authError", "idle"),
    Fault("tabledata.list", "backendError", "idle"),
    Fault("AppendRows", "delay", "idle", rule={"seconds": 1}),
    Fault("tables.patch", "delay", "idle", rule={"seconds": 1}),
    Fault("token", "drop", "idle"),
    Fault("token", "foreign", "idle", rule=page(403)),
    # What lasts longer is tried again later.
    Fault("CreateWriteStream", "UNAVAILABLE", "retrying", rule=ALWAYS),
    Fault("CreateWriteStream", "DEADLINE_EXCEEDED", "retrying", rule=ALWAYS),
    Fault("FinalizeWriteStream", "INTERNAL", "retrying", rule=ALWAYS),
    Fault("BatchCommitWriteStreams", "UNAVAILABLE", "retrying", rule=ALWAYS),
    Fault("BatchCommitWriteStreams", "ABORTED", "retrying", rule=ALWAYS),
    Fault("BatchCommitWriteStreams", "UNAVAILABLE", "retrying", rule={"done": True, **ALWAYS}),
    Fault("BatchCommitWriteStreams", "drop", "retrying", rule={"done": True, **ALWAYS}),
    Fault("tabledata.list", "backendError", "retrying", rule=ALWAYS),
    Fault("tables.patch", "tooManyRequests", "retrying", rule={"retry_after": 7, **ALWAYS}),
    Fault("tables.patch", "quotaExceeded", "retrying", rule=ALWAYS),
    Fault("tables.patch", "corrupt_json", "idle", rule=ALWAYS),
    Fault("tables.patch", "cut_body", "idle", rule=ALWAYS),
    Fault("tables.patch", "drop", "retrying", rule=ALWAYS),
    Fault("tables.patch", "drop", "idle", rule={"done": True, **ALWAYS}),
    Fault("tabledata.list", "drop", "retrying", rule=ALWAYS),
    # So is what a proxy, a filter or a login page answers in Google's place.
    Fault("token", "foreign", "retrying", rule=page(200, **ALWAYS)),
    Fault("token", "foreign", "retrying", rule=page(403, **ALWAYS)),
    Fault("token", "foreign", "retrying", rule=page(407, **ALWAYS)),
    Fault("token", "foreign", "retrying", rule={"status": 200, **ALWAYS}),
    Fault("tables.patch", "foreign", "idle", rule=page(403)),
    Fault("tables.patch", "foreign", "retrying", rule=page(403, **ALWAYS)),
    Fault("tables.patch", "foreign", "retrying", rule=page(404, **ALWAYS)),
    Fault("tables.patch", "foreign", "retrying", rule=page(200, **ALWAYS)),
    Fault("tabledata.list", "foreign", "retrying", rule=page(404, **ALWAYS)),
    # A connection for rows that ends is opened again, at the same offset of the same stream.
    Fault("AppendRows", "UNAVAILABLE", "idle"),
    Fault("AppendRows", "ABORTED", "idle"),
    Fault("AppendRows", "CANCELLED", "idle"),
    Fault("AppendRows", "INTERNAL", "idle"),
    Fault("AppendRows", "UNAUTHENTICATED", "idle"),
    Fault("AppendRows", "NOT_FOUND", "idle"),
    Fault("AppendRows", "drop", "idle", rule={"done": True}),
    Fault("AppendRows", "UNAVAILABLE", "idle", rule={"done": True}),
    Fault("AppendRows", "ABORTED", "retrying", rule=ALWAYS),
    Fault("AppendRows", "CANCELLED", "retrying", rule=ALWAYS),
    Fault("AppendRows", "UNAUTHENTICATED", "retrying", rule=ALWAYS),
    Fault("AppendRows", "RESOURCE_EXHAUSTED", "retrying"),
    # So it is when the write streams of an hour are used up (docs/fleet.md).
    Fault("CreateWriteStream", "RESOURCE_EXHAUSTED", "retrying", rule=ALWAYS),
    # What tables.get knows is not gone.
    Fault("CreateWriteStream", "NOT_FOUND", "idle"),
    Fault("CreateWriteStream", "NOT_FOUND", "retrying", rule=ALWAYS),
    Fault("FinalizeWriteStream", "NOT_FOUND", "retrying"),
    Fault("BatchCommitWriteStreams", "NOT_FOUND", "retrying"),
    Fault(
        "BatchCommitWriteStreams", "stream_errors", "retrying", rule={"code": "STREAM_NOT_FOUND"}
    ),
    Fault(
        "BatchCommitWriteStreams",
        "stream_errors",
        "retrying",
        rule={"code": "INVALID_STREAM_STATE"},
    ),
    # What does not pass is shown with what to do.
    Fault("AppendRows", "PERMISSION_DENIED", "failed", DENIED),
    Fault("CreateWriteStream", "PERMISSION_DENIED", "failed", DENIED),
    Fault("CreateWriteStream", "free_tier", "failed", "billing_disabled"),
    Fault("AppendRows", "free_tier", "failed", "billing_disabled"),
    Fault("tables.patch", "accessDenied", "failed", DENIED),
    Fault("tabledata.list", "accessDenied", "failed", DENIED),
    Fault("tables.patch", "accessNotConfigured", "failed", "api_disabled"),
    Fault("tabledata.list", "row_policy", "failed", "rows_hidden"),
    Fault("tables.patch", "billingNotEnabled", "failed", "billing_disabled"),
    Fault("token", "invalid_grant", "failed", "reauth"),
    # Load jobs: an answer that is lost is read again by the job's id.
    load_job("jobs.insert", "backendError", "idle"),
    load_job("jobs.insert", "drop", "idle", done=True),
    load_job("jobs.upload", "backendError", "idle"),
    load_job("jobs.upload", "backendError", "idle", done=True),
    load_job("jobs.upload", "drop", "idle", done=True),
    load_job("jobs.get", "backendError", "idle"),
    load_job("jobs.get", "authError", "idle"),
    load_job("jobs.get", "notFound", "idle"),
    load_job("jobs.upload", "backendError", "retrying", **ALWAYS),
    load_job("jobs.upload", "drop", "retrying", done=True, **ALWAYS),
    load_job("jobs.upload", "quotaExceeded", "retrying"),
    load_job("jobs.get", "backendError", "retrying", **ALWAYS),
    load_job("jobs.get", "corrupt_json", "retrying", **ALWAYS),
    load_job("jobs.upload", "foreign", "idle", **page(502)),
    load_job("jobs.upload", "foreign", "retrying", **page(407, **ALWAYS)),
    load_job("jobs.get", "foreign", "retrying", **page(404, **ALWAYS)),
    load_job("jobs.upload", "accessDenied", "failed", DENIED),
    load_job("jobs.get", "accessDenied", "failed", DENIED),
]
