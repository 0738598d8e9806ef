"""Points with all kinds of texts and numbers, which a real InfluxDB gives back as they were."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
import json
from random import Random
import struct
from typing import Any

from custom_components.bigquery_export.copies.influxdb.influxdb_server import InfluxdbServer
from custom_components.bigquery_export.copies.influxdb.influxdb_settings import InfluxdbSettings
from custom_components.bigquery_export.copies.influxdb.points import Points, read_row
from tests.bigquery_export.support.all_types import TABLE

_POINTS = Points(replace(TABLE, identity=("required", "timestamp")))
ODD = TABLE.name
"""Their measurement."""
_CHARACTERS = ",= \"\\\n\r\t\0é\U0001f600a#_.:/'%"
_COUNT = 2_000
_FIRST = 1_790_000_000_123_456


class DifferentPointError(Exception):
    """A point came back as another one."""


def write_odd_points(settings: InfluxdbSettings) -> Mapping[int, Mapping[str, Any]]:
    """Write points by the code of a copy; return what has to be there by the time."""
    rows = {row["timestamp"]: row for row in _rows(Random(7))}  # noqa: S311 - repeatable
    encoding = _POINTS.encoding
    lines = [
        _POINTS.point(read_row(encoding.row(encoding.fragment(row)))).line for row in rows.values()
    ]
    server = InfluxdbServer(settings)
    server.write(lines)
    server.write(lines[::2])  # Which changes nothing.
    server.close()
    return rows


def check_odd_points(
    wanted: Mapping[int, Mapping[str, Any]], found: Iterator[Mapping[str, Any]]
) -> int:
    """Compare points with what has to be there; return how many. Raises DifferentPointError."""
    points = {int(point["time"]): point for point in found}
    if points.keys() != wanted.keys():
        raise DifferentPointError(f"{len(wanted)} points were written, {len(points)} are there")
    for time, row in wanted.items():
        point = points[time]
        expected = {
            "bool": row["bool"],
            "float64": row["float64"],
            "int64": row["int64"],
            "string": _in_one_line(row["string"]),
            "required": _in_one_line(row["required"]).replace("\\", "/") or "-",
            "many": row["many"],
        }
        was = {
            **{name: point[name] for name in expected},
            "float64": float(point["float64"]),  # The server writes large ones without exponent.
            "many": json.loads(point["many"]),
        }
        if was != expected:
            raise DifferentPointError(f"{expected} came back as {was}")
    return len(points)


def _rows(random: Random) -> Iterator[Mapping[str, Any]]:
    for number in range(_COUNT):
        yield {
            "bool": random.random() < 0.5,
            "float64": _number(random),
            "int64": random.choice((random.getrandbits(63), -random.getrandbits(63), -(2**63))),
            "string": _text(random),
            "required": _text(random).replace("\0", ""),
            "many": [_text(random), _text(random)],
            "timestamp": _FIRST + number,
        }


def _text(random: Random) -> str:
    return "".join(random.choices(_CHARACTERS, k=random.randrange(12)))


def _number(random: Random) -> float:
    """Return any finite double."""
    while True:
        (number,) = struct.unpack("d", random.getrandbits(64).to_bytes(8))
        if abs(number) <= 1.7e308:
            return float(number)


def _in_one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
