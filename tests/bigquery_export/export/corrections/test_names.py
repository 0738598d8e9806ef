"""Statistics under pseudonyms, and statistics that the recorder knows twice: each row once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing

from homeassistant.components.recorder.db_schema import StatisticsMeta
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import Connection, delete, func, select, text, update

from custom_components.bigquery_export.rows.privacy import Privacy, PrivacyChoice
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from tests.bigquery_export.support.databases import in_database, insert_rows
from tests.bigquery_export.support.statistics_corrections import (
    COUNT,
    NOTHING,
    TABLES,
    CorrectionsExporter,
    record_statistics,
    rows_of,
    shown,
)
from tests.bigquery_export.support.statistics_rows import MODELS
from tests.bigquery_export.support.warehouse import Warehouse

NAMES = ["sensor.kitchen", "sensor.meter", "sensor.water", "provider:cost"]
HIDDEN: list[tuple[str, ...]] = [("*",), ("provider:*",), ("sensor.*", "*cost"), ()]


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[CorrectionsExporter]:
    """Return what exports to tables that have views."""
    warehouse.create_table(STATISTICS, STATISTICS_SHORT_TERM)
    with closing(warehouse.connect()) as connection:
        yield CorrectionsExporter(hass, connection)


def named(warehouse: Warehouse, table: str, what: str = "_latest") -> Counter[str]:
    """Return how many rows of each statistic a view has, or a table."""
    rows = warehouse.server.query(
        f"SELECT statistic_id FROM home.{table}{what}",  # noqa: S608
        warehouse.project,
    )
    return Counter(row["statistic_id"] for row in rows)


async def clear(hass: HomeAssistant, *names: str) -> None:
    """Delete statistics, as a user does."""
    get_instance(hass).async_clear_statistics(list(names))
    await async_wait_recording_done(hass)


@pytest.mark.parametrize("hidden", HIDDEN)
async def test_cleared(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    hidden: tuple[str, ...],
) -> None:
    """A deletion has the name of the rows that it deletes, whatever that is."""
    exporter.privacy = Privacy(PrivacyChoice(hidden=hidden), b"secret")
    await record_statistics(hass)
    await exporter.export()
    for table in TABLES:
        expected = {exporter.privacy.entity(name): COUNT for name in NAMES}
        assert named(warehouse, table) == expected
    await clear(hass, "provider:cost", "sensor.meter")
    await exporter.check()
    left = {exporter.privacy.entity(name) for name in ("sensor.kitchen", "sensor.water")}
    assert all(named(warehouse, table).keys() == left for table in TABLES)
    await clear(hass, *NAMES)
    await exporter.check()
    assert all(not named(warehouse, table) for table in TABLES)


@pytest.mark.parametrize("hidden", HIDDEN)
async def test_a_lost_checkpoint(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    hidden: tuple[str, ...],
) -> None:
    """Rows are found again under the name with which they were sent."""
    exporter.privacy = Privacy(PrivacyChoice(hidden=hidden), b"secret")
    await record_statistics(hass)
    await exporter.export()
    exporter.file.remove()
    assert (await exporter.export()).rows == NOTHING
    for table in TABLES:
        expected = {exporter.privacy.entity(name): COUNT for name in NAMES}
        assert named(warehouse, table, "") == expected


@pytest.mark.parametrize(
    ("name", "pseudonym"),
    [
        ("person.anna", "person.hidden_"),
        ("provider:cost", "provider:hidden_"),
        ("provider:1234_cost", "provider:hidden_"),
        ("Odd Name", "hidden_"),
        ("Odd.Name", "hidden_"),
        ("", "hidden_"),
    ],
)
def test_a_pseudonym_says_only_the_domain(name: str, pseudonym: str) -> None:
    """The rest of an id is not in it, also of a statistic that is of no entity."""
    found = Privacy(PrivacyChoice(hidden=("*",)), b"secret").entity(name)
    assert found[: -len("0123456789abcdef")] == pseudonym


async def test_the_name_of_a_hidden_statistic(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """What an integration calls a statistic stays at home with its id."""
    exporter.privacy = Privacy(PrivacyChoice(hidden=("provider:*",)), b"secret")
    await record_statistics(hass)
    await exporter.export()
    rows = warehouse.server.query(
        "SELECT DISTINCT statistic_id, name FROM home.statistics", warehouse.project
    )
    assert not any("cost" in str(row).lower() for row in rows)


async def double(hass: HomeAssistant, metadata_id: int, statistic_id: str) -> None:
    """Give a statistic the id of another one, as early versions of the recorder did."""

    def change(db: Connection) -> None:
        db.execute(text("DROP INDEX ix_statistics_meta_statistic_id"))
        db.execute(
            update(StatisticsMeta)
            .where(StatisticsMeta.id == metadata_id)
            .values(statistic_id=statistic_id)
        )

    await in_database(hass, change)


async def alternate(hass: HomeAssistant) -> None:
    """Give rows of two halves of the time to two metadata of one statistic."""
    for table, model in MODELS.items():
        await insert_rows(hass, model, rows_of(6, table, COUNT, COUNT))


async def adjust(hass: HomeAssistant, metadata_ids: tuple[int, ...]) -> None:
    """Adjust all sums of some metadata."""

    def change(db: Connection) -> None:
        for model in MODELS.values():
            db.execute(
                update(model)
                .where(model.metadata_id.in_(metadata_ids), model.sum.is_not(None))
                .values(sum=model.sum + 3)
            )

    await in_database(hass, change)


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("adjusted", [(2,), (6,), (2, 6)])
async def test_doubled_metadata(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: CorrectionsExporter,
    adjusted: tuple[int, ...],
    overlap: bool,
) -> None:
    """All rows of a statistic stay in the view when one is corrected, and none comes each day."""
    await record_statistics(hass)
    await alternate(hass)
    if not overlap:
        await clear_first_half(hass)
    await double(hass, 6, "sensor.meter")
    await exporter.export()
    before = {table: named(warehouse, table) for table in TABLES}
    assert before["statistics"]["sensor.meter"] == 2 * COUNT
    await adjust(hass, adjusted)
    assert (await exporter.check()).total > 0
    assert {table: named(warehouse, table) for table in TABLES} == before
    assert (await exporter.check()).rows == NOTHING
    assert (await exporter.check()).rows == NOTHING


async def clear_first_half(hass: HomeAssistant) -> None:
    """Delete the rows of the other metadata that are as old as those of the first."""

    def change(db: Connection) -> None:
        for model in MODELS.values():
            of_first = select(func.max(model.start_ts)).where(model.metadata_id == 2)
            until = db.execute(of_first).scalar_one()
            db.execute(delete(model).where(model.metadata_id == 6, model.start_ts <= until))

    await in_database(hass, change)


async def test_metadata_that_is_put_right(
    hass: HomeAssistant, warehouse: Warehouse, exporter: CorrectionsExporter
) -> None:
    """When Home Assistant deletes the second one with its rows, the view follows."""
    await record_statistics(hass)
    await alternate(hass)
    await double(hass, 6, "sensor.meter")
    await exporter.export()

    def remove(db: Connection) -> None:
        for model in MODELS.values():
            db.execute(delete(model).where(model.metadata_id == 6))
        db.execute(delete(StatisticsMeta).where(StatisticsMeta.id == 6))

    await in_database(hass, remove)
    await exporter.check()
    rows = shown(warehouse, "statistics")
    assert len([row for row in rows if row[0] == "sensor.meter"]) == COUNT
    assert (await exporter.check()).rows == NOTHING
