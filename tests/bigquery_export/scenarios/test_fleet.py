"""What a home calls at BigQuery, and what docs/fleet.md makes of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import SimpleQueue
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery import committed_stream
from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.bigquery.write_streams import Responses, WriteStreams
from custom_components.bigquery_export.const import CONF_DELIVERY, CONF_FREQUENCY
from custom_components.bigquery_export.export.tables import DEFAULT_TABLES
from custom_components.bigquery_export.rows.export_log import Trigger
from custom_components.bigquery_export.settings.schedule import Frequency, Schedule
from tests.bigquery_export.support.fleet import (
    ALWAYS,
    BYTES,
    CALLS,
    CONNECT,
    CONNECTIONS,
    DAILY,
    DAY,
    HOMES,
    HOUR,
    HOURLY,
    JOBS,
    REQUESTS,
    ROW_BYTES,
    SEND,
    STREAM_HOURS,
    STREAMS,
    TABLE_JOBS,
    Home,
    Work,
)
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.fault_kinds import GRPC_METHODS, REST_METHODS
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER
from tests.machine.patience import async_wait_until

pytestmark = pytest.mark.all_tables


@pytest.fixture
def key(warehouse: Warehouse) -> dict[str, Any]:
    """Return the key of an account that may run jobs, too."""
    return warehouse.create_key(DATA_EDITOR, JOB_USER)


type Counting = Callable[[], AbstractContextManager[Counter[str]]]


@pytest.fixture
def counting(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Return what counts calls while its context lasts, and has them in the end."""
    connections: list[str] = []
    connect = WriteStreams.append_rows

    def counted(streams: WriteStreams, name: str, requests: SimpleQueue[bytes | None]) -> Responses:
        connections.append(name)
        return connect(streams, name, requests)

    monkeypatch.setattr(WriteStreams, "append_rows", counted)

    @contextmanager
    def count() -> Iterator[Counter[str]]:
        connections.clear()
        for method in GRPC_METHODS | REST_METHODS - {"token"}:
            # A fault that never happens: the rule counts the calls that it looks at.
            warehouse.server.add_fault(method, "delay", times=0)
        found = Counter[str]()
        yield found
        for rule in warehouse.server.faults():
            name = SEND if rule["method"] == "AppendRows" else rule["method"]
            found[name] = rule["matched"]
        found[CONNECT] = len(connections)
        warehouse.server.clear_faults()

    return count


def calls(work: dict[Work, int]) -> Counter[str]:
    """Return the calls for work that is done so often."""
    found = Counter[str]()
    for one, times in work.items():
        found.update({call: times * number for call, number in CALLS[one].items()})
    return found


@pytest.mark.parametrize(
    ("delivery", "work"),
    [(StorageWriteDelivery.name, Work.WRITE), (LoadJobDelivery.name, Work.LOAD)],
)
async def test_an_export(
    hass: HomeAssistant, entry: MockConfigEntry, counting: Counting, delivery: str, work: Work
) -> None:
    """It makes a transaction for each table with new rows, and calls nothing else."""
    hass.config_entries.async_update_entry(entry, options={CONF_DELIVERY: delivery})
    assert await hass.config_entries.async_setup(entry.entry_id)
    runner = entry.runtime_data.runner
    await runner.async_export(Trigger.ACTION)
    for number in range(2):
        await record(hass, 20, entities=5, name=f"round{number}_")
        before = runner.checkpoint.bytes_sent
        with counting() as found:
            result = await runner.async_export(Trigger.ACTION)
        sent = runner.checkpoint.bytes_sent - before
        if work is Work.WRITE:
            assert 0 < sent <= ROW_BYTES * result.total
        tables = [table for table, rows in result.rows.items() if rows]
        assert "sensor_data" in tables
        wanted = calls({work: len(tables)})
        assert found.pop("jobs.get", 0) <= wanted.pop("jobs.get", 0)
        assert +found == wanted
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_live(hass: HomeAssistant, entry: MockConfigEntry, counting: Counting) -> None:
    """A commit is one request; a stream is opened once, and told of in the log by each export."""
    hass.config_entries.async_update_entry(entry, options={CONF_FREQUENCY: "live"})
    assert await hass.config_entries.async_setup(entry.entry_id)
    runner = entry.runtime_data.runner

    def sent() -> int:
        stream = runner.checkpoint.streams.get("sensor_data")
        return stream.rows if stream else 0

    async def append(name: str) -> Counter[str]:
        before = sent()
        with counting() as found:
            await record(hass, 20, entities=5, name=name)
            await async_wait_until(lambda: sent() > before, 30)
        return +found

    await record(hass, 1)  # A table goes live when an export has sent rows of it.
    await runner.async_export(Trigger.ACTION)
    assert await append("a") == calls({Work.OPEN: 1, Work.APPEND: 1})
    assert await append("b") == calls({Work.APPEND: 1})
    for name in ("c", "d"):
        with counting() as found:
            result = await runner.async_export(Trigger.SCHEDULE)
        transactions = sum(1 for rows in result.rows.values() if rows)
        assert +found == calls({Work.LOG: 1, Work.WRITE: transactions})
        assert await append(name) == calls({Work.APPEND: 1})
    assert await hass.config_entries.async_unload(entry.entry_id)


def test_what_the_page_assumes() -> None:
    """Each default table has its place, and times are those of the code."""
    assert sorted((*ALWAYS, *HOURLY, *DAILY)) == sorted(DEFAULT_TABLES)
    assert STREAM_HOURS * HOUR == committed_stream._LONGEST
    now = dt_util.utcnow()
    first = Schedule(Frequency.LIVE).next_after(now)
    assert first
    second = Schedule(Frequency.LIVE).next_after(first)
    assert second
    for home in HOMES:
        if home.name == "live":
            assert home.exports_a_day == DAY / (second - first).total_seconds()


def test_limits() -> None:
    """What is used, and what is used up first, worked out by hand."""
    five = Home("", 288)
    # In an hour two tables twelve times, one once, and three once: 28 transactions of two streams.
    assert five.use(STREAMS) == 2 * (2 * 12 + 1 + 3) == 56
    assert five.use(CONNECTIONS) == pytest.approx(56 / 12)
    assert five.use(BYTES) == pytest.approx(50_000 * ROW_BYTES / 86_400)
    assert five.use(REQUESTS) == pytest.approx(28 / 3_600)
    assert five.limit(one_dataset=True) == five.limit(one_dataset=False) == (178, STREAMS)
    hourly = Home("", 24, LoadJobDelivery.name)
    # In a day two tables 24 times, one 24 times, and three once: 75 transactions of two jobs.
    assert (hourly.use(JOBS), hourly.use(TABLE_JOBS)) == (150, 75)
    assert hourly.limit(one_dataset=False) == (666, JOBS)
    assert hourly.limit(one_dataset=True) == (20, TABLE_JOBS)
    daily = Home("", 1, LoadJobDelivery.name)
    assert (daily.use(JOBS), daily.use(TABLE_JOBS)) == (2 * (2 + 1 + 3), 6)
    live = Home("", 288, live=True)
    # In an hour two streams are opened; the log is told 24 times; four transactions beside.
    assert live.use(STREAMS) == 2 + 24 + 2 * 4 == 34
    assert live.use(CONNECTIONS) == pytest.approx(2 + 34 / 12)
    assert live.limit(one_dataset=True) == (294, STREAMS)
    assert Home("", 288, LoadJobDelivery.name, live=True).use(STREAMS) == 0
