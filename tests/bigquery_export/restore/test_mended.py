"""Sums that an outage has made wrong, in statistics that come back."""

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.restore.report import Outcome
from custom_components.bigquery_export.restore.request import RestoreRequest
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.runner import Runner
from custom_components.bigquery_export.status.issues import RESTORE_OFFERED
from tests.bigquery_export.support.lost_home import forget_statistics
from tests.bigquery_export.support.meters import COUNTS_UP, Meters
from tests.bigquery_export.support.restores import sent
from tests.bigquery_export.support.status import issues_of

_BACK = 120
"""How many hours ago the meter was back, after 15 days."""
_BEFORE = range(_BACK + 31 * 24, _BACK + 15 * 24 - 1, -12)


async def test_mended(hass: HomeAssistant, runner: Runner) -> None:
    """What was wrong comes back wrong, is found again, and is mended once; a seam is no outage."""
    meters = Meters(hass)
    counted = [number / 2 for number in range(len(_BEFORE))]
    readings = [4_500 + one for one in counted]
    readings += [readings[-1] + 12, readings[-1] + 12.5]
    await meters.insert_sums("plug", [*_BEFORE, _BACK, _BACK - 1], readings, [*counted, 0.25, 0.75])
    meters.read("plug", 1, readings[-1], COUNTS_UP)
    await sent(runner)
    assert issues_of(hass).keys() == {"wrong_sums"}
    before = await meters.changes("plug")

    await forget_statistics(hass)
    await meters.insert_sums("plug", [3, 2], [readings[-1] + 4, readings[-1] + 4.5], [0.25, 0.75])
    await sent(runner)
    assert issues_of(hass).keys() == {RESTORE_OFFERED}
    assert (await runner.async_restore(RestoreRequest())).outcome is Outcome.COMPLETED
    changes = await meters.changes("plug")
    assert {hour: change for hour, change in changes.items() if hour > 3} == before
    assert (changes[3], changes[2]) == (4, 0.5)

    await runner.async_export(Trigger.ACTION)
    assert issues_of(hass).keys() == {"wrong_sums"}
    (finding,) = runner.mender.findings.open
    await runner.async_mend([finding.key])
    changes = await meters.changes("plug")
    assert [changes[hour] for hour in (_BACK, _BACK - 1, 3, 2)] == [12, 0.5, 4, 0.5]
    assert (await sent(runner))["statistics"] > 0
    again = await runner.async_restore(RestoreRequest())
    assert (again.imported, again.adjusted) == (0, 0)
    assert await meters.changes("plug") == pytest.approx(changes)
    assert issues_of(hass) == {}
