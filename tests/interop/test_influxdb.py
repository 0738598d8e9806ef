"""What the comparison with InfluxDB expects of it is what docs/influxdb.md says."""

from collections.abc import Mapping
import socket
from typing import Any

import pytest

from custom_components.bigquery_export.copies.influxdb.influxdb_settings import InfluxdbSettings
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from tests.bigquery_export.support.all_types import TABLE
from tests.local_influxdb.server import LocalInfluxdb, serve

from .breakable_port import breakable_port
from .influxdb import distinct, latest
from .odd_points import DifferentPointError, check_odd_points, write_odd_points


def hour(start: int, exported: int, **changes: Any) -> Mapping[str, Any]:
    """Return a row of statistics."""
    row = {"statistic_id": "a", "start": start, "end": start + 1, "export_timestamp": exported}
    return {**row, "deleted": "false", **changes}


def test_latest() -> None:
    """Of statistics the newest row holds, and none that was deleted after it was sent."""
    gone = hour(2, 5, end=4, deleted="true")
    rows = [hour(1, 1), hour(1, 2), hour(2, 4), hour(3, 5), hour(4, 1), gone]
    found = sorted(latest(STATISTICS, rows), key=lambda row: row["start"])
    assert found == [hour(1, 2), hour(3, 5), hour(4, 1)]
    assert [*latest(SENSOR_DATA, [{"state_id": 1}] * 2)] == [{"state_id": 1}] * 2


def test_distinct() -> None:
    """Rows of dimension tables that differ in when they were noticed alone are one."""
    rows = [
        {
            **dict.fromkeys(column.name for column in ENTITIES.columns),
            "entity_id": name,
            "valid_from": n,
        }
        for n, name in enumerate(("a.a", "a.b", "a.a"))
    ]
    assert [row["entity_id"] for row in distinct(ENTITIES, rows)] == ["a.a", "a.b"]
    assert len([*distinct(SENSOR_DATA, rows)]) == 3


@pytest.mark.parametrize("version", [1, 2, 3])
def test_odd_points(socket_enabled: None, version: int) -> None:
    """Points with odd texts and numbers come back, and one that does not is found."""
    local = LocalInfluxdb(version)
    with serve(local):
        wanted = write_odd_points(InfluxdbSettings.of(local.data))
    points = local.rows(TABLE.name)
    assert check_odd_points(wanted, iter(points)) == len(wanted)
    with pytest.raises(DifferentPointError):
        check_odd_points(wanted, iter(points[1:]))
    with pytest.raises(DifferentPointError):
        check_odd_points(wanted, iter([{**points[0], "string": "other"}, *points[1:]]))


def test_breakable_port(socket_enabled: None) -> None:
    """A connection that waits for an answer is broken off, and another one is not."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        breakable_port(server.getsockname()[1]) as port,
    ):
        client = socket.create_connection(("127.0.0.1", port.port))
        answering, _ = server.accept()
        assert not port.break_off()
        client.sendall(b"?")
        assert answering.recv(1) == b"?"
        answering.sendall(b"!")
        assert client.recv(1) == b"!"
        assert not port.break_off()
        client.sendall(b"?")
        assert answering.recv(1) == b"?"
        assert port.break_off()
        assert client.recv(1) == b""
        client.close()
        answering.close()
