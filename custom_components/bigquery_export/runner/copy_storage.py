"""The files of a copy in Home Assistant, and the journal that continues them."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import instance_id

from ..copies.copy_destination import CopyDestination
from ..copies.copy_subentry import Copy
from ..copies.open_destination import async_open_destination
from ..export.checkpoint import Checkpoint
from ..export.checkpoint_file import CheckpointFile
from ..export.corrections.ledger import remove_digests
from ..export.daily.daily_file import DailyFile
from ..export.journal import Journal
from ..export.rejected_rows import SET_ASIDE, RejectedRows
from ..settings.options import options_from
from .factory import JobFactory
from .start_position import begin_from


@dataclass(frozen=True, slots=True)
class OpenCopy:
    """What the jobs of a copy need."""

    destination: CopyDestination
    journal: Journal
    jobs: JobFactory


class CopyStorage:
    """The files of one copy: those of an export, under names of their own."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, copy: Copy) -> None:
        """Name them; nothing is read yet."""
        self._hass = hass
        self._entry = entry
        self._copy = copy
        self._file = CheckpointFile(
            hass,
            copy.files_id,
            destination=copy.settings.identity,
            begin=begin_from(entry.data),
        )
        self.rejected_rows = RejectedRows(hass, copy.files_id)
        self._set_aside_rows = RejectedRows(hass, copy.files_id, SET_ASIDE)

    def load(self) -> Checkpoint:
        """Return the checkpoint; this blocks. What is of another database is deleted before."""
        if self._file.is_of_another_destination():
            remove_digests(self._hass, self._copy.files_id)
            DailyFile(self._hass, self._copy.files_id).remove()
            self.rejected_rows.remove()
            self._set_aside_rows.remove()
            self._file.remove()
        return self._file.load()

    async def async_open(self) -> OpenCopy:
        """Return what jobs need, with the checkpoint. Raises LibraryMissingError."""
        hass, files_id = self._hass, self._copy.files_id
        destination = await async_open_destination(hass, self._copy.settings)
        delivery = destination.delivery
        journal = Journal(
            hass,
            file=self._file,
            fence=destination.fence(await instance_id.async_get(hass)),
            tables=options_from(self._entry.options).all_tables,
            deliveries={delivery.name: delivery},
            rejected_rows=self.rejected_rows,
            set_aside_rows=self._set_aside_rows,
        )
        await journal.async_load()
        jobs = JobFactory(
            hass,
            self._entry,
            lambda source, _: destination.existing_rows(source),
            journal,
            delivery=delivery.name,
            files_id=files_id,
        )
        return OpenCopy(destination, journal, jobs)
