"""What jobs read of Home Assistant besides the recorder: registries and dimension tables."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from ..export.corrections.corrections import local_day
from ..export.dimensions.snapshot import Compared, Snapshot, last_known
from ..export.dimensions.snapshot_file import SnapshotFile
from ..export.session import Session
from ..home.dimensions import dimension_readers
from ..home.entry_states import EntryStates
from ..home.location import async_place, named_choice
from ..home.registries import Registries
from ..rows.context import RowContext
from ..rows.entities import ENTITIES
from ..rows.integrations import INTEGRATIONS
from ..rows.privacy import Privacy
from ..settings.options import Options


class HomeReader:
    """Reads for the jobs of one config entry.

    The registries are open from the first job until `async_close`, and read anew each day.
    """

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, options: Options, files_id: str
    ) -> None:
        """Read nothing yet; `files_id` names the files of what was sent of dimension tables."""
        self._hass = hass
        self._entry = entry
        self._options = options
        self._files_id = files_id
        self._registries = Registries(hass)
        self._entry_states = EntryStates(hass, files_id)
        self._opened: date | None = None
        """The local day on which the registries were read."""
        self._compared = defaultdict[str, Compared](Compared)
        """What was found of dimension tables on that day."""

    async def async_load(self) -> None:
        """Follow what happens between exports, if it is exported, until the entry is unloaded."""
        if INTEGRATIONS in self._options.tables:
            self._entry.async_on_unload(self._entry_states.async_close)
            await self._entry_states.async_open()

    async def async_row_context(self, session: Session, privacy: Privacy) -> RowContext:
        """Return what the rows of one job depend on besides the recorder."""
        await self._async_open()
        return RowContext(
            session.run_values,
            await async_place(self._hass),
            named_choice(self._hass, self._options.choice),
            self._registries,
            privacy,
        )

    def snapshots(self, row_context: RowContext, wanted: Collection[str] | None) -> list[Snapshot]:
        """Return the exported dimension tables, or the requested ones, that can be read by now."""
        readers = dimension_readers(self._hass, self._registries, self._entry_states, row_context)
        return [
            Snapshot(
                table,
                SnapshotFile(self._hass, self._files_id, name),
                readers[name],
                self._compared[name],
            )
            for table in self._options.dimension_tables
            for name in (table.table.name,)
            if name in readers and (wanted is None or name in wanted)
        ]

    @callback
    def async_rest(self) -> None:
        """Let the registries rest until the next job."""
        self._registries.async_rest()

    @callback
    def async_close(self) -> None:
        """Release the registries."""
        self._registries.async_close()

    async def _async_open(self) -> None:
        """Read the registries, at the first job of each day, or wait for their latest changes."""
        today = local_day(dt_util.utcnow().timestamp())
        if self._opened == today:
            await self._registries.async_settle()
            return
        self._registries.async_close()
        self._compared.clear()
        known = await self._hass.async_add_executor_job(
            last_known, self._hass, self._files_id, ENTITIES.name, "entity_id"
        )
        await self._registries.async_open(known)
        self._opened = today
