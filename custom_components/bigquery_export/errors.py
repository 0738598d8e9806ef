"""Why an export cannot go on: one kind of error for each thing that a user can do about it."""

from dataclasses import dataclass, field, fields
from typing import ClassVar, override


@dataclass(eq=False)
class ExportError(Exception):
    """An export cannot go on.

    `key` names the sentence in the translations that says so; the fields that are text are its
    placeholders. No secret may be in them.
    """

    key: ClassVar[str]

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the values of the sentence's placeholders, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        # Google ends some of its sentences with a full stop; ours go on.
        return {name: text.strip().removesuffix(".") for name, text in texts.items()}

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.placeholders}"


@dataclass(eq=False)
class TransientError(ExportError):
    """An export cannot go on now, and may well be able to later without anybody's help."""

    retry_after: float | None = field(default=None, kw_only=True)
    """Seconds that Google asks to wait, if it does."""


@dataclass(eq=False)
class KeyRefusedError(ExportError):
    """Google does not accept the service account's key (any more)."""

    key = "key_refused"
    message: str


_ROLES = {
    # What a role on a dataset cannot hold (BigQuery's page "IAM roles and permissions").
    "bigquery.datasets.create": "BigQuery Data Editor on the project",
    "bigquery.jobs.create": "BigQuery Job User on the project",
}


@dataclass(eq=False)
class PermissionMissingError(ExportError):
    """The service account may not do something."""

    key = "permission_missing"
    permission: str
    resource: str

    @property
    @override
    def placeholders(self) -> dict[str, str]:
        """Return the sentence's placeholders, with the role that has the permission."""
        role = _ROLES.get(self.permission, "BigQuery Data Editor on the dataset")
        return {**super().placeholders, "role": role}


@dataclass(eq=False)
class AccessDeniedError(ExportError):
    """The service account may not do something, and Google does not say which permission it is."""

    key = "access_denied"
    message: str


@dataclass(eq=False)
class ApiDisabledError(ExportError):
    """The project has not enabled BigQuery."""

    key = "api_disabled"
    project: str


@dataclass(eq=False)
class ProjectNotFoundError(ExportError):
    """There is no such project."""

    key = "project_not_found"
    project: str


@dataclass(eq=False)
class TableNotFoundError(ExportError):
    """The dataset or the table is gone."""

    key = "table_not_found"
    message: str


@dataclass(eq=False)
class LocationError(ExportError):
    """The dataset is in another location than it should be."""

    key = "other_location"
    dataset: str
    location: str


@dataclass(eq=False)
class TableMismatchError(ExportError):
    """The table has other columns than it needs."""

    key = "table_mismatch"
    table: str
    columns: str


@dataclass(eq=False)
class KmsKeyError(ExportError):
    """BigQuery cannot use the customer-managed key of a table."""

    key = "kms_key_unusable"
    message: str


@dataclass(eq=False)
class ColumnsUnknownError(TransientError):
    """BigQuery does not know columns (yet): it takes minutes to notice new ones."""

    key = "columns_unknown"
    message: str


@dataclass(eq=False)
class QuotaExceededError(TransientError):
    """The project has used up a quota, or asks too much at once."""

    key = "quota_exceeded"
    message: str


@dataclass(eq=False)
class UnreachableError(TransientError):
    """There is no connection to an endpoint, or no answer in time."""

    key = "unreachable"
    endpoint: str
    message: str


@dataclass(eq=False)
class StorageUnreachableError(UnreachableError):
    """There is no connection to the Storage Write API, or no answer in time."""

    key = "storage_unreachable"


@dataclass(eq=False)
class RefusedError(ExportError):
    """BigQuery refuses a request for a reason of its own."""

    key = "refused"
    message: str


@dataclass(eq=False)
class CheckpointUnwritableError(ExportError):
    """The checkpoint cannot be written, most often because the disk is full."""

    key = "checkpoint_unwritable"
    path: str
    message: str


@dataclass(eq=False)
class RecorderBusyError(TransientError):
    """The recorder is migrating its database, or has stopped."""

    key = "recorder_busy"


@dataclass(eq=False)
class RecorderUnreadableError(TransientError):
    """The recorder's database cannot be read."""

    key = "recorder_unreadable"
    message: str


@dataclass(eq=False)
class StoppedError(ExportError):
    """Home Assistant stops, or the entry is unloaded: what was not committed is sent next time."""

    key = "stopped"


@dataclass(eq=False)
class LoadJobsUsedUpError(TransientError):
    """A table has had about as many load jobs as BigQuery allows in a day."""

    key = "load_jobs_used_up"
    used: str
