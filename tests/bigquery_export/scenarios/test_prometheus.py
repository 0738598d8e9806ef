"""Home Assistant's Prometheus integration has the figures of the export."""

import re

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.status.error_kinds import ErrorKind
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.recording import record

_SAMPLE = re.compile(r'^homeassistant_(\w+)\{.*entity="sensor\.home_sensor_data_(\w+)".*\} (.+)$')


@pytest.mark.usefixtures("all_enabled")
async def test_scrape(
    hass: HomeAssistant, entry: MockConfigEntry, hass_client: ClientSessionGenerator
) -> None:
    """A scrape has what was sent, the errors by kind, and the seconds by phase."""
    assert await async_setup_component(hass, "prometheus", {"prometheus": {}})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 3)
    response = await export_now(hass)
    await hass.async_block_till_done()
    answer = await (await hass_client()).get("/api/prometheus")
    samples = filter(None, map(_SAMPLE.match, (await answer.text()).splitlines()))
    values = {(name, sensor): float(value) for name, sensor, value in (s.groups() for s in samples)}
    assert values["sensor_unit_rows", "rows_exported"] == sum(response["rows"].values())
    kinds = {sensor for name, sensor in values if name == "sensor_unit_errors"}
    assert kinds == {f"errors_{kind}" for kind in ErrorKind}
    for phase in ("reading", "encoding", "sending", "committing"):
        assert 0 <= values["sensor_duration_s", f"time_{phase}"] < 60
    assert values["sensor_duration_s", "time_committing"] > 0
