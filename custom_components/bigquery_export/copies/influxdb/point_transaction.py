"""Rows of one table on their way into InfluxDB: what it does not take is found and left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...export.delivery import Rejection
from ...rows.yielding import give_way
from .deletions import deletion, has_deletions
from .influxdb_errors import InfluxdbRefusedError
from .influxdb_server import InfluxdbServer, PointsRefusedError, TooLargeError
from .points import Points, read_row

_LINES = 5_000
"""In one request: as many as InfluxDB advises (its page "Optimize writes to InfluxDB")."""
_BYTES = 5_000_000
_ROWS_AT_ONCE = 50
"""About 2 ms of work."""
_ENOUGH = 50
"""Where so many rows are rejected, each alone, the reason is not in the rows."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A row, and its points."""

    row: bytes
    lines: list[str]


class PointTransaction:
    """Rows of one table, each written when it is appended."""

    def __init__(self, server: InfluxdbServer, points: Points, label: str) -> None:
        """Begin without rows."""
        self._server = server
        self._points = points
        self._label = label
        self._has_deletions = has_deletions(points)
        self._sent: set[tuple[str, int]] = set()
        """Series and times of rows that a later row of this transaction must not delete."""

    @property
    def name(self) -> str:
        """Return the name of the transaction."""
        return self._label

    def append(self, rows: Sequence[bytes]) -> list[Rejection]:
        """Write a batch; rows that InfluxDB does not take are left out, all others are in.

        Raises InfluxdbRefusedError when one row after another is rejected, and none is taken.
        """
        sending = _Sending(self._server)
        part: list[_Item] = []
        lines = size = 0
        for number, row in enumerate(rows):
            if number % _ROWS_AT_ONCE == 0:
                give_way()
            item = self._item(row)
            part.append(item)
            lines += len(item.lines)
            size += len(row)
            if lines >= _LINES or size >= _BYTES:
                sending.send(part)
                part, lines, size = [], 0, 0
        sending.send(part)
        return sending.rejected

    def finish(self) -> None:
        """Do nothing: all is sent, and acknowledged."""

    def commit(self) -> list[Rejection]:
        """Do nothing: the rows are there."""
        return []

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def _item(self, row: bytes) -> _Item:
        values = read_row(row)
        if not self._has_deletions:
            return _Item(row, [self._points.point(values).line])
        if values.get("deleted"):
            marks = deletion(self._points, values, self._sent)
            return _Item(row, [mark.line for mark in marks])
        point = self._points.point(values)
        self._sent.add((point.series, point.time))
        return _Item(row, [point.line])


class _Sending:
    """Sends the rows of one batch, and collects those that are rejected."""

    def __init__(self, server: InfluxdbServer) -> None:
        self._server = server
        self.rejected: list[Rejection] = []
        self._taken = False

    def send(self, items: Sequence[_Item]) -> None:
        """Write rows, or halve them until those that are rejected are alone.

        To write again what was taken in part changes nothing.
        """
        lines = [line for item in items for line in item.lines]
        if not lines:
            return
        try:
            self._server.write(lines)
        except PointsRefusedError as err:
            self._leave_out(items, err, len(lines))
        else:
            self._taken = True

    def _leave_out(self, items: Sequence[_Item], err: PointsRefusedError, lines: int) -> None:
        if len(items) == 1 or err.dropped >= lines:
            self._reject(items, err)
            return
        if named := self._named(items, err):
            self._reject(named, err)
            self.send([item for item in items if item not in named])
            return
        half = len(items) // 2
        self.send(items[:half])
        self.send(items[half:])

    def _named(self, items: Sequence[_Item], err: PointsRefusedError) -> list[_Item]:
        """Return the rows whose lines the server names."""
        named = []
        line = 0
        for item in items:
            if any(line <= number < line + len(item.lines) for number in err.lines):
                named.append(item)
            line += len(item.lines)
        return named

    def _reject(self, items: Sequence[_Item], err: PointsRefusedError) -> None:
        self.rejected += [Rejection(item.row, err.reason) for item in items]
        alone = len(items) == 1 and not isinstance(err, TooLargeError)
        if alone and not self._taken and len(self.rejected) >= _ENOUGH:
            raise InfluxdbRefusedError(message=err.reason)
