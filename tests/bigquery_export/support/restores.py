"""Exports of a home whose database is lost, and restores of its statistics."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.requests import ExportRequest, VerifyRequest
from custom_components.bigquery_export.runner.runner import Runner
from tests.bigquery_export.support.lost_home import (
    BEGIN,
    KINDS,
    RENAMED,
    record_history,
    shown,
)
from tests.bigquery_export.support.warehouse import Warehouse

HOURS = range(0, 1_200, 24)
"""Hours of two months."""
FRESH = (1_212, 1_224)
"""Hours that are compiled by the new database."""


async def sent(runner: Runner, *, force: bool = True) -> dict[str, int]:
    """Export, check for corrections, and return how many rows were sent.

    What BigQuery lacks is not looked for: Verify says it.
    """
    later = dt_util.utcnow() + timedelta(days=1) if force else None
    result = await runner.async_export(Trigger.ACTION, ExportRequest(force=force, start=later))
    return result.rows


async def verified(runner: Runner) -> Any:
    """Return how what was exported differs from BigQuery."""
    first = int(BEGIN // 86_400)
    wanted = VerifyRequest(None, range(first, first + 60), query=False, dry_run=False)
    return (await runner.verifier.async_verify(wanted)).tables["statistics"].total


async def exported(hass: HomeAssistant, runner: Runner) -> Any:
    """Record the history of a home, export it, rename one statistic; return what is shown."""
    await record_history(hass, HOURS)
    assert await sent(runner) == {"statistics": len(HOURS) * len(KINDS)}
    old, new = RENAMED
    get_instance(hass).async_update_statistics_metadata(old, new_statistic_id=new)
    await async_wait_recording_done(hass)
    await sent(runner)
    return await shown(hass)


def logged(warehouse: Warehouse, trigger: str, where: str = "TRUE") -> list[tuple[Any, ...]]:
    """Return how many rows the jobs of a kind have sent or brought back, for whom, and the end."""
    log = warehouse.server.query(
        "SELECT row_count, user_id, outcome FROM home.export_log"  # noqa: S608
        f" WHERE trigger = '{trigger}' AND {where} ORDER BY finished",
        warehouse.project,
    )
    return [(int(row["row_count"]), row["user_id"], row["outcome"]) for row in log]


def same(before: Any, after: Any) -> None:
    """Make sure that all hours are as they were, field by field."""
    assert before.keys() == after.keys()
    for statistic_id, hours in before.items():
        for start, values in hours.items():
            assert after[statistic_id][start] == (
                pytest.approx(values) if statistic_id == "sensor.water" else values
            ), (statistic_id, start)
