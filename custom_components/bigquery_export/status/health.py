"""How exports went, and what follows from it: a repair issue, a new key, or another try."""

from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later

from ..errors import (
    ColumnsUnknownError,
    ExportError,
    KeyRefusedError,
    TableMismatchError,
    TransientError,
)
from ..export.backoff import delay
from ..translation import async_reason, async_text
from .issues import async_clear_issues, async_show_issue

type Retry = HassJob[[datetime], Coroutine[Any, Any, None]]


class ExportHealth:
    """Knows how the last export of a config entry went, and does what helps."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, retry: Retry) -> None:
        """Begin in good health; `retry` is what tries again."""
        self._hass = hass
        self._entry = entry
        self._retry = retry
        self._cancel_retry: CALLBACK_TYPE | None = None
        self.last_error: str | None = None
        """Why the last export failed, as a sentence in the language of Home Assistant."""
        self.last_error_kind: str | None = None
        self.failures = 0
        """Exports in a row that failed for a reason that may pass."""
        self.tables_in_doubt = False
        """Whether the last export found a table otherwise than it should be."""

    @property
    def retrying(self) -> bool:
        """Return whether another try is on its way."""
        return self._cancel_retry is not None

    @callback
    def async_succeeded(self) -> None:
        """Take note that an export succeeded."""
        self.last_error = self.last_error_kind = None
        self.failures = 0
        self.tables_in_doubt = False
        async_clear_issues(self._hass, self._entry)

    @callback
    def async_failed(self, err: ExportError, *, retry: bool) -> None:
        """Ask for a key, show what to do, or, if `retry`, try later what may pass by itself."""
        self.last_error = async_reason(self._hass, err)
        self.last_error_kind = err.key
        async_show_issue(self._hass, self._entry, err)
        self.tables_in_doubt = isinstance(err, ColumnsUnknownError | TableMismatchError)
        match err:
            case KeyRefusedError():
                self._entry.async_start_reauth(self._hass)
            case TransientError() if retry:
                self.failures += 1
                self._cancel_retry = async_call_later(
                    self._hass, delay(self.failures, err.retry_after), self._retry
                )

    @callback
    def async_broke_down(self, err: Exception) -> None:
        """Take note of an error that nobody thought of; its text may hold anything, so it stays."""
        self.last_error_kind = kind = type(err).__name__
        self.last_error = async_text(
            self._hass, "exceptions", "unexpected.message", {"error": kind}
        )

    @callback
    def async_forget_retry(self) -> None:
        """Do not try again by itself."""
        if self._cancel_retry:
            self._cancel_retry()
            self._cancel_retry = None
