"""A flood of rejected rows: bounds on the disk and in memory, and an honest count."""

from collections import Counter
from collections.abc import Iterator, Sized
import tracemalloc

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.append_connection import AppendConnection
from custom_components.bigquery_export.bigquery.storage_write import PendingStream
from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.export import rejected_rows, set_aside
from custom_components.bigquery_export.export.rejected_rows import SET_ASIDE, RejectedRows
from custom_components.bigquery_export.rows.encoded_rows import RejectedRow
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.crashes import Crash, crash_at
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, numbers, record
from tests.bigquery_export.support.warehouse import Warehouse

NO_ENTITY = "UPDATE states SET metadata_id = NULL"
"""Then the recorder no longer knows whose a state is, and it is rejected."""


def reject_all(_: PendingStream, batch: Sized) -> dict[int, str]:
    """Answer as BigQuery does when it rejects each row of a batch."""
    return dict.fromkeys(range(len(batch)), "no")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the file have room for about five rows; return how many bytes."""
    monkeypatch.setattr(rejected_rows, "MAX_BYTES", 2_000)
    return 2_000


def rows(number: int, size: int = 10, reason: str = "no") -> Iterator[RejectedRow]:
    """Yield rejected rows, each with a state of a size."""
    for id_ in range(number):
        yield RejectedRow({"state_id": id_, "state": f"{id_:{size}}"}, reason, encoded=True)


def test_the_file_has_a_bound(hass: HomeAssistant, small: int) -> None:
    """What is over the bound is counted and not written, and what is known stays known."""
    file = RejectedRows(hass, "entry")
    kept, left_out = file.append("export", SENSOR_DATA, rows(100))
    assert file.path.stat().st_size <= small
    assert len(kept) == file.count() > 5
    assert left_out == 100 - len(kept)
    again = RejectedRows(hass, "entry").append("export", SENSOR_DATA, rows(100))
    assert again == (kept, left_out)
    assert file.path.stat().st_size <= small


def test_a_row_larger_than_the_rest_of_the_file(hass: HomeAssistant, small: int) -> None:
    """A large row is left out, and a small one after it still finds room."""
    file = RejectedRows(hass, "entry")
    large = RejectedRow({"state_id": 1, "state": "x" * small}, "no")
    kept, left_out = file.append("export", SENSOR_DATA, [large, *rows(1)])
    assert (len(kept), left_out) == (1, 1)


def test_long_and_many_reasons(hass: HomeAssistant) -> None:
    """A reason may be as long as a server likes, and different for each row."""
    file = RejectedRows(hass, "entry")
    for number in range(150):
        row = RejectedRow({"state_id": number}, f"{number} is wrong" + "." * 10_000)
        file.append("export", SENSOR_DATA, [row])
    reasons = file.count_by_reason()
    assert reasons.total() == 150
    assert reasons["other reasons"] == 50
    assert max(map(len, reasons)) <= 1_000


def test_memory_does_not_depend_on_the_number_of_rows(hass: HomeAssistant) -> None:
    """The file is counted and looked through line by line."""
    file = RejectedRows(hass, "entry")
    file.append("export", SENSOR_DATA, rows(4_000, 3_000))
    tracemalloc.start()
    try:
        assert file.count_by_reason() == Counter(no=4_000)
        assert file.count() == 4_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert file.path.stat().st_size > 12_000_000
    assert peak < 1_000_000


@pytest.mark.parametrize("delivery", ["storage_write", "load_job"])
async def test_an_export_in_a_flood(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, small: int, delivery: str
) -> None:
    """The position goes on, good rows arrive, and each row that is not kept is counted once."""
    exporter.delivery = delivery
    await record(hass, 60)
    await execute(hass, f"{NO_ENTITY} WHERE state_id <= 50")
    result = await exporter.export(batch_rows=7)
    assert (result.rows, result.rejected) == ({"sensor_data": 10}, 50)
    assert exporter.rejected.path.stat().st_size <= small
    checkpoint = exporter.file.load()
    assert checkpoint.left_out == 50 - len(exporter.rejected_rows())
    assert (checkpoint.position("sensor_data").cursor, checkpoint.left_out > 30) == (60, True)
    await exporter.export()
    assert exporter.file.load().left_out == checkpoint.left_out


async def test_only_rejected_rows(
    hass: HomeAssistant, warehouse: Warehouse, exporter: Exporter, small: int
) -> None:
    """Rows that are not kept count where a transaction has no others."""
    await record(hass, 30)
    await execute(hass, NO_ENTITY)
    await exporter.export()
    assert exporter.file.load().left_out == 30 - len(exporter.rejected_rows())


async def test_rows_that_bigquery_rejects(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    small: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What BigQuery rejects is bounded as well, and *Send again* sends what is kept."""
    await record(hass, 20)
    with monkeypatch.context() as patch:
        patch.setattr(
            AppendConnection, "send", lambda _, batch: dict.fromkeys(range(len(batch)), "no")
        )
        await exporter.export()
        kept = len(exporter.rejected_rows())
        assert exporter.file.load().left_out == 20 - kept
        assert (await exporter.retry_rejected()).rejected == kept
    result = await exporter.retry_rejected()
    assert (result.rows, result.rejected) == ({"sensor_data": kept}, 0)
    assert exporter.file.load().left_out == 20 - kept


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_in_a_flood(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    small: int,
    monkeypatch: pytest.MonkeyPatch,
    when: str,
) -> None:
    """Rows that come again after a crash are not counted again."""
    await record(hass, 60)
    await execute(hass, f"{NO_ENTITY} WHERE state_id <= 50")
    with monkeypatch.context() as patch:
        crash_at(patch, PendingStream, "commit", when, 1)
        with pytest.raises(Crash):
            await exporter.export()
    await exporter.export()
    assert states_in(warehouse) == numbers(60)[50:]
    assert exporter.file.load().left_out == 50 - len(exporter.rejected_rows())


async def test_send_again_in_parts(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Rows are sent again in parts, while the file becomes shorter; each once."""
    await record(hass, 25)
    with monkeypatch.context() as patch:
        patch.setattr(
            AppendConnection, "send", lambda _, batch: dict.fromkeys(range(len(batch)), "no")
        )
        await exporter.export()
    monkeypatch.setattr(exporter, "new_session", lambda new=exporter.new_session: new(batch_rows=4))
    result = await exporter.retry_rejected()
    assert (result.rows, result.rejected) == ({"sensor_data": 25}, 0)
    assert states_in(warehouse) == numbers(25)


def test_rows_that_are_set_aside_are_all_kept(
    hass: HomeAssistant, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not sent yet: a file that is full takes what it was promised, and no more after."""
    monkeypatch.setattr(set_aside, "MAX_BYTES", small)
    file = RejectedRows(hass, "entry", SET_ASIDE)
    assert file.append("export", SENSOR_DATA, rows(100)).left_out == 0
    assert file.count() == 100
    assert file.size > small


async def test_the_user_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, small: int
) -> None:
    """The sensor counts all rejected rows, and a repair says how many are not kept."""

    def issue() -> ir.IssueEntry | None:
        return ir.async_get(hass).async_get_issue(DOMAIN, f"rows_left_out_{entry.entry_id}")

    await record(hass, 40)
    await execute(hass, f"{NO_ENTITY} WHERE state_id <= 30")
    get_instance(hass).auto_purge = False
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert issue() is None
    await hass.services.async_call(DOMAIN, "export_now", {}, blocking=True, return_response=True)
    runtime_data = entry.runtime_data
    kept = runtime_data.runner.missing.rejected.total()
    found = issue()
    assert found
    assert found.translation_placeholders
    assert found.translation_placeholders["count"] == str(30 - kept)
    assert hass.states.is_state("sensor.home_sensor_data_rejected_rows", "30")
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issue()
    await entry.runtime_data.runner.missing.async_acknowledge_left_out()
    assert issue() is None
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issue() is None
    assert await hass.config_entries.async_unload(entry.entry_id)
