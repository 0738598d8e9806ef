"""Projects, datasets and tables: what is declared about them.

bqemulator has the same tables, but forgets much of their declarations; the resources that clients
get come from here.
"""

import hashlib
import re
from typing import Any

import orjson

from . import emulated_tables
from .clock import Clock
from .emulator import Emulator, Exclusive
from .errors import ApiError, access_denied, condition_not_met, duplicate, invalid, not_found
from .materialized_views import check_change, check_materialized
from .names import TableName
from .schema import (
    Column,
    Json,
    check_changes,
    check_clustering,
    check_partitioning,
    columns_of,
    normalized,
    query_of,
    type_of,
)
from .schema_lag import SchemaLag
from .store import Store
from .streaming_buffer import StreamingBuffer
from .table_settings import KmsKeys, check_change_of_key, check_settings, kms_key

_DATASET_ID = re.compile(r"\w{1,1024}", re.ASCII)
_LOCATION = re.compile(r"US|EU|[a-z]+-[a-z]+\d+")
_TABLE_DROPPED_BY_PUT = ("description", "expirationTime", "friendlyName", "labels")


class Catalog:
    """All projects, datasets and tables of the server."""

    def __init__(
        self,
        store: Store,
        emulator: Emulator,
        clock: Clock,
        lag: SchemaLag,
        buffer: StreamingBuffer,
    ) -> None:
        """Read what was declared before."""
        self._store = store
        self._clock = clock
        self._buffer = buffer
        self._lag = lag
        self.kms_keys = KmsKeys(store)
        self._emulator = emulator
        self._projects = {key for key, _ in store.all("project")}
        self._datasets = dict(store.all("dataset"))
        self._tables = dict(store.all("table"))

    def add_project(self, project: str) -> None:
        """Make the project known; nothing is in it yet."""
        if not re.fullmatch(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", project):
            raise invalid(f"Invalid project ID '{project}'.")
        self._projects.add(project)
        self._store.put("project", {project: {}})

    def has_project(self, project: str) -> bool:
        """Say whether the project is known."""
        return project in self._projects

    def datasets(self, project: str) -> list[Json]:
        """Return the datasets of a project."""
        return [
            body
            for body in self._datasets.values()
            if body["datasetReference"]["projectId"] == project
        ]

    def dataset(self, project: str, dataset: str) -> Json | None:
        """Return the dataset, if there is one."""
        return self._datasets.get(f"{project}:{dataset}")

    def existing_dataset(self, project: str, dataset: str) -> Json:
        """Return the dataset; raises ApiError (404)."""
        if (body := self.dataset(project, dataset)) is None:
            raise not_found(f"Dataset {project}:{dataset}")
        return body

    async def create_dataset(self, project: str, body: Json) -> Json:
        """Make a dataset; raises ApiError for a bad declaration or an existing dataset.

        Source: rest/v2/datasets (the default location is US); locations.
        """
        dataset = body.get("datasetReference", {}).get("datasetId", "")
        if not _DATASET_ID.fullmatch(dataset):
            raise invalid(f'Invalid dataset ID "{dataset}".')
        location = body.get("location") or "US"
        location = location.upper() if location.lower() in ("us", "eu") else location.lower()
        if not _LOCATION.fullmatch(location):
            raise access_denied(
                f"BigQuery BigQuery: Location {location} is not yet publicly available."
            )
        if self.dataset(project, dataset):
            raise duplicate(f"Dataset {project}:{dataset}")
        reference = {"projectId": project, "datasetId": dataset}
        await self._emulator.call(
            "POST",
            f"/projects/{project}/datasets",
            {"datasetReference": reference, "location": location},
        )
        declared = {
            **body,
            "kind": "bigquery#dataset",
            "id": f"{project}:{dataset}",
            "datasetReference": reference,
            "location": location,
            "type": "DEFAULT",
            "creationTime": self._now(),
        }
        return self._keep("dataset", self._datasets, declared)

    async def drop_dataset(self, project: str, dataset: str) -> None:
        """Drop a dataset with everything in it; raises ApiError (404)."""
        self.existing_dataset(project, dataset)
        await self._emulator.call(
            "DELETE",
            f"/projects/{project}/datasets/{dataset}",
            params={"deleteContents": "true"},
        )
        for body in self.tables(project, dataset):
            self._forget_table(body)
        self._forget("dataset", self._datasets, f"{project}:{dataset}")

    def tables(self, project: str, dataset: str) -> list[Json]:
        """Return the tables and views of a dataset."""
        prefix = f"{project}:{dataset}."
        return [body for key, body in self._tables.items() if key.startswith(prefix)]

    def table(self, name: TableName) -> Json | None:
        """Return the table, if there is one."""
        return self._tables.get(str(name))

    def _named(self, name: str) -> Json | None:
        """Return the table that the query of a view names in full."""
        return self.table(TableName(*name.split("."))) if name.count(".") == 2 else None

    def existing_table(self, name: TableName) -> Json:
        """Return the table; raises ApiError (404)."""
        self.existing_dataset(name.project, name.dataset)
        if (body := self.table(name)) is None:
            raise not_found(f"Table {name}")
        return body

    def columns_for_streams(self, name: TableName) -> list[Column]:
        """Return the columns of a table that write streams know; raises ApiError (404)."""
        return self._lag.known(name, columns_of(self.existing_table(name).get("schema")))

    async def statistics(self, name: TableName) -> Json:
        """Return what tables.get tells of a table's rows."""
        async with self._emulator.exclusively() as emulator:
            rows = await emulator.count(name.project, name.dataset, name.table)
            return self._buffer.statistics(name, rows)

    async def create_table(self, name: TableName, body: Json) -> Json:
        """Make a table or a view; raises ApiError."""
        dataset = self.existing_dataset(name.project, name.dataset)
        if not _DATASET_ID.fullmatch(name.table):
            raise invalid(f'Invalid table ID "{name.table}".')
        columns = columns_of(body.get("schema"))
        body = _without_nulls(body)
        if "materializedView" in body:
            check_materialized(body, self._named)
        else:
            check_partitioning(body.get("timePartitioning"), columns)
            check_clustering(body.get("clustering"), columns)
        check_settings(body)
        if self.table(name):
            raise duplicate(f"Table {name}")
        if key := kms_key(body):
            self.kms_keys.check(key, dataset["location"])
        declared = {
            **body,
            **_expirations(dataset, body, self._clock.milliseconds()),
            "kind": "bigquery#table",
            "id": str(name),
            "tableReference": name.reference,
            "type": type_of(body),
            "location": dataset["location"],
            "creationTime": self._now(),
        }
        async with self._emulator.exclusively() as emulator:
            if query_of(body):
                await self._put_view(emulator, name, declared)
            else:
                await emulated_tables.create(emulator, name, declared)
        if fields := declared.get("schema", {}).get("fields"):
            declared["schema"] = {"fields": normalized(fields)}
        return self._keep("table", self._tables, declared)

    async def update_table(
        self, name: TableName, body: Json, etag: str | None, *, replace: bool
    ) -> Json:
        """Change a table by tables.patch or, with `replace`, tables.update; raises ApiError.

        Source: rest/v2/tables/patch; the If-Match header of the API's optimistic concurrency.
        """
        old = self.existing_table(name)
        if etag is not None and etag not in (old["etag"], "*"):
            raise condition_not_met()
        new = _merged(old, body, replace=replace)
        if old["type"] == "MATERIALIZED_VIEW":
            check_change(old, body)
        if old["type"] != "TABLE":
            if "view" in body:
                async with self._emulator.exclusively() as emulator:
                    await self._put_view(emulator, name, new)
            return self._keep("table", self._tables, new)
        old_columns, columns = columns_of(old.get("schema")), columns_of(new.get("schema"))
        added = check_changes(str(name), old_columns, columns)
        check_partitioning(new.get("timePartitioning"), columns)
        check_clustering(new.get("clustering"), columns)
        if _partitions(old) != _partitions(new):
            raise invalid(f"Cannot change the partitioning of table {name}.")
        check_settings(new)
        check_change_of_key(old, new)
        if (key := kms_key(new)) and key != kms_key(old):
            self.kms_keys.check(key, old["location"])
        if "schema" in body:
            new["schema"] = {"fields": _in_order(old, new)}
            async with self._emulator.exclusively() as emulator:
                await emulated_tables.change_columns(emulator, name, added, new)
            self._lag.note(name, added)
        return self._keep("table", self._tables, new)

    async def _put_view(self, emulator: Exclusive, name: TableName, declared: Json) -> None:
        """Make or replace a view and put the columns that it has into its declaration."""
        view = declared.get("view") or {**declared["materializedView"], "useLegacySql": False}
        await emulated_tables.put_view(emulator, name, view)
        fields = await emulated_tables.column_fields(emulator, name)
        declared["schema"] = {"fields": normalized(fields)}

    async def delete_table(self, name: TableName) -> None:
        """Drop a table or a view; raises ApiError (404)."""
        body = self.existing_table(name)
        kind = "TABLE" if body["type"] == "TABLE" else "VIEW"
        await self._emulator.query(name.project, f"DROP {kind} {name.sql}")
        self._forget_table(body)

    async def adopt_changes(self, project: str) -> None:
        """Take over what a statement made, changed or dropped in the project's datasets."""
        async with self._emulator.exclusively() as emulator:
            for dataset in self.datasets(project):
                await self._adopt(emulator, dataset)

    async def _adopt(self, emulator: Exclusive, dataset: Json) -> None:
        project, dataset_id = dataset["id"].split(":")
        path = f"/projects/{project}/datasets/{dataset_id}/tables"
        listed = (await emulator.call("GET", path)).get("tables", [])
        names = [
            TableName(project, dataset_id, item["tableReference"]["tableId"]) for item in listed
        ]
        for name in names:
            await self._adopt_table(emulator, dataset, name)
        there = set(map(str, names))
        for body in self.tables(project, dataset_id):
            if body["id"] not in there:
                self._forget_table(body)

    async def _adopt_table(self, emulator: Exclusive, dataset: Json, name: TableName) -> None:
        known = self.table(name)
        if known is None:
            theirs = await emulated_tables.describe(emulator, name)
            ours = {**theirs, "location": dataset["location"], "creationTime": self._now()}
        else:
            ours = known
        fields = {field["name"]: field for field in ours.get("schema", {}).get("fields", [])}
        try:
            actual = await emulated_tables.column_fields(emulator, name)
        except ApiError:
            if ours["type"] == "TABLE":
                raise
            return  # A view whose tables are gone keeps its columns ("View limitations").
        if known is None or list(fields) != [field["name"] for field in actual]:
            merged = [fields.get(field["name"], field) for field in actual]
            ours = {**ours, "schema": {"fields": normalized(merged)}}
            self._keep("table", self._tables, ours)

    def _keep(self, kind: str, resources: dict[str, Json], body: Json) -> Json:
        body["lastModifiedTime"] = self._now()
        # The etag before is a part of the next one, which so differs even within a millisecond.
        digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()
        body["etag"] = digest[:22]
        resources[body["id"]] = body
        self._store.put(kind, {body["id"]: body})
        return body

    def _now(self) -> str:
        return str(self._clock.milliseconds())

    def _forget_table(self, body: Json) -> None:
        """Forget a table that is gone, and which of its rows were streamed."""
        reference = body["tableReference"]
        self._buffer.forget(
            TableName(reference["projectId"], reference["datasetId"], reference["tableId"])
        )
        self._forget("table", self._tables, body["id"])

    def _forget(self, kind: str, resources: dict[str, Json], key: str) -> None:
        del resources[key]
        self._store.drop(kind, key)


def _expirations(dataset: Json, body: Json, now: int) -> Json:
    """Return what a new table takes over from its dataset; `now` is in milliseconds.

    Source: rest/v2/datasets, defaultPartitionExpirationMs and defaultTableExpirationMs.
    """
    partitioning = body.get("timePartitioning")
    partition_default = dataset.get("defaultPartitionExpirationMs")
    if partitioning and partition_default:
        return {"timePartitioning": {"expirationMs": partition_default, **partitioning}}
    table_default = dataset.get("defaultTableExpirationMs")
    if table_default and "expirationTime" not in body:
        return {"expirationTime": str(now + int(table_default))}
    return {}


def _merged(old: Json, body: Json, *, replace: bool) -> Json:
    """Return a resource after a change: null removes, and so does leaving out with `replace`.

    A patch changes what it names of an object, and leaves the rest of it (RFC 7396).
    """
    new = {**old, **body} if replace else _patched(old, body)
    gone = {key for key in _TABLE_DROPPED_BY_PUT if replace and key not in body}
    return {key: value for key, value in _without_nulls(new).items() if key not in gone} | {
        "tableReference": old["tableReference"],
        "etag": old["etag"],
    }


def _patched(old: Json, patch: Json) -> Json:
    new = {**old}
    for key, value in patch.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            new[key] = _patched(before, value)
        else:
            new[key] = value
    return new


def _without_nulls(body: Json) -> Json:
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in body.items()
        if value is not None
    }


def _partitions(body: Json) -> tuple[Any, ...]:
    partitioning = body.get("timePartitioning") or {}
    return partitioning.get("type"), partitioning.get("field")


def _in_order(old: Json, new: Json) -> list[Json]:
    """Return the new fields with those that exist already first, where the data has them."""
    fields = {field["name"].casefold(): field for field in normalized(new["schema"]["fields"])}
    first = [
        fields.pop(field["name"].casefold()) for field in old.get("schema", {}).get("fields", [])
    ]
    return first + list(fields.values())
