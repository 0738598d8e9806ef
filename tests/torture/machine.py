"""A machine with a home: its Home Assistant, the files of its export, and what is remembered."""

from collections.abc import Iterator, Mapping
from pathlib import Path
import time

import aiohttp

from tests.home.client import ApiError
from tests.home.home_assistant import DATABASE, HomeAssistant
from tests.home.integration import DOMAIN
from tests.home.recorded import newest_ids
from tests.home.shifted_clock import WrongClock
from tests.machine.patience import patient

from .digest_day import DigestFiles
from .ledger import Ledger, rows_by_id
from .recorder_corrections import Corrections
from .recorder_growth import Growth
from .salvage import legible
from .table_position import TablePosition

SECONDS_FOR_AN_EXPORT = 15.0
"""Longer ones are left alone: they wait for something that does not come."""
SECONDS_BESIDE_ROWS = 0.3
"""What an export takes without any row, about."""
SECONDS_FOR_CORRECTIONS = 1.0
"""What it takes to look for corrections, and to send them, about."""
ROWS_PER_SECOND = 7_000
"""A first guess, until an export was measured."""
MEASURABLE_ROWS = 1_000
SLOWEST = 1_000
"""Slower exports waited for something, such as an attempt that had failed."""
ANOTHER_EXPORT = "another_export"


class Machine:
    """One machine; two of them may have the same home."""

    def __init__(
        self,
        home: HomeAssistant,
        entry_id: str,
        *,
        name: str,
        ledger: Ledger,
        growth: Growth,
        corrections: Corrections,
    ) -> None:
        """Describe it; nothing is read yet."""
        self.home = home
        self.entry_id = entry_id
        self.name = name
        self.ledger = ledger
        self.growth = growth
        self.corrections = corrections
        self.storage = home.directory / ".storage"
        self.checkpoint = self.storage / f"{DOMAIN}.{entry_id}"
        self.table_position = TablePosition(self.checkpoint)
        self.clock = WrongClock(home.directory)
        self.digests = DigestFiles(self.checkpoint, self.clock.time)
        self.refusal: str | None = None
        """Why the last export has failed, as a key of the translations, if one was told."""
        self.corrected = 0
        """What was done to statistics after they were written."""
        self._rows_per_second: float = ROWS_PER_SECOND

    def of_copy(self, home: HomeAssistant, name: str) -> Machine:
        """Return a second machine with a copy of this home."""
        return Machine(
            home,
            self.entry_id,
            name=name,
            ledger=self.ledger.of_copy(),
            growth=self.growth.of_copy(home.database),
            corrections=self.corrections.of_copy(home.database),
        )

    def look(self) -> None:
        """Remember what the recorder has while it rests, as far as it can be read."""
        self._look_at_set_aside()
        with legible(self.home.database) as readable:
            self.ledger.look_at(readable)

    def _look_at_set_aside(self) -> bool:
        """Remember what databases have that were set aside since; say whether there are any."""
        found = False
        for database in self._set_aside():
            found = True
            with legible(database) as readable:
                self.ledger.look_at(readable)
            self.ledger.another_database()
            self.ledger.need_not_tell()
        return found

    def _set_aside(self) -> Iterator[Path]:
        """Yield databases that Home Assistant has set aside as damaged, each once.

        What it had not yet written into the database itself lies beside it.
        """
        for database in self.home.directory.glob(f"{DATABASE}.corrupt.*"):
            time = database.name.removeprefix(f"{DATABASE}.corrupt.")
            taken = database.with_name(f"set_aside_{time}.db")
            for suffix in ("", "-wal"):
                path = database.with_name(f"{DATABASE}{suffix}.corrupt.{time}")
                if path.exists():
                    path.rename(taken.with_name(taken.name + suffix))
            yield taken

    def correct(self) -> list[str]:
        """Change statistics as Home Assistant does, and say what was done."""
        before = rows_by_id(self.home.database)
        done = self.corrections.correct()
        self.ledger.corrected_since(before, rows_by_id(self.home.database))
        self.corrected += len(done)
        return done

    async def perform(self, action: str) -> None:
        """Perform an action that has no response."""
        await self.home.client.perform_action(DOMAIN, action, {"config_entry_id": self.entry_id})

    async def export(self) -> int | None:
        """Export, and return how many rows, or None if that failed."""
        up_to = newest_ids(self.home.database)
        checked = self.digests.checked()
        began = time.monotonic()
        self.refusal = None
        try:
            async with patient(SECONDS_FOR_AN_EXPORT):
                response = await self.home.client.call_action(
                    DOMAIN, "export_now", {"config_entry_id": self.entry_id}
                )
        except ApiError as err:
            self.refusal = err.key
            return None
        except aiohttp.ClientError, TimeoutError, TypeError:
            # It was killed: a WebSocket that closes has no JSON, TypeError.
            return None
        if self._look_at_set_aside():
            # It is not known whether these ids, and what was exported, are of the database that was
            # set aside, or of the new one.
            return None
        self._learn_of_an_export(up_to, checked)
        rows: int = sum(response["rows"].values())
        if rows >= MEASURABLE_ROWS:
            seconds = time.monotonic() - began - SECONDS_BESIDE_ROWS
            self._rows_per_second = max(SLOWEST, rows / max(0.1, seconds))
        return rows

    def _learn_of_an_export(self, up_to: dict[str, int], checked: Mapping[str, float]) -> None:
        """Remember what an export has promised that ended well."""
        self.ledger.exported_up_to = self.table_position.exported(up_to)
        for table, time_of_look in self.digests.checked().items():
            if time_of_look != checked.get(table):
                self.ledger.corrected[table].looked_up_to = up_to[table]

    @property
    def nothing_waits(self) -> bool:
        """Say whether the export that has just ended well was of everything."""
        return not self.table_position.backfills and not self.digests.due()

    async def take_over(self) -> bool:
        """Answer the issue about another export: this one goes on. Say whether that was done."""
        client = self.home.client
        try:
            step = await client.start_fix(DOMAIN, f"{ANOTHER_EXPORT}_{self.entry_id}")
            for fields in ({"next_step_id": "take_over"}, {}):
                step = await client.submit_fix(step["flow_id"], fields)
        except ApiError, aiohttp.ClientError, KeyError:
            return False
        done: bool = step["type"] == "create_entry"
        return done

    def expected_seconds(self) -> float:
        """Guess how long an export takes of what waits now."""
        waiting = self.table_position.waiting(newest_ids(self.home.database))
        corrections = SECONDS_FOR_CORRECTIONS if self.digests.due() else 0
        return SECONDS_BESIDE_ROWS + corrections + waiting / self._rows_per_second
