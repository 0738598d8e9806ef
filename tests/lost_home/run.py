"""One run: a history is exported, its database is lost, and its statistics come back."""

from array import array
import asyncio
from dataclasses import dataclass
from pathlib import Path
from random import Random
import time
from typing import Any

from tests.home.client import Client, Json
from tests.home.integration import DOMAIN, add_integration
from tests.home.measurements import LAGS, SAMPLES
from tests.local_bigquery.process import DATA_EDITOR, start

from .history import kinds, write, write_fresh
from .home import Home, databases

PROJECT = "lost-home"
_HOURS_IN_A_YEAR = 8_766
_UNTIL_LISTED = 3 * 60 * 60
"""Seconds after which BigQuery lists what was streamed."""
_LONGEST = 4 * 60 * 60.0
"""Seconds that an action may take."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What to do."""

    database: str
    statistics: int
    years: float
    kills: int
    seed: int

    @property
    def hours(self) -> int:
        """Return how many hours each statistic has."""
        return round(self.years * _HOURS_IN_A_YEAR)


async def run(folder: Path, settings: Settings) -> Json:
    """Return what was found."""
    random = Random(settings.seed)  # noqa: S311
    statistics = kinds(settings.statistics)
    with start() as bigquery, databases(settings.database, folder) as urls:
        key = bigquery.create_account(PROJECT, [{"role": DATA_EDITOR, "project": PROJECT}])
        async with Home(folder / "home", urls.lost) as home:
            await home.stop()
            _say("writing the history")
            write(urls.lost, statistics, settings.hours)
            await home.start()
            await add_integration(
                home.client,
                key,
                rest_url=bigquery.rest_url,
                storage_url=bigquery.storage_url,
                what={"tables": ["statistics"]},
            )
            _say("exporting it")
            await _export(home.client)
            bigquery.move_clock(_UNTIL_LISTED)
            before = await home.shown()
            await home.stop()
            home.use(urls.next)
            await home.start()
            await home.stop()
            write_fresh(urls.next, statistics, settings.hours)
            await home.start()
            await _export(home.client)
            bigquery.move_clock(_UNTIL_LISTED)
            _say("bringing it back")
            began, kills = time.time(), 0
            await _accept_repair(home.client)
            while kills < settings.kills:
                await asyncio.sleep(random.uniform(0.2, 4.0))
                if not await _is_restoring(home):
                    break
                await home.kill()
                kills += 1
                await home.start()
            last = time.time()
            await _until_restored(home)
            ended = time.time()
            after = await home.shown()
            _say("comparing")
            again = await _restore(home.client)
            sent = await _export(home.client)
            bigquery.move_clock(_UNTIL_LISTED)
            verified = await _verify(home.client)
            measured = _measured(home, last, ended)
    differences = _differences(before, after)
    found = {
        "database": settings.database,
        "statistics": settings.statistics,
        "hours": sum(map(len, before.values())),
        "kills": kills,
        "seconds": round(ended - began, 1),
        **measured,
        "different_hours": differences,
        "negative_bars": len(_negative_bars(after) - _negative_bars(before)),
        "imported_again": again["hours_imported"],
        "adjusted_again": again["sums_adjusted"],
        "sent_again": sent.get("statistics", 0),
        "missing": verified["missing"],
        "duplicated": verified["duplicated"],
    }
    wrong = ("different_hours", "negative_bars", "imported_again", "adjusted_again", "sent_again")
    return found | {"passed": not any(found[name] for name in (*wrong, "missing", "duplicated"))}


def _say(text: str) -> None:
    print(text, flush=True)


async def _export(client: Client) -> Json:
    """Export until nothing waits, check for corrections, and return the rows of the last time."""
    answer = await client.perform_action_with_response(
        DOMAIN, "export_now", {"force": True}, seconds=_LONGEST
    )
    rows: Json = answer["rows"]
    return rows


async def _restore(client: Client) -> Json:
    return await client.perform_action_with_response(
        DOMAIN, "restore_statistics", {"dry_run": False}, seconds=_LONGEST
    )


async def _verify(client: Client) -> Json:
    """Return the counts of the last year: more days cannot be compared at once."""
    first = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 364 * 86_400))
    answer = await client.perform_action_with_response(
        DOMAIN, "verify", {"start_date": first, "tables": ["statistics"]}, seconds=_LONGEST
    )
    total: Json = answer["total"]
    return total


async def _accept_repair(client: Client) -> None:
    issues = (await client.command("repairs/list_issues"))["issues"]
    (issue,) = (one for one in issues if one["translation_key"] == "restore_offered")
    url = "/api/repairs/issues/fix"
    data = {"handler": DOMAIN, "issue_id": issue["issue_id"]}
    step = await client.request("POST", url, json=data)
    step = await client.request("POST", f"{url}/{step['flow_id']}", json={})
    assert step["type"] == "create_entry", step


async def _is_restoring(home: Home) -> bool:
    return any((home.directory / ".storage").glob(f"{DOMAIN}.*.restore"))


async def _until_restored(home: Home) -> None:
    while True:
        if not await _is_restoring(home) and not await _is_busy(home.client):
            return
        await asyncio.sleep(0.2)


async def _is_busy(client: Client) -> bool:
    states = await client.states()
    return any(
        one["entity_id"].startswith("sensor.")
        and one["entity_id"].endswith("_status")
        and one["state"] in ("exporting", "restoring")
        for one in states
    )


def _differences(before: dict[str, Any], after: dict[str, Any]) -> int:
    """Return how many hours are not as they were, field by field but for rounding."""
    return sum(
        not _alike(row, after.get(statistic_id, {}).get(start))
        for statistic_id, rows in before.items()
        for start, row in rows.items()
    )


def _alike(one: Json, other: Json | None) -> bool:
    if other is None or one.keys() != other.keys():
        return False
    return all(
        value == other[name]
        or (
            isinstance(value, float)
            and isinstance(other[name], int | float)
            and abs(value - other[name]) <= 1e-9 * max(1.0, abs(value))
        )
        for name, value in one.items()
    )


def _negative_bars(shown: dict[str, Any]) -> set[tuple[str, float]]:
    """Return the hours in which a sum falls."""
    return {
        (statistic_id, start)
        for statistic_id, rows in shown.items()
        for start, row in rows.items()
        if (row.get("change") or 0) < -1e-6
    }


def _measured(home: Home, began: float, ended: float) -> Json:
    """Return what Home Assistant has measured of itself between two times."""
    pairs = array("d")
    pairs.frombytes((home.measurements / LAGS).read_bytes())
    lags = sorted(
        late for at, late in zip(pairs[::2], pairs[1::2], strict=True) if began <= at <= ended
    )
    samples = [
        [float(value) for value in line.split(",")]
        for line in (home.measurements / SAMPLES).read_text().splitlines()
    ]
    used = [sample for sample in samples if began <= sample[0] <= ended]
    return {
        "loop_p99_ms": round(lags[int(len(lags) * 0.99)] * 1_000, 2) if lags else None,
        "loop_max_ms": round(lags[-1] * 1_000, 1) if lags else None,
        "cpu_seconds": round(used[-1][2] - used[0][2], 1) if used else None,
        "measured_seconds": round(ended - began, 1),
    }
