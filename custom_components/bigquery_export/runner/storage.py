"""The files of an export in Home Assistant. All but `checkpoint_file` blocks."""

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from ..export.checkpoint_file import CheckpointFile
from ..export.corrections.ledger import remove_digests
from ..export.rejected_rows import REJECTED, SET_ASIDE, RejectedRows
from ..export.tables import remove_snapshots
from ..mend.mender import remove_findings
from ..restore.request import RestoreFile
from ..settings.destination import destination_from
from .start_position import begin_from


def checkpoint_file(hass: HomeAssistant, entry: ConfigEntry) -> CheckpointFile:
    """Return the checkpoint of a config entry, which belongs to its destination."""
    return CheckpointFile(
        hass,
        entry.entry_id,
        destination=destination_from(entry.data).identity,
        begin=begin_from(entry.data),
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
        file.remove()


def remove_all(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete all files of an export; BigQuery keeps the rows."""
    checkpoint_file(hass, entry).remove()
    for kind in (REJECTED, SET_ASIDE):
        RejectedRows(hass, entry.entry_id, kind).remove()
    RestoreFile(hass, entry.entry_id).remove()
    remove_digests(hass, entry.entry_id)
    remove_snapshots(hass, entry.entry_id)
    remove_findings(hass, entry.entry_id)
