"""Errors that stop an export: one class for each thing that a user can do about them."""

from dataclasses import dataclass, field, fields
from typing import ClassVar, override


@dataclass(eq=False)
class ExportError(Exception):
    """An export cannot continue.

    `key` names the sentence in the translations that says so; the fields that are text are its
    placeholders. No secret may be in them.
    """

    key: ClassVar[str]
    of_one_table: ClassVar[bool] = False
    """Whether other tables may be exported nevertheless."""

    @property
    def placeholders(self) -> dict[str, str]:
        """Return the values of the sentence's placeholders, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        # Google ends some sentences with a full stop; the sentences of translations continue.
        return {name: text.strip().removesuffix(".") for name, text in texts.items()}

    @override
    def __str__(self) -> str:
        return f"{self.key} {self.placeholders}"


@dataclass(eq=False)
class TransientError(ExportError):
    """An export cannot continue now; a later attempt may succeed without user action."""

    retry_after: float | None = field(default=None, kw_only=True)
    """Seconds that Google asks to wait, if it does."""


@dataclass(eq=False)
class KeyRefusedError(ExportError):
    """Google does not accept the service account's key, or no longer does."""

    key = "key_refused"
    message: str


_ROLES = {
    # What a role on a dataset cannot hold (BigQuery's page "IAM roles and permissions").
    "bigquery.datasets.create": "BigQuery Data Editor on the project",
    "bigquery.jobs.create": "BigQuery Job User on the project",
}


@dataclass(eq=False)
class PermissionMissingError(ExportError):
    """The service account lacks a permission, which Google names."""

    key = "permission_missing"
    of_one_table = True
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
    """The service account lacks a permission, and Google does not say which."""

    key = "access_denied"
    of_one_table = True
    message: str


@dataclass(eq=False)
class ApiDisabledError(ExportError):
    """The project has not enabled an API."""

    key = "api_disabled"
    project: str
    api: str
    """Its name as Google's console has it."""


@dataclass(eq=False)
class ProjectNotFoundError(ExportError):
    """There is no such project."""

    key = "project_not_found"
    project: str


@dataclass(eq=False)
class TableNotFoundError(ExportError):
    """The dataset or the table is gone."""

    key = "table_not_found"
    of_one_table = True
    message: str


@dataclass(eq=False)
class TableNotReadyError(TransientError):
    """BigQuery knows a table, but does not take rows for it: most likely it was just made."""

    key = "table_not_ready"
    message: str


@dataclass(eq=False)
class OutcomeUnknownError(TransientError):
    """BigQuery does not say whether rows are committed; it is decided by a later attempt."""

    key = "outcome_unknown"
    message: str


@dataclass(eq=False)
class BillingDisabledError(ExportError):
    """The project has no billing, as in the sandbox: BigQuery takes no streamed rows."""

    key = "billing_disabled"
    message: str


@dataclass(eq=False)
class RowsHiddenError(ExportError):
    """A row access policy or a policy tag keeps the account from reading its rows back."""

    key = "rows_hidden"
    message: str


@dataclass(eq=False)
class LocationError(ExportError):
    """The dataset is in another location than it should be."""

    key = "other_location"
    dataset: str
    location: str


@dataclass(eq=False)
class TableMismatchError(ExportError):
    """The table's columns or partitions differ from its declaration."""

    key = "table_mismatch"
    of_one_table = True
    table: str
    columns: str


@dataclass(eq=False)
class NameTakenError(ExportError):
    """Something of the user's has the name that a view or table function is to have."""

    key = "name_taken"
    name: str


@dataclass(eq=False)
class KmsKeyError(ExportError):
    """BigQuery cannot use the customer-managed key of a table."""

    key = "kms_key_unusable"
    of_one_table = True
    message: str


@dataclass(eq=False)
class ColumnsUnknownError(TransientError):
    """BigQuery does not know some columns: new ones take minutes to be known everywhere."""

    key = "columns_unknown"
    of_one_table = True
    message: str


@dataclass(eq=False)
class QuotaExceededError(TransientError):
    """The project has used up a quota, or exceeds a rate limit."""

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
class InterceptedError(UnreachableError):
    """Something else has answered in place of an endpoint: a proxy, a filter or a login page."""

    key = "intercepted"


@dataclass(eq=False)
class ClockError(TransientError):
    """The clock of this machine is wrong, as Google or its certificate says."""

    key = "clock_wrong"
    message: str


@dataclass(eq=False)
class TokenRefusedError(TransientError):
    """BigQuery does not accept a token, while Google gives others."""

    key = "token_refused"
    message: str


@dataclass(eq=False)
class RefusedError(ExportError):
    """BigQuery refuses a request for any other reason."""

    key = "refused"
    of_one_table = True
    message: str


@dataclass(eq=False)
class OptionsUnreadableError(ExportError):
    """It cannot be read what is to be exported: the defaults may be more than was chosen."""

    key = "options_unreadable"
    options: str


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
class TableUnreadableError(RecorderUnreadableError):
    """One of the tables of the recorder's database cannot be read."""

    of_one_table = True


@dataclass(eq=False)
class IdsBelowError(ExportError):
    """New rows of a table of the recorder have lower ids than those that were exported."""

    key = "ids_below"
    of_one_table = True
    table: str


@dataclass(eq=False)
class TableDamagedError(TableUnreadableError):
    """A page of the recorder's database is damaged; what is on others can be read."""


@dataclass(eq=False)
class WaitingError(TransientError):
    """Nothing is wrong, and `retry_after` says when a later attempt succeeds."""


@dataclass(eq=False)
class RowsNotListedError(WaitingError):
    """Rows may be in BigQuery already, which does not list them yet."""

    key = "rows_not_listed"
    of_one_table = True
    table: str
    until: str
    """When it does at the latest, most likely."""
    seconds: float = field(default=0.0, kw_only=True)
    """How long that is from now on."""


@dataclass(eq=False)
class CheckpointOutdatedError(TransientError):
    """The checkpoint is not the newest one, which was not known until now."""

    key = "checkpoint_outdated"


@dataclass(eq=False)
class AnotherExportError(ExportError):
    """A copy of this export has gone on: on another machine, with the same configuration."""

    key = "another_export"


@dataclass(eq=False)
class StoppedError(ExportError):
    """Home Assistant stops, or the entry is unloaded; the next export sends what is left."""

    key = "stopped"


@dataclass(eq=False)
class LoadJobsUsedUpError(TransientError):
    """A table has used nearly all load jobs that BigQuery allows in a day."""

    key = "load_jobs_used_up"
    of_one_table = True
    used: str
