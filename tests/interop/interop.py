"""The run: a home that exports to BigQuery and to all the others, with a crash in the middle."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
import time
from typing import Any

import aiohttp
import psycopg

from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.table import Table
from tests.bigquery_export.support.comparable_rows import as_sent
from tests.demo.activity import Activity
from tests.demo.rooms import AMBIENT, CONFIGURATION, furnish
from tests.home.client import ApiError
from tests.home.entities import make_entities
from tests.home.home_assistant import HomeAssistant
from tests.home.integration import DATASET, DOMAIN, add_integration, set_options
from tests.home.launcher import FENCE_SECONDS, FULL_SPEED, TRANSACTION_ROWS
from tests.home.recorded import EVENTS, newest_ids
from tests.home.recorder_database import make
from tests.home.recorder_statistics import FIVE_MINUTES
from tests.local_bigquery.process import (
    DATA_EDITOR,
    JOB_USER,
    LocalBigQueryError,
    start,
)
from tests.machine.patience import Patience, patient
from tests.torture.digest_day import DigestFiles
from tests.torture.recorder_corrections import Corrections
from tests.torture.recorder_growth import Growth

from .comparison import Comparison, compare, noticed_last
from .destination import Destination, Server

PROJECT = "interop-home"
ROWS_OF_A_TRANSACTION = "1500"
ENTITIES = 60
DAYS = 3
STATISTICS_DAYS = 20
SHORT_TERM_DAYS = 0.5
SECONDS_OF_LIFE = 3
SECONDS_TO_SAVE = 2.0
SECONDS_TO_RELOAD = 20
SECONDS_TO_BREAK_OFF = 30
SECONDS_TO_AGREE = 90
SECONDS_OF_QUIET = 90
"""How long before the next five minutes the corrections begin at the latest."""


@dataclass(slots=True)
class Verdict:
    """What came of a destination."""

    destination: str
    version: str
    found: Comparison
    seconds: float
    broken_off: int

    @property
    def ok(self) -> bool:
        """Return whether all tables were compared, and nothing was found."""
        return self.found.agrees and self.found.rows > 0 and self.found.tables > 0

    def __str__(self) -> str:
        """Return the line of the destination."""
        return (
            f"interop: destination={self.destination} server={self.version} {self.found}"
            f" broken_off={self.broken_off} seconds={self.seconds:.0f}"
        )


@dataclass(slots=True)
class _Copy:
    """A copy on its server."""

    name: str
    server: Server
    checkpoint: Path
    broken_off: int = 0


class Interop:
    """One run with all destinations at once, which are copies of one export."""

    def __init__(self, folder: Path, *, states: int, seed: int, say: Any) -> None:
        """Keep everything in the folder."""
        self._folder = folder
        self._states = states
        self._random = Random(seed)  # noqa: S311 - repeatable
        self._say = say
        self._copies: list[_Copy] = []

    async def run(self, destinations: Iterable[Destination]) -> list[Verdict]:
        """Export, copy, crash, correct and compare."""
        folder = self._folder / "home-assistant"
        folder.mkdir(parents=True)
        environment = {TRANSACTION_ROWS: ROWS_OF_A_TRANSACTION, FENCE_SECONDS: "0", FULL_SPEED: "1"}
        self._home = HomeAssistant(folder, configuration=CONFIGURATION, environment=environment)
        make(
            self._home.database,
            states=self._states,
            entities=ENTITIES,
            days=DAYS,
            statistics_days=STATISTICS_DAYS,
            short_term_days=SHORT_TERM_DAYS,
        )
        async with AsyncExitStack() as resources:
            self._bigquery = resources.enter_context(start(self._folder / "bigquery"))
            servers = {
                one.name: resources.enter_context(one.running(self._folder / one.name))
                for one in destinations
            }
            await resources.enter_async_context(self._home)
            await self._set_up()
            # So that all begin with the same home, which gets entities with each copy.
            await self._pause(True)
            for one in destinations:
                await self._add_copy(one, servers[one.name])
            await self._pause(False)
            began = time.monotonic()
            await self._crash()
            await self._until_all_agree()
            await self._correct()
            await self._export_and_break_off()
            found = await self._until_all_agree()
            return [
                Verdict(
                    copy.name,
                    copy.server.version,
                    found[copy.name],
                    time.monotonic() - began,
                    copy.broken_off,
                )
                for copy in self._copies
            ]

    async def _set_up(self) -> None:
        client = self._home.client
        await furnish(client)
        async with Activity(client, make_entities(ENTITIES)).going_on():
            await asyncio.sleep(SECONDS_OF_LIFE)
        key = self._bigquery.create_account(
            PROJECT, [{"role": role, "project": PROJECT} for role in (DATA_EDITOR, JOB_USER)]
        )
        self._entry_id = await add_integration(
            client, key, rest_url=self._bigquery.rest_url, storage_url=self._bigquery.storage_url
        )
        what = {"tables": [*TABLES], "events": EVENTS, "surroundings": AMBIENT}
        await set_options(client, self._entry_id, what)
        await self._until_loaded()
        self._say(f"a home with {self._states} states exports {len(TABLES)} tables to BigQuery")

    async def _add_copy(self, destination: Destination, server: Server) -> None:
        """Add a copy by its form."""
        client = self._home.client
        step = await client.start_subentry_flow(self._entry_id, destination.subentry_type)
        fields = {"name": destination.name, **server.fields}
        step = await client.submit_subentry(step["flow_id"], fields)
        assert step["type"] == "create_entry", step
        await self._until_loaded()
        subentries = await client.command("config_entries/subentries/list", entry_id=self._entry_id)
        (id_,) = (one["subentry_id"] for one in subentries if one["title"] == destination.name)
        name = f"{DOMAIN}.{self._entry_id}.copy_{id_}"
        checkpoint = self._home.directory / ".storage" / name
        self._copies.append(_Copy(destination.name, server, checkpoint))
        self._say(f"copies to {destination.name} {server.version}")

    async def _pause(self, paused: bool) -> None:
        (switch,) = (
            state["entity_id"]
            for state in await self._home.client.states()
            if state["entity_id"].startswith("switch.") and state["entity_id"].endswith("_pause")
        )
        action = "turn_on" if paused else "turn_off"
        await self._home.client.perform_action("switch", action, {"entity_id": switch})

    async def _crash(self) -> None:
        """Break off a transaction of each copy, and then kill Home Assistant in other ones."""
        await self._export_and_break_off()
        await asyncio.sleep(0.2)
        await self._home.kill()
        self._say("killed Home Assistant")
        await self._home.start()
        await self._until_loaded()

    async def _export_and_break_off(self) -> None:
        export = asyncio.create_task(self._export())
        await asyncio.gather(*map(self._break_off, self._copies))
        await export

    async def _break_off(self, copy: _Copy) -> None:
        patience = Patience(SECONDS_TO_BREAK_OFF)
        while patience.left > 0:
            if await asyncio.to_thread(copy.server.break_off):
                copy.broken_off += 1
                self._say(f"broke off a transaction in {copy.name}")
                return
            await asyncio.sleep(0.01)
        self._say(f"{copy.name} was in the middle of nothing")

    async def _export(self) -> None:
        try:
            data = {"config_entry_id": self._entry_id}
            await self._home.client.call_action(DOMAIN, "export_now", data)
        except ApiError as err:
            self._say(f"an export failed: {err}")
        except aiohttp.ClientError, TypeError:
            self._say("an export was cut off")

    async def _until_all_agree(self) -> Mapping[str, Comparison]:
        """Export until all copies have what BigQuery has, and return what they have."""
        await asyncio.sleep(SECONDS_TO_SAVE)
        newest = newest_ids(self._home.database)
        patience = Patience(SECONDS_TO_AGREE)
        while True:
            await self._export()
            await asyncio.sleep(SECONDS_TO_SAVE)
            found = await asyncio.to_thread(self._compare, newest)
            for name, one in found.items():
                self._say("; ".join((f"{name}: {one}", *one.examples[:1])))
            if all(one.agrees for one in found.values()) or patience.left <= 0:
                return found

    async def _correct(self) -> None:
        """Change statistics as Home Assistant does afterwards, and let the next day begin."""
        # What it compiles between two exports would be in one of them only a correction.
        await asyncio.sleep(max(0, SECONDS_OF_QUIET - FIVE_MINUTES + time.time() % FIVE_MINUTES))
        await self._home.stop()
        corrections = Corrections(self._home.database, self._random)
        for said in [*corrections.correct(), *corrections.correct()]:
            self._say(said)
        Growth(self._home.database, self._random).go_on()
        own = self._home.directory / ".storage" / f"{DOMAIN}.{self._entry_id}"
        for checkpoint in (own, *(copy.checkpoint for copy in self._copies)):
            DigestFiles(checkpoint).let_a_day_pass()
        await self._home.start()
        await self._until_loaded()

    def _compare(self, newest: Mapping[str, int]) -> Mapping[str, Comparison]:
        """Compare all tables; of the recorder's, rows up to the newest ids."""
        found = {copy.name: Comparison() for copy in self._copies}
        for table in TABLES.values():
            sent = [*noticed_last(table, _up_to(newest, table, self._sent(table)))]
            for copy in self._copies:
                if columns := copy.server.columns(table):
                    with suppress(psycopg.Error):
                        copied = noticed_last(table, _up_to(newest, table, copy.server.rows(table)))
                        kept = copy.server.kept(table, sent)
                        found[copy.name] += compare(table, columns, kept, copied)
        return found

    def _sent(self, table: Table) -> Iterable[Mapping[str, Any]]:
        names = ", ".join(map(as_sent, table.columns))
        with suppress(LocalBigQueryError):
            return self._bigquery.query(f"SELECT {names} FROM {DATASET}.{table.name}", PROJECT)  # noqa: S608
        return []

    async def _until_loaded(self) -> None:
        await asyncio.sleep(SECONDS_TO_SAVE)
        async with patient(SECONDS_TO_RELOAD):
            await self._home.client.until_loaded(DOMAIN)


def _up_to(
    newest: Mapping[str, int], table: Table, rows: Iterable[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    """Yield rows with ids of the recorder up to the newest ones, and those without."""
    limit = newest.get(table.name)
    for row in rows:
        if limit is None or row[table.id] is None or int(row[table.id]) <= limit:
            yield row
