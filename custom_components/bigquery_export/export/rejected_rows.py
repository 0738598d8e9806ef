"""The file of rejected rows: rows that BigQuery did not accept, with the reason."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
from homeassistant.util import dt as dt_util
import orjson

from ..const import DOMAIN
from ..rows.encoded_rows import RejectedRow
from ..rows.table import Scope, Table
from .files import append_lines, replace_file

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


class RejectedRows:
    """A file with one JSON object a line; another `kind` of it has other rows. Its methods block.

    After a crash, rows may be sent and rejected again: a row that is in the file already is not
    written again.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, kind: str = REJECTED) -> None:
        """Name the file; it is made when the first row is rejected."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.{kind}.jsonl"))
        self._known: set[int] | None = None

    def append(self, export_id: str, table: Table, rows: Iterable[RejectedRow]) -> None:
        """Add rows to the file; they are on the disk when this returns.

        Raises CheckpointUnwritableError.
        """
        # A user may have deleted the file.
        if self._known is None or not self.path.exists():
            self._known = set(map(_identity, self.load()))
        entries = (_entry(export_id, table, row) for row in rows)
        new = {
            identity: _line(entry)
            for entry in entries
            if (identity := _identity(entry)) not in self._known
        }
        append_lines(self.path, b"".join(new.values()))
        self._known.update(new)

    def count_by_reason(self) -> Counter[str]:
        """Return how many rows there are, by the reason, without values that it quotes."""
        return Counter(_QUOTED.sub("…", entry.reason) for entry in self.load())

    def load(self) -> list[RejectedEntry]:
        """Return all rows of the file."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        # A line that a crash cut off is of a row that is sent again.
        return [entry for line in lines if (entry := _parsed(line))]

    def take_out(
        self, table: Table, entries: Iterable[RejectedEntry], still: Iterable[RejectedRow]
    ) -> None:
        """Remove rows from the file, except those that are still rejected.

        Raises CheckpointUnwritableError.
        """
        stay = {_identity(_entry("", table, row)) for row in still}
        gone = set(map(_identity, entries)) - stay
        left = [entry for entry in self.load() if _identity(entry) not in gone]
        if not left:
            self.remove()
        else:
            self._known = None
            replace_file(self.path, b"".join(map(_line, left)))

    def remove(self) -> None:
        """Delete the file."""
        self._known = None
        self.path.unlink(missing_ok=True)


def _entry(export_id: str, table: Table, row: RejectedRow) -> RejectedEntry:
    apart = {*table.names(Scope.RUN), table.id}
    values = {name: value for name, value in row.values.items() if name not in apart}
    now = dt_util.utcnow().isoformat(timespec="seconds")
    id_ = row.values.get(table.id)
    return RejectedEntry(now, export_id, table.name, row.reason, row.encoded, id_, values)


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
