"""What is read of the registries while an export is running."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

from homeassistant.core import HomeAssistant
import pytest

from custom_components.bigquery_export.export import chunk as chunk_module, table_export
from custom_components.bigquery_export.home import (
    registries as registries_module,
    steps as steps_module,
)
from custom_components.bigquery_export.home.registries import Registries
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.registry import RegistryValues
from custom_components.bigquery_export.rows.state_encoder import StateEncoder
from custom_components.bigquery_export.source.states import StatesPiece
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.registered_home import (
    DimensionsExporter,
    Home,
    entity_rows,
    furnish,
)
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES
from tests.bigquery_export.support.state_rows import ENCODING, row
from tests.bigquery_export.support.warehouse import Warehouse
from tests.machine.patience import patient


@pytest.fixture
def home(hass: HomeAssistant) -> Home:
    """Return a home that is furnished."""
    home = Home(hass)
    furnish(home)
    return home


@pytest.fixture
async def registries(home: Home) -> Any:
    """Return the registries as an export has them open."""
    registries = Registries(home.hass)
    await registries.async_open({})
    yield registries
    registries.async_close()


async def test_entities_change_at_once(home: Home, registries: Registries) -> None:
    """A new, changed or renamed entity is known before its next state can be read."""
    version = registries.version
    entry = home.entity("new")
    assert registries.of("sensor.new").registry_id == entry.id
    assert registries.version > version

    version = registries.version
    home.entities.async_update_entity("sensor.new", area_id="attic", name="New")
    assert registries.of("sensor.new").area_name == "Attic"
    assert registries.version > version

    home.rename("sensor.new", "sensor.newer")
    assert registries.of("sensor.newer").registry_id == entry.id
    assert len(await registries.async_entities()) == 7
    assert (await registries.async_entities())[entry.id].values["entity_id"] == "sensor.newer"


async def test_what_entities_offer_is_read_once_a_day(home: Home, registries: Registries) -> None:
    """What some entities can do changes with their states: that alone is read the next day."""
    id_ = str(registries.of("sensor.alone").registry_id)
    version = registries.version

    async def offered() -> tuple[Any, Any]:
        values = (await registries.async_entities())[id_].values
        return values["capabilities"], values["supported_features"]

    home.entity("alone", capabilities={"a": 1}, supported_features=4)
    assert await offered() == (None, 0)
    assert registries.version == version
    home.entity("alone", capabilities={"a": 2}, translation_key="new")
    assert await offered() == ('{"a":2}', 4)
    home.entity("alone", capabilities={"a": 3})
    assert await offered() == ('{"a":2}', 4)
    registries.async_close()
    await registries.async_open({})
    assert await offered() == ('{"a":3}', 4)


async def test_names_that_are_given_up(home: Home, registries: Registries) -> None:
    """Rows may still come under a name that an entity had: they keep its registry values."""
    before = registries.of("sensor.alone")
    home.rename("sensor.alone", "sensor.other")
    assert registries.of("sensor.alone") == before
    home.entities.async_remove("sensor.other")
    assert registries.of("sensor.other") == before
    assert before.registry_id not in await registries.async_entities()


async def test_swap(home: Home, registries: Registries) -> None:
    """When two entities swap their names, each has its own values under the other's name."""
    a, b = registries.of("sensor.alone"), registries.of("sensor.uplink")
    home.rename("sensor.alone", "sensor.x")
    home.rename("sensor.uplink", "sensor.alone")
    home.rename("sensor.x", "sensor.uplink")
    assert (registries.of("sensor.alone"), registries.of("sensor.uplink")) == (b, a)
    assert len(await registries.async_entities()) == 6


@pytest.mark.parametrize("part", ["device", "area", "floor", "label"])
async def test_what_is_around_them_changes(home: Home, registries: Registries, part: str) -> None:
    """What changes in another registry is read again, for all entities that it is about."""
    before = registries.of("sensor.temperature")
    version = registries.version
    match part:
        case "device":
            home.devices.async_update_device(home.found("Probe").id, name_by_user="New")
        case "area":
            home.areas.async_update("kitchen", name="New")
        case "floor":
            home.floors.async_update("ground_floor", name="New")
        case "label":
            home.labels.async_update("radio", name="New")
    row = (await registries.async_entities())[str(before.registry_id)]
    after = registries.of("sensor.temperature")
    assert after != before
    assert "New" in [after.device_name, after.area_name, after.floor_name, *after.labels]
    assert row.values["labels"] == list(after.labels)
    assert registries.version > version


async def test_many_changes_are_read_together(
    home: Home, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred changes are not a hundred times to read everything, and the last one counts."""
    reads = 0
    read = Registries._async_read

    async def count(self: Registries) -> None:
        nonlocal reads
        reads += 1
        if reads == 1:
            home.areas.async_update("kitchen", name="While it is read")
        await read(self)

    monkeypatch.setattr(Registries, "_async_read", count)
    for number in range(100):
        home.areas.async_update("kitchen", name=f"Kitchen {number}")
    await registries.async_entities()
    assert reads == 2
    assert registries.of("sensor.temperature").area_name == "While it is read"


async def test_changes_without_end(
    home: Home, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An integration that changes its devices all the time does not hold up an export."""
    monkeypatch.setattr(registries_module, "_QUIET", 0.01)
    monkeypatch.setattr(registries_module, "_PATIENCE", 0.2)
    # Others run between any two entities, as between steps of a large home.
    monkeypatch.setattr(steps_module, "_STEP", 0.0)

    async def change() -> None:
        for number in count():
            home.areas.async_update("kitchen", name=f"Kitchen {number}")
            await asyncio.sleep(0)

    changes = asyncio.create_task(change())
    await asyncio.sleep(0.05)
    try:
        async with patient(10):
            assert len(await registries.async_entities()) == 6
        assert not changes.done()
    finally:
        changes.cancel()


async def test_closed(home: Home) -> None:
    """Between exports nothing is followed, and nothing remembered."""
    registries = Registries(home.hass)
    known = {"sensor.gone": {"model": "M"}}
    await registries.async_open(known)
    assert registries.of("sensor.gone") == RegistryValues(model="M")
    home.areas.async_update("kitchen", name="New")
    registries.async_close()
    version = registries.version
    home.entity("new")
    home.areas.async_update("kitchen", name="Newer")
    await home.hass.async_block_till_done()
    assert registries.version == version
    for name in ("new", "temperature", "gone"):
        assert registries.of(f"sensor.{name}") == RegistryValues()
    await registries.async_open({})
    assert registries.of("sensor.temperature").area_name == "Newer"
    registries.async_close()


async def test_not_in_the_registry(home: Home, registries: Registries) -> None:
    """An entity without unique id has its integration's value, whatever had its name before."""
    registries._last_known = {"sensor.computed": {"model": "M"}}
    await home.add_unregistered("sensor.computed")
    assert registries.of("sensor.computed") == RegistryValues(integration="template")


async def test_short_steps(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others get their turn whenever a millisecond has passed, however many entities there are."""
    for number in range(194):
        home.entity(f"e{number}")
    registries = Registries(home.hass)
    looked = 0
    clock = 0.0
    look_at = registries._look_at

    def take_time(entity_id: str) -> None:
        nonlocal looked, clock
        looked += 1
        clock += 0.0003
        look_at(entity_id)

    seen: list[int] = []

    async def others() -> None:
        while looked < 200:
            seen.append(looked)
            await asyncio.sleep(0)

    monkeypatch.setattr(registries, "_look_at", take_time)
    monkeypatch.setattr(steps_module, "perf_counter", lambda: clock)
    await asyncio.gather(registries.async_open({}), others())
    assert looked == 200
    assert seen == list(range(4, 200, 4))
    registries.async_close()


class Known:
    """Registry values that a test changes."""

    def __init__(self) -> None:
        """Know one version."""
        self.version = 1
        self.asked: list[str] = []

    def of(self, entity_id: str) -> RegistryValues:
        """Return the version as a model."""
        self.asked.append(entity_id)
        return RegistryValues(model=str(self.version))


def test_encoded_once_for_each_change() -> None:
    """Registry values are asked for once for each entity and change, and not for each row."""
    known = Known()
    encoder = StateEncoder(ENCODING, RowContext(RUN_VALUES, AMSTERDAM, registry=known))
    entities = {1: "sensor.a", 2: "sensor.b"}
    piece = StatesPiece(
        [row(metadata_id=1), row(metadata_id=2), row(metadata_id=1)], entities, {7: None}
    )

    def models() -> list[str]:
        return [ENCODING.decode(data)["model"] for data in encoder.encode(piece).data]

    assert models() == models() == ["1"] * 3
    assert known.asked == ["sensor.a", "sensor.b"]
    known.version = 2
    assert models() == models() == ["2"] * 3
    assert known.asked == ["sensor.a", "sensor.b"] * 2


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[DimensionsExporter]:
    """Return what makes runs into empty tables."""
    warehouse.create_table()
    with closing(warehouse.connect()) as connection:
        yield DimensionsExporter(hass, connection)


async def test_change_while_a_run_is_going_on(
    hass: HomeAssistant,
    home: Home,
    warehouse: Warehouse,
    exporter: DimensionsExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows that are encoded after a change have the new values; the next run sends its row."""
    monkeypatch.setattr(chunk_module, "MAX_ROWS", 10)
    monkeypatch.setattr(table_export, "IN_DOUBT_ROWS", 10)
    for number in range(30):
        hass.states.async_set("sensor.alone", str(number))
    await record(hass, 0)
    await exporter.registries.async_open({})
    run = exporter.new_run(batch_rows=10)
    session = run._session
    commit = session._async_commit

    async def rename_after(*args: Any) -> None:
        await commit(*args)
        if len(warehouse.rows("state_id")) == 10:
            home.entities.async_update_entity("sensor.alone", labels={"critical"})

    monkeypatch.setattr(type(session), "_async_commit", lambda _, *args: rename_after(*args))
    await run.async_run()
    monkeypatch.undo()
    exporter.registries.async_close()
    labels = [len(row["labels"]) for row in warehouse.rows("labels, state_id")]
    assert labels == [0] * 10 + [1] * 20
    assert await exporter.export_entities() == 1
    assert entity_rows(warehouse)[-1]["labels"] == ["Critical"]
