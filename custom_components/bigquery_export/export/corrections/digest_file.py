"""The file of digests: of the rows of a table that are in BigQuery, as they were sent.

Rows that it lacks, or has twice, make digests differ, and then a period is sent again. So a line
whose transaction was not committed costs some rows, but nothing becomes wrong.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ...const import DOMAIN
from ..files import append_lines, replace_file
from .digests import Digests, Periods
from .sums import Known, known_from_json

_LARGE = 4 * 1024 * 1024
"""Bytes; of 500 statistics a line is of 40,000, and a day of exports each five minutes has 288."""
_COMMITTED = -1
"""In place of a number of rows: it was committed, and no transaction is the same, begun again."""
_NOT_COUNTED = 1 << 30
"""Rows that were left out by an earlier version, which did not count them."""
_FORMER_NAMES = {"track": "position_key", "doubtful": "in_doubt"}
"""Names of fields in files of an earlier version, whose lines are still read."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file: what was sent in a transaction, or all that is known so far."""

    database: str
    """The recorder's database that the rows are of."""
    digests: Mapping[str, Mapping[str, Any]]
    before: tuple[int, ...] | None = None
    """The position before the transaction, or None in the line of all that is known."""
    position_key: str = ""
    """The name of the position that moved with the transaction."""
    in_doubt: bool = False
    """Whether rows that BigQuery had already were left out."""
    left_out: int = 0
    """How many of them, of all rows that were read."""
    found: bool = False
    """Whether those that BigQuery has as they are now are counted as well."""
    cursor: int = 0
    """In the line of all that is known: up to which id of the recorder."""
    checked: float | None = None
    """When the recorder was last checked for corrections, in seconds since 1970."""
    sums: Mapping[str, Any] | None = None
    """In the line of all that is known: the sums of the rows that have these digests, if known."""


@dataclass(slots=True)
class Exported:
    """The digests of the rows that were exported from a database."""

    database: str
    digests: Digests
    checked: float | None = None
    known: Known | None = None
    """What was known of the recorder's rows when all digests were last put together."""


class DigestFile:
    """Keeps digests in Home Assistant's .storage, one file for each table. Its methods block.

    A line is added before each commit, so that the file has all rows that are in BigQuery.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, table: str, periods: Periods) -> None:
        """Name the file; it is made when the first row is exported."""
        name = f"{DOMAIN}.{entry_id}.digests.{table}.jsonl"
        self.path = Path(hass.config.path(STORAGE_DIR, name))
        self.periods = periods

    def append(self, line: Line) -> None:
        """Add a line; it is on the disk when this returns. Raises CheckpointUnwritableError.

        Lines are many where the check for corrections, which makes one of all, does not come for
        long: then they become few.
        """
        append_lines(self.path, _text(line))
        if self._is_outgrown():
            self._compact()

    def _compact(self) -> None:
        lines = Compaction(self.periods, self._lines()).lines
        replace_file(self.path, b"".join(map(_text, lines)))

    def _is_outgrown(self) -> bool:
        """Return whether the file is large, and not because any of its lines has to be."""
        if (size := self.path.stat().st_size) < _LARGE:
            return False
        return size > _LARGE + 3 * max(len(text) for text in self._texts())

    def load(self, database: str) -> Exported:
        """Return what was exported from a database; rows from another one are left out.

        A transaction that is begun again at the same position replaces the one before, which was
        not committed: else more rows would have been found in BigQuery than at that time.

        Where another database has sent rows since, of the same statistic in the same period, the
        view may show those: so the digests of this one are forgotten there.
        """
        exported = Exported(database, Digests(self.periods))
        last: dict[str, Line] = {}
        for line in self._lines():
            if line.checked is not None:
                exported.checked = line.checked
            if line.database == database and line.before is None:
                exported.known = known_from_json(
                    line.sums, line.cursor, Digests.from_json(self.periods, line.digests)
                )
            if line.database != database:
                self._include(exported, last.values())
                last.clear()
                exported.digests.forget(line.digests)
                continue
            before = last.get(line.position_key)
            if before and not _repeats(line, before):
                self._include(exported, [before])
            last[line.position_key] = line
        self._include(exported, last.values())
        return exported

    def _include(self, exported: Exported, lines: Iterable[Line]) -> None:
        for line in lines:
            exported.digests.include(Digests.from_json(self.periods, line.digests))

    def has(self, database: str, position_key: str, cursor: int) -> bool:
        """Return whether the file has rows behind a position, as they were sent.

        It has not if it is older than what was exported: it was lost, or restored from a backup.
        """
        return any(
            line.cursor > cursor
            if line.before is None
            else line.position_key == position_key
            and (line.before[0] > cursor or (line.before[0] == cursor and not line.found))
            for line in self._lines()
            if line.database == database
        )

    def save(self, exported: Exported, cursor: int = 0) -> None:
        """Replace all lines by a single one, of rows up to `cursor`.

        Raises CheckpointUnwritableError.
        """
        line = Line(
            exported.database,
            exported.digests.as_json(),
            checked=exported.checked,
            cursor=cursor,
            sums=exported.known.as_json() if exported.known else None,
        )
        replace_file(self.path, _text(line))

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def _lines(self) -> Iterator[Line]:
        # A line that a crash has cut off is of a transaction that was not committed.
        return (line for text in self._texts() if (line := _parsed(text)))

    def _texts(self) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                yield from file
        except FileNotFoundError:
            return


class Compaction:
    """Few lines that say the same as many.

    Those of one database and position that follow each other become one, but for the last of a
    position, whose transaction may be begun again.
    """

    def __init__(self, periods: Periods, lines: Iterable[Line]) -> None:
        """Put lines together."""
        self.lines: list[Line] = []
        self._periods = periods
        self._merged: dict[str, Line] = {}
        self._last: dict[str, Line] = {}
        database = None
        for line in lines:
            if line.database != database:
                self._end()
                database = line.database
            if line.before is None:
                self.lines.append(line)
            else:
                self._add(line)
        self.lines += [*self._merged.values(), *self._last.values()]

    def _add(self, line: Line) -> None:
        before = self._last.get(line.position_key)
        if before and not _repeats(line, before):
            self._merge(before)
        self._last[line.position_key] = line

    def _end(self) -> None:
        """End the lines of a database: those of another one come now."""
        for line in self._last.values():
            self._merge(line)
        self.lines += self._merged.values()
        self._merged, self._last = {}, {}

    def _merge(self, line: Line) -> None:
        if (earlier := self._merged.get(line.position_key)) is not None:
            digests = Digests.from_json(self._periods, earlier.digests)
            digests.include(Digests.from_json(self._periods, line.digests))
            found = line.found and (earlier.found or earlier.before != line.before)
            line = replace(line, digests=digests.as_json(), found=found)
        self._merged[line.position_key] = replace(line, left_out=_COMMITTED)


def _text(line: Line) -> bytes:
    return orjson.dumps(asdict(line), option=orjson.OPT_APPEND_NEWLINE)


def _repeats(line: Line, before: Line) -> bool:
    """Return whether a line is of the same transaction as the one before, begun once more."""
    return (
        line.before is not None
        and line.before == before.before
        and line.left_out <= before.left_out
    )


def _parsed(text: bytes) -> Line | None:
    try:
        data = orjson.loads(text)
        before = data["before"]
        named = {_FORMER_NAMES.get(name, name): value for name, value in data.items()}
        if named.get("in_doubt"):
            named.setdefault("left_out", _NOT_COUNTED)
        return Line(**named | {"before": None if before is None else tuple(before)})
    except ValueError, TypeError, KeyError:
        return None
