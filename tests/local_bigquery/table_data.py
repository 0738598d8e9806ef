"""The REST API's tabledata.list: rows without a job.

Sources: rest/v2/tabledata/list, managing-table-data ("Required permissions"),
managing-partitioned-table-data ("partition decorators"), streaming-data-into-bigquery (rows in the
streaming buffer are not listed; see `streaming_buffer`).
"""

import re

from aiohttp import web

from .access import Caller
from .catalog import Catalog
from .emulator import Emulator, Exclusive
from .errors import invalid
from .names import TableName
from .rest import PREFIX, RestApi
from .running_statements import RunningStatements
from .schema import Column, Json, columns_of
from .settings import Settings
from .streaming_buffer import StreamingBuffer, is_buffered, with_positions

_PATH = f"{PREFIX}/projects/{{project}}/datasets/{{dataset}}/tables/{{table}}/data"
_MAX_ROWS = 10_000
_UNPARTITIONED = "__UNPARTITIONED__"
_PARTITION_ID = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?", re.ASCII)
_UNIT_OF_LENGTH = {4: "YEAR", 6: "MONTH", 8: "DAY", 10: "HOUR"}
# What a partition id that ends early leaves out of the time at which the partition begins.
_FIRST = ("", "01", "01", "00")


class TableData:
    """The method list of the collection tabledata."""

    def __init__(
        self,
        catalog: Catalog,
        emulator: Emulator,
        buffer: StreamingBuffer,
        settings: Settings,
        statements: RunningStatements,
    ) -> None:
        """Read the rows of this catalog's tables, except those that are in the buffer."""
        self._catalog = catalog
        self._emulator = emulator
        self._buffer = buffer
        self._settings = settings
        self._statements = statements

    def register(self, api: RestApi) -> None:
        """Add the method to the API."""
        api.add("GET", _PATH, "tabledata.list", self.list)

    async def list(self, request: web.Request, caller: Caller) -> Json:
        """Answer tabledata.list: a page of rows, in the order in which they came."""
        path = request.match_info
        table, _, partition = path["table"].partition("$")
        name = TableName(path["project"], path["dataset"], table)
        caller.check_table("bigquery.tables.getData", name)
        resource = self._catalog.existing_table(name)
        if resource["type"] != "TABLE":
            raise invalid(f"Cannot list a table of type {resource['type']}.")
        known = columns_of(resource.get("schema"))
        if not known:
            return {"kind": "bigquery#tableDataList", "totalRows": "0"}
        columns = _selected(known, request.query.get("selectedFields"))
        if partition == _UNPARTITIONED:
            self._check_unpartitioned(name, resource)
            condition = ""
        else:
            condition = _condition(name, resource, partition) if partition else ""
        first = int(request.query.get("pageToken") or request.query.get("startIndex") or 0)
        limit = min(int(request.query.get("maxResults") or _MAX_ROWS), _MAX_ROWS)
        names = ", ".join(f"`{column.name}`" for column in columns)
        int64_timestamp = request.query.get("formatOptions.useInt64Timestamp", "").casefold()
        await self._statements.expire(name.project)
        async with self._emulator.exclusively() as emulator:
            source = self._source(name, partition, condition)
            sql = f"SELECT {names} FROM {source} LIMIT {limit} OFFSET {first}"  # noqa: S608
            total = await _count(emulator, name.project, source)
            rows = await _rows(emulator, name.project, sql, int64_timestamp == "true")
        answer: Json = {"kind": "bigquery#tableDataList", "totalRows": str(total)}
        if rows:
            answer["rows"] = rows
        if first + len(rows) < total:
            answer["pageToken"] = str(first + len(rows))
        return answer

    def _check_unpartitioned(self, name: TableName, resource: Json) -> None:
        """Refuse the decorator for rows in the buffer, unless the settings allow it."""
        if not self._settings.lists_unpartitioned or not resource.get("timePartitioning"):
            raise invalid(f"Invalid partition {_UNPARTITIONED} of table {name}.")

    def _source(self, name: TableName, partition: str, condition: str) -> str:
        """Return the SQL behind FROM for what is listed; bqemulator must be held."""
        buffered = self._buffer.current(name)
        if partition == _UNPARTITIONED:
            return f"{with_positions(name)} WHERE {is_buffered(buffered)}"
        if not buffered or (self._settings.lists_buffer and not partition):
            return f"{name.sql} WHERE {condition}" if condition else name.sql
        listed = f"{with_positions(name)} WHERE NOT {is_buffered(buffered)}"
        return f"{listed} AND {condition}" if condition else listed


def _selected(columns: list[Column], fields: str | None) -> list[Column]:
    """Return the columns that a call asks for, in the table's order; raises ApiError."""
    if not fields:
        return columns
    asked = {field.strip().casefold() for field in fields.split(",")}
    if unknown := asked - {column.key for column in columns}:
        raise invalid(f"Invalid field name in selectedFields: {', '.join(sorted(unknown))}")
    return [column for column in columns if column.key in asked]


def _condition(name: TableName, resource: Json, partition: str) -> str:
    """Return the SQL that is true for the rows of a partition, such as 20260131."""
    partitioning = resource.get("timePartitioning") or {}
    column = next(
        (
            column
            for column in columns_of(resource["schema"])
            if column.name == partitioning.get("field")
        ),
        None,
    )
    if column is None:
        raise invalid(f"Table {name} is not partitioned by a column.")
    if partition == "__NULL__":
        return f"`{column.name}` IS NULL"
    match = _PARTITION_ID.fullmatch(partition)
    unit = _UNIT_OF_LENGTH.get(len(partition))
    if match is None or unit != partitioning["type"]:
        raise invalid(f"Invalid partition {partition} of table {name}.")
    year, month, day, hour = (
        text or default for text, default in zip(match.groups(), _FIRST, strict=True)
    )
    start = f"{year}-{month}-{day}"
    if column.type == "DATE":
        return f"DATE_TRUNC(`{column.name}`, {unit}) = DATE '{start}'"
    literal = f"{column.type} '{start} {hour}:00:00{'+00' if column.type == 'TIMESTAMP' else ''}'"
    return f"{column.type}_TRUNC(`{column.name}`, {unit}) = {literal}"


async def _count(emulator: Exclusive, project: str, source: str) -> int:
    sql = f"SELECT COUNT(*) AS n FROM {source}"  # noqa: S608
    return int((await emulator.query(project, sql))[0]["n"])


async def _rows(emulator: Exclusive, project: str, sql: str, int64_timestamp: bool) -> list[Json]:
    answer = await emulator.call(
        "POST",
        f"/projects/{project}/queries",
        {
            "query": sql,
            "useLegacySql": False,
            "maxResults": _MAX_ROWS,
            "formatOptions": {"useInt64Timestamp": int64_timestamp},
        },
    )
    rows: list[Json] = answer.get("rows", [])
    return rows
