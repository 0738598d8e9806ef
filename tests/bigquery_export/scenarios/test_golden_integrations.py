"""Integrations that fail, retry, recover, are disabled and removed, beside tables by hand."""

from collections.abc import AsyncIterator
from typing import Any

from homeassistant.config_entries import SOURCE_IGNORE, ConfigEntryDisabler
from homeassistant.const import __version__ as HOME_ASSISTANT_VERSION
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryError, ConfigEntryNotReady
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.dimensions.snapshot_file import SnapshotFile
from custom_components.bigquery_export.rows.context import Choice
from custom_components.bigquery_export.rows.entity_filter import EntityFilter, Selection
from custom_components.bigquery_export.rows.integrations import INTEGRATIONS
from custom_components.bigquery_export.rows.privacy import Privacy, PrivacyChoice
from tests.bigquery_export.support.crashes import TRANSACTIONS, Crash, crash_at
from tests.bigquery_export.support.flaky_home import DimensionExporter, FlakyHome
from tests.bigquery_export.support.warehouse import Warehouse

NO_ANSWER = ConfigEntryNotReady("no answer from 192.168.1.9")
WRONG_CODE = ConfigEntryError(
    translation_domain="flaky", translation_key="wrong_code", translation_placeholders={}
)
HISTORY = """
hub     | loaded      |                  |      |
hub     | setup_retry | no answer from … |      |
hub     | loaded      |                  |      |
hub     | setup_retry | no answer from … |      |
hub     | loaded      |                  |      |
hub     | loaded      |                  |      | removed
cloud   | setup_retry | no answer from … |      |
cloud   | setup_error | wrong_code       |      |
cloud   | not_loaded  |                  | user |
cloud   | loaded      |                  |      |
steady  | loaded      |                  |      |
"""
"""What was true of each entry, one after another."""
OUTAGES = """
cloud | setup_error, setup_retry | no answer from …
hub   | setup_retry              | no answer from …
hub   | setup_retry              | no answer from …
"""


@pytest.fixture
def home(hass: HomeAssistant) -> FlakyHome:
    """Return a home without entries."""
    return FlakyHome(hass)


@pytest.fixture
async def exporter(hass: HomeAssistant, warehouse: Warehouse) -> AsyncIterator[DimensionExporter]:
    """Return what makes runs into an empty table with views, and follows all states."""
    await hass.async_add_executor_job(warehouse.create_table, INTEGRATIONS)
    connection = await hass.async_add_executor_job(warehouse.connect)
    exporter = DimensionExporter(hass, connection)
    await exporter.states.async_open()
    yield exporter
    await exporter.states.async_close()
    await hass.async_add_executor_job(connection.close)


def lines(text: str) -> list[list[str]]:
    """Return the cells of a table, line by line."""
    return [
        [cell.strip() for cell in line.split("|")] for line in text.strip().splitlines() if line
    ]


async def asked(exporter: DimensionExporter, warehouse: Warehouse, sql: str) -> list[Any]:
    """Return the answer to a query."""
    return await exporter.hass.async_add_executor_job(
        warehouse.server.query, sql, warehouse.project
    )


async def history(exporter: DimensionExporter, warehouse: Warehouse) -> list[list[str]]:
    """Return what was true of each entry, one after another, as the view shows it."""
    rows = await asked(
        exporter,
        warehouse,
        "SELECT * FROM home.integrations_valid ORDER BY valid_from, generation",
    )
    return [
        [
            *(row["entry_id"], row["state"], row["reason"] or "", row["disabled_by"] or ""),
            "removed" if row["removed"] == "true" else "",
        ]
        for row in sorted(rows, key=lambda row: ("hub", "cloud", "steady").index(row["entry_id"]))
    ]


async def test_history(home: FlakyHome, warehouse: Warehouse, exporter: DimensionExporter) -> None:
    """Each change of a state is a row with its time, whenever it was exported, and no other is."""
    manager = home.hass.config_entries
    steady = await home.async_add("steady")
    hub = await home.async_add("hub", title="Ada's hub")
    home.failure = NO_ANSWER
    cloud = await home.async_add("cloud", data={"host": "192.168.1.9"})
    home.failure = None
    assert await exporter.export_rows() == 3
    assert await exporter.export_rows() == 0

    # An outage between two exports, and a retry that goes on.
    await home.async_reload(hub, NO_ANSWER)
    await home.async_retry(hub, ConfigEntryNotReady("now for another reason"))
    await home.async_retry(hub)
    await home.async_retry(cloud, NO_ANSWER)
    failed = [state.since for state in exporter.states.of("hub")][1:]
    assert await exporter.export_rows() == 2

    # Home Assistant starts again before the next export.
    await home.async_reload(hub, NO_ANSWER)
    await exporter.restart_following()
    await home.async_retry(hub)
    await home.async_retry(cloud, WRONG_CODE)
    await manager.async_set_disabled_by("cloud", ConfigEntryDisabler.USER)
    home.failure = None
    assert await exporter.export_rows() == 4
    await manager.async_set_disabled_by("cloud", None)
    await manager.async_remove("hub")
    await home.async_reload(steady)
    assert await exporter.export_rows() == 2
    assert await exporter.export_rows() == 0
    assert await history(exporter, warehouse) == lines(HISTORY)

    rows = await asked(
        exporter,
        warehouse,
        "SELECT valid_from FROM home.integrations WHERE entry_id = 'hub' ORDER BY valid_from",
    )
    assert [int(row["valid_from"]) for row in rows][1:3] == failed
    outages = await asked(
        exporter,
        warehouse,
        "SELECT * FROM home.integration_outages(TIMESTAMP '2020-01-01', TIMESTAMP '2100-01-01')"
        " ORDER BY entry_id, began",
    )
    assert [[row["entry_id"], row["states"], row["reason"]] for row in outages] == lines(OUTAGES)
    assert all(float(row["seconds"]) > 0 for row in outages)
    (key,) = await asked(
        exporter,
        warehouse,
        "SELECT DISTINCT reason_key FROM home.integrations WHERE state = 'setup_error'",
    )
    assert key == {"reason_key": "wrong_code"}
    everything = await asked(exporter, warehouse, "SELECT * FROM home.integrations")
    assert "Ada" not in str(everything)
    assert "192.168" not in str(everything)


async def test_what_an_integration_is(
    hass: HomeAssistant, home: FlakyHome, warehouse: Warehouse, exporter: DimensionExporter
) -> None:
    """A row says which integration it is, and how much of it there is; a change is a row."""
    custom = FlakyHome(hass, "bespoke", version="1.2.3")
    hub = await home.async_add("hub")
    await custom.async_add("own")
    await home.async_add("ignored", source=SOURCE_IGNORE)
    MockConfigEntry(domain="missing", entry_id="lost").add_to_hass(hass)
    await exporter.restart_following()
    devices, entities = dr.async_get(hass), er.async_get(hass)
    device = devices.async_get_or_create(config_entry_id="hub", identifiers={("flaky", "a")})
    for number in range(3):
        name = f"n{number}"
        entities.async_get_or_create(
            *("sensor", "flaky", name),
            suggested_object_id=name,
            config_entry=hub,
            device_id=device.id,
        )
    assert await exporter.export_rows() == 3
    shown = (
        *("entry_id", "domain", "name", "version", "is_built_in", "integration_type"),
        *("iot_class", "state", "entities", "devices"),
    )

    async def found() -> list[list[str | None]]:
        rows = await asked(
            exporter, warehouse, "SELECT * FROM home.integrations_latest ORDER BY entry_id DESC"
        )
        assert all(row["created"] for row in rows)
        return [[row[name] for name in shown] for row in rows]

    kind = ["hub", "local_push", "loaded"]
    own = ["own", "bespoke", "bespoke", "1.2.3", "false", *kind, "0", "0"]
    lost = ["lost", "missing", None, None, None, None, None, "not_loaded", "0", "0"]
    flaky = ["hub", "flaky", "flaky", HOME_ASSISTANT_VERSION, "true", *kind]
    assert await found() == [own, lost, [*flaky, "3", "1"]]
    entities.async_remove("sensor.n0")
    assert await exporter.export_rows() == 1
    assert await found() == [own, lost, [*flaky, "2", "1"]]


async def test_privacy(
    hass: HomeAssistant, home: FlakyHome, warehouse: Warehouse, exporter: DimensionExporter
) -> None:
    """No reason is sent where an entity is hidden or excluded, and no row where all are."""
    entities = er.async_get(hass)
    for entry_id, names in {
        "open": ("a", "b"),
        "hidden": ("c", "secret"),
        "half": ("d", "no_1"),
        "excluded": ("no_2", "no_3"),
        "empty": (),
    }.items():
        entry = await home.async_add(entry_id)
        for name in names:
            entities.async_get_or_create(
                "sensor", "flaky", name, suggested_object_id=name, config_entry=entry
            )
        await home.async_reload(entry, NO_ANSWER)
        home.failure = None
    hidden = PrivacyChoice(hidden=("sensor.secret",))
    exporter.privacy = Privacy(hidden, b"key")
    exporter.choice = Choice(
        entities=EntityFilter(exclude=Selection(globs=("sensor.no_*",), domains=("empty",)))
    )
    await exporter.export()
    (*rows,) = await asked(
        exporter,
        warehouse,
        "SELECT entry_id, STRING_AGG(reason, ' & ') AS reasons FROM home.integrations"
        " GROUP BY entry_id ORDER BY entry_id",
    )
    assert [list(row.values()) for row in rows] == [
        ["empty", "no answer from …"],
        ["half", None],
        ["hidden", None],
        ["open", "no answer from …"],
    ]
    # What is removed had a hidden entity, or not: that is not known any more.
    opened = hass.config_entries.async_get_known_entry("open")
    await home.async_retry(opened)
    await home.async_reload(opened, NO_ANSWER)
    await hass.config_entries.async_remove("open")
    assert await exporter.export_rows() == 3
    (row,) = await asked(
        exporter,
        warehouse,
        "SELECT COUNT(reason) AS reasons, COUNT(*) AS n FROM home.integrations"
        " WHERE entry_id = 'open'",
    )
    assert row == {"reasons": "1", "n": "5"}

    exporter.choice = Choice(
        entities=EntityFilter(exclude=Selection(integrations=frozenset({"flaky"})))
    )
    assert await exporter.export_rows() == 3
    assert not await asked(exporter, warehouse, "SELECT * FROM home.integrations_latest")


CRASHES = {
    "before the file is written": ("file", "before"),
    "between file and commit": ("file", "after"),
    "after the intent was written": ("save", "after"),
    "between commit and checkpoint": ("commit", "after"),
}


@pytest.mark.parametrize("where", CRASHES)
async def test_crash(
    home: FlakyHome,
    warehouse: Warehouse,
    exporter: DimensionExporter,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """Wherever a process dies, each state is there once, and so is what came after it."""
    hub = await home.async_add("hub")
    await exporter.export()
    await home.async_reload(hub, NO_ANSWER)
    await home.async_retry(hub)
    name, when = CRASHES[where]
    owner = {"file": SnapshotFile, "save": CheckpointFile}.get(
        name, TRANSACTIONS[StorageWriteDelivery.name]
    )
    with monkeypatch.context() as patch:
        crash_at(patch, owner, "commit" if name == "commit" else "save", when, 1)
        with pytest.raises(Crash):
            await exporter.export()
    await exporter.restart_following()
    await home.async_reload(hub, NO_ANSWER)
    await exporter.export()
    states = [row[1] for row in await history(exporter, warehouse)]
    assert states == ["loaded", "setup_retry", "loaded", "setup_retry"]
    (count,) = await asked(exporter, warehouse, "SELECT COUNT(*) AS n FROM home.integrations")
    assert count == {"n": "4"}
    assert await exporter.export_rows() == 0


async def test_forgotten(
    home: FlakyHome, warehouse: Warehouse, exporter: DimensionExporter
) -> None:
    """Where it is not known what was sent, all is sent as of now, and the view is right."""
    hub = await home.async_add("hub")
    await exporter.export()
    await home.async_reload(hub, NO_ANSWER)
    await home.async_retry(hub)
    assert await exporter.export_rows() == 2
    CheckpointFile(home.hass, exporter.entry_id).remove()
    assert await exporter.export_rows() == 1
    assert [row[1] for row in await history(exporter, warehouse)] == [
        *("loaded", "setup_retry", "loaded"),
    ]
    SnapshotFile(home.hass, exporter.entry_id, INTEGRATIONS.name).remove()
    await home.async_reload(hub, NO_ANSWER)
    assert await exporter.export_rows() >= 1
    latest = await asked(exporter, warehouse, "SELECT state FROM home.integrations_latest")
    assert latest == [{"state": "setup_retry"}]
