"""A home with integrations that fail, set up by Home Assistant itself, and exports of them."""

from dataclasses import dataclass, field
from typing import Any, override
from unittest.mock import Mock

from homeassistant.config_entries import ConfigEntry, ConfigEntryState, ConfigFlow
from homeassistant.core import HomeAssistant
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    mock_integration,
    mock_platform,
)

from custom_components.bigquery_export.export.dimensions.snapshot import Snapshot
from custom_components.bigquery_export.export.dimensions.snapshot_file import SnapshotFile
from custom_components.bigquery_export.export.run import Run
from custom_components.bigquery_export.export.session import Result
from custom_components.bigquery_export.export.tables import DIMENSION_TABLES
from custom_components.bigquery_export.home.dimensions import dimension_readers
from custom_components.bigquery_export.home.entry_states import EntryStates
from custom_components.bigquery_export.home.registries import Registries
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.privacy import Privacy
from tests.bigquery_export.support.exporter import PLACE, Exporter


class FlakyHome:
    """Config entries of an integration whose set-up ends as is wanted."""

    def __init__(
        self, hass: HomeAssistant, domain: str = "flaky", version: str | None = None
    ) -> None:
        """Add the integration: a custom one if it has a version of its own."""
        self.hass = hass
        self.domain = domain
        self.failure: Exception | None = None
        """What the next set-up raises."""
        self.seen: list[ConfigEntryState] = []
        """In which states its entries have been when they were set up."""

        async def async_setup_entry(_: HomeAssistant, entry: ConfigEntry) -> bool:
            self.seen.append(entry.state)
            if self.failure:
                raise self.failure
            return True

        async def async_unload_entry(_: HomeAssistant, entry: ConfigEntry) -> bool:
            self.seen.append(entry.state)
            return True

        mock_integration(
            hass,
            MockModule(
                domain,
                async_setup_entry=async_setup_entry,
                async_unload_entry=async_unload_entry,
                partial_manifest={
                    "integration_type": "hub",
                    "iot_class": "local_push",
                    **({"version": version} if version else {}),
                },
            ),
            built_in=version is None,
        )

        class Flow(ConfigFlow, domain=domain):
            """Nothing is asked."""

        mock_platform(hass, f"{domain}.config_flow", Mock(ConfigFlow=Flow))

    async def async_add(self, entry_id: str, **values: Any) -> MockConfigEntry:
        """Set up an entry."""
        entry = MockConfigEntry(domain=self.domain, entry_id=entry_id, **values)
        entry.add_to_hass(self.hass)
        await self.async_set_up(entry)
        return entry

    async def async_set_up(self, entry: ConfigEntry) -> None:
        """Set up an entry that is not, as Home Assistant does at its start."""
        await self.hass.config_entries.async_setup(entry.entry_id)
        await self.hass.async_block_till_done()

    async def async_retry(self, entry: ConfigEntry, failure: Exception | None = None) -> None:
        """Let Home Assistant try again to set up an entry, which ends as it is wanted."""
        self.failure = failure
        entry.async_cancel_retry_setup()
        await entry.async_setup_locked(self.hass)
        await self.hass.async_block_till_done()

    async def async_reload(self, entry: ConfigEntry, failure: Exception | None = None) -> None:
        """Load an entry again, which ends as it is wanted."""
        self.failure = failure
        await self.hass.config_entries.async_reload(entry.entry_id)
        await self.hass.async_block_till_done()


@dataclass
class DimensionExporter(Exporter):
    """Exports one dimension table as the runner does."""

    table: str = "integrations"
    tables: tuple[str, ...] = ()
    privacy: Privacy = field(default_factory=Privacy)
    states: EntryStates = field(init=False)
    registries: Registries = field(init=False)

    @override
    def __post_init__(self) -> None:
        """Read nothing yet."""
        super().__post_init__()
        self.states = EntryStates(self.hass, self.entry_id)
        self.registries = Registries(self.hass)

    @override
    def new_run(
        self, batch_rows: int = 1_000, *, flush: bool = False, backfill: bool = True
    ) -> Run:
        """Return a run that continues from the files, as after a restart."""
        session = self.new_session(batch_rows)
        row_context = RowContext(
            session.run_values, PLACE, self.choice, self.registries, self.privacy
        )
        readers = dimension_readers(self.hass, self.registries, self.states, row_context)
        file = SnapshotFile(self.hass, self.entry_id, self.table)
        snapshot = Snapshot(DIMENSION_TABLES[self.table], file, readers[self.table])
        return Run(session, [], [snapshot])

    @override
    async def export(self, batch_rows: int = 1_000) -> Result:
        """Make a run."""
        await self.registries.async_open({})
        try:
            return await self.new_run(batch_rows).async_run()
        finally:
            self.registries.async_close()

    async def export_rows(self) -> int:
        """Make a run, and return how many rows it sent."""
        return (await self.export()).rows[self.table]

    async def restart_following(self) -> None:
        """Follow the states of entries in a new process, from the file."""
        await self.states.async_close()
        self.states = EntryStates(self.hass, self.entry_id)
        await self.states.async_open()
