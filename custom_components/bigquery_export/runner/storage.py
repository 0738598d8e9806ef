"""The files of an export in Home Assistant. All that reads or deletes them blocks."""

from collections.abc import Callable

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from ..bigquery import EVERY_DELIVERY
from ..bigquery.connection import Connection
from ..copies.copy_subentry import remove_copy_files
from ..export.checkpoint_file import CheckpointFile
from ..export.corrections.ledger import remove_digests
from ..export.daily.daily_file import DailyFile
from ..export.fence import Fence
from ..export.journal import Journal
from ..export.rejected_rows import REJECTED, SET_ASIDE, RejectedRows
from ..export.tables import remove_snapshots
from ..mend.mender import remove_findings
from ..query.billing import BillingFile
from ..restore.request import RestoreFile
from ..settings.destination import destination_from
from ..settings.options import options_from
from .removal_file import RemovalFile
from .start_position import begin_from


def checkpoint_file(hass: HomeAssistant, entry: ConfigEntry) -> CheckpointFile:
    """Return the checkpoint of a config entry, which belongs to its destination."""
    return CheckpointFile(
        hass,
        entry.entry_id,
        destination=destination_from(entry.data).identity,
        begin=begin_from(entry.data),
    )


def open_journal(
    hass: HomeAssistant,
    entry: ConfigEntry,
    connection: Connection,
    fence: Fence,
    on_progress: Callable[[], None],
) -> Journal:
    """Return the journal of a config entry; nothing is read yet."""
    return Journal(
        hass,
        file=checkpoint_file(hass, entry),
        fence=fence,
        tables=options_from(entry.options).all_tables,
        deliveries={name: delivery(connection) for name, delivery in EVERY_DELIVERY.items()},
        rejected_rows=RejectedRows(hass, entry.entry_id),
        set_aside_rows=RejectedRows(hass, entry.entry_id, SET_ASIDE),
        on_progress=on_progress,
    )


def forget_other_destination(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the checkpoint and the digests if they are of another destination.

    What is in the table that it goes to now is not known, so each row is looked for there before it
    is sent. Dimension tables are sent again as of now: without their position, the file that says
    what was sent does not count.
    """
    file = checkpoint_file(hass, entry)
    if file.is_of_another_destination():
        remove_digests(hass, entry.entry_id)
        DailyFile(hass, entry.entry_id).remove()
        file.remove()


def remove_all(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete all files of an export; BigQuery keeps the rows."""
    checkpoint_file(hass, entry).remove()
    for kind in (REJECTED, SET_ASIDE):
        RejectedRows(hass, entry.entry_id, kind).remove()
    RestoreFile(hass, entry.entry_id).remove()
    RemovalFile(hass, entry.entry_id).remove()
    BillingFile(hass, entry.entry_id).remove()
    forget_sent_rows(hass, entry)
    remove_findings(hass, entry.entry_id)
    remove_copy_files(hass, entry.entry_id)


def forget_sent_rows(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete what says which values were sent; the checkpoint says up to where."""
    remove_digests(hass, entry.entry_id)
    DailyFile(hass, entry.entry_id).remove()
    remove_snapshots(hass, entry.entry_id)
