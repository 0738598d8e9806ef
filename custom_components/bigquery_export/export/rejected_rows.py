"""The file of rejected rows: rows that BigQuery did not accept, with the reason."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
import re
from threading import Lock
from typing import Any, NamedTuple

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util
import orjson

from ..const import DOMAIN
from ..rows.encoded_rows import RejectedRow
from ..rows.table import Scope, Table
from .files import append_lines, replace_file

MAX_BYTES = 16 * 1024 * 1024
"""The size of the file: it lies in .storage, and so in each backup."""
_MAX_REASON = 1_000
"""Characters of a reason: the beginning says what is wrong."""
_MAX_REASONS = 100
_OTHER = "other reasons"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

REJECTED = "rejected"
SET_ASIDE = "set_aside"
"""The kind of the file of rows that are set aside (set_aside.py)."""


@dataclass(frozen=True, slots=True)
class RejectedEntry:
    """A row in the file: what it holds, and when and why it was rejected."""

    time: str
    """When, in ISO 8601."""
    export_id: str
    table: str
    reason: str
    encoded: bool
    """Whether the row has the columns of the table, and not those of the recorder."""
    id: int | None
    """The recorder's id."""
    row: Mapping[str, Any]


class Kept(NamedTuple):
    """What has become of some rejected rows."""

    identities: set[int]
    """Those that are in the file."""
    left_out: int
    """How many are not, because the file is full."""


class RejectedRows:
    """A file with one JSON object a line; another `kind` of it has other rows. Its methods block.

    After a crash, rows may be sent and rejected again: a row that is in the file already is not
    written again. Of rejected rows the file takes `MAX_BYTES`: in a flood, further ones are left
    out, and counted. It is read line by line, so memory does not depend on how many there are.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, kind: str = REJECTED) -> None:
        """Name the file; it is made when the first row is rejected."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.{kind}.jsonl"))
        self._bounded = kind == REJECTED
        self._known: set[int] | None = None
        self._lock = Lock()  # Rows are encoded and sent at the same time, and both may be rejected.

    @property
    def size(self) -> int:
        """Return the bytes of the file."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, export_id: str, table: Table, rows: Iterable[RejectedRow]) -> Kept:
        """Add rows to the file; they are on the disk when this returns.

        Raises CheckpointUnwritableError.
        """
        with self._lock:
            # A user may have deleted the file.
            if self._known is None or not self.path.exists():
                self._known = set(map(_identity, self.read()))
            room = MAX_BYTES - self.size if self._bounded else float("inf")
            kept, new, left_out = set[int](), dict[int, bytes](), 0
            for entry in (_entry(export_id, table, row) for row in rows):
                identity = _identity(entry)
                if identity not in self._known and identity not in new:
                    line = _line(entry)
                    if len(line) > room:
                        left_out += 1
                        continue
                    room -= len(line)
                    new[identity] = line
                kept.add(identity)
            append_lines(self.path, b"".join(new.values()))
            self._known.update(new)
            return Kept(kept, left_out)

    def count_by_reason(self) -> Counter[str]:
        """Return how many rows there are, by the reason, without values that it quotes."""
        reasons: Counter[str] = Counter()
        for entry in self.read():
            count_reason(reasons, without_values(entry.reason))
        return reasons

    def count(self) -> int:
        """Return how many rows there are."""
        return sum(1 for _ in self.read())

    def read(self) -> Iterator[RejectedEntry]:
        """Yield all rows that the file has when the first one is read."""
        # A line that a crash cut off is of a row that is sent again.
        return (entry for line in self._lines() if (entry := _parsed(line)))

    def take_out(self, entries: Iterable[RejectedEntry], still: Collection[int]) -> None:
        """Remove rows from the file, except those that are still rejected, by their identities.

        Raises CheckpointUnwritableError.
        """
        gone = set(map(_identity, entries)).difference(still)
        with self._lock:
            left = [
                line
                for line in self._lines()
                if (entry := _parsed(line)) and _identity(entry) not in gone
            ]
            self._known = None
            if left:
                replace_file(self.path, b"".join(left))
            else:
                self.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the file."""
        self._known = None
        self.path.unlink(missing_ok=True)

    def _lines(self) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                yield from file
        except FileNotFoundError:
            return


def without_values(reason: str) -> str:
    """Return a reason without the values that it quotes, so that it is the same for many rows."""
    return _QUOTED.sub("…", reason[:_MAX_REASON])


def count_reason(counts: Counter[str], reason: str, rows: int = 1) -> None:
    """Count rows with a reason; those of too many reasons are counted together."""
    counts[reason if reason in counts or len(counts) < _MAX_REASONS else _OTHER] += rows


def reasons_text(counts: Counter[str]) -> str | None:
    """Return counts as the export log has them: a JSON array of objects, or None for none."""
    by_reason = [{"reason": reason, "rows": counts[reason]} for reason in sorted(counts)]
    return orjson.dumps(by_reason).decode() if by_reason else None


def counts_text(counts: Mapping[str, int]) -> str | None:
    """Return counts by name as the export log has them: a JSON object, or None for none."""
    return orjson.dumps(counts, option=orjson.OPT_SORT_KEYS).decode() if counts else None


def _entry(export_id: str, table: Table, row: RejectedRow) -> RejectedEntry:
    apart = {*table.names(Scope.RUN), table.id}
    values = {name: value for name, value in row.values.items() if name not in apart}
    now = dt_util.utcnow().isoformat(timespec="seconds")
    id_ = row.values.get(table.id)
    return RejectedEntry(
        now, export_id, table.name, row.reason[:_MAX_REASON], row.encoded, id_, values
    )


def _line(entry: RejectedEntry) -> bytes:
    return orjson.dumps(asdict(entry), default=str, option=orjson.OPT_APPEND_NEWLINE)


def _parsed(line: bytes) -> RejectedEntry | None:
    try:
        return RejectedEntry(**orjson.loads(line))
    except ValueError, TypeError:
        return None


def _identity(entry: RejectedEntry) -> int:
    """Return a hash of a row that does not depend on the export and on the reason.

    Two rows may differ in nothing but the recorder's id, and both are kept.
    """
    row = orjson.dumps(entry.row, default=str, option=orjson.OPT_SORT_KEYS)
    return hash((entry.table, entry.id, row))
