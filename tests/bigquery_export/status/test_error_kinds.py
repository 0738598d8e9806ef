"""The kinds of errors that are counted."""

import pytest

from custom_components.bigquery_export import errors
from custom_components.bigquery_export.status.error_kinds import ErrorKind, error_kind

OTHERS = {
    "ExportError",
    "TransientError",
    "WaitingError",
    # None of these is counted: nothing is wrong, or Home Assistant stops.
    "RowsNotListedError",
    "StoppedError",
    # These have their cause at home, and not in the recorder.
    "AnotherExportError",
    "CheckpointOutdatedError",
    "CheckpointUnwritableError",
    "OptionsUnreadableError",
}


@pytest.mark.parametrize(
    "error",
    [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.ExportError)
    ],
)
def test_every_error(error: type[errors.ExportError]) -> None:
    """Each error that Google or the recorder causes has a kind that says so."""
    kind = error_kind(error.__new__(error))
    assert (kind is ErrorKind.OTHER) == (error.__name__ in OTHERS)
