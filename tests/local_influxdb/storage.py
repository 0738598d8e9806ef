"""What is in a local InfluxDB: points by series and time, and the types of their fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
import time

from .line_protocol import Line, Value

type Series = tuple[str, tuple[tuple[str, str], ...]]
"""Measurement and tags."""


class ConflictError(Exception):
    """A point does not fit those that are there."""


class TooOldError(ConflictError):
    """A point is older than the database keeps."""


@dataclass
class Storage:
    """The points of one database."""

    retention: float | None = None
    """Seconds."""
    has_fixed_tags: bool = False
    """Whether tags of a measurement never change, and have no field's name, as in version 3."""
    points: dict[Series, dict[int, dict[str, Value]]] = field(default_factory=dict)
    types: dict[tuple[str, str], type] = field(default_factory=dict)
    writes: int = 0
    """How many points were taken, those that were there already, too."""
    _tags: dict[str, frozenset[str]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def put(self, line: Line) -> None:
        """Take a point. Raises ConflictError."""
        with self._lock:
            self._check(line)
            for key, value in line.fields.items():
                self.types[line.measurement, key] = type(value)
            self._tags.setdefault(line.measurement, frozenset(line.tags))
            series = (line.measurement, tuple(sorted(line.tags.items())))
            self.points.setdefault(series, {}).setdefault(line.time, {}).update(line.fields)
            self.writes += 1

    def rows(self, measurement: str) -> list[dict[str, Value]]:
        """Return the points of a measurement with their tags; `time` is in microseconds."""
        with self._lock:
            return [
                {**dict(tags), **fields, "time": moment // 1_000}
                for (name, tags), points in self.points.items()
                if name == measurement
                for moment, fields in points.items()
            ]

    def _check(self, line: Line) -> None:
        if self.retention is not None and line.time < (time.time() - self.retention) * 1e9:
            raise TooOldError("points beyond retention policy")
        for key, value in line.fields.items():
            known = self.types.get((line.measurement, key), type(value))
            if known is not type(value):
                raise ConflictError(
                    f'field type conflict: input field "{key}" on measurement "{line.measurement}"'
                    f" is type {_name(type(value))}, already exists as type {_name(known)}"
                )
        if self.has_fixed_tags:
            tags = self._tags.get(line.measurement, frozenset(line.tags))
            if tags != frozenset(line.tags):
                raise ConflictError("new tags in a table that exists")
            if tags & line.fields.keys():
                raise ConflictError("a tag and a field have the same name")


_NAMES: Mapping[type, str] = {str: "string", int: "integer", float: "float", bool: "boolean"}


def _name(type_: type) -> str:
    return _NAMES[type_]
