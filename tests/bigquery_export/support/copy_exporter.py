"""Exports into a copy without a config entry around them."""

from dataclasses import dataclass, field
from typing import override

from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.export.journal import Journal
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.export.session import Session, open_session
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from tests.bigquery_export.support.copy_place import CopyTarget
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.warehouse import HOME


@dataclass
class CopyExporter(Exporter):
    """Copies as the runner of a copy does, and remembers nothing between them but the files."""

    goes_to: CopyTarget = field(kw_only=True)

    @override
    def __post_init__(self) -> None:
        """Connect anew, as a process that has just begun."""
        self.place = self.goes_to.open()
        self.source = self.goes_to.source
        self.delivery = self.place.delivery.name
        self.deliveries = {self.delivery: self.place.delivery}
        self.file = CheckpointFile(self.hass, self.entry_id)

    @override
    def _new_journal(self) -> Journal:
        journal = Journal(
            self.hass,
            file=self.file,
            fence=self.place.fence(self.source),
            tables=TABLES,
            deliveries=self.deliveries,
            rejected_rows=self.rejected,
            set_aside_rows=self.set_aside,
            on_progress=lambda: self.progress.append(journal.checkpoint),
        )
        journal.checkpoint = self.file.load()
        return journal

    @override
    def new_session(
        self,
        batch_rows: int = 1_000,
        *,
        delivery: str | None = None,
        transaction_rows: int | None = None,
    ) -> Session:
        """Return what a copy works with."""
        return open_session(
            self.hass,
            journal=self.journal,
            delivery=self.deliveries[self.delivery],
            existing_rows=self.place.existing_rows(self.source),
            source=HOME,
            trigger="test",
            integration_version="1.2.3",
            batch_rows=batch_rows,
            transaction_rows=transaction_rows,
        )

    @override
    def _make_tables(self) -> None:
        wanted = [RECORDER_TABLES[name].table for name in self.tables]
        self.place.ensure([*wanted, EXPORT_LOG], self.source)
