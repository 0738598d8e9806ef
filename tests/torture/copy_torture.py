"""The torture of a copy: kills, a destination that breaks or hangs, lost and old checkpoints."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
import time

import aiohttp

from tests.home.client import ApiError
from tests.home.comparison import micros, reading
from tests.home.home_assistant import PLACE, HomeAssistant
from tests.home.integration import DOMAIN
from tests.home.launcher import FENCE_SECONDS, TRANSACTION_ROWS
from tests.home.recorded import RECORDED, STATES, newest_ids
from tests.home.recorder_database import make
from tests.local_bigquery.process import start
from tests.machine.patience import Patience

from .destination import Destination
from .integration import WAYS, add_integration
from .recorded_keys import KEYS, Key
from .recorder_growth import Growth
from .tortured_copies import TORTURED_COPIES, Say
from .writer import writing

NAME = "Copy"
SECONDS_TO_CATCH_UP = 120
SECONDS_TO_SAVE = 2.0
SECONDS_OF_A_COPY = 1.2
"""What it takes, about, to copy what has grown."""


@dataclass
class CopyVerdict:
    """What became of the rows that the recorder had when the last export began."""

    rows: int = 0
    lost: Counter[tuple[str, Key]] = field(default_factory=Counter)
    duplicated: Counter[tuple[str, Key]] = field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Return whether each row is there once."""
        return bool(self.rows) and not self.lost and not self.duplicated


class CopyTorture:
    """A home whose copy has all kinds of trouble, and BigQuery some, too."""

    def __init__(self, folder: Path, kind: str, *, seed: int, states: int, say: Say) -> None:
        """Keep everything in the folder; begin with so many states, and one of TORTURED_COPIES."""
        self._folder = folder
        self._kind = kind
        self._states = states
        self._say = say
        self._random = Random(seed)  # noqa: S311 - repeatable
        self._writing_random = Random(seed)  # noqa: S311
        self._backup: bytes | None = None
        self.kills = 0
        self.faults = 0

    async def run(self, *, kills: int, seconds: float) -> CopyVerdict:
        """Kill so often, or as often as there is time for, and return what came of it."""
        end = time.monotonic() + seconds
        rows = str(self._random.choice((1_500, 5_000)))
        folder = self._folder / "home-assistant"
        folder.mkdir(parents=True)
        home = HomeAssistant(folder, environment={TRANSACTION_ROWS: rows, FENCE_SECONDS: "0"})
        make(home.database, states=self._states, entities=60, days=2, statistics_days=3)
        with (
            start(self._folder / "bigquery") as bigquery,
            TORTURED_COPIES[self._kind](self._folder) as self._place,
        ):
            self._bigquery = Destination(bigquery, self._random)
            async with home:
                self._home = home
                self._growth = Growth(home.database, self._random)
                self._entry_id = await add_integration(home.client, self._bigquery, WAYS[0])
                await home.client.until_loaded(DOMAIN)
                await self._add_copy()
                async with writing(home.client, self._writing_random):
                    while self.kills < kills and time.monotonic() < end:
                        await self._one_round()
                self._bigquery.clear_faults()
                newest = await self._catch_up()
                return self._judge(newest)

    async def _add_copy(self) -> None:
        client = self._home.client
        step = await client.start_subentry_flow(self._entry_id, self._place.kind)
        step = await client.submit_subentry(step["flow_id"], {"name": NAME, **self._place.data})
        assert step["type"] == "create_entry", step
        await asyncio.sleep(SECONDS_TO_SAVE)
        with suppress(ApiError):
            await client.until_loaded(DOMAIN)
        (subentry_id,) = (
            one["subentry_id"]
            for one in await client.command(
                "config_entries/subentries/list", entry_id=self._entry_id
            )
        )
        name = f"{DOMAIN}.{self._entry_id}.copy_{subentry_id}"
        self._checkpoint = self._home.directory / ".storage" / name

    async def _one_round(self) -> None:
        """Let a copy go on, with faults on both sides, and kill it in the middle."""
        if self._chance(0.3):
            self._say(self._bigquery.add_faults(2, "storage_write"))
        if self._chance(0.2) and self._checkpoint.exists():
            self._backup = self._checkpoint.read_bytes()
            self._say("backed up the checkpoint of the copy")
        export = asyncio.create_task(self._export())
        await asyncio.sleep(self._random.random() * SECONDS_OF_A_COPY)
        if self._chance(0.5):
            self.faults += 1
            await asyncio.to_thread(self._place.trouble, self._random, self._say)
            await asyncio.sleep(self._random.random() * SECONDS_OF_A_COPY)
        await self._home.kill()
        self.kills += 1
        await export
        self._bigquery.clear_faults()
        self._say(f"kill {self.kills}: {self._known()} states in the copy")
        self._damage()
        self._growth.go_on()
        await self._home.start()

    def _damage(self) -> None:
        """Lose the checkpoint of the copy, or put an old one in its place, at times."""
        if self._chance(0.12):
            self._checkpoint.unlink(missing_ok=True)
            self._say("  lost the checkpoint of the copy")
            self.faults += 1
        elif self._backup and self._chance(0.15):
            self._checkpoint.write_bytes(self._backup)
            self._say("  restored a backup of the checkpoint of the copy")
            self.faults += 1

    async def _export(self) -> bool:
        """Begin an export, and with it the copy; return whether the export went well."""
        try:
            await self._home.client.call_action(
                DOMAIN, "export_now", {"config_entry_id": self._entry_id}
            )
        except ApiError, aiohttp.ClientError, TypeError:  # It was killed, or BigQuery fails.
            return False
        return True

    async def _catch_up(self) -> Mapping[str, int]:
        """Copy until all is there that the recorder has, and return up to which ids that is."""
        await asyncio.sleep(SECONDS_TO_SAVE)
        newest = newest_ids(self._home.database)
        wanted = self._recorded(newest)
        patience = Patience(SECONDS_TO_CATCH_UP)
        while patience.left > 0:
            await self._export()
            await asyncio.sleep(3)
            if not any(self._missing(wanted).values()):
                break
        return newest

    def _judge(self, newest: Mapping[str, int]) -> CopyVerdict:
        verdict = CopyVerdict()
        wanted = self._recorded(newest)
        for table, rows in wanted.items():
            found = self._place.found(table)
            verdict.rows += found.total()
            verdict.lost.update({(table, key): n for key, n in (rows - found).items()})
            twice = {(table, key): n - 1 for key, n in found.items() if n > 1}
            verdict.duplicated.update(twice)
            self._say(f"{table}: {rows.total()} in the recorder, {found.total()} in the copy")
        return verdict

    def _missing(self, wanted: Mapping[str, Counter[Key]]) -> dict[str, int]:
        return {table: (rows - self._place.found(table)).total() for table, rows in wanted.items()}

    def _recorded(self, newest: Mapping[str, int]) -> dict[str, Counter[Key]]:
        """Return the rows that the recorder has, by table."""
        with reading(self._home.database) as recorder:
            states = recorder.execute(
                "SELECT states_meta.entity_id, last_updated_ts, state_id FROM states"
                " JOIN states_meta USING (metadata_id) WHERE state_id <= ?",
                (newest[STATES],),
            )
            found = {STATES: Counter((name, micros(ts), id_) for name, ts, id_ in states)}
            for table in RECORDED:
                if table.name in KEYS:
                    found[table.name] = Counter(
                        (*table.key(values), values[table.id])
                        for values in table.rows(recorder, PLACE)
                        if values[table.id] <= newest[table.name]
                    )
        return found

    def _known(self) -> int:
        return self._place.found(STATES).total()

    def _chance(self, share: float) -> bool:
        return self._random.random() < share
