"""Queries: each is capped, and has a label by which it is found. Seen on the wire."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
import json
from typing import Any

import pytest

from custom_components.bigquery_export.bigquery import capped_query
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.queried_rows import QueriedRows
from custom_components.bigquery_export.bigquery.row_count_query import RowCountQuery
from custom_components.bigquery_export.errors import QuotaExceededError
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import EPOCH, PartitionUnit
from custom_components.bigquery_export.source.source_table import IdRange
from tests.bigquery_export.support.recording_proxy import Wire, tapped
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

MIB = 1024 * 1024


@contextmanager
def watched(warehouse: Warehouse) -> Iterator[tuple[Connection, Wire]]:
    """Give a connection to an empty table, and what goes over the wire."""
    warehouse.create_table()
    with tapped(warehouse.server.rest_url) as wire:
        destination = replace(warehouse.destination, api_endpoint=wire.endpoint)
        key = warehouse.create_key(DATA_EDITOR, JOB_USER)
        with Connection.open(key, destination) as connection:
            yield connection, wire


def jobs(wire: Wire) -> list[dict[str, Any]]:
    """Return the configurations of the jobs that were begun."""
    decode = json.JSONDecoder().raw_decode
    parts = wire.sent.decode(errors="replace").split("\r\n\r\n")
    bodies = [decode(part)[0] for part in parts if part.startswith("{")]
    return [body["configuration"] for body in bodies if "configuration" in body]


def read(connection: Connection) -> None:
    """Read a partition back."""
    assert list(QueriedRows(connection, "home").rows(SENSOR_DATA, 20_000)) == []


def test_end_of_calendar(warehouse: Warehouse) -> None:
    """The last partition that there is, of a day or a month, has no end to ask for."""
    day = (datetime(9999, 12, 31, tzinfo=UTC) - EPOCH).days
    with watched(warehouse) as (connection, wire):
        monthly = replace(SENSOR_DATA, partition_unit=PartitionUnit.MONTH)
        for table in (SENSOR_DATA, monthly):
            start = table.partition_start(day)
            assert list(QueriedRows(connection, "home").rows(table, start)) == []
        asked = [job["query"]["queryParameters"] for job in jobs(wire)]
    times = [one["parameterValue"]["value"] for query in asked for one in query[-2:]]
    assert len(times) == 8  # A dry run, and the job itself, of each.
    assert [time[:26] for time in times[1::2]] == ["9999-12-31 23:59:59.999999"] * 4
    assert {time[:10] for time in times[::2]} == {"9999-12-31", "9999-12-01"}


def count(connection: Connection) -> None:
    """Count the rows of some days."""
    exported = (IdRange(0, 0), IdRange(0, 10))
    query = RowCountQuery(connection, "home")
    assert list(query.rows(SENSOR_DATA, range(20_000, 20_002), exported)) == []


@pytest.mark.parametrize("ask", [read, count])
def test_queries(warehouse: Warehouse, ask: Any) -> None:
    """A query is asked for its size, and then may not be billed for much more."""
    with watched(warehouse) as (connection, wire):
        ask(connection)
        asked, run = jobs(wire)
    assert asked["dryRun"]
    assert not run.get("dryRun")
    assert run["query"]["maximumBytesBilled"] == str(20 * MIB)
    assert asked["labels"] == run["labels"] == {"application": "bigquery_export"}
    assert not run["query"]["useQueryCache"]


@pytest.mark.parametrize("ask", [read, count])
def test_more_than_the_cap(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, ask: Any) -> None:
    """A query that would be billed for more is not run: no row, and a sentence that says why."""
    monkeypatch.setattr(capped_query, "_limit", lambda _: 10 * MIB - 1)
    with watched(warehouse) as (connection, wire):
        with pytest.raises(QuotaExceededError, match="10485760 or higher required"):
            ask(connection)
        # The refusal does not pass by itself, so it is not asked again at once.
        assert len(jobs(wire)) == 2


def test_check_of_load_jobs(warehouse: Warehouse) -> None:
    """What finds out whether the account may run jobs reads nothing."""
    with watched(warehouse) as (connection, wire):
        LoadJobDelivery(connection).check_access(SENSOR_DATA)
        (asked,) = jobs(wire)
    assert asked["dryRun"]
    assert asked["labels"] == {"application": "bigquery_export"}


@pytest.mark.parametrize(
    ("size", "limit"),
    [(0, 20), (1, 20), (10 * MIB, 20), (10 * MIB + 1, 21), (1024 * MIB, 1034), (10**12, 953_685)],
)
def test_limits(size: int, limit: int) -> None:
    """Ten megabytes are billed at least, and whole ones; a little may have been added."""
    assert capped_query._limit(size) == limit * MIB
