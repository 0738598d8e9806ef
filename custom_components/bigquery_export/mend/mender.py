"""What an export knows of sums that contradict their meters, and what the user decides."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
import logging

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..const import DOMAIN
from ..errors import ExportError, RecorderBusyError, StoppedError
from ..export.corrections.corrections import local_day
from ..settings.options import options_from
from ..source.readiness import async_flush, check_recorder
from ..status.issues import async_show_wrong_sums, async_wrong_sums_ignored
from .findings import Finding, Findings, FindingsFile
from .search import Search

_LOGGER = logging.getLogger(__name__)


class Mender:
    """Checks the sums of a home once a day, and adjusts those that the user chooses.

    The sums are the home's: of several exports, the first one that has it switched on does it.
    """

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Prepare; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self._file = FindingsFile(hass, entry.entry_id)
        self._search = Search(hass)
        self._lock = asyncio.Lock()
        self._queued: set[str] = set()
        """Keys of findings whose adjustments the recorder has been given, and may not have made."""
        self.findings = Findings()
        """What is known."""

    async def async_load(self) -> None:
        """Read what was found before, and show what is open."""
        self.findings = await self._hass.async_add_executor_job(self._file.load)
        self._async_show()

    @callback
    def async_stop(self) -> None:
        """Make a running check end soon, and do not let another one begin."""
        self._search.stopped = True

    async def async_check(self, *, again: bool = False) -> None:
        """Check all sums, unless it was done on this local day, or is to be done `again`.

        A check that cannot be made now is made by the next export.
        """
        now = dt_util.utcnow().timestamp()
        checked = self.findings.checked
        is_done = checked is not None and local_day(checked) == local_day(now)
        if (is_done and not again) or not self._is_on:
            return
        async with self._lock:
            try:
                check_recorder(self._hass)
                if async_wrong_sums_ignored(self._hass, self._entry):
                    self._leave([finding.key for finding in self.findings.open])
                    self._async_show()  # What comes next is not ignored.
                await self._async_save(await self._search.async_run(self.findings, now))
            except StoppedError:
                pass
            except ExportError as err:
                _LOGGER.debug("Sums could not be checked: %s", err)

    async def async_look_back(self) -> None:
        """Let the next check look at hours of a year again, as some have come back.

        Raises CheckpointUnwritableError.
        """
        async with self._lock:
            await self._async_save(replace(self.findings, checked=None, until=None))

    async def async_mend(self, keys: Collection[str]) -> None:
        """Adjust the sums of some findings, and wait until the recorder has done so.

        What was adjusted by the user meanwhile is left as it is. Raises ExportError, and
        RecorderBusyError if it takes longer; then it may be called again, and adjusts nothing more
        than once.
        """
        async with self._lock:
            check_recorder(self._hass)
            chosen = [finding for finding in self.findings.open if finding.key in keys]
            for finding in chosen:
                await self._async_adjust(finding)
            await async_flush(self._hass)
            done = [finding.key for finding in chosen if await self._async_is_done(finding)]
            self._queued.difference_update(done)
            await self._async_save(self.findings.without(done))
            if len(done) < len(chosen):
                raise RecorderBusyError

    async def async_leave(self, keys: Collection[str]) -> None:
        """Leave some findings as they are, and do not ask again. Raises ExportError."""
        async with self._lock:
            self._leave(keys)
            await self._async_save(self.findings)

    @property
    def _is_on(self) -> bool:
        entries = self._hass.config_entries.async_entries(DOMAIN, include_disabled=False)
        on = (entry.entry_id for entry in entries if options_from(entry.options).check_sums)
        return next(on, None) == self._entry.entry_id

    def _leave(self, keys: Collection[str]) -> None:
        self.findings = self.findings.leaving(keys)

    async def _async_adjust(self, finding: Finding) -> None:
        """Give the recorder what makes a sum agree with its meter, once."""
        if finding.key in self._queued:
            return
        meters = await self._search.async_meters()
        if (meter := meters.get(finding.meter.metadata_id)) is None:
            return
        now = await self._search.async_now(finding, meter)
        if not now.is_as(finding):
            return
        self._queued.add(finding.key)
        for start, amount in now.span.adjustments():
            get_instance(self._hass).async_adjust_statistics(
                meter.statistic_id,
                dt_util.utc_from_timestamp(start),
                amount,
                meter.unit_of_measurement or "",
            )

    async def _async_is_done(self, finding: Finding) -> bool:
        """Return whether a finding has gone: its sum was adjusted, here or by the user."""
        return not (await self._search.async_now(finding)).is_as(finding)

    async def _async_save(self, findings: Findings) -> None:
        self.findings = findings
        await self._hass.async_add_executor_job(self._file.save, findings)
        self._async_show()

    @callback
    def _async_show(self) -> None:
        """Show what is open, while it is switched on."""
        found = self.findings if self._is_on else replace(self.findings, open=())
        async_show_wrong_sums(self._hass, self._entry, len(found.open), found.listing(self._hass))


def remove_findings(hass: HomeAssistant, entry_id: str) -> None:
    """Delete the file of findings; this blocks."""
    FindingsFile(hass, entry_id).remove()
