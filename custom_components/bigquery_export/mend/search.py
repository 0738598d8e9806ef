"""The daily search for sums that contradict their meters."""

from collections.abc import Callable
from dataclasses import replace
from math import inf, nextafter

from homeassistant.components.sensor.const import (
    ATTR_STATE_CLASS,
    DOMAIN as SENSOR_DOMAIN,
    SensorStateClass,
)
from homeassistant.core import HomeAssistant, callback

from ..errors import StoppedError
from ..export.pace import Pace
from ..source.meter_readings import Meter, MeterReading, MeterReadings
from ..source.readiness import async_read_recorder
from .contradiction import NEAR, Span, spans
from .findings import MOST, Finding, Findings
from .meter_history import looked_at, meter_history

FIRST_DAYS = 365
"""How many days back the first check looks; each other one looks at what is new."""
_BESIDE = 26
"""Hours that are read beside those looked at: those of a day, and one more."""
_PIECE_ROWS = 250
"""Hours that are read and looked through at once, which takes two milliseconds."""
_READS = 10
"""Reads between two pauses for other work; most are of a few rows."""
_ALWAYS = 1e12
"""A time after all others."""


class Search:
    """Looks for sums that contradict their meters, once; it can be stopped meanwhile."""

    def __init__(self, hass: HomeAssistant) -> None:
        """Prepare; nothing is read yet."""
        self._hass = hass
        self._readings = MeterReadings(hass)
        self._pace = Pace()
        self._reads = 0
        self.stopped = False

    async def async_run(self, known: Findings, now: float) -> Findings:
        """Return what is known after a check: what is new, and what still is as it was.

        Hours of a day before the last check are looked at again: what they have may have been
        the beginning of a wrong reading that has gone since. Raises ExportError.
        """
        newest = await self._async_read(self._readings.newest)
        if newest is None:
            return Findings(checked=now)
        newest = min(newest, now)
        since = newest - FIRST_DAYS * NEAR
        if known.until is not None:
            since = max(since, min(known.until, newest) - NEAR)
        meters = await self._async_read(self._readings.meters)
        found = await self._async_look_again(known, {meter.metadata_id: meter for meter in meters})
        left = {key: last for key, last in known.left.items() if last >= since - NEAR}
        for meter in meters:
            if (falls_are_resets := self._falls_are_resets(meter)) is None:
                continue
            for span in await self._async_search(meter, since, falls_are_resets):
                finding = Finding(meter, span)
                if finding.key in left or any(finding.overlaps(other) for other in found):
                    continue
                if len(found) < MOST and await self._async_is_sure(finding):
                    found.append(finding)
        return replace(known, checked=now, until=newest, open=tuple(found), left=left)

    async def async_now(self, finding: Finding, meter: Meter | None = None) -> Finding:
        """Return a finding as the recorder has it now. Raises ExportError."""
        first, last = finding.span.first.start, finding.span.last.start
        readings = await self._async_read(
            self._readings.span, finding.meter.metadata_id, first, last
        )
        return finding.now(meter or finding.meter, readings)

    async def async_meters(self) -> dict[int, Meter]:
        """Return all meters by their ids in the recorder. Raises ExportError."""
        return {m.metadata_id: m for m in await self._async_read(self._readings.meters)}

    async def _async_look_again(self, known: Findings, meters: dict[int, Meter]) -> list[Finding]:
        """Return the open findings that are as they were: others were put right, or are gone."""
        found = []
        for finding in known.open:
            if (meter := meters.get(finding.meter.metadata_id)) is None:
                continue
            now = await self.async_now(finding, meter)
            if now.is_as(finding):
                found.append(now)
        return found

    @callback
    def _falls_are_resets(self, meter: Meter) -> bool | None:
        """Return whether a meter only counts up; None where it is none whose sum is compiled."""
        if not meter.statistic_id.startswith(f"{SENSOR_DOMAIN}."):
            return None
        state = self._hass.states.get(meter.statistic_id)
        state_class = state.attributes.get(ATTR_STATE_CLASS) if state else None
        if state_class not in (SensorStateClass.TOTAL, SensorStateClass.TOTAL_INCREASING):
            return None
        return bool(state_class == SensorStateClass.TOTAL_INCREASING)

    async def _async_search(self, meter: Meter, since: float, falls_are_resets: bool) -> list[Span]:
        """Return the spans of a meter that may be wrong; they are no more than can be found."""
        found: list[Span] = []
        known = await self._async_read(self._readings.before, meter.metadata_id, since, _BESIDE)
        first = since
        while True:
            readings, more = await self._async_read(
                self._look_through, meter, known, first, since, falls_are_resets
            )
            for span in more:
                if span not in found and len(found) < MOST:
                    found.append(span)
            if len(readings) == len(known):
                return found
            # A wrong reading may go only in the next piece.
            known, last = readings[-2 * _BESIDE :], readings[-1].start
            first, since = nextafter(last, inf), last - NEAR

    def _look_through(
        self,
        meter: Meter,
        known: list[MeterReading],
        first: float,
        since: float,
        falls_are_resets: bool,
    ) -> tuple[list[MeterReading], list[Span]]:
        """Return hours that were read before with those from `first` on, and spans among them."""
        readings = known + self._readings.span(meter.metadata_id, first, _ALWAYS, _PIECE_ROWS)
        return readings, list(spans(readings, since, falls_are_resets=falls_are_resets))

    async def _async_is_sure(self, finding: Finding) -> bool:
        """Return whether the meter's history confirms what was found."""
        history: list[MeterReading] = []
        first, last = looked_at(finding.span), finding.span.first.start
        while piece := await self._async_read(
            self._readings.span, finding.meter.metadata_id, first, last, _PIECE_ROWS
        ):
            history += piece
            first = nextafter(piece[-1].start, inf)
        return meter_history(history).confirms(finding.span)

    async def _async_read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        if self.stopped:
            raise StoppedError
        self._reads += 1
        if self._reads % _READS == 0:
            await self._pace.async_rest()
        return await async_read_recorder(self._hass, read, *args)
