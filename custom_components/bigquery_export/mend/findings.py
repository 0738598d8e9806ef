"""What was found of sums that contradict their meters, and the file that keeps it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import Any, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util
import orjson

from ..const import DOMAIN
from ..export.files import replace_file
from ..source.meter_readings import Meter, MeterReading
from ..translation import async_number
from .contradiction import HOUR, Kind, Span, precision

MOST = 200
"""How many findings are kept; no user reads more."""
_LISTED = 20
"""How many of them a repair describes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A meter, and hours of it in which the sum contradicts the readings."""

    meter: Meter
    span: Span

    @property
    def key(self) -> str:
        """Return what identifies it."""
        first, last = int(self.span.first.start), int(self.span.last.start)
        return f"{self.meter.metadata_id}_{first}_{last}"

    def overlaps(self, other: Self) -> bool:
        """Return whether another finding is of the same meter, and of some of the same hours."""
        return (
            self.meter.metadata_id == other.meter.metadata_id
            and self.span.first.start < other.span.last.start
            and other.span.first.start < self.span.last.start
        )

    def now(self, meter: Meter, readings: Iterable[MeterReading]) -> Finding:
        """Return it with the name and the readings that the recorder has now."""
        return Finding(meter, replace(self.span, readings=tuple(readings)))

    def is_as(self, before: Self) -> bool:
        """Return whether it is as it was: no sum between both readings was adjusted since.

        Sums that were adjusted from an earlier time on differ by the same amount.
        """
        mine, others = self.span.readings, before.span.readings
        if len(mine) != len(others) or len(mine) < 2:
            return False
        tolerance = precision(*mine, *others)
        return all(
            one.start == other.start
            and abs(one.state - other.state) <= tolerance
            and abs((one.sum - mine[0].sum) - (other.sum - others[0].sum)) <= tolerance
            for one, other in zip(mine, others, strict=True)
        )

    def label(self, hass: HomeAssistant) -> str:
        """Return which meter it is, and what contradicts what, as a line of a list."""
        return f"{self.name(hass)}, {self.numbers(hass)}"

    def name(self, hass: HomeAssistant) -> str:
        """Return the name of the meter as the home knows it."""
        state = hass.states.get(self.meter.statistic_id)
        return state.name if state else self.meter.statistic_id

    def numbers(self, hass: HomeAssistant) -> str:
        """Return what contradicts what: times, both amounts and both readings, with their unit."""
        span, unit = self.span, self.meter.unit_of_measurement
        first, last = (_amount(hass, reading.state, unit) for reading in (span.first, span.last))
        return (
            f"{_end_of_hour(span.first)} – {_end_of_hour(span.last)}:"  # noqa: RUF001
            f" {_amount(hass, span.by_sum, unit, '+')} / {_amount(hass, span.by_meter, unit, '+')}"
            f" ({first} → {last})"
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of the sums of a home."""

    checked: float | None = None
    """When they were last checked, in seconds since 1970; None where they never were."""
    until: float | None = None
    """When the last hour began that was looked at."""
    open: tuple[Finding, ...] = ()
    """What the user has not decided yet."""
    left: Mapping[str, float] = field(default_factory=dict)
    """Keys of what the user leaves as it is, and when the last hour of each began."""

    def listing(self, hass: HomeAssistant) -> str:
        """Return the open findings as a repair lists them."""
        lines = [
            f"- {finding.name(hass)} (`{finding.meter.statistic_id}`), {finding.numbers(hass)}"
            for finding in self.open[:_LISTED]
        ]
        return "\n".join([*lines, "- …"] if len(self.open) > _LISTED else lines)

    def without(self, keys: Iterable[str]) -> Findings:
        """Return them without some that are open."""
        done = set(keys)
        return replace(self, open=tuple(one for one in self.open if one.key not in done))

    def leaving(self, keys: Iterable[str]) -> Findings:
        """Return them with some that stay as they are: they are not asked about again."""
        chosen = set(keys)
        left = {one.key: one.span.last.start for one in self.open if one.key in chosen}
        return replace(self.without(chosen), left={**self.left, **left})


def _end_of_hour(reading: MeterReading) -> str:
    time = dt_util.as_local(dt_util.utc_from_timestamp(reading.start + HOUR))
    return time.strftime("%Y-%m-%d %H:%M")


def _amount(hass: HomeAssistant, value: float, unit: str | None, sign: str = "") -> str:
    """Return an amount with three decimals at most; `sign` stands before a positive one."""
    text = (sign if value >= 0 else "") + async_number(hass, round(value, 3))
    return f"{text} {unit}" if unit else text


class FindingsFile:
    """Keeps findings in Home Assistant's .storage. Its methods block."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; it is made by the first check."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.sums.json"))

    def load(self) -> Findings:
        """Return what was saved; of a file that cannot be read, nothing."""
        try:
            return _findings(orjson.loads(self.path.read_bytes()))
        except OSError, ValueError, TypeError, KeyError, AttributeError:
            return Findings()

    def save(self, findings: Findings) -> None:
        """Replace what was saved. Raises CheckpointUnwritableError."""
        data = {
            "checked": findings.checked,
            "until": findings.until,
            "open": [
                {
                    "meter": list(finding.meter),
                    "kind": finding.span.kind,
                    "readings": [list(reading) for reading in finding.span.readings],
                }
                for finding in findings.open
            ],
            "left": dict(findings.left),
        }
        replace_file(self.path, orjson.dumps(data))

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _findings(data: Mapping[str, Any]) -> Findings:
    found = tuple(
        Finding(
            Meter(*item["meter"]),
            Span(Kind(item["kind"]), tuple(MeterReading(*row) for row in item["readings"])),
        )
        for item in data["open"]
    )
    checked, until = data["checked"], data["until"]
    return Findings(
        checked=float(checked) if checked is not None and isfinite(checked) else None,
        until=float(until) if until is not None else None,
        open=found,
        left={str(key): float(last) for key, last in data["left"].items()},
    )
