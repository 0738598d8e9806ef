"""A real Home Assistant with a history and this integration, which exports to a sink."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
import shutil
from tempfile import mkdtemp
import time
from typing import Self

from tests.demo.activity import Activity
from tests.home.entities import make_entities
from tests.home.home_assistant import INTEGRATION, REPOSITORY, HomeAssistant
from tests.home.integration import DOMAIN, add_integration, set_options
from tests.home.launcher import MEASUREMENTS
from tests.home.measurements import LOOKS
from tests.local_bigquery.fault_kinds import GRPC_METHODS, REST_METHODS
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER, LocalBigQuery, start

from . import sink
from .disk import Written
from .measured import Measurements, Period

PROJECT = "benchmark-home"
REGISTERED_HOME = Path(__file__).with_name("registered_home")
"""The integration that registers entities."""
CHANGES_PER_SECOND = 20
LIVELY_ENTITIES = 60
SECONDS_TO_EXPORT = 1_800
"""At most: beside a machine's other work an export goes slowly."""
SECONDS_TO_SAVE = 2.0
"""Home Assistant saves entries and tokens a second after they change."""
SECONDS_FOR_SAMPLES = 0.3
"""After which what was measured is in the files."""


class RealHome:
    """A home that exports states only, or all, as users have it or as its launcher's variables say.

    With registered entities it exports what is chosen by default.
    """

    def __init__(
        self,
        folder: Path,
        bigquery: LocalBigQuery,
        delivery: str,
        variables: Sequence[str],
        entities: int,
        *,
        live: bool,
    ) -> None:
        """Use `running`."""
        self._measurements = folder / "measurements"
        # From the repository Home Assistant would take the custom integrations, too.
        importable = folder.parent / "importable"
        importable.mkdir()
        (importable / "tests").symlink_to(REPOSITORY / "tests")
        environment = {
            MEASUREMENTS: str(self._measurements),
            "PYTHONPATH": str(importable),
            **dict.fromkeys(variables, "1"),
        }
        self.home = HomeAssistant(
            folder,
            integrations=(INTEGRATION, REGISTERED_HOME),
            configuration=f"{REGISTERED_HOME.name}:\n  entities: {entities}\n",
            environment=environment,
        )
        self._entities = entities
        self._bigquery = bigquery
        self._delivery = delivery
        self._live = live
        self._entry_id = ""

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        folder: Path,
        history: Path,
        delivery: str,
        *variables: str,
        entities: int = 0,
        live: bool = False,
    ) -> AsyncIterator[Self]:
        """Start one with a copy of a history, and go through the config flow.

        So many `entities` are registered. With `live`, it exports live.

        It has a folder of its own in `folder`, which is left there if anything fails.
        """
        folder = Path(mkdtemp(dir=folder, prefix="home-"))
        home_folder = folder / "home"
        home_folder.mkdir()
        with start(folder / "sink", module=sink.MODULE) as bigquery:
            real = cls(home_folder, bigquery, delivery, variables, entities, live=live)
            await asyncio.to_thread(shutil.copy, history, real.home.database)
            async with real.home:
                await real._add_integration()
                await asyncio.sleep(SECONDS_TO_SAVE)
                yield real
        shutil.rmtree(folder)

    @property
    def looks_file(self) -> Path:
        """Return the file of what live runs have sent, and when (`measurements.LOOKS`)."""
        return self._measurements / LOOKS

    def written(self, period: Period) -> Written:
        """Return what the integration has written to the disk in a period."""
        return Written.in_(self._measurements, period)

    @asynccontextmanager
    async def activity(self) -> AsyncIterator[None]:
        """Let entities change while the context lasts."""
        entities = make_entities(LIVELY_ENTITIES)
        async with Activity(self.home.client, entities, CHANGES_PER_SECOND).going_on():
            yield

    async def export(self) -> tuple[Period, int]:
        """Export all that waits; return when that was, and how many states were sent."""
        began = time.time()
        response = await self.home.client.perform_action_with_response(
            DOMAIN,
            "export_now",
            {"config_entry_id": self._entry_id},
            seconds=SECONDS_TO_EXPORT,
        )
        rows: int = response["rows"]["sensor_data"]
        return Period(began, time.time()), rows

    async def look_at_backlog(self, times: int) -> tuple[list[float], int]:
        """Look at what waits, as every five minutes, some times.

        Return the seconds of the processor for each, and how many rows wait.
        """
        response = await self.home.client.perform_action_with_response(
            REGISTERED_HOME.name, "look", {"times": times}
        )
        return response["seconds"], response["rows"]

    async def reload(self) -> Period:
        """Unload the entry and set it up again, and return when that was."""
        began = time.time()
        await self.home.client.request(
            "POST", f"/api/config/config_entries/entry/{self._entry_id}/reload"
        )
        await self.home.client.until_loaded(DOMAIN)
        return Period(began, time.time())

    async def change_states(self, number: int) -> None:
        """Let entities change so often, and wait until the recorder has written it."""
        entities = make_entities(LIVELY_ENTITIES)
        unsaved = list(range(number))
        base = time.time_ns()

        async def change() -> None:
            while unsaved:
                turn = unsaved.pop()
                entity = entities[turn % len(entities)]
                await self.home.client.set_state(
                    entity.entity_id,
                    f"{base + turn}",
                    entity.attributes[turn % 7 % len(entity.attributes)],
                )

        await asyncio.gather(*(change() for _ in range(8)))
        # commit_interval is a second.
        await asyncio.sleep(2)

    async def measurements(self) -> Measurements:
        """Return what was measured so far."""
        await asyncio.sleep(SECONDS_FOR_SAMPLES)
        return await asyncio.to_thread(Measurements, self._measurements)

    def count_calls(self) -> None:
        """Count calls of BigQuery from now on."""
        self._bigquery.clear_faults()
        for method in GRPC_METHODS | REST_METHODS:
            # A fault that never happens: the rule counts the calls that it looks at.
            self._bigquery.add_fault(method, "delay", times=0)

    def calls(self) -> dict[str, int]:
        """Return how many calls there were since, by method."""
        return {rule["method"]: rule["matched"] for rule in self._bigquery.faults()}

    async def _add_integration(self) -> None:
        client = self.home.client
        grants = [{"role": role, "project": PROJECT} for role in (DATA_EDITOR, JOB_USER)]
        key = await asyncio.to_thread(self._bigquery.create_account, PROJECT, grants)
        self._entry_id = await add_integration(
            client,
            key,
            rest_url=self._bigquery.rest_url,
            storage_url=self._bigquery.storage_url,
            delivery=self._delivery,
        )
        what = {} if self._entities else {"tables": ["sensor_data"]}
        await set_options(client, self._entry_id, what, delivery=self._delivery, live=self._live)
        await client.until_loaded(DOMAIN)
