"""A backup is restored, a copy of the home exports, .storage is lost: each row is there once.

BigQuery lists no row that was streamed in the last 90 minutes. With the role Job User a query finds
it at once; without, the export waits until it is listed.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery import streaming_buffer
from custom_components.bigquery_export.const import CONF_SERVICE_ACCOUNT_KEY
from custom_components.bigquery_export.errors import (
    AnotherExportError,
    CheckpointOutdatedError,
    RowsHiddenError,
    RowsNotListedError,
)
from custom_components.bigquery_export.export import resume, table_export
from custom_components.bigquery_export.export.session import Result
from tests.bigquery_export.support.actions import act
from tests.bigquery_export.support.databases import ON_ANY_DATABASE, in_database
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, record, rewrite
from tests.bigquery_export.support.warehouse import HOME, Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

pytestmark = pytest.mark.real_buffer

ROLES = {
    "editor": (DATA_EDITOR,),
    "job user": (DATA_EDITOR, JOB_USER),
    "load jobs": (DATA_EDITOR, JOB_USER),
}
KEYS = pytest.mark.parametrize("roles", ROLES)
"""What the key may do; the last one exports by load jobs."""


@pytest.fixture(autouse=True)
def buffer(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let BigQuery list rows of write streams after 90 minutes, and not say so for two."""
    monkeypatch.setattr(streaming_buffer, "_UNCHANGED", 0.0)
    warehouse.server.change_settings(buffer_seconds=5400, buffer_lag_seconds=120)
    yield
    warehouse.server.change_settings(buffer_seconds=0, buffer_lag_seconds=0)


@pytest.fixture
def exporters(hass: HomeAssistant, warehouse: Warehouse, roles: str) -> Iterator[Exporters]:
    """Return what exports, with a key that has these roles."""
    warehouse.create_table()
    with closing(warehouse.connect(*ROLES[roles])) as connection:
        delivery = "load_job" if roles == "load jobs" else "storage_write"
        yield Exporters(Exporter(hass, connection, delivery, keeps_journal=True), warehouse, roles)


class Exporters:
    """A home that exports, and copies of it."""

    def __init__(self, exporter: Exporter, warehouse: Warehouse, roles: str) -> None:
        """Begin with one machine."""
        self.first = exporter
        self._warehouse = warehouse
        self._may_query = roles != "editor"
        self.waited: list[RowsNotListedError] = []
        """Why exports had to wait."""

    def second(self) -> Exporter:
        """Return a second machine that has a copy of the checkpoint, and the same database."""
        other = replace(self.first, entry_id="copy")
        other.file.path.write_bytes(self.first.file.path.read_bytes())
        return other

    async def export(self, exporter: Exporter | None = None) -> Result:
        """Export, with all patience, by a process that has just begun."""
        exporter = exporter or self.first
        exporter.restart()
        while True:
            try:
                return await exporter.export()
            except RowsNotListedError as err:
                if self._may_query or len(self.waited) == 50:
                    raise
                self.waited.append(err)
                self._warehouse.server.move_clock((err.retry_after or 0) + 1)

    def each_once(self, **recorded: int) -> None:
        """Assert that so many states of each entity are there, each once."""
        rows = self._warehouse.rows("entity_id, state, state_id")
        found = sorted((row["entity_id"], int(row["state"])) for row in rows)
        assert found == sorted(
            (f"sensor.{name}0", number)
            for name, count in recorded.items()
            for number in range(count)
        )


async def newest_id(hass: HomeAssistant) -> int:
    """Return the id of the newest state."""
    return int(
        await in_database(
            hass, lambda db: db.exec_driver_sql("SELECT max(state_id) FROM states").scalar_one()
        )
    )


async def restore_database(hass: HomeAssistant, newest: int) -> None:
    """Lose all states that are newer, whose ids are given again."""
    await rewrite(hass, f"DELETE FROM states WHERE state_id > {newest}")  # noqa: S608
    match get_instance(hass).dialect_name:
        case "mysql":
            await execute(hass, f"ALTER TABLE states AUTO_INCREMENT = {newest + 1}")
        case "postgresql":
            await execute(hass, f"ALTER SEQUENCE states_state_id_seq RESTART WITH {newest + 1}")


@KEYS
@ON_ANY_DATABASE
@pytest.mark.parametrize("what", ["checkpoint", "database", "both", "lost"])
async def test_restored(hass: HomeAssistant, exporters: Exporters, what: str) -> None:
    """Whatever comes back from last night's backup, or does not, each row is there once."""
    file = exporters.first.file.path
    await record(hass, 10, name="before")
    await exporters.export()
    checkpoint, newest = file.read_bytes(), await newest_id(hass)
    await record(hass, 10, name="between")
    await exporters.export()
    if what in ("checkpoint", "both"):
        file.write_bytes(checkpoint)
    if what in ("database", "both"):
        await restore_database(hass, newest)
    if what == "lost":
        file.unlink()
    await record(hass, 15, name="after")
    await exporters.export()
    exporters.each_once(before=10, between=10, after=15)
    assert not (await exporters.export()).total


@pytest.mark.parametrize("roles", ["job user"])
async def test_rows_behind_a_policy(
    hass: HomeAssistant, exporters: Exporters, warehouse: Warehouse
) -> None:
    """A query does not tell of rows that a policy hides, so none is trusted before all are seen."""
    await record(hass, 10, name="old")
    await exporters.export()
    exporters.first.file.remove()
    warehouse.server.add_fault("tabledata.list", "row_policy", times=None)
    try:
        with pytest.raises(RowsHiddenError):
            await exporters.export()
    finally:
        warehouse.server.clear_faults()
    await exporters.export()
    exporters.each_once(old=10)


@KEYS
@ON_ANY_DATABASE
async def test_both_restored_in_a_backfill(
    hass: HomeAssistant, exporters: Exporters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup from while history was being exported is known as old, too."""
    monkeypatch.setattr(resume, "MAX_ROWS", 20)
    file = exporters.first.file.path
    await record(hass, 30, name="before")
    assert not (await exporters.first.new_run(backfill=False).async_run()).total
    checkpoint, newest = file.read_bytes(), await newest_id(hass)
    assert b".backfill" in checkpoint
    await record(hass, 5, name="between")
    await exporters.export()
    exporters.each_once(before=30, between=5)
    file.write_bytes(checkpoint)
    await restore_database(hass, newest)
    await record(hass, 7, name="after")
    await exporters.export()
    exporters.each_once(before=30, between=5, after=7)


@KEYS
@ON_ANY_DATABASE
async def test_second_machine(hass: HomeAssistant, exporters: Exporters) -> None:
    """Who finds that a copy has gone on stops until it is decided; who came last goes on."""
    first = exporters.first
    await record(hass, 10, name="before")
    await exporters.export()
    second = exporters.second()
    await record(hass, 10, name="between")
    await exporters.export(second)
    exporters.each_once(before=10, between=10)
    # It is noticed before anything is committed.
    with pytest.raises(AnotherExportError):
        await first.export()
    exporters.each_once(before=10, between=10)
    await record(hass, 15, name="after")
    first.restart()
    with pytest.raises(AnotherExportError):
        await first.export()
    await first.journal.async_take_over()
    await exporters.export()
    exporters.each_once(before=10, between=10, after=15)
    await record(hass, 3, name="last")
    with pytest.raises(AnotherExportError):
        await second.export()
    await exporters.export()
    exporters.each_once(before=10, between=10, after=15, last=3)


@KEYS
async def test_second_machine_that_was_restarted(hass: HomeAssistant, exporters: Exporters) -> None:
    """A copy that starts is the one that came last."""
    await record(hass, 10, name="before")
    await exporters.export()
    second = exporters.second()
    await record(hass, 10, name="between")
    await exporters.export()
    await exporters.export(second)
    exporters.each_once(before=10, between=10)
    await record(hass, 5, name="after")
    with pytest.raises(AnotherExportError):
        await exporters.first.export()
    await exporters.export(second)
    exporters.each_once(before=10, between=10, after=5)


@KEYS
async def test_fence_is_gone(
    hass: HomeAssistant, exporters: Exporters, warehouse: Warehouse
) -> None:
    """Without the fence all is in doubt, whether or not the checkpoint is there."""
    first = exporters.first
    await record(hass, 10, name="before")
    await exporters.export()
    drop = f"DROP TABLE home.export_fence_{HOME}"
    warehouse.server.query(drop, warehouse.project)
    await record(hass, 10, name="between")
    with pytest.raises(CheckpointOutdatedError):
        await first.export()
    await exporters.export()
    exporters.each_once(before=10, between=10)
    warehouse.server.query(drop, warehouse.project)
    first.file.path.unlink()
    await exporters.export()
    exporters.each_once(before=10, between=10)
    assert not (await exporters.export()).total


@pytest.mark.parametrize("roles", ["editor"])
async def test_the_wait(hass: HomeAssistant, exporters: Exporters) -> None:
    """It is said which table waits, why, and until when; other tables do not wait."""
    first = exporters.first
    first.tables = ("sensor_data", "recorder_runs")
    await record(hass, 10, name="before")
    await exporters.export()
    first.file.path.unlink()
    first.restart()
    with pytest.raises(RowsNotListedError) as raised:
        await first.export()
    assert raised.value.table == "sensor_data"
    assert raised.value.until[-1] in "05"
    assert 0 < (raised.value.retry_after or 0) <= 300
    await exporters.export()
    exporters.each_once(before=10)
    assert len(exporters.waited) > 10  # 91 minutes, in steps of five


@pytest.mark.parametrize("roles", ["editor"])
@ON_ANY_DATABASE
@pytest.mark.parametrize("sent", [False, True])
async def test_purged_while_waiting(
    hass: HomeAssistant, exporters: Exporters, monkeypatch: pytest.MonkeyPatch, *, sent: bool
) -> None:
    """What the recorder would delete meanwhile is set aside, and sent later if it is not there."""
    first = exporters.first
    await record(hass, 10, name="before")
    await exporters.export()
    await record(hass, 10, name="between")
    if sent:
        await exporters.export()
    first.file.path.unlink()
    first.restart()
    with monkeypatch.context() as purge:
        purge.setattr(table_export, "is_purged_within", lambda *_: True)
        with pytest.raises(RowsNotListedError):
            await first.export()
    await rewrite(hass, "DELETE FROM states")
    await record(hass, 5, name="after")
    first.restart()
    with pytest.raises(RowsNotListedError):
        await first.export()
    await exporters.export()
    exporters.each_once(before=10, between=10, after=5)
    assert first.journal.checkpoint.set_aside == {}
    assert not first.set_aside.path.exists()


@pytest.mark.parametrize("roles", [(DATA_EDITOR,), (DATA_EDITOR, JOB_USER)])
async def test_what_was_just_sent(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, roles: tuple[str, ...]
) -> None:
    """Neither Force nor Verify misses what BigQuery does not list yet; later they compare it."""
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], *roles)
    await record(hass, 40)
    assert await hass.config_entries.async_setup(entry.entry_id)
    forced = await act(hass, "export_now", force=True)
    assert sum(forced["rows"].values()) >= 40
    assert not any(forced["sent_again"].values())
    verified = await act(hass, "verify")
    assert verified["total"]["missing"] == verified["total"]["duplicated"] == 0
    states = verified["tables"]["sensor_data"]
    assert states["not_listed_yet"] >= 40
    assert states["total"]["recorder"] == 0

    warehouse.server.move_clock(2 * 60 * 60)
    verified = await act(hass, "verify")
    states = verified["tables"]["sensor_data"]
    assert states["not_listed_yet"] == 0
    assert states["total"]["recorder"] == states["total"]["bigquery"] >= 40
    warehouse.server.query("DELETE FROM home.sensor_data WHERE state = '7'", warehouse.project)
    forced = await act(hass, "export_now", force=True)
    assert forced["sent_again"]["sensor_data"] == 1
    # What was sent again is not missed either.
    forced = await act(hass, "export_now", force=True)
    assert not any(forced["sent_again"].values())
    assert await hass.config_entries.async_unload(entry.entry_id)
