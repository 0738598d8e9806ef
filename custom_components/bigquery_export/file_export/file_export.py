"""An export to files, one for each partition of each table: the recorder first, then BigQuery.

    read the recorder's rows of a partition -> list those of BigQuery -> write what is not there yet

It sends nothing and changes no position, so it may run while exports do.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, override

from ..bigquery.listed_values import ListedValues
from ..export.job import Job
from ..export.positions import Position, TablePosition
from ..export.reconcile.exported_rows import ExportedRows, OpenSource, Span
from ..export.reconcile.row_selection import RowSelection
from ..export.session import Session
from ..file_formats.file_format import FileFormat
from ..rows.encoded_rows import EncodedRows
from ..rows.local_time import DAY
from ..rows.table import Table
from ..source.readiness import async_read_recorder, check_recorder
from .file_request import FileReport, FileRequest
from .older_rows import OlderRows, Values
from .partition_file import PartitionFile, check_space, write_companions

_ENTITY_ID = "entity_id"


class FileExport(Job):
    """One export to files in a folder of its own."""

    settles = False

    def __init__(
        self,
        session: Session,
        tables: Mapping[str, tuple[Table, OpenSource]],
        listed: ListedValues,
        request: FileRequest,
        *,
        entities: Mapping[str, set[str]] | None,
        left_out: frozenset[str],
        file_format: FileFormat,
        folder: Path,
    ) -> None:
        """Prepare to write the rows of some tables.

        `entities` has the chosen ones with the names that rows may have for them, `left_out` the
        columns that are not exported.
        """
        super().__init__(session)
        self._tables = tables
        self._listed = listed
        self._request = request
        self._entities = entities or {}
        self._selection = RowSelection(
            entities=None if entities is None else frozenset[str]().union(*entities.values())
        )
        self._found: set[str] = set()
        """Those that rows are about."""
        self._left_out = left_out
        self._format = file_format
        self._folder = folder
        self._days = range(request.start // DAY, -(-request.end // DAY))
        self.report = FileReport()

    @property
    def entities_without_rows(self) -> list[str]:
        """Return the chosen entities of which there are no rows."""
        return [entity for entity, names in self._entities.items() if not names & self._found]

    @override
    async def _async_work(self) -> None:
        """Write the files of all tables."""
        check_recorder(self._session.hass)
        await self._session.async_block(check_space, self._folder)
        for table, open_source in self._tables.values():
            if self._selection.may_have(table):
                await self._async_table(table, open_source)

    async def _async_table(self, table: Table, open_source: OpenSource) -> None:
        source = await self._session.async_block(open_source)
        newest = await async_read_recorder(self._session.hass, source.reader.newest_id)
        rows = ExportedRows(
            self._session,
            table,
            open_source,
            TablePosition(Position(cursor=newest)),  # What waits is wanted, too.
            selection=self._selection,
            days=self._days,
        )
        spans = await rows.async_spans()
        before = len(self.report.files)
        for partition_start in sorted({table.partition_start(day) for day in self._days}):
            span = spans.get(partition_start, Span())
            await self._async_partition(table, rows, span, partition_start)
        if len(self.report.files) > before:
            await self._session.async_block(write_companions, self._folder, self._format, table)

    async def _async_partition(
        self, table: Table, rows: ExportedRows, span: Span, partition_start: int
    ) -> None:
        session = self._session
        file = PartitionFile(self._folder, self._format, table, partition_start)
        older = OlderRows(self._listed, table, partition_start, lambda: session.stopped)
        try:
            async for recorded in rows.read(span):
                await session.async_block(self._write_recorded, file, table, older, recorded)
            await session.async_block(self._write_older, file, table, older)
            await session.async_rest()
            if written := await session.async_block(file.finish):
                self.report.files.append(written)
            self.report.refused += file.refused
        finally:
            await session.async_block(file.close)

    def _write_recorded(
        self, file: PartitionFile, table: Table, older: OlderRows, rows: EncodedRows
    ) -> None:
        older.learn(rows)
        decode = self._session.delivery.encoding(table).decode
        self._write(file, table, [decode(row) for row in rows.data])

    def _write_older(self, file: PartitionFile, table: Table, older: OlderRows) -> None:
        for page in older.pages(lambda row: self._has_entity(table, row)):
            self._write(
                file,
                table,
                [
                    {name: value for name, value in row.items() if name not in self._left_out}
                    for row in page
                ],
            )

    def _write(self, file: PartitionFile, table: Table, rows: Sequence[Values]) -> None:
        """Write those rows of a partition that are of the time that is wanted."""
        request, time = self._request, table.partition_by
        wanted = [row for row in rows if request.start <= row[time] < request.end]
        file.write(wanted)
        if self._selection.entities is not None:
            self._found.update(_name(table, row) for row in wanted)

    def _has_entity(self, table: Table, row: Mapping[str, Any]) -> bool:
        return self._selection.entities is None or _name(table, row) in self._selection.entities


def _name(table: Table, row: Mapping[str, Any]) -> str:
    """Return the entity that a row is about, or "" if there is none."""
    name = table.identity[0] if table.identity[0] == "statistic_id" else _ENTITY_ID
    return str(row.get(name, ""))
