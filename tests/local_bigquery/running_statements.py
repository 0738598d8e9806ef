"""Statements, followed as to what they do to rows in the streaming buffer.

Sources: data-manipulation-language ("Limitations") does not refuse them for rows of the Storage
Write API. What a deletion takes away is counted first, by its own condition.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import accumulate

from .catalog import Catalog
from .clock import Clock
from .emulator import Emulator, Exclusive
from .errors import not_implemented
from .named_tables import named_tables
from .names import TableName
from .noted_changes import NotedChanges
from .schema import Json
from .statements import Deletion, deletion, keeps_rows_in_place
from .streaming_buffer import POSITION, StreamingBuffer, kind_of, with_positions, without

_OPTIONS = ("queryParameters", "parameterMode", "defaultDataset")


class RunningStatements:
    """Lets statements into bqemulator one at a time."""

    def __init__(
        self,
        catalog: Catalog,
        emulator: Emulator,
        buffer: StreamingBuffer,
        changes: NotedChanges,
        clock: Clock,
    ) -> None:
        """Run in this emulator, and keep this buffer right."""
        self._clock = clock
        self._catalog = catalog
        self._emulator = emulator
        self._buffer = buffer
        self._changes = changes

    @asynccontextmanager
    async def running(self, project: str, query: Json) -> AsyncIterator[Exclusive]:
        """Hold bqemulator for a statement, which is given as jobs.query has it.

        Raises ApiError for one that cannot be followed.
        """
        await self.expire(project)
        async with self._running(project, query) as emulator:
            yield emulator

    async def expire(self, project: str) -> None:
        """Delete the rows of partitions that have expired, also those that came later.

        Source: managing-partitioned-tables, "Set the partition expiration": the expiration applies
        to a partition as a whole, by the time at which it begins, and rows that are added to one
        that has expired are gone as well.
        """
        now = self._clock.milliseconds()
        for dataset in self._catalog.datasets(project):
            for body in self._catalog.tables(project, dataset["datasetReference"]["datasetId"]):
                if sql := _expired(body, now):
                    async with self._running(project, {"query": sql}) as emulator:
                        await emulator.query(project, sql)

    @asynccontextmanager
    async def _running(self, project: str, query: Json) -> AsyncIterator[Exclusive]:
        async with self._emulator.exclusively() as emulator:
            note = await self._note(emulator, project, query)
            try:
                yield emulator
            finally:
                if note is not None:
                    await self._changes.settle(emulator, note)

    async def _note(self, emulator: Exclusive, project: str, query: Json) -> str | None:
        """Note what the statement is going to do to the buffer, if it does anything."""
        sql, default = str(query["query"]), query.get("defaultDataset")
        if keeps_rows_in_place(sql):
            return None
        if (found := deletion(sql)) is not None:
            names = named_tables(self._catalog, project, found.table, default)
            if len(names) == 1:
                return await self._note_deletion(emulator, project, query, names[0], found)
        for name in named_tables(self._catalog, project, sql, default):
            if self._buffer.current(name):
                raise not_implemented(f"this statement while rows of {name} are in the buffer")
            self._buffer.forget(name)
        return None

    async def _note_deletion(
        self,
        emulator: Exclusive,
        project: str,
        query: Json,
        name: TableName,
        deletion: Deletion,
    ) -> str | None:
        kept = self._buffer.kept(name)
        if not kept:
            return None
        places = sorted({place for rows in kept.values() for place in (rows.first, rows.last)})
        sql = (
            f"SELECT RANGE_BUCKET({POSITION} - 1, {places}) AS bucket, COUNT(*) AS n"  # noqa: S608
            f" FROM {with_positions(name)} AS `{deletion.alias}` WHERE {deletion.condition}"
            " GROUP BY bucket"
        )
        options = {key: query[key] for key in _OPTIONS if key in query}
        found = await emulator.query(project, sql, options)
        counts = [0] * (len(places) + 1)
        for row in found:
            counts[int(row["bucket"])] = int(row["n"])
        removed_before = dict(zip(places, accumulate(counts), strict=False))
        rows = await emulator.count(name.project, name.dataset, name.table)
        after = {kind_of(name): without(kept, removed_before)}
        return self._changes.begin(name, rows - sum(counts), after)


def _expired(table: Json, now: int) -> str | None:
    """Return the statement that deletes a table's expired rows; `now` is in milliseconds."""
    partitioning = table.get("timePartitioning") or {}
    expiration, field = partitioning.get("expirationMs"), partitioning.get("field")
    if not (expiration and field):
        return None
    begins = f"TIMESTAMP_TRUNC(`{field}`, {partitioning['type']})"
    until = f"TIMESTAMP_MILLIS({now - int(expiration)})"
    reference = table["tableReference"]
    name = f"{reference['projectId']}.{reference['datasetId']}.{reference['tableId']}"
    return f"DELETE FROM `{name}` WHERE {begins} <= {until}"  # noqa: S608
