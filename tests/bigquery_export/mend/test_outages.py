"""Outages that are longer than the recorder keeps: found, mended by a click, exported."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.const import CONF_CHECK_SUMS, CONF_TABLES, DOMAIN
from custom_components.bigquery_export.mend.mender import Mender
from tests.bigquery_export.support.actions import act, export_now
from tests.bigquery_export.support.meters import COUNTS_UP, CYCLE, TOTAL, Meters, hour_at
from tests.bigquery_export.support.repair_dialog import RepairDialog
from tests.bigquery_export.support.statistics_corrections import known, shown
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse

_BEFORE = range(31 * 24, 15 * 24, -14)
"""Hours of 16 days that end 15 days ago, with a row every 14 hours."""
_METERS: dict[str, tuple[dict[str, str], dict[str, str], float]] = {
    "plug": (COUNTS_UP, {}, 4_500),
    "young": (COUNTS_UP, {}, 20),
    "bill": (TOTAL, {}, 4_500),
    "cycle": (CYCLE, {}, 4_500),
    "new_cycle": (CYCLE, {"last_reset": "2026-11-01T00:00:00+00:00"}, 4_500),
    "replaced": (COUNTS_UP, {}, 4_500),
    "replaced_by_higher": (COUNTS_UP, {}, 4_500),
    "monthly": (COUNTS_UP, {}, 4_500),
}
"""Attributes before the outage, what differs of them afterwards, and the first reading."""
_COME_BACK = {"replaced": -4_508.0, "replaced_by_higher": 7_000.0}
"""What those read more than before that do not read 12 kWh more."""
MENDED = ("bill", "cycle", "plug", "young")


async def live_through_outage(hass: HomeAssistant) -> Meters:
    """Let meters be silent for 15 days, with a purge between, and come back."""
    assert await async_setup_component(hass, "sensor", {})
    meters = Meters(hass)
    values = {name: value for name, (_, _, value) in _METERS.items()}
    for hours_ago in _BEFORE:
        for name, (attributes, _, _) in _METERS.items():
            meters.read(name, hours_ago, values[name], attributes, 1)
            values[name] += 0.5
            if name == "monthly" and hours_ago == _BEFORE[10]:
                values[name] = 0.25
            meters.read(name, hours_ago, values[name], attributes)
            values[name] += 0.25
        meters.compile(hours_ago)
    for name in values:
        values[name] -= 0.25
    await meters.fall_silent(_METERS, _BEFORE[-1] - 1)
    for hours_ago in (3, 2):
        for name, (attributes, changed, _) in _METERS.items():
            values[name] += (_COME_BACK.get(name, 12.0) - 0.5) if hours_ago == 3 else 0.0
            meters.read(name, hours_ago, values[name], attributes | changed, 1)
            values[name] += 0.5
            meters.read(name, hours_ago, values[name], attributes | changed)
        meters.compile(hours_ago)
    await async_wait_recording_done(hass)
    return meters


async def test_outage(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    hass_client: ClientSessionGenerator,
) -> None:
    """After the click `change` is what the meter counted, and the next export corrects the month.

    A reset, a new meter and another cycle raise nothing. What is left as it is is not asked again.
    """
    meters = await live_through_outage(hass)
    fallen = await meters.changes("plug")
    assert fallen[3] == pytest.approx(0.5 - sum(list(fallen.values())[:-2]))
    assert (await meters.changes("cycle"))[3] < -10
    hass.config_entries.async_update_entry(entry, options={CONF_TABLES: ["statistics"]})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await export_now(hass)
    issue = issues_of(hass)["wrong_sums"]
    assert issue is not None
    assert issue["count"] == str(len(MENDED))
    for name in MENDED:
        assert f"- {name} (`sensor.{name}`), " in issue["sums"]
    assert "-20.25 kWh / +12 kWh (4,520.75 kWh → 4,532.75 kWh)" in issue["sums"]

    # It is the same after a restart.
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issues_of(hass)["wrong_sums"] == issue
    dialog = await RepairDialog.create(hass, hass_client)
    step = await dialog.open("wrong_sums", entry)
    assert (step["type"], step["menu_options"]) == ("menu", ["mend", "leave"])
    step = await dialog.submit(next_step_id="leave")
    options = {value: label for value, label in _choices(step).items() if "young" in label}
    step = await dialog.submit(sums=list(options))
    assert step["type"] == "menu"
    assert step["description_placeholders"]["count"] == "3"
    step = await dialog.submit(next_step_id="mend")
    step = await dialog.submit(sums=list(_choices(step)))
    assert step["type"] == "create_entry"
    assert issues_of(hass) == {}
    for name in set(MENDED) - {"young"}:
        changes = await meters.changes(name)
        assert (changes[3], changes[2]) == (12.0, 0.5)
        assert all(0 <= change < 1 for hour, change in changes.items() if hour > 3)
    assert await meters.changes("young") == pytest.approx(fallen)

    response = await export_now(hass)
    assert response["rows"]["statistics"] > 3
    assert shown(warehouse, "statistics") == await known(hass, "statistics")
    await act(hass, "export_now", force=True)
    assert issues_of(hass) == {}

    hass.config_entries.async_update_entry(
        entry, options={CONF_TABLES: ["statistics"], CONF_CHECK_SUMS: False}
    )
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_without_a_missing_hour(hass: HomeAssistant) -> None:
    """A purge of all days lets sums begin again, too; an outage before a purge harms none."""
    assert await async_setup_component(hass, "sensor", {})
    meters = Meters(hass)
    value = 4_500.0
    for hours_ago in range(15, 2, -1):
        if hours_ago == 4:
            await meters.purge(0)
        for name in ("meter", "silent"):
            odd = name == "silent" and 12 > hours_ago > 5
            for minute, reading in ((1, value + 0.1), (56, value + 0.5)):
                shown = "unavailable" if odd else reading
                meters.read(name, hours_ago, shown, COUNTS_UP, minute)
        meters.compile(hours_ago)
        value += 0.5
    await async_wait_recording_done(hass)
    for name in ("meter", "silent"):
        await meters.insert(name, range(90, 15, -1), [4_462.5 + n / 2 for n in range(75)])
    fallen = await meters.changes("silent")
    assert (fallen[5], fallen[4]) == (3.5, -5.0)
    entry = MockConfigEntry(domain=DOMAIN)
    entry.add_to_hass(hass)
    mender = Mender(hass, entry)
    await mender.async_check()
    found = {finding.meter.statistic_id: finding.span for finding in mender.findings.open}
    assert found.keys() == {"sensor.meter", "sensor.silent"}
    assert {span.last.start for span in found.values()} == {hour_at(4)}
    await mender.async_mend([finding.key for finding in mender.findings.open])
    for name in ("meter", "silent"):
        changes = await meters.changes(name)
        assert (changes[5], changes[4], changes[3]) == (
            fallen[5] if name == "silent" else 0.5,
            0.5,
            0.5,
        )


def _choices(step: dict[str, Any]) -> dict[str, str]:
    """Return what a step lets choose: labels by values."""
    (field,) = step["data_schema"]
    found = {option["value"]: option["label"] for option in field["selector"]["select"]["options"]}
    assert field["default"] == list(found)
    return found
