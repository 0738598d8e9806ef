"""The soak itself: a busy home, its BigQuery, and an export every minute."""

import asyncio
from collections.abc import Callable
from pathlib import Path
import time

import aiohttp

from tests.home.client import ApiError
from tests.home.comparison import Comparisons
from tests.home.home_assistant import INTEGRATION, REPOSITORY, HomeAssistant
from tests.home.integration import DATASET, DOMAIN
from tests.home.log import problems
from tests.home.recorded import newest_ids
from tests.local_bigquery.process import LocalBigQuery, start
from tests.torture.table_position import TablePosition

from . import busy_home
from .compared import compare_home, states_of
from .integration import PROJECT, set_up
from .minutes import minute_line, title
from .samples import Export, Sample, Waiting, beside, lags, percentile, read_samples
from .settings import Settings
from .verdict import Verdict, judge

BUSY_HOME = Path(__file__).with_name(busy_home.DOMAIN)
NUMBER_OF_ENTITIES = 400
SECONDS_TO_COMMIT = 1.5
SECONDS_TO_WRITE = 0.5
"""The last line of a minute has been written then."""
SECONDS_FOR_THE_LAST = 300.0
_COMPILED_EVERY = 300

type Say = Callable[[str], None]


class SoakError(Exception):
    """It cannot go on; the text says why."""


class Soak:
    """A busy home, and all that was measured in it."""

    verdict: Verdict
    comparisons: Comparisons

    def __init__(self, folder: Path, settings: Settings, say: Say) -> None:
        """Keep everything in the folder."""
        self._folder = folder
        self._settings = settings
        self._say = say
        self._entities = busy_home.busy_entities(NUMBER_OF_ENTITIES)
        self._waiting: list[Waiting] = []
        self._exports: list[Export] = []
        self.failures: list[str] = []
        """What is not as it must be."""

    async def run(self) -> None:
        """Run it all, and set `verdict`, `comparisons` and `failures`. Raises SoakError."""
        home_folder = self._folder / "home-assistant"
        home_folder.mkdir(parents=True)
        with start(self._folder / "bigquery") as bigquery:
            self._home = home = HomeAssistant(
                home_folder,
                integrations=(INTEGRATION, BUSY_HOME),
                configuration=(
                    f"{busy_home.DOMAIN}:\n"
                    f"  entities: {NUMBER_OF_ENTITIES}\n"
                    f"  seed: {self._settings.seed}\n"
                ),
                environment={"PYTHONPATH": str(self._make_importable())},
            )
            async with home:
                self._entry_id = await set_up(home.client, bigquery)
                self._table_position = TablePosition(
                    home_folder / ".storage" / f"{DOMAIN}.{self._entry_id}"
                )
                self._say(f"Home Assistant runs with {len(self._entities)} entities")
                # All libraries are loaded, and all connections made, before anything is measured.
                await self._export(flush=True)
                self._exports.clear()
                self._recorded_before = await self._states_recorded()
                await self._live()
                self._judge()
                if self._settings.control:
                    self.comparisons = {}
                else:
                    await self._compare(bigquery, await self._export_at_last())
            self._check_end()

    def _make_importable(self) -> Path:
        """Return a folder from which `busy_home` can import what tests have.

        From that of the repository Home Assistant would take the custom integrations, too, and
        then none of its own.
        """
        folder = self._folder / "importable"
        folder.mkdir()
        (folder / "tests").symlink_to(REPOSITORY / "tests")
        return folder

    async def _live(self) -> None:
        """Let the entities change, export every minute, and measure."""
        pace = self._settings.changes_per_second
        seconds = self._settings.seconds
        self._say(f"{pace} state changes a second, for {seconds:.0f} s")
        print(title(), flush=True)
        await self._home.client.perform_action(
            busy_home.DOMAIN, "start", {"changes_per_second": pace, "seconds": seconds}
        )
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._count_rows_that_wait())
            tasks.create_task(self._print_minutes())
            if not self._settings.control:
                tasks.create_task(self._export_again_and_again())
        stopped = await self._home.client.perform_action_with_response(busy_home.DOMAIN, "stop", {})
        self._changes: int = stopped["changes"]
        self._say(f"the home rests after {self._changes:,} changes")

    async def _count_rows_that_wait(self) -> None:
        """Count once a second, and see that Home Assistant is still there."""
        for second in range(1, int(self._settings.seconds) + 1):
            await self._until(second)
            if self._home.exit_status is not None:
                raise SoakError(f"Home Assistant ended, see {self._home.log_file}")
            rows = await asyncio.to_thread(self._rows_waiting)
            self._waiting.append(Waiting(time.monotonic(), rows))

    def _rows_waiting(self) -> int:
        return self._table_position.waiting(newest_ids(self._home.database))

    async def _print_minutes(self) -> None:
        for minute in range(1, int(self._settings.minutes) + 1):
            await self._until(minute * 60 + SECONDS_TO_WRITE)
            samples = await asyncio.to_thread(self._samples)
            line = minute_line(minute, samples, self._waiting, self._exports, began=self._began)
            print(line, flush=True)

    async def _export_again_and_again(self) -> None:
        """Export in the middle of each minute, so that each has one whole export."""
        every = self._settings.export_every
        at = every / 2
        while at < self._settings.seconds:
            await self._until(at)
            await self._export()
            at += every

    async def _export(self, *, flush: bool = False) -> Export:
        """Export, and remember how that went."""
        began = time.monotonic()
        rows, failure = 0, None
        try:
            response = await self._home.client.perform_action_with_response(
                DOMAIN, "export_now", {"config_entry_id": self._entry_id, "flush": flush}
            )
            rows = sum(response["rows"].values())
            if response["rejected"]:
                failure = f"rejected {response['rejected']} rows"
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            failure = repr(error)
        export = Export(began, rows, time.monotonic() - began, failure)
        self._exports.append(export)
        if failure:
            self._say(f"an export failed: {failure}")
            self.failures.append(f"an export failed: {failure}")
        return export

    async def _export_at_last(self) -> dict[str, int]:
        """Export what is left; return the ids up to which all rows must have arrived."""
        backlog = True
        while backlog:
            backlog = (await self._home.client.recorder_info())["backlog"] > 0
            await asyncio.sleep(SECONDS_TO_COMMIT)
        up_to = newest_ids(self._home.database)
        end = time.monotonic() + SECONDS_FOR_THE_LAST
        while time.monotonic() < end:
            export = await self._export(flush=True)
            if export.failure is None and not self._table_position.backfills:
                self._say(f"the last export sent {export.rows:,} rows in {export.seconds:.1f} s")
                return up_to
            await asyncio.sleep(1)
        raise SoakError(f"the last export did not end well, see {self._home.log_file}")

    def _judge(self) -> None:
        wanted = self._settings.seconds * self._settings.changes_per_second
        samples = self._samples()
        self.verdict = judge(
            samples,
            self._waiting,
            began=self._began,
            seconds=self._settings.seconds,
            pace=self._changes / wanted,
            steps=_every_five_minutes(self._began, self._settings.seconds),
        )
        self.failures += self.verdict.failures(compare_waiting=self._settings.exports_are_even)
        during, others = beside(samples, self._exports)
        for what, some in (("in seconds with an export", during), ("in all others", others)):
            if some:
                p50, p99, longest = (percentile(lags(some), percent) for percent in (50, 99, 100))
                self._say(f"lag {what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {longest:.1f} ms")

    async def _compare(self, bigquery: LocalBigQuery, up_to: dict[str, int]) -> None:
        """Compare all tables; the recorder must have written every change."""
        began = time.monotonic()
        self.comparisons = await compare_home(
            self._home, lambda sql: bigquery.query(sql, PROJECT), f"{PROJECT}.{DATASET}", up_to
        )
        self._say(f"compared all rows in {time.monotonic() - began:.1f} s")
        recorded = await self._states_recorded() - self._recorded_before
        if recorded != self._changes:
            self.failures.append(f"of {self._changes} changes the recorder has written {recorded}")

    async def _states_recorded(self) -> int:
        """Return how many states of those that change are in the recorder."""
        return await asyncio.to_thread(states_of, self._home.database, self._entities)

    def _check_end(self) -> None:
        """Make sure that Home Assistant has nothing to complain about, and stopped."""
        if found := problems(self._home.log(), DOMAIN):
            self.failures.append("in Home Assistant's log:\n" + "\n".join(found))
        if self._home.exit_status != 0:
            self.failures.append(f"Home Assistant ended with status {self._home.exit_status}")

    def _samples(self) -> list[Sample]:
        return read_samples(self._home.directory / busy_home.MEASUREMENTS)

    async def _until(self, second: float) -> None:
        """Wait until so many seconds after the beginning; if they are over, not at all."""
        await asyncio.sleep(max(0.0, self._began + second - time.monotonic()))


def _every_five_minutes(began: float, seconds: float) -> list[float]:
    """Return when Home Assistant compiles statistics in that time, by the monotonic clock."""
    now = time.time() - time.monotonic()
    first = -(-(began + now) // _COMPILED_EVERY) * _COMPILED_EVERY - now
    return [first + _COMPILED_EVERY * turn for turn in range(int(seconds // _COMPILED_EVERY) + 1)]
