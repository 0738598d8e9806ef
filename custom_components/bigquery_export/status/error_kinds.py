"""The kinds of errors that are counted: what a monitor can tell apart."""

from enum import StrEnum

from ..errors import (
    AccessDeniedError,
    ApiDisabledError,
    BillingDisabledError,
    ClockError,
    ColumnsUnknownError,
    IdsBelowError,
    KeyRefusedError,
    KmsKeyError,
    LoadJobsUsedUpError,
    LocationError,
    NameTakenError,
    OutcomeUnknownError,
    PermissionMissingError,
    ProjectNotFoundError,
    QuotaExceededError,
    RecorderBusyError,
    RecorderUnreadableError,
    RefusedError,
    RowsHiddenError,
    TableMismatchError,
    TableNotFoundError,
    TableNotReadyError,
    TokenRefusedError,
    UnreachableError,
)


class ErrorKind(StrEnum):
    """Where an error has its cause."""

    KEY = "key"
    PERMISSION = "permission"
    DESTINATION = "destination"
    """The project, the dataset or its tables are not as they have to be."""
    QUOTA = "quota"
    CONNECTION = "connection"
    RECORDER = "recorder"
    OTHER = "other"

    @property
    def is_of_bigquery(self) -> bool:
        """Return whether BigQuery does not do what was asked, or cannot be asked."""
        return self not in (ErrorKind.RECORDER, ErrorKind.OTHER)


_KINDS: dict[ErrorKind, tuple[type[Exception], ...]] = {
    ErrorKind.KEY: (KeyRefusedError,),
    ErrorKind.PERMISSION: (
        AccessDeniedError,
        KmsKeyError,
        PermissionMissingError,
        RowsHiddenError,
    ),
    ErrorKind.DESTINATION: (
        ApiDisabledError,
        BillingDisabledError,
        ColumnsUnknownError,
        LocationError,
        NameTakenError,
        ProjectNotFoundError,
        RefusedError,
        TableMismatchError,
        TableNotFoundError,
        TableNotReadyError,
    ),
    ErrorKind.QUOTA: (LoadJobsUsedUpError, QuotaExceededError),
    ErrorKind.CONNECTION: (
        ClockError,
        OutcomeUnknownError,
        TokenRefusedError,
        UnreachableError,
    ),
    ErrorKind.RECORDER: (IdsBelowError, RecorderBusyError, RecorderUnreadableError),
}


def error_kind(err: Exception) -> ErrorKind:
    """Return the kind of an error that has ended an export."""
    for kind, errors in _KINDS.items():
        if isinstance(err, errors):
            return kind
    return ErrorKind.OTHER
