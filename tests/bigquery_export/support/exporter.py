"""Exports without a config entry around them."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from astral import Observer
from homeassistant.core import HomeAssistant
import orjson

from custom_components.bigquery_export.bigquery import EVERY_DELIVERY
from custom_components.bigquery_export.bigquery.committed_stream import CommittedStreamDelivery
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.fence_table import BigQueryFence
from custom_components.bigquery_export.bigquery.row_lookup import RowLookup
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.export.checkpoint import Checkpoint
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.delivery import Delivery
from custom_components.bigquery_export.export.journal import Journal
from custom_components.bigquery_export.export.live_run import LiveRun
from custom_components.bigquery_export.export.logged_settings import LoggedSettings
from custom_components.bigquery_export.export.open_stream import COMMITTED_STREAM
from custom_components.bigquery_export.export.ports import Source
from custom_components.bigquery_export.export.reconcile.retry import Retry
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.export.rejected_rows import SET_ASIDE, RejectedRows
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.export.session import Result, Session, open_session
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.context import Choice, RowContext
from custom_components.bigquery_export.rows.local_time import Place
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.warehouse import HOME

EVERYTHING = tuple(RECORDER_TABLES)
PLACE = Place(ZoneInfo("Europe/Amsterdam"), Observer(52.4, 4.9, 0))


@dataclass
class Exporter:
    """Exports as the coordinator does, and remembers nothing between them but the files."""

    hass: HomeAssistant
    connection: Connection
    delivery: str = StorageWriteDelivery.name
    tables: tuple[str, ...] = ("sensor_data",)
    choice: Choice = field(default_factory=Choice)
    progress: list[Checkpoint] = field(default_factory=list)
    deliveries: dict[str, Delivery] = field(init=False)
    source: str = HOME
    """The installation whose rows are looked for."""
    entry_id: str = "entry"
    keeps_journal: bool = False
    """Whether exports are of one process, until `restart`."""
    settings: LoggedSettings | None = None
    """The settings that the export log has."""
    _journal: Journal | None = field(default=None, init=False)
    _made: set[str] = field(default_factory=lambda: {SENSOR_DATA.name}, init=False)

    def __post_init__(self) -> None:
        """Make all deliveries."""
        self.deliveries = {
            name: delivery(self.connection) for name, delivery in EVERY_DELIVERY.items()
        }
        self.file = CheckpointFile(self.hass, self.entry_id)

    @property
    def set_aside(self) -> RejectedRows:
        """Return the file of rows that are set aside."""
        return RejectedRows(self.hass, self.entry_id, SET_ASIDE)

    def close(self) -> None:
        """End the connections of streams that are open."""
        for delivery in self.deliveries.values():
            if isinstance(delivery, CommittedStreamDelivery):
                delivery.close()

    def restart(self) -> None:
        """Forget what the process knows."""
        self.close()
        self._journal = None
        self.__post_init__()

    @property
    def rejected(self) -> RejectedRows:
        """Return the file of rejected rows."""
        return RejectedRows(self.hass, self.entry_id)

    @property
    def journal(self) -> Journal:
        """Return the journal of the process."""
        if self._journal is None or not self.keeps_journal:
            self._journal = self._new_journal()
        return self._journal

    def _new_journal(self) -> Journal:
        """Return the journal of a process that has just begun."""
        journal = Journal(
            self.hass,
            file=self.file,
            fence=BigQueryFence(self.connection, self.source),
            tables=TABLES,
            deliveries=self.deliveries,
            rejected_rows=self.rejected,
            set_aside_rows=self.set_aside,
            on_progress=lambda: self.progress.append(journal.checkpoint),
        )
        journal.checkpoint = self.file.load()
        return journal

    def new_session(
        self,
        batch_rows: int = 1_000,
        *,
        delivery: str | None = None,
        transaction_rows: int | None = None,
    ) -> Session:
        """Return what an export works with, as after a restart unless the process goes on."""
        return open_session(
            self.hass,
            journal=self.journal,
            delivery=self.deliveries[delivery or self.delivery],
            existing_rows=RowLookup(self.connection, self.source),
            source=HOME,
            trigger="test",
            integration_version="1.2.3",
            batch_rows=batch_rows,
            settings=self.settings,
            transaction_rows=transaction_rows,
        )

    def new_run(
        self, batch_rows: int = 1_000, *, flush: bool = False, backfill: bool = True
    ) -> Run:
        """Return a run that continues from the files, as after a restart."""
        self._make_tables()
        session = self.new_session(batch_rows)
        return Run(session, self._sources(session), flush=flush, backfill=backfill)

    def new_live_run(self, batch_rows: int = 1_000) -> LiveRun:
        """Return a live run that continues from the files, as after a restart."""
        self._make_tables()
        session = self.new_session(
            batch_rows, delivery=COMMITTED_STREAM, transaction_rows=batch_rows
        )

        async def open_sources() -> list[Source[Any]]:
            return self._sources(session)

        return LiveRun(session, open_sources)

    def _sources(self, session: Session) -> list[Source[Any]]:
        """Return the sources of a run."""
        row_context = RowContext(session.run_values, PLACE, self.choice)
        return [
            RECORDER_TABLES[table].open(
                self.hass, session.delivery.encoding(RECORDER_TABLES[table].table), row_context
            )
            for table in self.tables
        ]

    def _make_tables(self) -> None:
        """Make the tables that are exported and not made yet."""
        wanted = [RECORDER_TABLES[name].table for name in self.tables if name not in self._made]
        DatasetSchema(self.connection).ensure_tables(wanted)
        self._made.update(self.tables)

    async def export(self, batch_rows: int = 1_000) -> Result:
        """Make a run."""
        return await self.new_run(batch_rows).async_run()

    async def retry_rejected(self) -> Result:
        """Send the rejected rows again."""
        session = self.new_session()
        row_context = RowContext(session.run_values, PLACE, self.choice)
        openings = {
            name: (
                RECORDER_TABLES[name].table,
                partial(
                    RECORDER_TABLES[name].open,
                    self.hass,
                    session.delivery.encoding(RECORDER_TABLES[name].table),
                    row_context,
                ),
            )
            for name in self.tables
        }
        return await Retry(session, TABLES.values(), openings).async_run()

    def rejected_rows(self) -> list[dict[str, Any]]:
        """Return what lies in the file of rejected rows."""
        if not self.rejected.path.exists():
            return []
        return [orjson.loads(line) for line in self.rejected.path.read_bytes().splitlines()]
