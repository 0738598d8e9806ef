"""Digests of rows as they are now: found by sums, they are those that all rows have."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from homeassistant.components.recorder.db_schema import StatisticsMeta
from homeassistant.core import HomeAssistant
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from custom_components.bigquery_export.export.corrections import current_digests
from custom_components.bigquery_export.export.corrections.current_digests import CurrentDigests
from custom_components.bigquery_export.export.corrections.digest_file import Exported
from custom_components.bigquery_export.export.corrections.digests import Digests
from custom_components.bigquery_export.export.corrections.ledger import digest_file
from custom_components.bigquery_export.export.corrections.sums import Known
from custom_components.bigquery_export.export.pace import Pace
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.source.source_table import IdRange
from custom_components.bigquery_export.source.statistics import StatisticsPiece
from custom_components.bigquery_export.source.statistics_spans import StatisticsSpans
from custom_components.bigquery_export.source.statistics_sums import StatisticsSums
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.random_corrections import Changes
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.statistics_corrections import (
    TABLES,
    CorrectionsExporter,
    record_statistics,
    rows_of,
)
from tests.bigquery_export.support.statistics_rows import MODELS
from tests.bigquery_export.support.warehouse import Warehouse

NOW = 1_800_000_000.0
WEEKS = 28 * 86_400.0


class Looks:
    """Looks for the digests of one table, and counts the rows that are read."""

    def __init__(self, exporter: CorrectionsExporter, table: str) -> None:
        """Begin with nothing known."""
        self.file = digest_file(exporter.hass, "entry", table)
        self.exported = Exported("database", Digests(self.file.periods))
        self.rows_read = 0
        self._exporter = exporter
        self._table = table

    def _read(self, read: Any, *args: Any) -> StatisticsPiece | None:
        piece: StatisticsPiece | None = read(*args)
        self.rows_read += len(piece.rows) if piece else 0
        return piece

    async def look(
        self, known: Known | None, now: float = NOW, until: int = 1 << 40
    ) -> CurrentDigests:
        """Look for all rows up to an id."""
        hass = self._exporter.hass
        spans = StatisticsSpans(hass, RECORDER_TABLES[self._table].source)
        for name in ("read", "read_span"):
            setattr(spans, name, partial(self._read, getattr(spans, name)))
        ids = IdRange(0, min(until, await in_recorder(hass, spans.newest_id)))
        self.rows_read = 0
        current = CurrentDigests(
            self._exporter.new_session(), self._table, spans, self.file.periods, ids
        )
        await current.async_find(known, now)
        return current

    def keep(self, current: CurrentDigests) -> None:
        """Write a file as if all that differs was sent, and read it again."""
        self.exported.digests = Digests(self.file.periods)
        self.exported.digests.include(current.digests)
        self.save(current)

    def save(self, current: CurrentDigests) -> None:
        """Write a file with what is known, and read it again."""
        self.exported.known = current.known(self.exported.digests)
        self.file.save(self.exported, current._ids.until)
        self.exported = self.file.load("database")


@pytest.fixture
def exporter(hass: HomeAssistant, warehouse: Warehouse) -> Iterator[CorrectionsExporter]:
    """Return what gives sessions."""
    with closing(warehouse.connect()) as connection:
        yield CorrectionsExporter(hass, connection)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add up few rows at once, and do not pause."""
    monkeypatch.setattr(current_digests, "SUMMED_IDS", 37)

    async def rest(_: Pace) -> None:
        pass

    monkeypatch.setattr(Pace, "async_rest", rest)


@pytest.mark.long
@ON_EACH_DATABASE
@pytest.mark.parametrize("table", TABLES)
async def test_as_if_all_were_read(
    hass: HomeAssistant, exporter: CorrectionsExporter, database: str, table: str
) -> None:
    """Whatever has changed, digests found by sums are those of all rows; so are corrections."""
    random = Random(f"{database} {table}")  # noqa: S311 - repeatable on purpose
    looks = Looks(exporter, table)
    for home in range(4):
        await in_database(
            hass,
            lambda db: [
                db.execute(t.__table__.delete()) for t in (*MODELS.values(), StatisticsMeta)
            ],
        )
        await record_statistics(hass)
        await insert_rows(hass, MODELS[table], rows_of(2, table, 10, 60))
        looks.exported = Exported("database", Digests(looks.file.periods))
        for day in range(30):
            made = await in_database(
                hass,
                lambda db: [
                    Changes(random, db, table, MODELS[table]).make()
                    for _ in range(random.choice((0, 1, 1, 3)))
                ],
            )
            by_sums = await looks.look(looks.exported.known)
            whole = await looks.look(None)
            assert by_sums.digests.as_json() == whole.digests.as_json(), (home, day, made)
            match random.randrange(5):
                case 0:
                    continue  # The process ends before anything is kept.
                case 1:
                    looks.save(by_sums)  # What differs is not sent.
                case _:
                    looks.keep(by_sums)


@ON_EACH_DATABASE
@pytest.mark.parametrize("table", TABLES)
async def test_what_is_read(
    hass: HomeAssistant, exporter: CorrectionsExporter, database: str, table: str
) -> None:
    """Rows are read that are new, and those of periods with other sums, and no others."""
    await record_statistics(hass)
    await insert_rows(hass, MODELS[table], rows_of(6, table, 10, 60))
    looks = Looks(exporter, table)
    looks.keep(await looks.look(None))
    assert looks.rows_read == 100
    looks.keep(await looks.look(looks.exported.known))
    assert looks.rows_read == 0

    await insert_rows(hass, MODELS[table], rows_of(1, table, 10, 3))
    looks.keep(await looks.look(looks.exported.known))
    assert looks.rows_read == 3

    await execute(hass, f"UPDATE {table} SET sum = sum + 1 WHERE metadata_id = 2")  # noqa: S608
    looks.keep(await looks.look(looks.exported.known))
    assert looks.rows_read == 10

    # What was not sent is read again, until it is.
    await execute(hass, f"UPDATE {table} SET sum = sum + 1 WHERE metadata_id = 4")  # noqa: S608
    for _ in range(2):
        looks.save(await looks.look(looks.exported.known))
        assert looks.rows_read == 10
    looks.keep(await looks.look(looks.exported.known))
    looks.keep(await looks.look(looks.exported.known))
    assert looks.rows_read == 0

    # To look for fewer rows than are known, as after the history went back, reads all.
    until = await in_database(
        hass, lambda db: int(db.execute(select(func.max(MODELS[table].id))).scalar_one())
    )
    await looks.look(looks.exported.known, until=until - 1)
    assert looks.rows_read == 102


@ON_EACH_DATABASE
async def test_when_all_are_read(
    hass: HomeAssistant, exporter: CorrectionsExporter, database: str
) -> None:
    """All rows are read every four weeks, after a change of the statement, and where sums fail."""
    await record_statistics(hass)
    looks = Looks(exporter, "statistics")
    looks.keep(await looks.look(None))
    known = looks.exported.known
    assert known
    for now, rows in (
        (NOW + WEEKS - 1, 0),
        (NOW + WEEKS, 40),
        (NOW - 1, 40),
    ):
        looks.keep(await looks.look(known, now))
        assert looks.rows_read == rows
        assert looks.exported.known
        assert looks.exported.known.read == (NOW if rows == 0 else now)
    await looks.look(replace(known, statement="other"))
    assert looks.rows_read == 40

    # Too large to be added up, so that what it changes to would not be noticed.
    await execute(hass, "UPDATE statistics SET mean = 1e300 WHERE id = 1")
    looks.keep(await looks.look(known))
    await execute(hass, "UPDATE statistics SET mean = 2e300 WHERE id = 1")
    current = await looks.look(looks.exported.known)
    assert current.digests.as_json() == (await looks.look(None)).digests.as_json()


async def test_sums_that_fail(
    hass: HomeAssistant, exporter: CorrectionsExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the database cannot compute sums, all rows are read, and nothing is known."""
    await record_statistics(hass)
    looks = Looks(exporter, "statistics")
    looks.keep(await looks.look(None))
    await execute(hass, "UPDATE statistics SET sum = sum + 1 WHERE metadata_id = 2")

    def fail(*_: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("value out of range: underflow"))

    monkeypatch.setattr(StatisticsSums, "by_day", fail)
    current = await looks.look(looks.exported.known)
    assert looks.rows_read == 40
    looks.keep(current)
    assert looks.exported.known is None
    monkeypatch.undo()
    assert current.digests.as_json() == (await looks.look(None)).digests.as_json()
