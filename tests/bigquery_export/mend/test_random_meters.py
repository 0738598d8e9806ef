"""Random meters: without an outage nothing is found, with one the sum agrees with the meter again.

The hours of many meters come from `Compiler`, which has Home Assistant's rules; those of a
few come from the recorder, too, and are the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.mend.contradiction import HOUR, Kind, Span, spans
from custom_components.bigquery_export.mend.meter_history import looked_at, meter_history
from custom_components.bigquery_export.source.meter_readings import MeterReading, MeterReadings
from tests.bigquery_export.support.databases import in_recorder
from tests.bigquery_export.support.meters import COUNTS_UP, TOTAL, Meters, hour_at

_BEGIN = 1_790_000_000.0 // HOUR * HOUR
_MANY = 120
_OUTAGE = 15 * 24
_HISTORY = range(_OUTAGE + 16 * 24, _OUTAGE, -14)
"""How many hours ago the meters of the recorder are read before their outage."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a meter shows at some moment."""

    value: float
    last_reset: float | None = None


class Compiler:
    """Compiles hours by the rules of `compile_statistics` of Home Assistant's sensor component."""

    def __init__(self, *, counts_up: bool) -> None:
        """Begin without any hour."""
        self._counts_up = counts_up
        self._newest: MeterReading | None = None

    def purge(self) -> None:
        """Forget the newest five minutes."""
        self._newest = None

    def compile(self, start: float, readings: list[Reading]) -> MeterReading:
        """Return an hour with some readings."""
        before = self._newest
        total, state = (before.sum, before.state) if before else (0.0, None)
        last_reset = before.last_reset if before else None
        zero = state
        for reading in readings:
            if self._counts_up:
                reset = state is None or reading.value < 0.9 * state
            else:
                reset = state is None or reading.last_reset != last_reset
                last_reset = reading.last_reset
            if reset:
                if state is not None and zero is not None:
                    total += state - zero
                zero = reading.value if state is None else 0.0
            state = reading.value
        assert state is not None
        assert zero is not None
        self._newest = MeterReading(start, state, total + state - zero, last_reset)
        return self._newest


class Meter:
    """A meter that counts at a pace of its own, and now and then has something happen to it."""

    def __init__(self, random: Random, *, steady: bool) -> None:
        """Begin with any reading; to a `steady` one nothing happens but hours without readings."""
        self._random = random
        self.steady = steady
        self.kind = random.choice(["counts up", "cycle", "net"])
        self._fastest = 10 ** random.uniform(-3, 3)
        self._value = random.choice([0.0, 10 ** random.uniform(-1, 6)])
        self._cycle = 0.0 if self.kind == "cycle" else None
        self._odds = 0.0 if steady else random.choice([0.0, 0.003, 0.04, 0.5])

    @property
    def attributes(self) -> dict[str, str]:
        """Return the attributes that its state has, without those of its cycle."""
        return COUNTS_UP if self.kind == "counts up" else TOTAL

    def read(self, hours: float = 0.5) -> Reading:
        """Return what it shows after so many hours."""
        random = self._random
        lowest = -1.0 if self.kind == "net" and not self.steady else 0.0
        self._value += self._fastest * hours * random.uniform(lowest, 1.0)
        if random.random() < self._odds and self.kind != "net":
            if self._cycle is not None:
                self._cycle += 1.0
            self._value = random.choice([0.0, self._fastest * random.random(), self._value / 3])
        elif random.random() < self._odds and self.kind == "counts up":
            self._value *= 0.95
        return Reading(self._value, self._cycle)

    def hours(self, compiler: Compiler, start: float, count: int) -> Iterator[MeterReading]:
        """Yield so many hours from a time on; some are missing."""
        for number in range(count):
            readings = [self.read(), self.read()]
            if self._random.random() < 0.97:
                yield compiler.compile(start + number * HOUR, readings)


def found(readings: list[MeterReading], kind: str) -> list[Span]:
    """Return the spans of a meter that are sure to be wrong."""
    return [
        span
        for span in spans(readings, 0.0, falls_are_resets=kind == "counts up")
        if meter_history(
            [one for one in readings if looked_at(span) <= one.start <= span.first.start]
        ).confirms(span)
    ]


def mended(readings: list[MeterReading], span: Span) -> list[MeterReading]:
    """Return hours as they are when a sum was adjusted."""
    for start, amount in span.adjustments():
        readings = [
            reading._replace(sum=reading.sum + amount) if reading.start >= start else reading
            for reading in readings
        ]
    return readings


def test_without_an_outage() -> None:
    """Nothing is found where Home Assistant has seen all that a meter has counted."""
    for seed in range(_MANY):
        meter = Meter(Random(seed), steady=seed % 4 == 0)  # noqa: S311 - repeatable
        compiler = Compiler(counts_up=meter.kind == "counts up")
        readings = list(meter.hours(compiler, _BEGIN, 150))
        assert found(readings, meter.kind) == [], seed


def test_with_an_outage() -> None:
    """A steady meter is found, any other only where it is sure; then `change` is its difference."""
    sure = 0
    for seed in range(_MANY):
        random = Random(seed)  # noqa: S311 - repeatable
        meter = Meter(random, steady=seed % 2 == 0)
        compiler = Compiler(counts_up=meter.kind == "counts up")
        gap = random.randrange(11 * 24, 15 * 24)
        readings = list(meter.hours(compiler, _BEGIN, 380))
        compiler.purge()
        before = readings[-1]
        meter.read(gap * random.uniform(0.0, 0.2))
        back = before.start + gap * HOUR
        readings += meter.hours(compiler, back, 30)
        spans_found = found(readings, meter.kind)
        assert [span.kind for span in spans_found] == [Kind.OUTAGE] * len(spans_found), seed
        if meter.steady:
            assert len(spans_found) == 1, (seed, meter.kind)
        for span in spans_found:
            sure += 1
            assert span.first == before
            after = mended(readings, span)
            place = after.index(next(one for one in after if one.start == span.last.start))
            change = after[place].sum - after[place - 1].sum
            assert change == pytest.approx(span.by_meter, abs=1e-6 * max(1.0, span.last.state))
            assert found(after, meter.kind) == []
            # All other hours keep their change.
            for number, (old, new) in enumerate(
                zip(pairwise(readings), pairwise(after), strict=True), 1
            ):
                if number != place:
                    changes = [last.sum - first.sum for first, last in (old, new)]
                    assert changes[0] == pytest.approx(changes[1], abs=1e-3)
    assert sure > _MANY / 2


async def test_compiled_by_the_recorder(hass: HomeAssistant) -> None:
    """The recorder writes what `Compiler` writes, before and after an outage."""
    assert await async_setup_component(hass, "sensor", {})
    meters = Meters(hass)
    every = {
        f"meter_{seed}": Meter(Random(seed), steady=seed % 3 == 0)  # noqa: S311 - repeatable
        for seed in range(12)
    }
    compilers = {
        name: Compiler(counts_up=meter.kind == "counts up") for name, meter in every.items()
    }
    expected: dict[str, list[MeterReading]] = {name: [] for name in every}

    def live(hours_ago: int) -> None:
        for name, meter in every.items():
            readings = [meter.read(), meter.read()]
            for minute, reading in zip((55, 58), readings, strict=True):
                cycle = reading.last_reset
                attributes = dict(meter.attributes)
                if cycle is not None:
                    attributes["last_reset"] = f"2026-01-01T00:00:{cycle:02.0f}+00:00"
                meters.read(name, hours_ago, reading.value, attributes, minute)
            expected[name].append(compilers[name].compile(hour_at(hours_ago), readings))
        meters.compile(hours_ago, 55)

    for hours_ago in _HISTORY:
        live(hours_ago)
    await meters.fall_silent(every, _HISTORY[-1] - 1)
    for name, meter in every.items():
        compilers[name].purge()
        meter.read(20)
    for hours_ago in (4, 3):
        live(hours_ago)
    await async_wait_recording_done(hass)
    source = MeterReadings(hass)
    for meter_of in await in_recorder(hass, source.meters):
        name = meter_of.statistic_id.removeprefix("sensor.")
        rows = await in_recorder(hass, source.span, meter_of.metadata_id, 0.0, 1e12)
        assert [(row.start, row.state) for row in rows] == [
            (row.start, row.state) for row in expected[name]
        ]
        assert [row.sum for row in rows] == pytest.approx([row.sum for row in expected[name]])
        cycles = [replace_cycle(row.last_reset) for row in rows]
        assert cycles == [row.last_reset for row in expected[name]]


def replace_cycle(last_reset: float | None) -> float | None:
    """Return the number of a cycle, of which the recorder has the time when it began."""
    return None if last_reset is None else last_reset % 60
