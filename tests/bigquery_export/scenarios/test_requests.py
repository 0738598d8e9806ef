"""What views and functions ask of BigQuery: once after a start, and never again.

With `-s` it prints what `docs/performance.md` says of each step: requests, seconds and bytes.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
import re
from time import monotonic
from unittest.mock import Mock

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.views import VIEWS, Kind, views
from custom_components.bigquery_export.const import CONF_API_ENDPOINT, CONF_STORAGE_ENDPOINT
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.runner.destination_tables import DestinationTables
from custom_components.bigquery_export.settings.options import options_from
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.recording_proxy import Wire, tapped
from tests.bigquery_export.support.warehouse import Warehouse

pytestmark = [pytest.mark.with_views, pytest.mark.all_tables]

_REQUEST = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) \S*/(tables|routines)(/|\?|) ?\S* HTTP/1\.1")
ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """What one step has asked of BigQuery."""

    requests: Counter[str]
    """Requests by HTTP, by method and collection: `GET tables` lists, `GET tables/` is of one."""
    kilobytes: float
    """By HTTP and gRPC, both ways."""


class Meter:
    """Counts what goes over the wires in a step."""

    def __init__(self, hass: HomeAssistant, wires: tuple[Wire, Wire]) -> None:
        """Begin with the first step."""
        self._hass = hass
        self._wires = wires
        self._size = self._requests = 0
        self._began = monotonic()

    def begin(self) -> None:
        """Begin another step."""
        self._size = self._total
        self._requests = len(self._found)
        self._began = monotonic()

    async def end(self, name: str) -> Step:
        """Return what the step has asked, when nothing goes on in the background."""
        seconds = monotonic() - self._began
        await self._hass.async_block_till_done(wait_background_tasks=True)
        whole = monotonic() - self._began
        requests = Counter(self._found[self._requests :])
        step = Step(requests, (self._total - self._size) / 1000)
        print(
            f"{name}: {requests.total()} requests, {seconds:.2f} s and {whole - seconds:.2f} s in"
            f" the background, {step.kilobytes:.0f} kB"
        )
        return step

    @property
    def _total(self) -> int:
        return sum(wire.size for wire in self._wires)

    @property
    def _found(self) -> list[str]:
        api, _ = self._wires
        return [
            f"{method.decode()} {collection.decode()}{'/' if rest == b'/' else ''}"
            for method, collection, rest in _REQUEST.findall(api.sent)
        ]


@pytest.fixture
def wires(warehouse: Warehouse) -> Iterator[tuple[Wire, Wire]]:
    """Return what goes to both addresses of the local BigQuery."""
    with tapped(warehouse.server.rest_url) as api, tapped(warehouse.server.storage_url) as storage:
        yield api, storage


@pytest.mark.long
@pytest.mark.parametrize("with_views", [True, False])
async def test_requests_for_views(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    wires: tuple[Wire, Wire],
    monkeypatch: pytest.MonkeyPatch,
    *,
    with_views: bool,
) -> None:
    """The first export makes them one by one, the first after a start lists twice, others none."""
    api, storage = wires
    if not with_views:
        monkeypatch.setattr(DestinationTables, "async_ensure_views", Mock())
    endpoints = {CONF_API_ENDPOINT: api.endpoint, CONF_STORAGE_ENDPOINT: storage.endpoint}
    hass.config_entries.async_update_entry(entry, data={**entry.data, **endpoints})
    made = Counter(view.kind for view in views(options_from({}).tables))
    assert made.total() > len(VIEWS) / 2
    meter = Meter(hass, wires)

    async def start(name: str) -> Step:
        meter.begin()
        assert await hass.config_entries.async_setup(entry.entry_id)
        return await meter.end(name)

    async def export(name: str, rows: int) -> Step:
        if rows:
            await record(hass, rows, name=name.replace(" ", "_"))
        meter.begin()
        trigger = Trigger.ACTION if rows else Trigger.SCHEDULE
        await entry.runtime_data.runner.async_export(trigger)
        return await meter.end(name)

    def asked(step: Step) -> dict[str, int]:
        """Return what a step has asked for views: an export asks for nothing else like it."""
        fence = ("GET tables/", "PATCH tables/", "PUT tables/")
        return {request: n for request, n in step.requests.items() if request not in fence}

    first_start = await start("first start")
    assert not any("routines" in request for request in first_start.requests)
    first = await export("first export", ROWS)
    lists = {"GET tables": 1, "GET routines": 1}
    if with_views:
        new = {"POST tables": made[Kind.VIEW], "POST routines": made[Kind.TABLE_FUNCTION]}
        assert asked(first) == lists | new
    else:
        assert asked(first) == {}
    assert asked(await export("second export", ROWS)) == {}
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert asked(await start("another start")) == {}
    assert asked(await export("first export after it", ROWS)) == (lists if with_views else {})
    assert asked(await export("further export", ROWS)) == {}
    assert (await export("export of nothing", 0)).requests == {}
    assert await hass.config_entries.async_unload(entry.entry_id)
