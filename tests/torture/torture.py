"""The torture itself: what is broken when, and how the home goes on."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from random import Random
import shutil
import time

import aiohttp

from tests.home.client import ApiError
from tests.home.home_assistant import HomeAssistant
from tests.home.launcher import TRANSACTION_ROWS
from tests.home.recorded import TABLES, newest_ids
from tests.home.recorder_database import make
from tests.local_bigquery.process import start
from tests.machine.patience import Patience, patient

from . import recorder_damage
from .checkpoint_damage import damage
from .corrected_verdict import judge
from .digest_day import DigestFiles
from .faults import add_delay, add_fault, fired
from .integration import (
    DATASET,
    DELIVERIES,
    DOMAIN,
    PROJECT,
    add_integration,
    choose,
)
from .ledger import Ledger, rows_by_id
from .recorder_corrections import Corrections
from .recorder_damage import Backup
from .recorder_growth import Growth
from .table_position import TablePosition
from .verdict import Verdicts
from .writer import writing

STATES = 20_000
ENTITIES = 60
DAYS = 2
STATISTICS_DAYS = 3
SHORT_TERM_DAYS = 0.25
ROWS_IN_A_TRANSACTION = (1_500, 5_000)
"""Where more rows wait, they become a backfill: those of all tables at the beginning, or states."""
DELETED = ("sensor_data", "statistics", "statistics_short_term", "events")
PURGED = ("sensor_data", "statistics_short_term", "events", "recorder_runs")
"""Home Assistant keeps hourly statistics for ever."""
KEPT_BACKUPS = 3
SECONDS_FOR_AN_EXPORT = 15.0
"""Longer ones are left alone: they wait for something that does not come."""
SECONDS_FOR_THE_LAST = 90.0
SECONDS_BESIDE_ROWS = 0.3
"""What an export takes without any row, about."""
SECONDS_FOR_CORRECTIONS = 1.0
"""What it takes to look for corrections, and to send them, about."""
ROWS_PER_SECOND = 7_000
"""A first guess, until an export was measured."""
MEASURABLE_ROWS = 1_000
SECONDS_TO_SAVE = 2.0
"""Home Assistant saves entries and tokens a second after they change."""

type Say = Callable[[str], None]


class TortureError(Exception):
    """It cannot go on, or the last export did not end well; the text says why."""


class Torture:
    """A home and its BigQuery, to which everything happens that should not."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        states: int = STATES,
        deliveries: Sequence[str] = DELIVERIES,
        say: Say,
    ) -> None:
        """Keep everything in the folder; begin with so many states, and the first delivery."""
        self._folder = folder
        self._states = states
        self._say = say
        self._deliveries = deliveries
        self._delivery = deliveries[0]
        self._random = Random(seed)  # noqa: S311 - repeatable
        self._writing_random = Random(seed)  # noqa: S311
        self._ledger = Ledger()
        self._backups: list[Backup] = []
        self._backup_numbers = count(1)
        self._rows_per_second: float = ROWS_PER_SECOND
        self._paused = False
        """Whether that was asked for: a kill within a second undoes it."""
        self.kills = 0
        self.faults = 0
        """Calls of BigQuery that went wrong, its own ends, and damage done to files."""
        self.corrections = 0
        """What was done to statistics after they were written."""

    async def run(self, *, kills: int, seconds: float) -> Verdicts:
        """Kill so often, or as often as there is time for, and return what came of it."""
        end = time.monotonic() + seconds
        home_folder = self._folder / "home-assistant"
        home_folder.mkdir(parents=True)
        with start(self._folder / "bigquery") as bigquery:
            self._bigquery = bigquery
            rows = self._random.choice(ROWS_IN_A_TRANSACTION)
            self._say(f"backfills begin with more than {rows} rows")
            self._home = HomeAssistant(home_folder, environment={TRANSACTION_ROWS: str(rows)})
            make(
                self._home.database,
                states=self._states,
                entities=ENTITIES,
                days=DAYS,
                statistics_days=STATISTICS_DAYS,
                short_term_days=SHORT_TERM_DAYS,
            )
            self._growth = Growth(self._home.database, self._random)
            self._corrections = Corrections(self._home.database, self._random)
            async with self._home:
                self._entry_id = await add_integration(self._home.client, bigquery, self._delivery)
                self._checkpoint = home_folder / ".storage" / f"{DOMAIN}.{self._entry_id}"
                self._table_position = TablePosition(self._checkpoint)
                self._digests = DigestFiles(self._checkpoint)
                await asyncio.sleep(SECONDS_TO_SAVE)
                if self._chance(0.8):
                    # What was never exported cannot be corrected.
                    await self._export_alone()
                async with writing(self._home.client, self._writing_random):
                    while self.kills < kills and time.monotonic() < end:
                        await self._one_round()
                    await self._last_day()
                up_to = await self._export_at_last()
            return self._judge(up_to)

    async def _one_round(self) -> None:
        """Let exports fail, kill Home Assistant in the middle of one, and damage its files."""
        if self._chance(0.6 if self._paused else 0.2):
            await self._pause_or_resume()
        if self._chance(0.3):
            await self._export_alone()
        if self._chance(0.5):
            await self._export_with_faults()
        await self._kill()
        self._damage_files()
        await self._home.start()
        if len(self._deliveries) > 1 and self._chance(0.3):
            await self._change_delivery()

    async def _last_day(self) -> None:
        """Correct statistics once more, let the day pass, and let nothing wait any longer."""
        await self._home.kill()
        self._ledger.look_at(self._home.database)
        self._correct()
        self._digests.let_a_day_pass()
        self._ledger.look_at(self._home.database)
        await self._home.start()
        await self._perform("resume")

    async def _pause_or_resume(self) -> None:
        """Let backfills wait, across kills too, or go on."""
        self._paused = not self._paused
        action = "pause" if self._paused else "resume"
        await self._perform(action)
        self._say(f"performed {action}")

    async def _perform(self, action: str) -> None:
        data = {"config_entry_id": self._entry_id}
        await self._home.client.perform_action(DOMAIN, action, data)

    async def _change_delivery(self) -> None:
        """Choose another delivery, perhaps while a transaction of this one is in doubt."""
        self._delivery = self._random.choice(
            [delivery for delivery in self._deliveries if delivery != self._delivery]
        )
        await choose(self._home.client, self._entry_id, self._delivery)
        await asyncio.sleep(SECONDS_TO_SAVE)
        self._say(f"  changed the delivery to {self._delivery}: {self._table_position}")

    async def _export_alone(self) -> None:
        began = time.monotonic()
        if (rows := await self._export()) is not None:
            seconds = time.monotonic() - began
            self._say(f"exported {rows} rows in {seconds:.1f} s")
            if rows >= MEASURABLE_ROWS:
                self._rows_per_second = rows / max(0.1, seconds - SECONDS_BESIDE_ROWS)

    async def _export_with_faults(self) -> None:
        """Export while calls go wrong, and perhaps while BigQuery ends and begins again."""
        self._say("; ".join(self._add_faults(self._random.randint(1, 3))))
        restarts = self._chance(0.25)
        at = self._random.random() * self._expected_seconds()
        export = asyncio.create_task(self._export())
        if restarts:
            await asyncio.sleep(at)
            await self._restart_bigquery()
        rows = await export
        self._say("  which failed" if rows is None else f"  which exported {rows} rows")
        self._clear_faults()

    async def _kill(self) -> None:
        """Kill Home Assistant at some instant of an export, all alike."""
        expected = self._expected_seconds()
        slow = ""
        if self._chance(0.7):
            what, seconds = add_delay(self._bigquery, self._random, self._delivery)
            slow = f", {what}"
            expected += seconds
        if self._chance(0.3):
            self._say("; ".join(self._add_faults(1)))
        restarts = self._chance(0.1)
        at = self._random.random() * expected
        exports = asyncio.create_task(self._export_again_and_again())
        await asyncio.sleep(at)
        if restarts:
            # Both go with the same power cut.
            await asyncio.to_thread(self._bigquery.kill)
        await self._home.kill()
        exports.cancel()
        await asyncio.wait([exports])
        self.kills += 1
        self._say(
            f"kill {self.kills}, {at:.2f} s of {expected:.2f} s into an export{slow}:"
            f" {self._table_position}"
        )
        if restarts:
            self._say("  BigQuery was killed, too")
            self.faults += 1
            await asyncio.to_thread(self._bigquery.restart)
        self._clear_faults()

    def _damage_files(self) -> None:
        """Damage what there is while Home Assistant is down, and add rows to be exported."""
        database = self._home.database
        self._ledger.look_at(database)
        if self._checkpoint.exists():
            shutil.copy(self._checkpoint, self._folder / f"checkpoint-{self.kills}.json")
        if self._chance(0.3):
            self._back_up()
        if self._chance(0.2):
            self._delete_newest()
        if self._chance(0.25):
            self._purge()
        if self._backups and self._chance(0.2):
            self._restore()
        if self._chance(0.15):
            self.faults += 1
            self._say(f"  {damage(self._checkpoint, self._random)}")
        if self._chance(0.05):
            self._set_aside()
        else:
            if self._chance(0.6):
                self._correct()
            self._growth.go_on()
            self._ledger.look_at(database)
        if self._chance(0.5):
            self._digests.let_a_day_pass()
            self._say("  let a day pass")

    def _correct(self) -> None:
        """Change statistics as Home Assistant does."""
        database = self._home.database
        before = rows_by_id(database)
        done = self._corrections.correct()
        self._ledger.corrected_since(before, rows_by_id(database))
        self.corrections += len(done)
        for what in done:
            self._say(f"  {what}")

    def _back_up(self) -> None:
        path = self._folder / f"backup-{next(self._backup_numbers)}.db"
        backup = Backup(path, self._ledger.exported_up_to)
        recorder_damage.back_up(self._home.database, backup.path)
        self._backups = [*self._backups, backup][-KEPT_BACKUPS:]

    def _delete_newest(self) -> None:
        """Delete the newest rows of some tables, as when a damaged database is saved in parts."""
        for table in self._some(DELETED):
            number = self._random.randint(1, 2_000)
            left = recorder_damage.delete_newest(self._home.database, table, number)
            ledger = self._ledger[table]
            ledger.exported_up_to = min(ledger.exported_up_to, left)
            self.faults += 1
            self._say(f"  deleted up to {number} of the newest {table}, {left} is the newest left")

    def _purge(self) -> None:
        for table in self._some(PURGED):
            number = self._random.randint(1, 4_000)
            up_to = self._ledger[table].exported_up_to
            if purged := recorder_damage.purge(self._home.database, table, number, up_to):
                self.faults += 1
                self._say(f"  purged the oldest {purged} of {table}")

    def _restore(self) -> None:
        backup = self._random.choice(self._backups)
        recorder_damage.restore(self._home.database, backup.path)
        self._ledger.replaced()
        self._ledger.exported_up_to = {**backup.exported_up_to}
        self.faults += 1
        newest = newest_ids(self._home.database)
        self._say(f"  restored {backup.path.name}, whose newest rows are {newest}")

    def _set_aside(self) -> None:
        """Let Home Assistant begin with an empty database, as it does when one is damaged.

        The old one may be restored later.
        """
        self._back_up()
        recorder_damage.remove(self._home.database)
        self._ledger.replaced()
        self._ledger.exported_up_to = dict.fromkeys(TABLES, 0)
        self.faults += 1
        self._say("  set the database aside")

    async def _restart_bigquery(self) -> None:
        self._clear_faults()
        await asyncio.to_thread(self._bigquery.kill)
        self.faults += 1
        await asyncio.sleep(self._random.random())
        await asyncio.to_thread(self._bigquery.restart)
        self._say("  BigQuery was killed and restarted")

    async def _export_again_and_again(self) -> None:
        while True:
            await self._export()
            await asyncio.sleep(0.1)

    async def _export(self) -> int | None:
        """Export, and return how many rows, or None if that failed."""
        up_to = newest_ids(self._home.database)
        checked = self._digests.checked()
        try:
            async with patient(SECONDS_FOR_AN_EXPORT):
                response = await self._home.client.perform_action_with_response(
                    DOMAIN, "export_now", {"config_entry_id": self._entry_id}
                )
        except ApiError, aiohttp.ClientError, TimeoutError:
            return None
        self._learn_of_an_export(up_to, checked)
        rows: dict[str, int] = response["rows"]
        return sum(rows.values())

    def _learn_of_an_export(self, up_to: dict[str, int], checked: Mapping[str, float]) -> None:
        """Remember what an export has promised that ended well."""
        self._ledger.exported_up_to = self._table_position.exported(up_to)
        for table, time_of_look in self._digests.checked().items():
            if time_of_look != checked.get(table):
                self._ledger.corrected[table].looked_up_to = up_to[table]

    async def _export_at_last(self) -> dict[str, int]:
        """Export when everything works again; return the ids up to which all must be there."""
        await asyncio.sleep(1.5)  # commit_interval is a second
        up_to = newest_ids(self._home.database)
        patience = Patience(SECONDS_FOR_THE_LAST)
        while patience.left > 0:
            rows = await self._export()
            if rows is not None and not self._table_position.backfills and not self._digests.due():
                self._say(f"the last export sent {rows} rows")
                return up_to
            await asyncio.sleep(0.5)
        raise TortureError(f"the last export did not end well, see {self._home.log_file}")

    def _judge(self, up_to: dict[str, int]) -> Verdicts:
        def query(sql: str) -> list[dict[str, str]]:
            return self._bigquery.query(sql, PROJECT)

        dataset = f"{PROJECT}.{DATASET}"
        verdicts = judge(self._home.database, query, dataset, self._ledger, up_to=up_to)
        logged = query(
            f"SELECT table_name, SUM(row_count) AS n FROM `{dataset}.export_log`"  # noqa: S608
            " GROUP BY table_name"
        )
        numbers = {row["table_name"]: row["n"] for row in logged}
        for table, verdict in verdicts.items():
            self._say(
                f"{table} has {verdict.rows} rows, the export log speaks of"
                f" {numbers.get(table, 0)}; the recorder has had {self._ledger[table].ever.total()}"
            )
        return verdicts

    def _add_faults(self, number: int) -> list[str]:
        return [add_fault(self._bigquery, self._random, self._delivery) for _ in range(number)]

    def _clear_faults(self) -> None:
        self.faults += fired(self._bigquery)
        self._bigquery.clear_faults()

    def _some(self, tables: Sequence[str]) -> list[str]:
        return self._random.sample(tables, self._random.randint(1, len(tables)))

    def _expected_seconds(self) -> float:
        """Guess how long an export takes of what waits now."""
        waiting = self._table_position.waiting(newest_ids(self._home.database))
        corrections = SECONDS_FOR_CORRECTIONS if self._digests.due() else 0
        return SECONDS_BESIDE_ROWS + corrections + waiting / self._rows_per_second

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability
