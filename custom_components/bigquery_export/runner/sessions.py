"""Making the sessions that jobs work with."""

from collections.abc import Callable
from dataclasses import replace
from secrets import token_hex

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, instance_id
from homeassistant.helpers.storage import Store
from homeassistant.loader import async_get_integration

from ..const import DOMAIN
from ..export.existing_rows import ExistingRows
from ..export.journal import Journal
from ..export.logged_settings import LoggedSettings
from ..export.phase_times import PhaseTimes
from ..export.restored_rows import RestoredByTable
from ..export.session import Session, open_session
from ..rows.export_log import Trigger
from ..rows.privacy import Privacy
from ..settings.lineage import lineage, needs_secret
from ..settings.options import options_from

type Lookup = Callable[[str, RestoredByTable], ExistingRows]
"""Returns what reads the rows of an installation, and those that came back from other names."""


class SessionFactory:
    """Makes the sessions of one config entry, by its options as they are when it is made."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        lookup: Lookup,
        journal: Journal,
        *,
        delivery: str | None = None,
    ) -> None:
        """Prepare sessions that continue a journal, and look for rows in doubt by `lookup`.

        They send by another `delivery` than that of the options where it is given.
        """
        self._hass = hass
        self._entry = entry
        self._lookup = lookup
        self._journal = journal
        options = options_from(entry.options)
        self._options = replace(options, delivery=delivery) if delivery else options
        self.times = PhaseTimes()
        """How many seconds all jobs have spent with what, since this was made."""
        self._settings: LoggedSettings | None = None
        """The options as the export log has them, from the first job on."""

    def own_entities(self, privacy: Privacy) -> frozenset[str]:
        """Return the entities of all exports, by the ids that they have in BigQuery."""
        registry = er.async_get(self._hass)
        return frozenset(
            privacy.entity(entity.entity_id)
            for entry in self._hass.config_entries.async_entries(DOMAIN)
            for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
        )

    async def async_privacy(self) -> Privacy:
        """Return the rules of privacy; pseudonyms have one secret for all exports of the home."""
        choice = self._options.privacy
        if not needs_secret(self._options):
            return Privacy(choice)
        store = Store[dict[str, str]](self._hass, 1, f"{DOMAIN}.secret", private=True)
        if (data := await store.async_load()) is None:
            data = {"secret": token_hex(32)}
            await store.async_save(data)
        return Privacy(choice, bytes.fromhex(data["secret"]))

    async def async_new_session(self, trigger: Trigger) -> Session:
        """Return what a job works with, whose rows in the export log have this trigger."""
        source = await instance_id.async_get(self._hass)
        integration = await async_get_integration(self._hass, DOMAIN)
        if self._settings is None:
            self._settings = LoggedSettings(lineage(self._options, await self.async_privacy()))
        return open_session(
            self._hass,
            journal=self._journal,
            delivery=self._journal.deliveries[self._options.delivery],
            existing_rows=self._lookup(source, self._journal.checkpoint.restored),
            source=source,
            trigger=trigger,
            integration_version=str(integration.version),
            batch_rows=self._options.batch_rows,
            settings=self._settings,
            times=self.times,
        )
