"""Streams to which rows are appended that can be read at once, while they are open.

A checkpoint remembers how many rows the stream of a table has. Each append is at an offset, and
what became of one is known from the stream's number of rows once it is finalized: no request is
appended afterwards. Only the process that has opened a stream appends to it. A later one finalizes
it, and learns from its number of rows whether the checkpoint is the newest one, too.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import orjson

from .recent_commits import RecentCommit
from .rejected_rows import count_reason, counts_text, reasons_text

COMMITTED_STREAM = "committed_stream"
"""The name of the delivery (delivery.py) that appends to such streams."""
_SEPARATOR = "@"


@dataclass(frozen=True, slots=True)
class Append:
    """Where the rows of a transaction are: at an offset in a stream."""

    stream: str
    offset: int
    rows: int

    @classmethod
    def named(cls, name: str) -> Self:
        """Return what has a name. Raises ValueError for the name of something else."""
        stream, offset, rows = name.rsplit(_SEPARATOR, 2)
        return cls(stream, int(offset), int(rows))

    def __str__(self) -> str:
        """Return the name of the transaction."""
        return _SEPARATOR.join((self.stream, str(self.offset), str(self.rows)))


@dataclass(frozen=True, slots=True)
class UnloggedRows:
    """Rows with `after` < id <= `until` that were appended since a row of the export log was."""

    after: int
    until: int
    log_values: Mapping[str, Any]
    """The values of that row, as if all had been one transaction."""
    export_timestamp: int
    """The latest of theirs, in microseconds since 1970."""

    @property
    def commit(self) -> RecentCommit:
        """Return them as a commit of the time of the last append, by the home's clock."""
        begun = int(self.log_values["finished"]) // 1000
        return RecentCommit(begun, self.after, self.until, again=False)

    def with_(self, later: UnloggedRows) -> UnloggedRows:
        """Return these rows together with later ones."""
        ours, theirs = self.log_values, later.log_values
        values = {
            **theirs,
            "first_id": ours["first_id"],
            "first_time": min(ours["first_time"], theirs["first_time"]),
            "last_time": max(ours["last_time"], theirs["last_time"]),
            "started": ours["started"],
            **{name: ours[name] + theirs[name] for name in _COUNTED},
            "rejected_reasons": _together(ours["rejected_reasons"], theirs["rejected_reasons"]),
            "unfit_values": _sums(ours.get("unfit_values"), theirs.get("unfit_values")),
        }
        return UnloggedRows(
            min(self.after, later.after),
            max(self.until, later.until),
            values,
            max(self.export_timestamp, later.export_timestamp),
        )


_COUNTED = ("row_count", "byte_count", "rejected")


def _together(*texts: str | None) -> str | None:
    """Return how many rows were rejected for each reason, in all."""
    counts = Counter[str]()
    for one in (one for text in texts if text for one in orjson.loads(text)):
        count_reason(counts, one["reason"], one["rows"])
    return reasons_text(counts)


def _sums(*texts: str | None) -> str | None:
    """Return how many values did not fit each own column, in all."""
    counts = Counter[str]()
    for text in filter(None, texts):
        counts.update(orjson.loads(text))
    return counts_text(counts)


@dataclass(frozen=True, slots=True)
class OpenStream:
    """The stream of one table."""

    name: str = ""
    """Empty when none is open, and there are only rows of one that is closed."""
    rows: int = 0
    """How many rows it has."""
    unlogged: UnloggedRows | None = None

    def appended(self, rows: int, unlogged: UnloggedRows) -> OpenStream:
        """Return the stream with more rows."""
        before = self.unlogged
        return replace(
            self, rows=self.rows + rows, unlogged=before.with_(unlogged) if before else unlogged
        )

    def closed(self) -> OpenStream | None:
        """Return what is left of it when it is closed."""
        return OpenStream(unlogged=self.unlogged) if self.unlogged else None

    def logged(self) -> OpenStream | None:
        """Return what is left of it when the export log tells of all its rows."""
        return replace(self, unlogged=None) if self.name else None
