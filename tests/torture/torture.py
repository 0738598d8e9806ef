"""The torture itself: what is broken when, and how the home goes on."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Callable,
    Collection,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
import json
from pathlib import Path
from random import Random
import shutil
import time

from tests.home.home_assistant import HomeAssistant
from tests.home.launcher import FENCE_SECONDS, TRANSACTION_ROWS
from tests.home.recorder_database import make
from tests.home.shifted_clock import WrongClock
from tests.local_bigquery.process import start

from .clock_jumps import ClockJumps
from .damage import Damage
from .destination import Destination
from .exports import Exports
from .integration import LIVE, WAYS, add_integration, delivery_of, set_options
from .judgement import judge_home
from .kinds import Kind
from .ledger import Ledger
from .machine import Machine
from .recorder_corrections import Corrections
from .recorder_growth import Growth
from .second_machine import second_life
from .starts import Starts
from .verdict import Verdicts
from .writer import writing

STATES = 20_000
ENTITIES = 60
DAYS = 2
STATISTICS_DAYS = 3
SHORT_TERM_DAYS = 0.25
ROWS_IN_A_TRANSACTION = (1_500, 5_000)
"""Where more rows wait, they become a backfill: those of all tables at the beginning, or states."""
SECONDS_TO_SAVE = 2.0
"""Home Assistant saves entries and tokens a second after they change."""
LIVE_SECONDS = 4.0
"""How long rows are appended before a kill, at most."""
HOURS = (0.05, 0.5, 2, 6)
"""How far BigQuery's clock goes forward."""

type Say = Callable[[str], None]


class Torture:
    """A home and its BigQuery, to which everything happens that should not."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        states: int = STATES,
        deliveries: Sequence[str] = WAYS,
        kinds: Collection[Kind] = tuple(Kind),
        say: Say,
    ) -> None:
        """Keep everything in the folder; begin with so many states, and the first delivery."""
        self._folder = folder
        self._states = states
        self._say = say
        self._kinds = kinds
        self._deliveries = deliveries
        self._delivery = deliveries[0]
        self._random = Random(seed)  # noqa: S311 - repeatable
        self._writing_random = Random(seed)  # noqa: S311
        self._paused = False
        """Whether that was asked for: a kill within a second undoes it."""
        self.kills = 0
        self._copies = 0

    @property
    def counts(self) -> Mapping[str, int]:
        """Return what happened how often, by the names of the last line."""
        odd = self._damage.odd.added
        return {
            "kills": self.kills,
            # Calls of BigQuery that went wrong, its own ends, and damage done to files.
            "faults": self._destination.faults + self._damage.done + self._damage.restores,
            "restores": self._damage.restores,
            "copies": self._copies,
            "corrections": self._machine.corrected,
            "clock_jumps": self._jumps.done,
            "token_faults": self._destination.token_faults,
            "texts": odd[Kind.TEXT],
            "values": odd[Kind.VALUE],
            "pages": self._damage.pages,
        }

    async def run(self, *, kills: int, seconds: float) -> Verdicts:
        """Kill so often, or as often as there is time for, and return what came of it."""
        end = time.monotonic() + seconds
        with start(self._folder / "bigquery") as bigquery:
            self._destination = Destination(bigquery, self._random)
            self._say(self._destination.change_buffer())
            self._exports = Exports(self._destination, self._random, self._say)
            async with self._home():
                if self._chance(0.8):
                    # What was never exported cannot be corrected.
                    await self._export_alone()
                async with writing(self._machine.home.client, self._writing_random):
                    while self.kills < kills and time.monotonic() < end:
                        await self._one_round()
                    await self._last_day()
                up_to = await self._exports.at_last(self._machine)
                await self._starts.check_calm()
            self._say(
                f"{self._exports.take_overs} times a machine took over, {self._exports.waits} times"
                " an export waited for rows to be listed"
            )
            return judge_home(
                self._machine, self._destination.query, self._damage.odd, up_to, self._say
            )

    @asynccontextmanager
    async def _home(self) -> AsyncIterator[None]:
        """Make a home with its export; it runs while the context lasts."""
        folder = self._folder / "home-assistant"
        folder.mkdir(parents=True)
        rows = self._random.choice(ROWS_IN_A_TRANSACTION)
        self._say(f"backfills begin with more than {rows} rows")
        WrongClock(folder)  # Home Assistant goes by it from its start on.
        home = HomeAssistant(folder, environment={TRANSACTION_ROWS: str(rows), FENCE_SECONDS: "0"})
        make(
            home.database,
            states=self._states,
            entities=ENTITIES,
            days=DAYS,
            statistics_days=STATISTICS_DAYS,
            short_term_days=SHORT_TERM_DAYS,
        )
        async with home:
            entry_id = await add_integration(home.client, self._destination, self._delivery)
            self._machine = Machine(
                home,
                entry_id,
                name="first machine",
                ledger=Ledger(),
                growth=Growth(home.database, self._random),
                corrections=Corrections(home.database, self._random),
            )
            self._jumps = ClockJumps(self._machine.clock, self._random, self._say)
            self._starts = Starts(
                self._machine,
                self._destination,
                self._jumps,
                self._kinds,
                self._random,
                self._say,
            )
            self._damage = Damage(self._machine, self._folder, self._kinds, self._random, self._say)
            await asyncio.sleep(SECONDS_TO_SAVE)
            yield

    async def _one_round(self) -> None:
        """Let exports fail, kill Home Assistant in the middle of one, and damage its files."""
        self._change_destination()
        # A form checks the key, and an action needs what is loaded.
        loaded = await self._starts.loaded()
        if loaded and self._chance(0.6 if self._paused else 0.2):
            await self._pause_or_resume()
        if self._chance(0.3):
            await self._export_alone()
        if self._chance(0.5):
            await self._export_with_faults()
        await self._kill()
        await self._damage.go_on()
        if self._chance(0.04):
            await self._delete_fence()
        # Without a database there is nothing that two machines could have in common.
        if self._machine.home.database.exists() and self._chance(0.18):
            self._jumps.set_right()
            await self._second_life()
        else:
            await self._starts.start()
        if len(self._deliveries) > 1 and self._chance(0.3) and await self._starts.loaded():
            await self._change_delivery()

    async def _last_day(self) -> None:
        """Correct statistics once more, let the day pass, and let nothing wait any longer."""
        await self._machine.home.kill()
        self._machine.look()
        for what in self._machine.correct():
            self._say(f"  {what}")
        self._machine.digests.let_a_day_pass()
        self._machine.look()
        # A transaction of a load job may be in doubt, which a key without jobs cannot settle.
        self._say(self._destination.change_roles(jobs="load_job" in self._deliveries))
        self._jumps.set_right()
        self._destination.clear_faults()
        await self._machine.home.start()
        await self._machine.perform("resume")

    def _change_destination(self) -> None:
        """Let time pass at BigQuery, and give the key other roles; at times the buffer changes."""
        said = [self._destination.change_roles(jobs=self._delivery == "load_job")]
        if self._chance(0.4):
            said.append(self._destination.change_buffer())
        if self._chance(0.3):
            hours = self._random.choice(HOURS)
            self._destination.move_clock(hours * 3_600)
            said.append(f"{hours} hours pass")
        if Kind.TOKEN in self._kinds and self._chance(0.4):
            said.append(self._destination.change_tokens())
        if Kind.TOKEN in self._kinds and self._chance(0.3):
            said.append(self._destination.add_token_fault())
        self._say("; ".join(said))

    async def _pause_or_resume(self) -> None:
        """Let backfills wait, across kills too, or go on."""
        self._paused = not self._paused
        action = "pause" if self._paused else "resume"
        await self._machine.perform(action)
        self._say(f"performed {action}")

    async def _change_delivery(self) -> None:
        """Choose another delivery, perhaps while a transaction of this one is in doubt."""
        self._delivery = self._random.choice(
            [delivery for delivery in self._deliveries if delivery != self._delivery]
        )
        if self._delivery == "load_job":
            # The form checks that the key may run jobs.
            self._destination.change_roles(jobs=True)
        await set_options(self._machine.home.client, self._machine.entry_id, self._delivery)
        await asyncio.sleep(SECONDS_TO_SAVE)
        self._say(f"  changed the delivery to {self._delivery}: {self._machine.table_position}")

    async def _delete_fence(self) -> None:
        """Delete the fence, when nothing can be on its way any more."""
        uuid = json.loads((self._machine.storage / "core.uuid").read_bytes())["data"]["uuid"]
        await self._destination.delete_fence(uuid)
        self._say("  deleted the fence, after three hours")

    async def _second_life(self) -> None:
        """Let a copy of the home live beside it for a while."""
        self._copies += 1
        self._say(f"copied the home to second machine {self._copies}")
        await second_life(
            self._machine,
            self._folder / f"second-machine-{self._copies}",
            self._exports,
            self._random,
            trouble=lambda: self._say(self._destination.add_faults(1, delivery_of(self._delivery))),
            calm=self._destination.clear_faults,
            say=self._say,
        )

    async def _export_alone(self) -> None:
        began = time.monotonic()
        async with self._meanwhile():
            rows = await self._exports.once(self._machine)
        if rows is not None:
            self._say(f"exported {rows} rows in {time.monotonic() - began:.1f} s")

    async def _export_with_faults(self) -> None:
        """Export while calls go wrong, and perhaps while BigQuery ends and begins again."""
        self._say(
            self._destination.add_faults(self._random.randint(1, 3), delivery_of(self._delivery))
        )
        restarts = self._chance(0.25)
        at = self._random.random() * self._machine.expected_seconds()
        async with self._meanwhile():
            export = asyncio.create_task(self._exports.once(self._machine))
            if restarts:
                await asyncio.sleep(at)
                await self._restart_bigquery()
            rows = await export
        self._say("  which failed" if rows is None else f"  which exported {rows} rows")
        self._destination.clear_faults()

    @asynccontextmanager
    async def _meanwhile(self) -> AsyncIterator[None]:
        """Take a backup or set the clock while what is inside goes on, if chance says so."""
        expected = self._machine.expected_seconds()
        async with asyncio.TaskGroup() as tasks:
            for task in self._interruptions(expected):
                tasks.create_task(task)
            yield

    def _interruptions(self, seconds: float) -> Iterator[Coroutine[None, None, None]]:
        if self._chance(0.4):
            yield self._back_up_after(self._random.random() * seconds)
        if Kind.CLOCK in self._kinds and self._chance(0.4):
            yield self._jump_after(self._random.random() * seconds)

    async def _back_up_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._damage.back_up()

    async def _jump_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._jumps.while_running()

    async def _kill(self) -> None:
        """Kill Home Assistant at some instant of an export, all alike."""
        expected = self._machine.expected_seconds()
        slow = ""
        if self._chance(0.7):
            what, seconds = self._destination.add_delay(delivery_of(self._delivery))
            slow = f", {what}"
            expected += seconds
        if self._chance(0.3):
            self._say(self._destination.add_faults(1, delivery_of(self._delivery)))
        restarts = self._chance(0.1)
        at = self._random.random() * expected
        # A backup that is not finished at the kill does not count.
        exports = [self._exports.again_and_again(self._machine)]
        if self._delivery == LIVE and self._chance(0.6):
            # It is killed while rows are appended between exports.
            exports.pop().close()
            at += LIVE_SECONDS * self._random.random()
        tasks = [asyncio.create_task(task) for task in (*exports, *self._interruptions(at))]
        await asyncio.sleep(at)
        if restarts:
            # Both go with the same power cut.
            await self._destination.kill()
        await self._machine.home.kill()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.kills += 1
        self._say(
            f"kill {self.kills}, {at:.2f} s of {expected:.2f} s into an export{slow}:"
            f" {self._machine.table_position}"
        )
        if restarts:
            self._say("  BigQuery was killed, too")
            await self._destination.restart()
        self._destination.clear_faults()
        if self._machine.checkpoint.exists():
            shutil.copy(self._machine.checkpoint, self._folder / f"checkpoint-{self.kills}.json")

    async def _restart_bigquery(self) -> None:
        self._destination.clear_faults()
        await self._destination.kill()
        await asyncio.sleep(self._random.random())
        await self._destination.restart()
        self._say("  BigQuery was killed and restarted")

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability
