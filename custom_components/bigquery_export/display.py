"""How the exports of one config entry are shown: their status, and what happens to them."""

from collections import Counter
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .status.export_events import ExportEvent, async_send_export_event, rows_rejected
from .status.export_status import ExportStatus, Status
from .status.issues import async_show_rejected_rows
from .status.progress import Progress

if TYPE_CHECKING:
    from .coordinator import BigQueryExportCoordinator

_SHOWN_AFTER = 3.0
"""Seconds after which a running export is shown, and then how it goes, each time.

An export that is over before changes fewer states: each would be a row of the next one.
"""


class ExportDisplay:
    """Shows how the exports of a coordinator go, as the data that its entities listen to."""

    def __init__(self, coordinator: BigQueryExportCoordinator) -> None:
        """Show nothing yet."""
        self._hass = coordinator.hass
        self._entry = coordinator.config_entry
        self._coordinator = coordinator
        self._progress = Progress()
        self._show_no_more: CALLBACK_TYPE | None = None
        self._shown_at = 0.0
        self.rejected: Counter[str] = Counter()
        """How many rows were rejected and not sent since, by the reason."""

    @property
    def exporting(self) -> bool:
        """Return whether an export is running."""
        return self._show_no_more is not None

    @callback
    def async_begin(self) -> None:
        """Show that an export is running, if it takes its time."""
        self._progress.start(self._coordinator.checkpoint)
        self._shown_at = monotonic()
        self._show_no_more = async_call_later(self._hass, _SHOWN_AFTER, self.async_show)

    @callback
    def async_end(self) -> None:
        """Take note that the export has ended; it is shown with what comes of it."""
        self._progress.stop()
        if self._show_no_more:
            self._show_no_more()
            self._show_no_more = None

    def count(self, waiting: int, oldest: float | None) -> None:
        """Take note of how many rows wait, and since when the oldest does, in Unix time."""
        age = None if oldest is None else dt_util.utcnow().timestamp() - oldest
        self._progress.count(self._coordinator.checkpoint, waiting, age)

    async def async_count_rejected(self, *, first: bool = False) -> None:
        """Count the rejected rows, show an issue if there are any, and tell if there are more."""
        rejected_rows = self._coordinator.exporter.rejected_rows
        before = self.rejected
        self.rejected = await self._hass.async_add_executor_job(rejected_rows.count_by_reason)
        if not first and (export_event := rows_rejected(before, self.rejected)):
            self.async_send_export_event(export_event)
        async_show_rejected_rows(self._hass, self._entry, self.rejected, str(rejected_rows.path))

    @callback
    def async_progress(self) -> None:
        """Show how far an export is, now and then."""
        status = self.status()
        if monotonic() - self._shown_at >= _SHOWN_AFTER:
            self._show(status)

    @callback
    def async_show(self, _: datetime | None = None) -> None:
        """Show how exports go, now."""
        self._show(self.status())

    @callback
    def async_send_export_event(self, export_event: ExportEvent) -> None:
        """Tell all that listen what has happened."""
        async_send_export_event(self._hass, self._entry, export_event)

    def status(self) -> ExportStatus:
        """Return the export as entities and diagnostics show it."""
        checkpoint, health = self._coordinator.checkpoint, self._coordinator.health
        last_export = checkpoint.last_export
        return ExportStatus(
            status=self._activity,
            last_export=dt_util.utc_from_timestamp(last_export) if last_export else None,
            next_export=self._coordinator.next_export,
            last_rows=checkpoint.last_rows,
            last_seconds=checkpoint.last_seconds,
            rows_per_second=self._progress.rows_per_second(checkpoint),
            rows_exported=sum(position.rows for position in checkpoint.positions.values()),
            bytes_sent=checkpoint.bytes_sent,
            rejected=dict(self.rejected),
            rows_waiting=self._progress.rows_waiting(checkpoint),
            oldest_age=self._progress.oldest_age,
            backfill=self._progress.backfill(checkpoint, exporting=self.exporting),
            last_error=health.last_error,
            last_error_kind=health.last_error_kind,
        )

    def _show(self, status: ExportStatus) -> None:
        self._shown_at = monotonic()
        self._coordinator.async_set_updated_data(status)

    @property
    def _activity(self) -> Status:
        health = self._coordinator.health
        if self.exporting:
            return Status.EXPORTING
        if self._coordinator.paused:
            return Status.PAUSED
        if health.retrying:
            return Status.RETRYING
        return Status.FAILED if health.last_error else Status.IDLE
