"""What an export knows of wrong sums: from one check to the next, and what the user decides."""

from collections.abc import Sequence
from typing import Any

from homeassistant.components.recorder.statistics import async_update_statistics_metadata
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.const import CONF_CHECK_SUMS, DOMAIN
from custom_components.bigquery_export.errors import RecorderBusyError
from custom_components.bigquery_export.mend import mender as mender_module
from custom_components.bigquery_export.mend.findings import FindingsFile
from custom_components.bigquery_export.mend.mender import Mender, remove_findings
from tests.bigquery_export.support.meters import COUNTS_UP, Meters, hour_at
from tests.bigquery_export.support.status import issues_of

_GAP = 15 * 24
_HOURS = [*range(_GAP + 400, _GAP, -1), 3, 2]
"""Hours of more than two weeks, then an outage of 15 days, and two hours."""


async def meter_after_outage(hass: HomeAssistant, name: str) -> Meters:
    """Add a meter whose sum began at 0 again: it counts half a kWh an hour, and then 12."""
    meters = Meters(hass)
    counted = [number / 2 for number in range(400)]
    readings = [4_500 + one for one in counted]
    readings += [readings[-1] + 12, readings[-1] + 12.5]
    await meters.insert_sums(name, _HOURS, readings, [*counted, 0.3, 0.8])
    meters.read(name, 1, readings[-1], COUNTS_UP)
    return meters


async def new_mender(hass: HomeAssistant, entry: MockConfigEntry | None = None) -> Mender:
    """Return what an export has when it is set up."""
    if entry is None:
        entry = MockConfigEntry(domain=DOMAIN)
        entry.add_to_hass(hass)
    mender = Mender(hass, entry)
    await mender.async_load()
    return mender


def names(mender: Mender) -> list[str]:
    """Return the meters of the open findings."""
    return sorted(one.meter.statistic_id for one in mender.findings.open)


async def test_what_changes_meanwhile(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the user has adjusted stays so, renamed meters are known, nothing is adjusted twice."""
    for name in ("adjusted", "renamed", "busy"):
        meters = await meter_after_outage(hass, name)
    mender = await new_mender(hass)
    await mender.async_check()
    assert names(mender) == ["sensor.adjusted", "sensor.busy", "sensor.renamed"]
    keys = {one.meter.statistic_id: one.key for one in mender.findings.open}
    recorder = get_instance(hass)
    back = dt_util.utc_from_timestamp(hour_at(3))
    recorder.async_adjust_statistics("sensor.adjusted", back, 205.0, "kWh")
    async_update_statistics_metadata(hass, "sensor.renamed", new_statistic_id="sensor.other")
    await async_wait_recording_done(hass)
    await mender.async_mend([keys["sensor.adjusted"]])
    assert (await meters.changes("adjusted"))[3] == pytest.approx(205.3 - 199.5)
    await mender.async_check()  # It was checked today.
    assert names(mender) == ["sensor.busy", "sensor.renamed"]
    await mender.async_check(again=True)
    assert names(mender) == ["sensor.busy", "sensor.other"]
    await mender.async_mend([keys["sensor.renamed"]])
    assert (await meters.changes("other"))[3] == 12

    # The recorder has not come to it, and the user selects Submit once more.
    waiting: list[tuple[Any, ...]] = []
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "async_adjust_statistics", lambda *args: waiting.append(args))
        for _ in range(2):
            with pytest.raises(RecorderBusyError):
                await mender.async_mend([keys["sensor.busy"]])
    assert len(waiting) == 1
    assert names(mender) == ["sensor.busy"]
    recorder.async_adjust_statistics(*waiting[0])
    await mender.async_mend([keys["sensor.busy"]])
    assert (await meters.changes("busy"))[3] == 12
    assert issues_of(hass) == {}


async def test_ignored(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """To ignore the repair leaves all sums as they are, also after a restart; others are shown."""
    await meter_after_outage(hass, "one")
    mender = await new_mender(hass)

    def fail(_: HomeAssistant) -> None:
        raise RecorderBusyError

    with monkeypatch.context() as patch:
        patch.setattr(mender_module, "check_recorder", fail)
        await mender.async_check()
    assert mender.findings.checked is None
    await mender.async_check()
    ((_, issue_id),) = ir.async_get(hass).issues
    ir.async_ignore_issue(hass, DOMAIN, issue_id, True)
    await meter_after_outage(hass, "two")
    await mender.async_check(again=True)
    assert names(mender) == ["sensor.two"]
    issue = issues_of(hass)["wrong_sums"]
    assert issue is not None
    assert "sensor.one" not in issue["sums"]
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    mender = await new_mender(hass, entry)  # type: ignore[arg-type]
    await mender.async_check(again=True)
    assert names(mender) == ["sensor.two"]
    mender.async_stop()
    await mender.async_check(again=True)
    assert names(mender) == ["sensor.two"]


async def test_several_exports(hass: HomeAssistant) -> None:
    """One export checks the sums of the home: the first one that has it switched on."""
    await meter_after_outage(hass, "one")
    first, second = [await new_mender(hass) for _ in range(2)]
    entries = hass.config_entries.async_entries(DOMAIN)
    for mender in (second, first):
        await mender.async_check()
    assert (names(first), names(second)) == (["sensor.one"], [])
    hass.config_entries.async_update_entry(entries[0], options={CONF_CHECK_SUMS: False})
    first = await new_mender(hass, entries[0])  # type: ignore[arg-type]
    assert issues_of(hass) == {}
    for mender in (first, second):
        await mender.async_check(again=True)
    assert names(second) == ["sensor.one"]
    assert [issue_id for _, issue_id in ir.async_get(hass).issues] == [
        f"wrong_sums_{entries[1].entry_id}"
    ]

    file = FindingsFile(hass, entries[1].entry_id)
    assert file.load() == second.findings
    for damage in (b"", b"[]", b'{"checked": 1, "until": 2, "open": [{}], "left": {}}'):
        file.path.write_bytes(damage)
        assert file.load().open == ()
    remove_findings(hass, entries[1].entry_id)
    assert not file.path.exists()


async def test_from_one_piece_to_the_next(hass: HomeAssistant) -> None:
    """A wrong reading is found where it goes only in the next piece, or by the next check."""
    meters = Meters(hass)
    hours = range(1_060, 0, -1)
    readings = [4_500 + number / 2 for number in range(len(hours))]
    sums = [number / 2 for number in range(len(hours))]

    def go_wrong(begin: int, end: int) -> None:
        for number in range(begin, end):
            readings[number] = 0
            sums[number] = sums[begin - 1]
        for number in range(end, len(hours)):
            sums[number] += 4_500 + begin / 2

    go_wrong(998, 1_002)
    go_wrong(1_054, 1_058)
    await meters.insert_sums("meter", hours[:1_057], readings[:1_057], sums[:1_057])
    meters.read("meter", 0, readings[-1], COUNTS_UP)
    mender = await new_mender(hass)
    await mender.async_check()
    assert _begins(mender) == [997]
    await meters.insert_sums("meter", hours[1_057:], readings[1_057:], sums[1_057:])
    await mender.async_check(again=True)
    assert _begins(mender) == [997, 1_053]
    await mender.async_mend([one.key for one in mender.findings.open])
    changes = await meters.changes("meter")
    assert sum(changes.values()) == (len(hours) - 1) / 2
    assert min(changes.values()) >= 0


def _begins(mender: Mender) -> Sequence[int]:
    starts = [one.span.first.start for one in mender.findings.open]
    return [1_060 - round((hour_at(0) - start) / 3_600) for start in starts]
