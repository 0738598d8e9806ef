"""Rows that are not in BigQuery: rejected ones, and those deleted before they were exported."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback

from ..export.checkpoint import Gap
from ..export.journal import Journal
from ..status.export_events import async_send_export_event, gap_found, rows_rejected
from ..status.issues import (
    async_gaps_ignored,
    async_show_gaps,
    async_show_left_out,
    async_show_rejected_rows,
)


class MissingRows:
    """Counts rows that are not in BigQuery, and shows them until the user has acknowledged them."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, journal: Journal) -> None:
        """Count what a journal has; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self._journal = journal
        self.rejected: Counter[str] = Counter()
        """How many rows were rejected and not sent since, by the reason."""
        self._left_out = 0
        """How many more are not kept, as of the last count."""

    async def async_load(self) -> None:
        """Count the rejected rows, and show what the user has not acknowledged."""
        await self._async_count()
        if self._journal.checkpoint.gaps and not async_gaps_ignored(self._hass, self._entry):
            self._async_show_gaps()

    async def async_count_rejected(self) -> None:
        """Count the rejected rows, show an issue if there are any, send an event if more."""
        before, left_out = self.rejected, self._left_out
        await self._async_count()
        if event := rows_rejected(before, self.rejected, self._left_out - left_out):
            async_send_export_event(self._hass, self._entry, event)

    async def async_discard_rejected(self) -> int:
        """Delete the rejected rows permanently, and return how many there were."""
        number = self.rejected.total()
        await self._hass.async_add_executor_job(self._journal.rejected_rows.remove)
        await self.async_count_rejected()
        return number

    async def async_acknowledge_left_out(self) -> None:
        """Forget how many rejected rows are not kept, and remove the issue about them.

        Raises CheckpointUnwritableError.
        """
        await self._journal.async_update(partial(replace, left_out=0))
        async_show_left_out(self._hass, self._entry, 0)

    async def async_acknowledge_gaps(self) -> None:
        """Remove the gaps that were found so far, and their issue.

        Raises CheckpointUnwritableError.
        """
        if self._journal.checkpoint.gaps:
            await self._journal.async_update(partial(replace, gaps=()))
        self._async_show_gaps()

    async def async_acknowledge_ignored_gaps(self) -> None:
        """Remove the gaps whose issue the user ignores, so that the next one is shown."""
        if async_gaps_ignored(self._hass, self._entry):
            await self.async_acknowledge_gaps()

    @callback
    def async_found(self, gaps: Sequence[Gap]) -> None:
        """Show gaps that an export has found, and send an event."""
        if gaps:
            self._async_show_gaps()
            async_send_export_event(self._hass, self._entry, gap_found(gaps))

    @callback
    def _async_show_gaps(self) -> None:
        async_show_gaps(self._hass, self._entry, self._journal.checkpoint.gaps)

    async def _async_count(self) -> None:
        rejected_rows, left_out = self._journal.rejected_rows, self._journal.checkpoint.left_out
        self.rejected = await self._hass.async_add_executor_job(rejected_rows.count_by_reason)
        self._left_out = left_out
        async_show_rejected_rows(self._hass, self._entry, self.rejected, str(rejected_rows.path))
        async_show_left_out(self._hass, self._entry, left_out)
