"""The torture itself: what is broken when, and how the home goes on."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
import json
from pathlib import Path
from random import Random
import shutil
import time

import aiohttp

from tests.home.client import ApiError, Json
from tests.home.compare import newest_state_id
from tests.home.home_assistant import HomeAssistant
from tests.home.recorder_database import make
from tests.local_bigquery.process import start

from . import recorder_damage
from .checkpoint_damage import damage
from .faults import add_delay, add_fault, fired
from .integration import (
    DATASET,
    DELIVERIES,
    DOMAIN,
    PROJECT,
    TABLE,
    add_integration,
    choose,
)
from .ledger import Ledger
from .recorder_damage import Backup
from .verdict import Verdict, judge
from .writer import writing

STATES = 20_000
ENTITIES = 60
NEW_STATES = (1_000, 5_000)
KEPT_BACKUPS = 3
SECONDS_FOR_AN_EXPORT = 15.0
"""Longer ones are left alone: they wait for something that does not come."""
SECONDS_FOR_THE_LAST = 60.0
SECONDS_BESIDE_ROWS = 0.3
"""What an export takes without any row, about."""
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
        self.kills = 0
        self.faults = 0
        """Calls of BigQuery that went wrong, its own ends, and damage done to files."""

    async def run(self, *, kills: int, seconds: float) -> Verdict:
        """Kill so often, or as often as there is time for, and return what came of it."""
        end = time.monotonic() + seconds
        home_folder = self._folder / "home-assistant"
        home_folder.mkdir(parents=True)
        with start(self._folder / "bigquery") as bigquery:
            self._bigquery = bigquery
            self._home = HomeAssistant(home_folder)
            make(self._home.database, states=self._states, entities=ENTITIES)
            async with self._home:
                self._entry_id = await add_integration(self._home.client, bigquery, self._delivery)
                self._checkpoint = home_folder / ".storage" / f"{DOMAIN}.{self._entry_id}"
                await asyncio.sleep(SECONDS_TO_SAVE)
                async with writing(self._home.client, self._writing_random):
                    while self.kills < kills and time.monotonic() < end:
                        await self._one_round()
                up_to = await self._export_at_last()
            return self._judge(up_to)

    async def _one_round(self) -> None:
        """Let exports fail, kill Home Assistant in the middle of one, and damage its files."""
        if self._chance(0.3):
            await self._export_alone()
        if self._chance(0.5):
            await self._export_with_faults()
        await self._kill()
        self._damage_files()
        await self._home.start()
        if len(self._deliveries) > 1 and self._chance(0.3):
            await self._change_delivery()

    async def _change_delivery(self) -> None:
        """Choose another delivery, perhaps while a transaction of this one is in doubt."""
        self._delivery = self._random.choice(
            [delivery for delivery in self._deliveries if delivery != self._delivery]
        )
        await choose(self._home.client, self._entry_id, self._delivery)
        await asyncio.sleep(SECONDS_TO_SAVE)
        self._say(f"  changed the delivery to {self._delivery}: {self._standing()}")

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
            f" {self._standing()}"
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
            recorder_damage.add_states(database, self._random.randint(*NEW_STATES), self._random)

    def _back_up(self) -> None:
        path = self._folder / f"backup-{next(self._backup_numbers)}.db"
        backup = Backup(path, self._ledger.exported_up_to)
        recorder_damage.back_up(self._home.database, backup.path)
        self._backups = [*self._backups, backup][-KEPT_BACKUPS:]

    def _delete_newest(self) -> None:
        number = self._random.randint(1, 2_000)
        left = recorder_damage.delete_newest(self._home.database, number)
        self._ledger.exported_up_to = min(self._ledger.exported_up_to, left)
        self.faults += 1
        self._say(f"  deleted up to {number} of the newest states, {left} is the newest left")

    def _purge(self) -> None:
        number = self._random.randint(1, 4_000)
        purged = recorder_damage.purge(self._home.database, number, self._ledger.exported_up_to)
        if purged:
            self.faults += 1
            self._say(f"  purged the oldest {purged} states")

    def _restore(self) -> None:
        backup = self._random.choice(self._backups)
        recorder_damage.restore(self._home.database, backup.path)
        self._ledger.exported_up_to = backup.exported_up_to
        self.faults += 1
        newest = newest_state_id(self._home.database)
        self._say(f"  restored {backup.path.name}, whose newest state is {newest}")

    def _set_aside(self) -> None:
        """Let Home Assistant begin with an empty database, as it does when one is damaged.

        The old one may be restored later.
        """
        self._back_up()
        recorder_damage.remove(self._home.database)
        self._ledger.exported_up_to = 0
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
        up_to = newest_state_id(self._home.database)
        try:
            async with asyncio.timeout(SECONDS_FOR_AN_EXPORT):
                response = await self._home.client.perform_action_with_response(
                    DOMAIN, "export_now", {"config_entry_id": self._entry_id}
                )
        except ApiError, aiohttp.ClientError, TimeoutError:
            return None
        self._ledger.exported_up_to = up_to
        rows: int = response["rows"][TABLE]
        return rows

    async def _export_at_last(self) -> int:
        """Export when everything works again; return the state_id up to which all must be there."""
        await asyncio.sleep(1.5)  # commit_interval is a second
        up_to = newest_state_id(self._home.database)
        end = time.monotonic() + SECONDS_FOR_THE_LAST
        while time.monotonic() < end:
            if (rows := await self._export()) is not None:
                self._say(f"the last export sent {rows} rows")
                return up_to
            await asyncio.sleep(0.5)
        raise TortureError(f"the last export did not end well, see {self._home.log_file}")

    def _judge(self, up_to: int) -> Verdict:
        def query(sql: str) -> list[dict[str, str]]:
            return self._bigquery.query(sql, PROJECT)

        table = f"{PROJECT}.{DATASET}.{TABLE}"
        verdict = judge(self._home.database, query, table, self._ledger, up_to=up_to)
        log = f"{PROJECT}.{DATASET}.export_log"
        logged = query(f"SELECT SUM(row_count) AS n FROM `{log}`")[0]["n"]  # noqa: S608
        self._say(f"the export log speaks of {logged} rows, the table has {verdict.rows}")
        return verdict

    def _add_faults(self, number: int) -> list[str]:
        return [add_fault(self._bigquery, self._random, self._delivery) for _ in range(number)]

    def _clear_faults(self) -> None:
        self.faults += fired(self._bigquery)
        self._bigquery.clear_faults()

    def _expected_seconds(self) -> float:
        """Guess how long an export takes of what waits now."""
        cursor = position["cursor"] if (position := self._position()) else 0
        waiting = max(0, newest_state_id(self._home.database) - cursor)
        return SECONDS_BESIDE_ROWS + waiting / self._rows_per_second

    def _position(self) -> Json | None:
        """Return what the checkpoint says, or None if it says nothing."""
        with suppress(FileNotFoundError, ValueError, KeyError):
            checkpoint = json.loads(self._checkpoint.read_bytes())
            position: Json = checkpoint["positions"][TABLE]
            return position | {"in_doubt": checkpoint["intent"] is not None}
        return None

    def _standing(self) -> str:
        """Say in a few words how far the checkpoint is."""
        if (position := self._position()) is None:
            return "nothing exported"
        doubt = ", a transaction in doubt" if position["in_doubt"] else ""
        return f"at state {position['cursor']}, doubtful to {position['doubtful_until']}{doubt}"

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability
