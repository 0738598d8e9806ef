"""Let the integration, as commit 636402d has it, export homes and leave them in each state.

    EXPORTED_HOMES=FOLDER python -m pytest make.py

It runs in a checkout of that commit, as tests/bigquery_export/make.py there (see README.md).
FOLDER must be empty; it has the archives afterwards.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
import os
from pathlib import Path
import shutil
import sqlite3
import tarfile
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import (
    area_registry as ar,
    category_registry as cr,
    device_registry as dr,
    entity_registry as er,
    floor_registry as fr,
    issue_registry as ir,
    label_registry as lr,
)
import orjson
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.load_job import LoadTransaction
from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.const import (
    CONF_BATCH_ROWS,
    CONF_DELIVERY,
    CONF_EVENTS,
    CONF_HASH_USERS,
    CONF_HIDDEN,
    CONF_PRIVACY,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.export import batch_reader, chunk, resume
from custom_components.bigquery_export.export.delivery import RejectedRow
from custom_components.bigquery_export.export.retention import Loss
from custom_components.bigquery_export.export.snapshots import SNAPSHOT_TYPES
from custom_components.bigquery_export.export.sources import SOURCE_TYPES
from custom_components.bigquery_export.issues import async_show_lost_rows
from tests.bigquery_export import registered
from tests.bigquery_export.homes import RECORDER, Home, hours_ago
from tests.bigquery_export.test_run import Crash, crash_at
from tests.bigquery_export.test_source_states import execute
from tests.bigquery_export.warehouse import Warehouse
from tests.home.recorded import EVENTS
from tests.local_bigquery.fixtures import open_sockets
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER, LocalBigQuery, start

FOLDER = Path(os.environ["EXPORTED_HOMES"])
REGISTRIES = (ar, cr, dr, er, fr, ir, lr)
TRANSACTIONS = {"storage_write": PendingStream, "load_job": LoadTransaction}
FEW = ["sensor_data", "statistics"]
USER = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def recorder_config() -> dict[str, Any]:
    """Keep the sensors of the export out of the recorder."""
    return {**RECORDER, "commit_interval": 0}


@pytest.fixture
def load_registries() -> bool:
    """Load the registries here, where they are kept."""
    return False


@pytest.fixture(scope="session")
def local_bigquery() -> Iterator[LocalBigQuery]:
    """Return a local BigQuery whose data are packed at the end."""
    data = FOLDER / "bigquery"
    with open_sockets(), start(data) as bigquery:
        yield bigquery
    for log in data.glob("*.log"):
        log.unlink()
    with closing(sqlite3.connect(data / "server.sqlite", isolation_level=None)) as store:
        # Jobs belong to accounts, which get new keys wherever they are used again.
        store.execute("DELETE FROM documents WHERE kind = 'token'")
        store.execute(
            "UPDATE documents SET body = CAST(json_set(CAST(body AS TEXT), '$.keys', json('{}'))"
            " AS BLOB) WHERE kind = 'account'"
        )
        store.execute("PRAGMA journal_mode = DELETE")
        store.execute("VACUUM")
    for name in ("bigquery", "homes"):
        pack(FOLDER / name)


@pytest.fixture
def warehouse(
    request: pytest.FixtureRequest, local_bigquery: LocalBigQuery, socket_enabled: None
) -> Warehouse:
    """Return a project with the name of the home."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")
    if "delivery" in request.fixturenames:
        parameters = request.node.callspec.params
        name = f"{parameters['delivery']}-{parameters['moment']}".replace("_", "-")
    local_bigquery.create_project(f"home-{name}")
    return Warehouse(local_bigquery, f"home-{name}")


@pytest.fixture
async def registries(hass: HomeAssistant) -> None:
    """Load the registries."""
    await load_home(hass)


@pytest.fixture
def key(warehouse: Warehouse) -> dict[str, Any]:
    """Return the key of an account that may also run load jobs."""
    return warehouse.create_key(DATA_EDITOR, JOB_USER)


@pytest.fixture(autouse=True)
def set_up_home(
    recorder_db_url: str,
    async_test_recorder: Any,
    registries: None,
    recorder_mock: Any,
    enable_custom_integrations: None,
) -> None:
    """Start the recorder when the registries are loaded."""


async def load_home(hass: HomeAssistant) -> None:
    """Load all registries, from what the storage has, and put the home where it is."""
    dr.async_setup(hass)
    for registry in REGISTRIES:
        await registry.async_load(hass)
    await hass.config.async_update(
        time_zone="Europe/Amsterdam", latitude=52.4, longitude=4.9, elevation=0
    )


def pack(folder: Path) -> None:
    """Write an archive of what a folder has."""
    with tarfile.open(f"{folder}.tar.xz", "w:xz", preset=9) as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)


class Household:
    """A home that exports, and that is kept as it is."""

    def __init__(
        self, hass: HomeAssistant, warehouse: Warehouse, storage: dict[str, Any], url: str
    ) -> None:
        """Prepare it."""
        self.hass = hass
        self.warehouse = warehouse
        self.storage = storage
        self.database = Path(url.removeprefix("sqlite:///"))
        self.home = Home(hass, warehouse)
        self.entry: MockConfigEntry | None = None

    async def set_up(self, key: dict[str, Any], tables: list[str], **options: Any) -> None:
        """Set up the export."""
        self.warehouse.create_table()
        self.entry = entry = self.warehouse.config_entry(key)
        entry.add_to_hass(self.hass)
        options = {CONF_TABLES: tables, CONF_EVENTS: list(EVENTS), **options}
        self.hass.config_entries.async_update_entry(entry, options=options)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await async_wait_recording_done(self.hass)

    async def live(self, *hours: int) -> None:
        """Live for some hours, with events of the kind that are exported."""
        for hour in hours:
            await self.home.live(hour)
            time = hours_ago(hour).timestamp() + 2_500.25
            self.hass.bus.async_fire("zha_event", {"command": "on", "n": hour}, time_fired=time)
        await async_wait_recording_done(self.hass)

    async def export(self) -> Any:
        """Export as a user does."""
        return await self.hass.services.async_call(
            DOMAIN, "export_now", {"flush": True}, blocking=True, return_response=True
        )

    async def pause_after(self, rows: int) -> None:
        """Export, and pause when so many rows of the backfill of the states are exported."""
        coordinator = self.entry.runtime_data

        exporter = coordinator.exporter
        on_progress = exporter._on_progress

        def pause(checkpoint: Any) -> None:
            on_progress(checkpoint)
            backfill = checkpoint.standing("sensor_data").backfill
            if backfill and backfill.cursor >= rows and not coordinator.paused:
                coordinator.async_pause(True)

        exporter._on_progress = pause
        await self.export()
        exporter._on_progress = on_progress
        assert coordinator.paused
        assert coordinator.checkpoint.standing("sensor_data").backfill

    async def crash(self, delivery: str, moment: str, commits: int, track: str) -> None:
        """Export, and die before or after so many commits: rows, their log, rows ..."""
        with pytest.MonkeyPatch.context() as patched:
            crash_at(patched, TRANSACTIONS[delivery], "commit", moment, commits)
            with pytest.raises(Crash):
                await self.export()
        intent = self.checkpoint()["intent"]
        assert (intent["track"], intent["delivery"]) == (track, delivery)

    async def forget_checkpoint(self) -> None:
        """Lose the checkpoint while Home Assistant is restarted."""
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)
        self.kept("").unlink()
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.hass.async_block_till_done()

    def kept(self, name: str) -> Path:
        """Return a file that the export keeps."""
        return Path(self.hass.config.path(".storage", f"{DOMAIN}.{self.entry.entry_id}{name}"))

    def checkpoint(self) -> Any:
        """Return what is in the file of the checkpoint."""
        return orjson.loads(self.kept("").read_bytes())

    async def keep(self) -> None:
        """Copy the home as it is now."""
        hass = self.hass
        await async_wait_recording_done(hass)
        kept = FOLDER / "homes" / self.warehouse.project
        storage = kept / ".storage"
        storage.mkdir(parents=True)
        for path in self.kept("").parent.glob(f"{DOMAIN}.*"):
            shutil.copy(path, storage)
        for registry in REGISTRIES:
            stored = registry.async_get(hass)
            await stored._store.async_save(stored._data_to_save())
        entries = [entry_data(entry) for entry in hass.config_entries.async_entries()]
        self.storage["core.config_entries"] = {"version": 1, "data": {"entries": entries}}
        names = [registry.STORAGE_KEY for registry in REGISTRIES]
        for name in (*names, "core.uuid", "core.config_entries", f"{DOMAIN}.secret"):
            if name in self.storage:
                (storage / name).write_bytes(orjson.dumps(self.storage[name]))
        with (
            closing(sqlite3.connect(self.database)) as recorder,
            closing(sqlite3.connect(kept / "home-assistant_v2.db")) as copy,
        ):
            recorder.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("VACUUM")


def entry_data(entry: Any) -> dict[str, Any]:
    """Return a config entry as it is kept, and of its key only whose it is."""
    data = {**entry.data}
    if key := data.get(CONF_SERVICE_ACCOUNT_KEY):
        data[CONF_SERVICE_ACCOUNT_KEY] = {"client_email": key["client_email"]}
    return {
        **{name: getattr(entry, name) for name in ("entry_id", "domain", "title", "unique_id")},
        "data": data,
        "options": dict(entry.options),
    }


@pytest.fixture
async def household(
    hass: HomeAssistant,
    warehouse: Warehouse,
    hass_storage: dict[str, Any],
    recorder_db_url: str,
    set_up_home: None,
) -> AsyncIterator[Household]:
    """Return a home whose account goes in the end."""
    return Household(hass, warehouse, hass_storage, recorder_db_url)


@pytest.fixture
def small_backfills(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make transactions of thirty rows, and a backfill of more than those."""
    monkeypatch.setattr(resume, "MAX_ROWS", 30)
    monkeypatch.setattr(chunk, "MAX_ROWS", 30)
    monkeypatch.setattr(batch_reader, "PIECE_ROWS", 10)


async def test_ended(
    household: Household, key: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exports that ended well, with rejected rows, lost ones, and what is new since."""
    hass, home = household.hass, household.home
    registered.furnish(registered.Home(hass))
    await household.set_up(key, [*SOURCE_TYPES, *SNAPSHOT_TYPES])
    await household.live(9, 8, 7)
    await home.import_costs(30, 29)
    await household.export()
    for hour in (6, 5):
        await household.live(hour)
        await home.import_costs(hour + 10)
        await household.export()

    append = PendingStream.append

    def refuse_first(stream: PendingStream, rows: Any) -> list[RejectedRow]:
        if "sensor_data" not in stream.name:
            return append(stream, rows)
        return [RejectedRow(rows[0], "Row 0 is not taken today"), *append(stream, rows[1:])]

    hass.states.async_set("sensor.forgotten", "1")
    await async_wait_recording_done(hass)
    await execute(
        hass,
        "UPDATE states SET metadata_id = NULL WHERE state_id = (SELECT max(state_id) FROM states)",
    )
    await household.live(4)
    with monkeypatch.context() as patched:
        patched.setattr(PendingStream, "append", refuse_first)
        assert (await household.export())["rejected"] == 2
    lines = household.kept(".rejected.jsonl").read_bytes().splitlines()
    assert {orjson.loads(line)["encoded"] for line in lines} == {True, False}
    since, until = hours_ago(20).timestamp(), hours_ago(15).timestamp()
    async_show_lost_rows(hass, household.entry, [Loss("sensor_data", 12, since, until)])

    await household.live(3, 2)
    await home.import_costs(14)
    for table in ("statistics", "statistics_short_term"):
        lines = household.kept(f".digests.{table}.jsonl").read_bytes().splitlines()
        assert len(lines) > 2
        assert all("track" in orjson.loads(line) for line in lines)
    assert household.checkpoint()["intent"] is None
    await household.keep()


@pytest.mark.usefixtures("small_backfills")
async def test_backfill(household: Household, key: dict[str, Any]) -> None:
    """A backfill that is half done, and paused."""
    await household.set_up(key, list(SOURCE_TYPES), **{CONF_BATCH_ROWS: 30})
    await household.live(9, 8, 7, 6, 5, 4)
    await household.pause_after(60)
    await household.live(3)
    await household.export()
    await household.live(2)
    position = household.checkpoint()["positions"]["sensor_data.backfill"]
    assert position["cursor"] < position["until"]
    await household.keep()


@pytest.mark.usefixtures("small_backfills")
async def test_in_doubt(household: Household, key: dict[str, Any]) -> None:
    """An export that continues without a checkpoint, and has looked for half of its rows."""
    await household.set_up(key, FEW, **{CONF_BATCH_ROWS: 30})
    await household.live(9, 8, 7, 6, 5)
    await household.export()
    await household.forget_checkpoint()
    await household.live(4)
    await household.pause_after(60)
    await household.live(3)
    position = household.checkpoint()["positions"]["sensor_data.backfill"]
    assert position["cursor"] < position["doubtful_until"]
    await household.keep()


@pytest.mark.parametrize("delivery", TRANSACTIONS)
@pytest.mark.parametrize("moment", ["before", "after"])
async def test_crash(
    household: Household,
    key: dict[str, Any],
    request: pytest.FixtureRequest,
    delivery: str,
    moment: str,
) -> None:
    """A process that died beside a commit: of statistics, or in a backfill of states."""
    backfill = (delivery, moment) == ("load_job", "after")
    track = "sensor_data.backfill" if backfill else "statistics"
    if backfill:
        request.getfixturevalue("small_backfills")
    await household.set_up(key, FEW, **{CONF_DELIVERY: delivery, CONF_BATCH_ROWS: 30})
    await household.live(9, 8, 7)
    if not backfill:
        await household.export()
        await household.live(6)
    await household.crash(delivery, moment, 3, track)
    await household.live(5)
    await household.keep()


async def test_crashed_twice(household: Household, key: dict[str, Any]) -> None:
    """A process that died after a commit, lost the checkpoint, and died after the next commit."""
    await household.set_up(key, FEW)
    await household.live(9, 8, 7)
    await household.crash("storage_write", "after", 3, "statistics")
    await household.forget_checkpoint()
    await household.live(6)
    await household.crash("storage_write", "after", 3, "statistics")
    lines = household.kept(".digests.statistics.jsonl").read_bytes().splitlines()
    first, second = map(orjson.loads, lines)
    assert first["before"] == second["before"]
    assert (first["doubtful"], second["doubtful"]) == (False, True)
    await household.live(5)
    await household.keep()


async def test_private(household: Household, key: dict[str, Any]) -> None:
    """Users and entities that go by other names."""
    privacy = {CONF_HASH_USERS: True, CONF_HIDDEN: ["light.*"]}
    await household.set_up(key, ["sensor_data", "events"], **{CONF_PRIVACY: privacy})
    for hour in (9, 8):
        await household.live(hour)
        household.hass.states.async_set(
            "switch.fan", str(hour), {"by": USER}, context=Context(user_id=USER)
        )
        if hour == 9:
            await household.export()
    await household.keep()
