"""What happens to the files of a home while it rests."""

from collections.abc import Callable, Collection, Sequence
from itertools import count
from pathlib import Path
from random import Random

from tests.home.recorded import newest_ids

from . import backups, checkpoint_damage, recorder_damage
from .backups import Backup, Part
from .kinds import Kind
from .machine import Machine
from .odd_rows import MARKS, NAMES, OddRows
from .odd_values import ODD
from .page_damage import overwrite_page
from .salvage import is_damaged

DELETED = ("sensor_data", "statistics", "statistics_short_term", "events")
PURGED = ("sensor_data", "statistics_short_term", "events", "recorder_runs")
"""Home Assistant keeps hourly statistics for ever."""
KEPT_BACKUPS = 4
RESTORED: Sequence[tuple[float, Sequence[Part]]] = (
    (0.15, (Part.DATABASE,)),
    (0.08, (Part.CHECKPOINT,)),
    (0.08, (Part.CONFIGURATION,)),
    (0.10, (Part.DATABASE, Part.CONFIGURATION)),
)
"""How likely it is in a round that some parts are restored from a backup."""


class Damage:
    """Damages a home, and restores it."""

    def __init__(
        self,
        machine: Machine,
        folder: Path,
        kinds: Collection[Kind],
        random: Random,
        say: Callable[[str], None],
    ) -> None:
        """Keep backups in the folder; of the kinds of trouble there are only these."""
        self._kinds = kinds
        self.odd = OddRows(machine.home.database, random)
        self.pages = 0
        """How many pages were overwritten."""
        self._machine = machine
        self._database = machine.home.database
        self._folder = folder
        self._random = random
        self._say = say
        self._backups: list[Backup] = []
        self._numbers = count(1)
        self.done = 0
        """How often files were damaged."""
        self.restores = 0
        """How often something was restored."""

    async def go_on(self) -> None:
        """Damage what there is while Home Assistant is down, and add rows to be exported."""
        self._machine.look()
        if self._chance(0.2):
            await self.back_up()
        # SQLite deletes nothing around a page that it cannot read.
        damaged = is_damaged(self._database)
        if not damaged and self._chance(0.2):
            self._delete_newest()
        if not damaged and self._chance(0.25):
            self._purge()
        self._restore()
        if self._chance(0.15):
            self.done += 1
            self._machine.ledger.need_not_tell()
            self._say(f"  {checkpoint_damage.damage(self._machine.checkpoint, self._random)}")
        if self._chance(0.05):
            await self._set_aside()
        else:
            if self._chance(0.6):
                for what in self._machine.correct():
                    self._say(f"  {what}")
            self._machine.growth.go_on()
            for kind in sorted({*self._kinds} & ODD.keys()):
                if self._chance(0.6):
                    self._say(f"  {self.odd.add(kind)}")
            self._machine.look()
            if Kind.PAGE in self._kinds and not damaged and self._chance(0.4):
                self._overwrite_page()
        if self._chance(0.5):
            self._machine.digests.let_a_day_pass()
            self._say("  let a day pass")

    async def back_up(self) -> None:
        """Take a backup, also while exports go on."""
        folder = self._folder / f"backup-{next(self._numbers)}"
        backup = await backups.back_up(self._machine, folder, self._random)
        self._backups = [*self._backups, backup][-KEPT_BACKUPS:]
        self._say(f"  took {folder.name}")

    def _delete_newest(self) -> None:
        """Delete the newest rows of some tables, as when a damaged database is saved in parts."""
        for table in self._some(DELETED):
            number = self._random.randint(1, 2_000)
            left = recorder_damage.delete_newest(self._database, table, number)
            ledger = self._machine.ledger[table]
            ledger.exported_up_to = min(ledger.exported_up_to, left)
            self.done += 1
            self._say(f"  deleted up to {number} of the newest {table}, {left} is the newest left")

    def _purge(self) -> None:
        for table in self._some(PURGED):
            number = self._random.randint(1, 4_000)
            ledger = self._machine.ledger[table]
            if purged := recorder_damage.purge(
                self._database, table, number, ledger.exported_up_to
            ):
                # SQLite gives the ids of the newest rows to others when these are purged.
                newest = newest_ids(self._database)[table]
                ledger.exported_up_to = min(ledger.exported_up_to, newest)
                self.done += 1
                self._say(f"  purged the oldest {purged} of {table}")

    def _overwrite_page(self) -> None:
        """Make some rows unreadable, exported or not."""
        table = self._random.choice(list(MARKS))
        ledger = self._machine.ledger[NAMES[table][0]]
        before = ledger.now
        if said := overwrite_page(self._database, table, self._random):
            self._machine.look()
            destroyed = before - ledger.now
            ledger.destroyed |= destroyed
            ledger.untold |= destroyed
            self.done += 1
            self.pages += 1
            self._say(f"  {said}, and {destroyed.total()} rows with it")

    def _restore(self) -> None:
        """Restore parts of backups; each time another backup may be chosen."""
        for probability, parts in RESTORED:
            if not (self._backups and self._chance(probability)):
                continue
            backup = self._random.choice(self._backups)
            backups.restore(self._machine, backup, parts)
            self._machine.ledger.need_not_tell()
            self._machine.look()
            self.restores += 1
            self._say(
                f"  restored {' and '.join(part.value for part in parts)} of {backup.folder.name}:"
                f" {newest_ids(self._database)}; {self._machine.table_position}"
            )

    async def _set_aside(self) -> None:
        """Let Home Assistant begin with an empty database, as it does when one is damaged.

        The old one may be restored later.
        """
        await self.back_up()
        recorder_damage.remove(self._database)
        self._machine.ledger.another_database()
        self._machine.ledger.need_not_tell()
        self.done += 1
        self._say("  set the database aside")

    def _some(self, tables: Sequence[str]) -> list[str]:
        return self._random.sample(tables, self._random.randint(1, len(tables)))

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability
