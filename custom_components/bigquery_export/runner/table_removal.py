"""Deleting the tables of an export in BigQuery, with what Home Assistant knows of their rows.

    save what is deleted -> delete -> forget digests and snapshots -> forget positions -> save when

Whatever ends in between, the next start or the next job does the rest: so it is done as a whole or
was not begun. Then jobs wait. Rows that are sent to a table which was deleted and made again may
go to the deleted one for some minutes, without an error (BigQuery's page "Troubleshoot", "Metadata
errors for streaming inserts").
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from time import time

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id
from homeassistant.util import dt as dt_util

from ..bigquery.connection import Connection
from ..bigquery.dataset_views import DatasetViews
from ..bigquery.fence_table import FENCE
from ..bigquery.schema import DatasetSchema
from ..errors import ExportError, StoppedError, TransientError, WaitingError
from ..export.checkpoint import Checkpoint
from ..export.delivery import StreamDelivery
from ..export.journal import Journal
from ..export.tables import TABLES
from ..rows.export_log import EXPORT_LOG
from ..settings.options import options_from
from ..status.backlog import async_read_backlog
from ..translation import validation_error
from .destination_tables import DestinationTables
from .missing_rows import MissingRows
from .removal_file import Removal, RemovalFile
from .restorer import Restorer
from .storage import checkpoint_file, forget_sent_rows

_ALL = (*TABLES.values(), EXPORT_LOG)


@dataclass(eq=False)
class TablesDeletedError(WaitingError):
    """The tables were deleted lately, and rows for new ones might go to those."""

    key = "tables_deleted"
    until: str
    """When new tables surely take rows."""


@dataclass(frozen=True, slots=True)
class DeletedTable:
    """A table that is deleted, or would be."""

    rows: int
    """How many rows BigQuery has, as far as it has counted them."""
    bytes: int
    in_recorder: int
    """How many rows the recorder still has, which the next export sends again."""


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """What was deleted, or would be."""

    tables: Mapping[str, DeletedTable]
    views: list[str]
    """Names of views and table functions."""


def finish_removal(hass: HomeAssistant, entry: ConfigEntry, connection: Connection) -> None:
    """Do the rest of a removal that Home Assistant's end has interrupted; this blocks.

    One at another destination is left as it is. Raises ExportError.
    """
    file = RemovalFile(hass, entry.entry_id)
    removal = file.load()
    if removal is None or removal.ended is not None:
        return
    if removal.destination != connection.destination.identity:
        file.remove()
        return
    _delete(connection)
    forget_sent_rows(hass, entry)
    checkpoint = checkpoint_file(hass, entry)
    checkpoint.save(without_tables(checkpoint.load()))
    file.save(replace(removal, ended=time()))


def without_tables(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint when all tables are deleted: nothing that was sent is there.

    Rows that are set aside still wait to be sent.
    """
    return replace(
        checkpoint,
        positions={},
        intent=None,
        gaps=(),
        unknown_before=0,
        recent={},
        restored={},
        unlogged={},
        streams={},
    )


def _delete(connection: Connection) -> None:
    """Delete the tables first: a key that may not delete has changed nothing then."""
    DatasetSchema(connection).delete(_ALL)
    DatasetViews(connection).delete()


class TableRemoval:
    """Deletes the tables of one config entry, while no job is running."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        connection: Connection,
        journal: Journal,
        tables: DestinationTables,
        missing: MissingRows,
        restorer: Restorer,
        on_ended: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare; nothing is read yet. `on_ended` shows what waits then."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._journal = journal
        self._tables = tables
        self._missing = missing
        self._restorer = restorer
        self._on_ended = on_ended
        self._file = RemovalFile(hass, entry.entry_id)

    async def async_plan(self) -> RemovalReport:
        """Return what would be deleted; raises what `async_remove` raises."""
        if self._journal.checkpoint.intent:
            raise validation_error("transaction_in_doubt")
        if self._restorer.is_wanted:
            raise validation_error("restore_waiting")
        fence = FENCE + await instance_id.async_get(self._hass)
        views = DatasetViews(self._connection)
        if others := sorted({*await self._async_block(views.fences)} - {fence}):
            raise validation_error("dataset_shared", fences=", ".join(others))
        there = await self._async_block(DatasetSchema(self._connection).there, _ALL)
        backlog = await async_read_backlog(
            self._hass,
            options_from(self._entry.options),
            without_tables(self._journal.checkpoint),
        )
        return RemovalReport(
            {
                table.name: DeletedTable(
                    (found.num_rows or 0)
                    + (found.streaming_buffer.estimated_rows if found.streaming_buffer else 0),
                    found.num_bytes or 0,
                    backlog.rows.get(table.name, 0),
                )
                for table, found in there
            },
            await self._async_block(views.names),
        )

    async def async_remove(self) -> RemovalReport:
        """Delete all tables, views and table functions, and forget what was sent.

        Raises ServiceValidationError, with nothing changed, while a transaction is in doubt, a
        restore waits, or other installations export to the dataset; and ExportError.
        """
        report = await self.async_plan()
        # From now on a copy of this export stops before its next commit.
        await self._journal.async_claim()
        await self._tables.async_forget_views()
        removal = Removal(self._connection.destination.identity)
        await self._async_block(self._file.save, removal)
        try:
            await self._async_finish(removal)
            await self._missing.async_acknowledge_gaps()  # There are none: it is shown.
        except TransientError, StoppedError:
            raise  # The next job, or the next start, does the rest.
        except ExportError:
            schema = DatasetSchema(self._connection)
            if len(await self._async_block(schema.there, _ALL)) == len(report.tables):
                await self.async_forget()
            raise
        finally:
            await self._on_ended()
        return report

    async def async_settle(self) -> bool:
        """Finish a removal that was begun; return whether tables have to be made after one.

        Raises TablesDeletedError as long as rows for them might go to the deleted ones.
        """
        removal = await self._async_block(self._file.load)
        if removal is None:
            return False
        if removal.ended is None:
            removal = await self._async_finish(removal)
        if (left := removal.seconds_left) > 0:
            until = dt_util.now() + timedelta(seconds=left + 60)
            raise TablesDeletedError(until=f"{until:%H:%M}", retry_after=left)
        return True

    async def async_forget(self) -> None:
        """Forget the removal, once tables are made."""
        await self._async_block(self._file.remove)

    async def _async_finish(self, removal: Removal) -> Removal:
        """Delete and forget, and return the removal as it is then. Raises ExportError."""
        for delivery in self._journal.deliveries.values():
            if isinstance(delivery, StreamDelivery):
                delivery.close()  # Its streams are of the tables that are deleted.
        await self._async_block(_delete, self._connection)
        await self._async_block(forget_sent_rows, self._hass, self._entry)
        await self._journal.async_update(without_tables)
        ended = replace(removal, ended=time())
        await self._async_block(self._file.save, ended)
        return ended

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        return await self._hass.async_add_executor_job(call, *args)
