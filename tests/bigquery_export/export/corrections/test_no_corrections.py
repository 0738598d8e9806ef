"""Corrections that are none: what was sent as it is now is not sent again, whatever was lost."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
import shutil
from struct import pack

from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.errors import ExportError
from custom_components.bigquery_export.export import damaged_rows
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from tests.bigquery_export.support.damage import overwrite, overwrite_page, root_page
from tests.bigquery_export.support.databases import ON_ANY_DATABASE, insert_rows
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_corrections import (
    COUNT,
    NOTHING,
    TABLES,
    CorrectionsExporter,
    adjust_sum,
    known,
    record_statistics,
    rows_of,
    shown,
)
from tests.bigquery_export.support.statistics_rows import MODELS
from tests.bigquery_export.support.warehouse import Warehouse


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[CorrectionsExporter]:
    """Return what exports to tables that have views."""
    warehouse.create_table(STATISTICS, STATISTICS_SHORT_TERM)
    with closing(warehouse.connect()) as connection:
        yield CorrectionsExporter(hass, connection)


def rows_in(warehouse: Warehouse, table: str) -> int:
    """Return how many rows a table has, of all versions."""
    sql = f"SELECT COUNT(*) AS n FROM home.{table}"  # noqa: S608
    return int(warehouse.server.query(sql, warehouse.project)[0]["n"])


def files(exporter: CorrectionsExporter) -> list[Path]:
    """Return all files of an export."""
    path = exporter.file.path
    return list(path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize("method", ["FinalizeWriteStream", "BatchCommitWriteStreams"])
async def test_first_export_that_fails(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter, method: str
) -> None:
    """Nothing is sent again after a first export that has failed before its commit."""
    await record_statistics(hass)
    warehouse.server.add_fault(method, "PERMISSION_DENIED")
    try:
        with pytest.raises(ExportError):
            await exporter.export()
    finally:
        warehouse.server.clear_faults()
    assert await exporter.export_and_check() == NOTHING
    assert rows_in(warehouse, "statistics") == 4 * COUNT


@pytest.mark.parametrize("committed", [False, True])
async def test_forgotten_transaction(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    monkeypatch: pytest.MonkeyPatch,
    *,
    committed: bool,
) -> None:
    """Nothing is sent again after a transaction that BigQuery has forgotten, committed or not."""
    await record_statistics(hass)
    assert await exporter.export_and_check() == NOTHING
    for name, model in MODELS.items():
        await insert_rows(hass, model, rows_of(1, name, COUNT, 3))
    warehouse.server.add_fault("BatchCommitWriteStreams", "drop", done=committed, times=None)
    try:
        with pytest.raises(ExportError):
            await exporter.export()
    finally:
        warehouse.server.clear_faults()
    with monkeypatch.context() as patch:
        patch.setattr(StorageWriteDelivery, "settle", lambda *_: Outcome.FORGOTTEN)
        await exporter.export()
    assert await exporter.export_and_check() == NOTHING
    assert rows_in(warehouse, "statistics") == 4 * COUNT + 3


@ON_ANY_DATABASE
@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("what", ["lost", "checkpoint lost", "restored", "checkpoint restored"])
async def test_files_that_are_old(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    tmp_path: Path,
    what: str,
    *,
    corrected: bool,
) -> None:
    """Whatever is lost or restored of .storage, only what has changed meanwhile is sent again."""
    await record_statistics(hass)
    assert await exporter.export_and_check() == NOTHING
    for file in files(exporter):
        shutil.copy(file, tmp_path)
    for name, model in MODELS.items():
        await insert_rows(hass, model, rows_of(1, name, COUNT, 3))
    assert await exporter.export_and_check() == NOTHING
    changed = [exporter.file.path] if "checkpoint" in what else files(exporter)
    for file in changed:
        file.unlink()
        if "restored" in what:
            shutil.copy(tmp_path / file.name, file)
    if corrected:
        await adjust_sum(hass)
        await async_wait_recording_done(hass)
    for name, model in MODELS.items():
        await insert_rows(hass, model, rows_of(1, name, COUNT + 3, 2))
    sent = await exporter.export_and_check()
    assert any(sent.values()) == corrected
    if not corrected:
        assert rows_in(warehouse, "statistics") == 4 * COUNT + 5
    for table in TABLES:
        assert shown(warehouse, table) == await known(hass, table)
    assert await exporter.export_and_check() == NOTHING


async def test_damaged_page(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What cannot be read is no correction; what is corrected elsewhere is found nevertheless."""
    monkeypatch.setattr(damaged_rows, "_PAUSE", 0.0)
    await record_statistics(hass)
    months = rows_of(1, "statistics", first=COUNT, count=300)
    await insert_rows(hass, MODELS["statistics"], months)
    await exporter.export_and_check()
    before = shown(warehouse, "statistics")
    assert await overwrite(hass, pack(">d", months[150]["mean"])) == 1
    await execute(hass, "UPDATE statistics SET sum = sum + 1 WHERE metadata_id = 2")
    sent = await exporter.export_and_check()
    after = shown(warehouse, "statistics")
    assert sent["statistics"] >= COUNT
    differ = [new for old, new in zip(before, after, strict=True) if old != new]
    assert [(name, len(differ)) for name, *_ in differ[:1]] == [("sensor.meter", COUNT)]
    assert await exporter.export_and_check() == NOTHING

    # Where the index is damaged, nothing can be checked, and the export goes on.
    await overwrite_page(hass, await root_page(hass, "ix_statistics_statistic_id_start_ts"))
    await execute(hass, "UPDATE statistics SET sum = sum + 1 WHERE id = 15")
    assert (await exporter.export_and_check())["statistics"] == 0
