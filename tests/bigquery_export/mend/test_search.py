"""What the daily check finds among hours that the recorder has compiled, and what it does not.

A false alarm is worse than a sum that stays as it is.
"""

from collections.abc import Callable
from typing import Any

from homeassistant.components.recorder.models import StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    async_import_statistics,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.mend.contradiction import Kind
from custom_components.bigquery_export.mend.mender import Mender
from tests.bigquery_export.support.meters import COUNTS_UP, CYCLE, TOTAL, Meters, hour_at

_OLDER = range(84, 15, -1)
"""Hours that the recorder has compiled before."""
_COMPILED = range(15, 2, -1)
"""Hours that it compiles."""
_ODD = 10
"""How many hours ago something happened."""

type Reading = Callable[[int, float], object]
"""Returns what a meter shows at the end of an hour, where one that runs on has some value.

At the beginning of the next hour it still shows that.
"""


def runs(_: int, value: float) -> object:
    """Run on."""
    return value


def wrong(reading: object, *hours: int) -> Reading:
    """Show something else at the end of some hours."""
    return lambda hour, value: reading if hour in hours else value


def other(by: float, *hours: int) -> Reading:
    """Show so much more in some hours."""
    return lambda hour, value: value + by if hour in hours else value


_LATER = range(_ODD, 0, -1)
SPIKES: dict[str, Reading] = {
    "dip_in_an_hour": wrong(0, 0),
    "spike_in_an_hour": wrong(9_000_000, 0),
    "dip": wrong(0, _ODD),
    "long_dip": wrong(0, *range(_ODD, _ODD - 4, -1)),
    "spike": wrong(9_000_000, _ODD),
    "long_spike": wrong(9_000_000, *range(_ODD, _ODD - 4, -1)),
    "often": wrong(0, _ODD, _ODD + 70),
}
"""Meters that count up, with wrong readings that go again."""
RIGHT: dict[str, tuple[dict[str, str], Reading]] = {
    "runs": (COUNTS_UP, runs),
    "reset": (COUNTS_UP, other(-4_536.4, *_LATER)),
    "daily": (COUNTS_UP, lambda hour, _: (3 - hour) % 24 * 0.7 + 0.3),
    "hourly": (COUNTS_UP, lambda hour, _: 0.1 + hour % 2),
    "replaced_by_higher": (COUNTS_UP, other(5_000, *_LATER)),
    "replaced_and_set": (COUNTS_UP, other(-4_500, *range(40, 10, -1))),
    "falls_a_little": (COUNTS_UP, other(-9, _ODD)),
    "net": (TOTAL, lambda hour, value: value + hour % 7),
    "net_spike": (TOTAL, wrong(9_000_000, _ODD)),
    "cycle": (CYCLE, runs),
    "unavailable": (COUNTS_UP, wrong("unavailable", *range(_ODD + 4, _ODD, -1))),
    "adjusted": (COUNTS_UP, runs),
    "adjusted_to_zero": (COUNTS_UP, runs),
    "other_unit": (COUNTS_UP, runs),
    "restored": (COUNTS_UP, runs),
    "imported": (COUNTS_UP, runs),
}


async def live(hass: HomeAssistant) -> Meters:
    """Let all meters be read at the beginning and at the end of each hour."""
    assert await async_setup_component(hass, "sensor", {})
    meters = Meters(hass)
    every = {name: (COUNTS_UP, reading) for name, reading in SPIKES.items()} | RIGHT
    for hour in _COMPILED:
        value = _value(hour)
        for name, (attributes, reading) in every.items():
            changed = dict(attributes)
            if hour <= _ODD and name == "cycle":
                changed["last_reset"] = dt_util.utc_from_timestamp(hour_at(_ODD)).isoformat()
            if hour <= _ODD and name == "other_unit":
                changed["unit_of_measurement"] = "MWh"
            meters.read(name, hour, reading(hour + 1, value - 0.5), changed, 1)
            if name.endswith("_in_an_hour"):
                meters.read(name, hour, reading(0, value), changed, 2)
            meters.read(name, hour, reading(hour, value), changed)
        meters.compile(hour)
    await async_wait_recording_done(hass)
    for name, (_, reading) in every.items():
        if name not in ("restored", "imported"):
            readings = [reading(hour, _value(hour)) for hour in _OLDER]
            await meters.insert(name, _OLDER, [float(str(value)) for value in readings])
    return meters


def _value(hour: int) -> float:
    """Return what a meter shows at the end of an hour that has run on all the time."""
    return 4_500.0 + (_OLDER[0] - hour) / 2


def _metadata(statistic_id: str) -> StatisticMetaData:
    return {
        "source": statistic_id.partition(":")[0] if ":" in statistic_id else "recorder",
        "statistic_id": statistic_id,
        "name": None,
        "unit_of_measurement": "kWh",
        "unit_class": "energy",
        "mean_type": StatisticMeanType.NONE,
        "has_sum": True,
    }


def _hours(first: int, last: int, total: float, **values: float) -> list[Any]:
    """Return hours to import, each half a kWh, with the values of the last one."""
    return [
        {
            "start": dt_util.utc_from_timestamp(hour_at(hour)),
            "sum": total - (hour - last) / 2,
            **{name: value - (hour - last) / 2 for name, value in values.items()},
        }
        for hour in range(first, last - 1, -1)
    ]


async def change_afterwards(hass: HomeAssistant) -> None:
    """Adjust sums, and import hours, as users and other integrations do."""
    recorder = get_instance(hass)
    odd = dt_util.utc_from_timestamp(hour_at(_ODD))
    recorder.async_adjust_statistics("sensor.adjusted", odd, 7.25, "kWh")
    counted = (_COMPILED[0] - _ODD) / 2 + 0.5
    recorder.async_adjust_statistics("sensor.adjusted_to_zero", odd, -counted, "kWh")
    # What a restore brings back: with readings, and sums that go on over the seam.
    async_import_statistics(
        hass, _metadata("sensor.restored"), _hours(140, 16, 0.0, state=_value(16))
    )
    # And what others import: sums without readings, of no meter of the home, or of none at all.
    async_import_statistics(hass, _metadata("sensor.imported"), _hours(140, 16, 900.0))
    for statistic_id in ("provider:energy", "sensor.gone"):
        hours = _hours(140, _ODD + 1, 900.0, state=4_500.0)
        hours += _hours(_ODD, 3, 0.5, state=4_501.0)
        add = async_add_external_statistics if ":" in statistic_id else async_import_statistics
        add(hass, _metadata(statistic_id), hours)
    await async_wait_recording_done(hass)


async def test_what_is_found(hass: HomeAssistant) -> None:
    """Wrong readings that go again are found and mended; all else raises nothing.

    That is: resets, replaced meters, another cycle, other units, sums that were adjusted by hand,
    and hours that were restored or imported.
    """
    meters = await live(hass)
    await change_afterwards(hass)
    entry = MockConfigEntry(domain=DOMAIN)
    entry.add_to_hass(hass)
    mender = Mender(hass, entry)
    await mender.async_load()
    await mender.async_check()
    found = mender.findings.open
    by_name = {finding.meter.statistic_id.split(".")[1]: finding.span for finding in found}
    assert by_name.keys() == SPIKES.keys()
    assert {span.kind for span in by_name.values()} == {Kind.SPIKE}
    before = {name: await meters.changes(name) for name in (*SPIKES, *RIGHT)}

    await mender.async_mend([finding.key for finding in found])
    assert mender.findings.open == ()
    for name in RIGHT:
        assert await meters.changes(name) == before[name]
    for name in SPIKES:
        changes = await meters.changes(name)
        assert sum(changes[hour] for hour in _COMPILED) == len(_COMPILED) / 2
        assert min(changes[hour] for hour in _COMPILED) >= 0
    await mender.async_check(again=True)
    assert mender.findings.open == ()
