"""The health of exports, and what follows from it: a repair issue, a new key, or a retry."""

from collections import Counter
from time import monotonic

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry
from homeassistant.core import HomeAssistant, callback

from ..errors import (
    ColumnsUnknownError,
    ExportError,
    KeyRefusedError,
    TableMismatchError,
    TransientError,
    WaitingError,
)
from ..export.backoff import delay
from ..translation import async_reason, async_text
from .error_kinds import ErrorKind, error_kind
from .issues import async_clear_issues, async_show_failure, async_show_issue

_LASTING = 10
"""So many failures in a row take most of a day, and hardly pass by themselves."""


class ExportHealth:
    """Records how the last export of a config entry went, and shows the user what to do."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Begin in good health."""
        self._hass = hass
        self._entry = entry
        self.last_error: str | None = None
        """Why the last export failed, as a sentence in the language of Home Assistant."""
        self.last_error_kind: str | None = None
        self.errors: Counter[ErrorKind] = Counter()
        """Exports that failed since Home Assistant started, by the kind of the error."""
        self.kind: ErrorKind | None = None
        """The kind of the last error, while exports fail."""
        self.failures = 0
        """Exports in a row that failed."""
        self._retries = 0
        """How many of them failed for a reason that may pass."""
        self.tables_in_doubt = False
        """Whether the last export found that a table's columns differ from its declaration."""
        self.retry_at: float | None = None
        """When the last export is retried, by the clock `monotonic`; None if it is not."""

    @property
    def bigquery_fails(self) -> bool:
        """Return whether BigQuery keeps exports from succeeding."""
        return self.kind is not None and self.kind.is_of_bigquery

    @property
    def retrying(self) -> bool:
        """Return whether a retry is planned."""
        return self.retry_at is not None

    @callback
    def async_succeeded(self) -> None:
        """Record that an export succeeded, and take back what was asked for before it did."""
        self.last_error = self.last_error_kind = self.kind = None
        self.failures = self._retries = 0
        self.tables_in_doubt = False
        async_clear_issues(self._hass, self._entry)
        for flow in list(self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH})):
            self._hass.config_entries.flow.async_abort(flow["flow_id"])

    @callback
    def async_failed(self, err: ExportError, *, retry: bool) -> None:
        """Ask for a key, show what to do, or, if `retry`, have a transient error retried."""
        self.retry_at = None
        self.last_error = async_reason(self._hass, err)
        self.last_error_kind = err.key
        waits = isinstance(err, WaitingError)
        self.failures += not waits
        self._count(err, waits=waits)
        if isinstance(err, TransientError) and retry:
            self._retries += 1
        lasting = self._retries >= _LASTING and not waits
        async_show_issue(self._hass, self._entry, err, lasting=lasting)
        self.tables_in_doubt = isinstance(err, ColumnsUnknownError | TableMismatchError)
        match err:
            case KeyRefusedError():
                self._entry.async_start_reauth(self._hass)
            case TransientError() if retry:
                seconds = delay(self._retries, err.retry_after)
                if waits:
                    # Nothing is wrong, and it is known when to look again.
                    seconds = err.retry_after or 0.0
                self.retry_at = monotonic() + seconds

    @callback
    def async_broke_down(self, err: Exception) -> None:
        """Record a programming error; its text is not shown, as it may have any values."""
        self.failures += 1
        self._count(err)
        self.last_error_kind = kind = type(err).__name__
        self.last_error = async_text(
            self._hass, "exceptions", "unexpected.message", {"error": kind}
        )
        async_show_failure(self._hass, self._entry, self.last_error)

    def _count(self, err: Exception, *, waits: bool = False) -> None:
        self.kind = error_kind(err)
        self.errors[self.kind] += not waits

    @callback
    def async_forget_retry(self) -> None:
        """Do not retry what has failed."""
        self.retry_at = None
