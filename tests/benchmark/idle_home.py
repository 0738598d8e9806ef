"""What live exports cost while nothing is new."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
import time

from tests.home.client import Client
from tests.home.home_assistant import HomeAssistant
from tests.home.integration import DOMAIN, add_integration, set_options
from tests.local_bigquery.fault_kinds import GRPC_METHODS, REST_METHODS
from tests.local_bigquery.process import DATA_EDITOR, LocalBigQuery, start

from .cpu_time import cpu_time

PROJECT = "idle-home"
SECONDS_TO_SETTLE = 30
COMMIT_INTERVAL = 5


@dataclass(frozen=True, slots=True)
class Idle:
    """What was measured of a home in which nothing changes."""

    live: float
    """Percent of one core, all of Home Assistant, with live exports."""
    paused: float
    """Likewise, while exports are paused."""
    calls: Mapping[str, int]
    """Calls of BigQuery by live exports, by method."""

    @property
    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"idle: live_percent={self.live:.2f} paused_percent={self.paused:.2f}"
            f" calls={sum(self.calls.values())}"
        )


async def measure_idle(folder: Path, seconds: float, times: int) -> Idle:
    """Let nothing happen in a home, live and paused in turn, so often and for so long each."""
    folder = Path(mkdtemp(dir=folder, prefix="idle-"))
    (folder / "home").mkdir()
    with start(folder / "bigquery") as bigquery:
        async with HomeAssistant(folder / "home", commit_interval=COMMIT_INTERVAL) as home:
            key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
            entry_id = await add_integration(
                home.client, key, rest_url=bigquery.rest_url, storage_url=bigquery.storage_url
            )
            await _disable_sun(home.client)
            await set_options(home.client, entry_id, {}, live=True)
            await home.client.until_loaded(DOMAIN)
            entry = {"config_entry_id": entry_id}
            await home.client.perform_action_with_response(DOMAIN, "export_now", entry)
            await asyncio.sleep(SECONDS_TO_SETTLE)
            live = paused = 0.0
            calls = Counter[str]()
            for _ in range(times):
                _count_calls(bigquery)
                live += await _percent(home, seconds)
                calls.update({rule["method"]: rule["matched"] for rule in bigquery.faults()})
                await home.client.perform_action(DOMAIN, "pause", entry)
                paused += await _percent(home, seconds)
                await home.client.perform_action(DOMAIN, "resume", entry)
    return Idle(live / times, paused / times, +calls)


async def _disable_sun(client: Client) -> None:
    """Let the sun stand still: its states change every few minutes."""
    for entry in await client.command("config_entries/get", domain="sun"):
        await client.command(
            "config_entries/disable", entry_id=entry["entry_id"], disabled_by="user"
        )


def _count_calls(bigquery: LocalBigQuery) -> None:
    bigquery.clear_faults()
    for method in GRPC_METHODS | REST_METHODS:
        # A fault that never happens: the rule counts the calls that it looks at.
        bigquery.add_fault(method, "delay", times=0)


async def _percent(home: HomeAssistant, seconds: float) -> float:
    began, before = time.monotonic(), cpu_time(home.process)
    await asyncio.sleep(seconds)
    return 100 * (cpu_time(home.process) - before) / (time.monotonic() - began)
