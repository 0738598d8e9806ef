"""What the exports of one config entry are made of."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, instance_id
from homeassistant.helpers.storage import Store
from homeassistant.loader import async_get_integration
from homeassistant.util import dt as dt_util

from ..bigquery import DELIVERIES
from ..bigquery.connection import Connection
from ..bigquery.listed_rows import ListedRows
from ..bigquery.load_job import LoadJobDelivery
from ..bigquery.row_count_query import RowCountQuery
from ..const import DOMAIN
from ..estimate.sampling import read_sample, row_sizes
from ..export.checkpoint import Checkpoint
from ..export.corrections.corrections import Corrections, local_day
from ..export.corrections.ledger import is_corrected, observed
from ..export.delivery import Delivery
from ..export.dimensions.snapshot import Snapshot, last_known
from ..export.dimensions.snapshot_file import SnapshotFile
from ..export.journal import Journal
from ..export.ports import Source
from ..export.reconcile.exported_rows import OpenSource
from ..export.reconcile.resend import Resend
from ..export.reconcile.row_selection import RowSelection
from ..export.reconcile.verification import Verification
from ..export.recorder_tables import RecorderTable
from ..export.rejected.rejected_rows import RejectedRows
from ..export.rejected.retry import Retry
from ..export.run import Run
from ..export.session import Result, Session
from ..export.table_export import async_read_recorder
from ..export.tables import TABLES
from ..home.dimensions import dimension_readers
from ..home.location import async_place, named_choice
from ..home.registries import Registries
from ..rows.column_groups import narrowed
from ..rows.columns import run_values
from ..rows.context import RowContext
from ..rows.entities import ENTITIES
from ..rows.export_log import Trigger
from ..rows.privacy import Privacy
from ..rows.sensor_data import SENSOR_DATA
from ..rows.table import Table, timestamp
from ..settings.options import options_from
from ..status.export_status import UNHURRIED
from .requests import ExportRequest
from .storage import checkpoint_file


class Exporter:
    """Makes the exports of one config entry, each of which goes on from a checkpoint."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        connection: Connection,
        on_progress: Callable[[Checkpoint], None],
    ) -> None:
        """Prepare exports to the destination of a connection, which report each checkpoint."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._on_progress = on_progress
        self._options = options_from(entry.options)
        self._deliveries: dict[str, Delivery] = {
            name: delivery(connection) for name, delivery in DELIVERIES.items()
        }
        self.checkpoint_file = checkpoint_file(hass, entry)
        self._registries = Registries(hass)
        self._corrections: Corrections | None = None
        """The last look for corrections."""

    @property
    def load_jobs_used(self) -> int:
        """Return how many load jobs of a day the table has used that has used most."""
        deliveries = self._deliveries.values()
        return sum(one.jobs_used for one in deliveries if isinstance(one, LoadJobDelivery))

    @property
    def rejected_rows(self) -> RejectedRows:
        """Return the file of rejected rows, as it is now."""
        return RejectedRows(self._hass, self._entry.entry_id)

    async def async_new_run(
        self, checkpoint: Checkpoint, trigger: str, tables: Collection[str] | None = None
    ) -> Run:
        """Return an export of all that waits, or of what waits for some tables.

        `trigger` says in the export log what began it.
        """
        session = await self._async_new_session(checkpoint, trigger)
        row_context = await self._async_row_context(session)
        sources = await self._async_sources(session, row_context, self._types(tables))
        if trigger in UNHURRIED:
            own = self._own_entities(row_context.privacy)
            sources = [
                replace(source, own=own) if source.table is SENSOR_DATA else source
                for source in sources
            ]
        return Run(session, sources, self._snapshots(row_context, tables))

    async def async_new_corrections(
        self,
        checkpoint: Checkpoint,
        tables: Collection[str] | None = None,
        *,
        again: bool = False,
    ) -> Corrections | None:
        """Return a look for rows that Home Assistant has changed since they were exported.

        There is one on each local day, unless somebody wants it again.
        """
        today = local_day(dt_util.utcnow().timestamp())
        if not again and self._corrections and self._corrections.checked == today:
            return None
        session = await self._async_new_session(checkpoint, Trigger.CORRECTION)
        row_context = await self._async_row_context(session)
        types = [type_ for type_ in self._types(tables) if is_corrected(type_.table.name)]
        corrections = Corrections(session, await self._async_sources(session, row_context, types))
        if tables is None:
            self._corrections = corrections
        return corrections

    async def async_new_resend(self, checkpoint: Checkpoint, wanted: ExportRequest) -> Resend:
        """Return a look for exported rows that BigQuery lacks."""
        session = await self._async_new_session(checkpoint, Trigger.FORCE)
        row_context = await self._async_row_context(session)
        called = row_context.privacy.entity
        selection = RowSelection(
            start=timestamp(wanted.start) if wanted.start else None,
            end=timestamp(wanted.end) if wanted.end else None,
            entities=frozenset(map(called, wanted.entities)) if wanted.entities else None,
        )
        types = self._types(wanted.tables)
        return Resend(session, self._openings(session, row_context, types), selection)

    async def async_new_verification(
        self, checkpoint: Checkpoint, tables: Collection[str] | None, *, query: bool
    ) -> Verification:
        """Return a comparison of what was exported with BigQuery, with the help of a query or not.

        Surroundings are no part of what rows are known by.
        """
        session = await self._async_new_session(checkpoint, Trigger.VERIFY)
        row_context = await self._async_row_context(session)
        row_context = replace(row_context, choice=replace(row_context.choice, context_entities=()))
        openings = self._openings(session, row_context, self._types(tables))
        source = str(session.run_values["source"])
        counting = RowCountQuery(self._connection, source) if query else None
        return Verification(session, openings, counting)

    async def async_new_retry(self, checkpoint: Checkpoint) -> Retry:
        """Return an export of the rows that were rejected."""
        return Retry(await self._async_new_session(checkpoint, Trigger.RETRY_REJECTED))

    async def async_row_sizes(self) -> Mapping[str, int] | None:
        """Return how many bytes rows take here, if there are any. Raises ExportError."""
        session = await self._async_new_session(Checkpoint(), Trigger.ESTIMATE)
        run = await self._async_row_context(session)
        piece = await async_read_recorder(self._hass, read_sample, self._hass, run)
        if piece is None:
            return None
        return await self._hass.async_add_executor_job(row_sizes, piece, run)

    @callback
    def async_end(self) -> None:
        """Let go of what exports need while they are going on."""
        self._registries.async_close()

    def _types(self, tables: Collection[str] | None) -> list[RecorderTable]:
        """Return how the chosen sources are made, or those of them that are for some tables."""
        return [
            type_ for type_ in self._options.sources if tables is None or type_.table.name in tables
        ]

    def _openings(
        self, session: Session, row_context: RowContext, types: Iterable[RecorderTable]
    ) -> dict[str, tuple[Table, OpenSource]]:
        """Return tables by their names, and what opens the source of each as often as need be."""
        return {
            type_.table.name: (type_.table, partial(self._open_one, session, row_context, type_))
            for type_ in types
        }

    def _snapshots(self, run: RowContext, tables: Collection[str] | None) -> list[Snapshot]:
        """Return the chosen tables of facts for one run, as far as they can be known by now."""
        looks = dimension_readers(self._hass, self._registries, run)
        return [
            Snapshot(type_, SnapshotFile(self._hass, self._entry.entry_id, name), looks[name])
            for type_ in self._options.snapshots
            for name in (type_.table.name,)
            if name in looks and (tables is None or name in tables)
        ]

    async def _async_row_context(self, session: Session) -> RowContext:
        """Return what the rows of one export depend on."""
        await self._registries.async_open(
            await self._hass.async_add_executor_job(
                last_known, self._hass, self._entry.entry_id, ENTITIES.name, "entity_id"
            )
        )
        return RowContext(
            session.run_values,
            await async_place(self._hass),
            named_choice(self._hass, self._options.choice),
            self._registries,
            await self._async_privacy(),
        )

    async def _async_sources(
        self, session: Session, run: RowContext, types: Iterable[RecorderTable]
    ) -> list[Source[Any]]:
        """Return sources for one export."""
        return await self._hass.async_add_executor_job(self._open, session, run, types)

    def _open(
        self, session: Session, row_context: RowContext, types: Iterable[RecorderTable]
    ) -> list[Source[Any]]:
        """Open sources; to prepare encodings and statements takes too long for the loop."""
        return [
            observed(self._hass, self._entry.entry_id, self._open_one(session, row_context, type_))
            for type_ in types
        ]

    def _open_one(
        self, session: Session, row_context: RowContext, type_: RecorderTable
    ) -> Source[Any]:
        encoding = narrowed(session.delivery.encoding(type_.table), self._options.columns)
        return type_.open(self._hass, encoding, row_context)

    def _own_entities(self, privacy: Privacy) -> frozenset[str]:
        """Return the entities of all exports, as they are called in BigQuery."""
        registry = er.async_get(self._hass)
        return frozenset(
            privacy.entity(entity.entity_id)
            for entry in self._hass.config_entries.async_entries(DOMAIN)
            for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
        )

    async def _async_privacy(self) -> Privacy:
        """Return what is kept at home; what needs a secret has one for all exports of the home."""
        choice = self._options.privacy
        if not choice.needs_secret:
            return Privacy(choice)
        store = Store[dict[str, str]](self._hass, 1, f"{DOMAIN}.secret", private=True)
        if (data := await store.async_load()) is None:
            data = {"secret": token_hex(32)}
            await store.async_save(data)
        return Privacy(choice, bytes.fromhex(data["secret"]))

    async def _async_new_session(self, checkpoint: Checkpoint, trigger: str) -> Session:
        source = await instance_id.async_get(self._hass)
        integration = await async_get_integration(self._hass, DOMAIN)
        delivery = self._deliveries[self._options.delivery]
        result = Result()
        rejected_rows = self.rejected_rows
        journal = Journal(
            self._hass,
            file=self.checkpoint_file,
            checkpoint=checkpoint,
            tables=TABLES,
            deliveries=self._deliveries,
            delivery=delivery,
            rejected_rows=rejected_rows,
            header={
                "export_id": result.export_id,
                "source": source,
                "trigger": trigger,
                "integration_version": str(integration.version),
            },
            on_progress=self._on_progress,
        )
        return Session(
            self._hass,
            journal=journal,
            delivery=delivery,
            lookup=ListedRows(self._connection, source),
            rejected_rows=rejected_rows,
            run_values=run_values(
                source=source, export_id=result.export_id, started=result.started
            ),
            batch_rows=self._options.batch_rows,
            result=result,
        )
