"""Dimension tables: what changes is sent once, wherever a run ends."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.storage_write import (
    PendingStream,
    StorageWriteDelivery,
)
from custom_components.bigquery_export.errors import (
    CheckpointUnwritableError,
    StoppedError,
)
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.export.dimensions import snapshot as snapshot_module
from custom_components.bigquery_export.export.dimensions.snapshot import DimensionRow, last_known
from custom_components.bigquery_export.export.dimensions.snapshot_file import (
    Generation,
    Sent,
    SnapshotFile,
)
from custom_components.bigquery_export.rows.entities import ENTITIES
from tests.bigquery_export.support.crashes import TRANSACTIONS, Crash, crash_at
from tests.bigquery_export.support.exported_rows import log_rows
from tests.bigquery_export.support.registered_home import DimensionsExporter, Home, entity_rows
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[DimensionsExporter]:
    """Return what makes runs into empty tables."""
    warehouse.create_table()
    with closing(warehouse.connect()) as connection:
        yield DimensionsExporter(hass, connection)


@pytest.fixture(params=TRANSACTIONS)
def delivery(request: pytest.FixtureRequest, exporter: DimensionsExporter) -> str:
    """Export by each delivery."""
    exporter.delivery = request.param
    return exporter.delivery


@pytest.fixture
def home(hass: HomeAssistant) -> Home:
    """Return a home with three entities."""
    home = Home(hass)
    for name in "abc":
        home.entity(name)
    return home


def change(home: Home) -> None:
    """Change one entity, rename and remove another, and add one."""
    home.entities.async_update_entity("sensor.a", name="A")
    home.rename("sensor.b", "sensor.bb")
    home.entities.async_remove("sensor.c")
    home.entity("d")


def sent(warehouse: Warehouse) -> list[tuple[str, ...]]:
    """Return what was sent: name, entity_id, the one before, and whether it is gone."""
    return [
        (row["entity_id"], row["name"] or "", row["renamed_from"] or "", row["removed"])
        for row in entity_rows(warehouse)
    ]


FIRST = [(f"sensor.{name}", "", "", "false") for name in "abc"]
CHANGED = [
    ("sensor.a", "A", "", "false"),
    ("sensor.bb", "", "sensor.b", "false"),
    ("sensor.c", "", "", "true"),
    ("sensor.d", "", "", "false"),
]

CRASHES = {
    "while rows are appended": ("append", "before"),
    "after the sending has ended": ("finish", "after"),
    "before the file is written": ("file", "before"),
    "between file and commit": ("file", "after"),
    "before the intent is written": ("save", "before"),
    "after the intent was written": ("save", "after"),
    "before the commit": ("commit", "before"),
    "between commit and checkpoint": ("commit", "after"),
}


def crash(patch: pytest.MonkeyPatch, exporter: DimensionsExporter, where: str) -> None:
    """Let the process die at one of the places."""
    name, when = CRASHES[where]
    owner: type = TRANSACTIONS[exporter.delivery]
    if name in ("file", "save"):
        owner = SnapshotFile if name == "file" else CheckpointFile
        name = "save"
    crash_at(patch, owner, name, when, 1)


@pytest.mark.parametrize("where", CRASHES)
@pytest.mark.parametrize(
    ("first", "delivery"), [(True, StorageWriteDelivery.name), (False, LoadJobDelivery.name)]
)
async def test_crash(
    home: Home,
    warehouse: Warehouse,
    exporter: DimensionsExporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    *,
    first: bool,
) -> None:
    """Wherever a process dies, the next one makes it so that each change is there once."""
    exporter.delivery = delivery
    exporter.tables = ()
    if not first:
        await exporter.export()
        change(home)
    with monkeypatch.context() as patch:
        crash(patch, exporter, where)
        with pytest.raises(Crash):
            await exporter.export()
    await exporter.export()
    expected = FIRST if first else FIRST + CHANGED
    assert sent(warehouse) == expected
    assert log_rows(warehouse) == len(expected)
    if first:
        change(home)
        await exporter.export()
        assert sent(warehouse) == FIRST + CHANGED
    checkpoint = exporter.file.load()
    position = checkpoint.position("entities")
    assert (checkpoint.intent, position.rows, position.in_doubt_until) == (None, 7, 0)
    assert await exporter.export_entities() == 0


@pytest.mark.parametrize("where", ["between file and commit", "between commit and checkpoint"])
async def test_change_after_a_crash(
    home: Home,
    warehouse: Warehouse,
    exporter: DimensionsExporter,
    delivery: str,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """What changes between a crash and the next run is compared with what was committed."""
    exporter.tables = ()
    await exporter.export()
    home.rename("sensor.a", "sensor.a2")
    with monkeypatch.context() as patch:
        crash(patch, exporter, where)
        with pytest.raises(Crash):
            await exporter.export()
    home.rename("sensor.a2", "sensor.a")
    await exporter.export()
    committed = [("sensor.a2", "", "sensor.a", "false"), ("sensor.a", "", "sensor.a2", "false")]
    assert sent(warehouse)[3:] == (committed if "checkpoint" in where else [])


@pytest.mark.parametrize("lost", ["file", "damaged file", "checkpoint", "both"])
async def test_lost(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter, lost: str
) -> None:
    """Without file or checkpoint everything is sent again, and the views show no change."""
    warehouse.create_table(ENTITIES)
    await exporter.export()
    home.entities.async_remove("sensor.c")
    await exporter.export()
    shown = [entity_rows(warehouse, view=f"entities_{view}") for view in ("valid", "latest")]
    if lost in ("file", "both"):
        exporter.snapshot_file.remove()
    if lost == "damaged file":
        content = exporter.snapshot_file.path.read_bytes()
        exporter.snapshot_file.path.write_bytes(content[: len(content) // 2])
    if lost in ("checkpoint", "both"):
        exporter.file.remove()
    # What is gone is known only by the file.
    assert await exporter.export_entities() == (3 if lost == "checkpoint" else 2)
    assert shown == [
        entity_rows(warehouse, view=f"entities_{view}") for view in ("valid", "latest")
    ]
    assert await exporter.export_entities() == 0
    home.entities.async_update_entity("sensor.a", name="A")
    assert await exporter.export_entities() == 1
    generations = [int(row["generation"]) for row in entity_rows(warehouse)]
    assert len(set(generations)) == 4


@pytest.mark.parametrize("committed", [True, False])
async def test_forgotten_transaction(
    home: Home,
    warehouse: Warehouse,
    exporter: DimensionsExporter,
    monkeypatch: pytest.MonkeyPatch,
    *,
    committed: bool,
) -> None:
    """When BigQuery has forgotten a transaction in doubt, all is sent that may not be there."""
    exporter.tables = ()
    await exporter.export()
    change(home)
    with monkeypatch.context() as patch:
        crash(
            patch, exporter, "between commit and checkpoint" if committed else "before the commit"
        )
        with pytest.raises(Crash):
            await exporter.export()
    home.entities.async_remove("sensor.d")
    with monkeypatch.context() as patch:
        patch.setattr(StorageWriteDelivery, "settle", lambda *_: Outcome.FORGOTTEN)
        await exporter.export()
    latest = {row[0]: row[3] for row in sent(warehouse)}
    assert {name: latest[name] for name in latest if name != "sensor.b"} == {
        "sensor.a": "false",
        "sensor.bb": "false",
        "sensor.c": "true",
        "sensor.d": "true",
    }
    assert exporter.file.load().position("entities").in_doubt_until == 0
    assert await exporter.export_entities() == 0


async def test_no_commit_without_its_file(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """Where the file cannot be written nothing is committed."""
    exporter.snapshot_file.path.mkdir(parents=True)
    with pytest.raises(CheckpointUnwritableError):
        await exporter.export()
    assert sent(warehouse) == []
    exporter.snapshot_file.path.rmdir()
    assert await exporter.export_entities() == 3


def refusing(exporter: DimensionsExporter, entity_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the registry say something of an entity that cannot be encoded."""
    read = exporter.registries.async_entities

    async def spoilt() -> dict[str, DimensionRow]:
        return {
            key: DimensionRow({**row.values, "model": 5})
            if row.values["entity_id"] == entity_id
            else row
            for key, row in (await read()).items()
        }

    monkeypatch.setattr(exporter.registries, "async_entities", spoilt)


async def test_rejected(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entity whose values cannot be encoded is kept in the file of rejected rows, once."""
    refusing(exporter, "sensor.b", monkeypatch)
    result = await exporter.export()
    assert (result.rows["entities"], result.rejected) == (2, 1)
    assert [row[0] for row in sent(warehouse)] == ["sensor.a", "sensor.c"]
    (rejected,) = exporter.rejected_rows()
    assert rejected["table"] == "entities"
    assert rejected["encoded"]
    assert rejected["row"]["entity_id"] == "sensor.b"
    position = exporter.file.load().position("entities")
    assert (position.rows, position.rejected) == (2, 1)
    assert await exporter.export_entities() == 0
    assert len(exporter.rejected_rows()) == 1


async def test_rejected_rows_are_sent_again(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter, delivery: str
) -> None:
    """A row that BigQuery did not take is sent again when that is asked for, and only once."""
    exporter.tables = ()
    path = exporter.rejected.path
    encoding = exporter.deliveries[delivery].encoding(ENTITIES)
    fragment = encoding.fragment

    def refuse(values: Mapping[str, Any]) -> bytes:
        if values.get("entity_id") == "sensor.b":
            raise ValueError("not today")
        return fragment(values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "fragment", refuse)
        await exporter.export()
    assert len(sent(warehouse)) == 2
    kept = path.read_bytes()
    assert (await exporter.retry_rejected()).rows == {"entities": 1}
    path.write_bytes(kept)  # As after a crash.
    assert (await exporter.retry_rejected()).rows == {"entities": 0}
    assert sent(warehouse) == FIRST
    assert len({row["generation"] for row in entity_rows(warehouse)}) == 1
    assert await exporter.export_entities() == 0


async def test_batches(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many rows are sent in batches, and committed together."""
    monkeypatch.setattr(snapshot_module, "PIECE_ROWS", 2)
    for number in range(8):
        home.entity(f"e{number}")
    appended = []
    append = PendingStream.append

    def count(self: PendingStream, rows: list[bytes]) -> Any:
        appended.append(len(rows))
        return append(self, rows)

    monkeypatch.setattr(PendingStream, "append", count)
    await exporter.registries.async_open({})
    await exporter.new_run(batch_rows=4).async_run()
    exporter.registries.async_close()
    assert appended == [4, 4, 3, 1]  # The last one is of the log.
    assert len(sent(warehouse)) == 11
    (log,) = warehouse.server.query("SELECT * FROM home.export_log", warehouse.project)
    assert (log["table_name"], log["row_count"]) == ("entities", "11")
    generation = entity_rows(warehouse)[0]["generation"]
    assert (log["first_id"], log["last_id"]) == (generation, generation)


async def test_stop(home: Home, warehouse: Warehouse, exporter: DimensionsExporter) -> None:
    """A stopped run sends nothing, and the next one everything."""
    await exporter.registries.async_open({})
    run = exporter.new_run()
    run.stop()
    with pytest.raises(StoppedError):
        await run.async_run()
    exporter.registries.async_close()
    assert sent(warehouse) == []
    assert await exporter.export_entities() == 3


async def test_what_is_remembered_of_the_gone(
    hass: HomeAssistant,
    home: Home,
    warehouse: Warehouse,
    exporter: DimensionsExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of keys that are gone the latest are remembered, and each has its row nonetheless."""
    monkeypatch.setattr(snapshot_module, "MAX_GONE", 1)
    await exporter.export()
    for name in "ab":
        home.entities.async_remove(f"sensor.{name}")
        assert await exporter.export_entities() == 1
    home.entities.async_remove("sensor.c")
    home.entity("d")
    assert await exporter.export_entities() == 2
    known = last_known(hass, "entry", "entities", "entity_id")
    assert known.keys() >= {"sensor.b", "sensor.c", "sensor.d"}
    assert [row[0] for row in sent(warehouse) if row[3] == "true"] == [
        *("sensor.a", "sensor.b", "sensor.c"),
    ]
    (*_, newest) = exporter.snapshot_file.load()
    assert len(newest.rows) == 3


async def test_clock_that_runs_back(
    home: Home, warehouse: Warehouse, exporter: DimensionsExporter
) -> None:
    """Generations have rising numbers whatever the clock says."""
    await exporter.export()
    checkpoint = exporter.file.load()
    position = checkpoint.position("entities")
    later = position.cursor + 1_000_000_000_000
    (generation,) = exporter.snapshot_file.load()
    exporter.snapshot_file.save([replace(generation, number=later)])
    exporter.file.save(checkpoint.advanced("entities", replace(position, cursor=later)))
    home.entities.async_update_entity("sensor.a", name="A")
    assert await exporter.export_entities() == 1
    assert entity_rows(warehouse)[-1]["generation"] == str(later + 1)


def test_file(hass: HomeAssistant) -> None:
    """Both generations come back as they were, in a file that only its owner can read."""
    file = SnapshotFile(hass, "entry", "entities")
    same, before, after = Sent({"labels": ["é\n"], "n": 1}), Sent({"n": None}), Sent({"n": 2}, True)
    generations = [
        Generation(3, 30, {"same": same, "changed": before, "left": before}),
        Generation(4, 40, {"same": same, "changed": after, "new": after}),
    ]
    file.save(generations)
    assert file.load() == generations
    assert file.path.stat().st_mode & 0o077 == 0
    file.save(generations[1:])
    assert file.load() == generations[1:]
    file.save([Generation(5, 50, {})])
    assert file.load() == [Generation(5, 50, {})]
    file.remove()
    assert file.load() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[\n]\n",
        b"[\n{}\n]\n",
        b'[\n{"version":2,"generations":[]}\n]\n',
        b'[\n{"version":1,"generations":[[1,1]]},\n["a",[1],false,{}]\n]\n',
        b'[\n{"version":1,"generations":[[1,1]]},\n["a",[0],false]\n]\n',
        b'[\n{"version":1,"generations":[[1,1]]},\n["a",[0],false,{"a":1}],\n["b",[0',
        b'[\n{"version":1,"generations":[[1,1]]},\n\xff\n]\n',
    ],
)
def test_damaged_file(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """A file that cannot be read is none, and the log says so."""
    file = SnapshotFile(hass, "entry", "entities")
    file.path.parent.mkdir(exist_ok=True)
    file.path.write_bytes(content)
    assert file.load() == []
    assert "everything is sent again" in caplog.text
    file.remove()
    file.remove()
