"""The file of a snapshot: what was sent of a dimension table, before and after a commit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import logging
from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ...const import DOMAIN
from ...rows.columns import Values
from ..files import replace_file

_LOGGER = logging.getLogger(__name__)
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """The row of one key that was sent last."""

    values: Values
    """As JSON has them."""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """What is in BigQuery after the rows of one snapshot were sent."""

    number: int
    looked: int
    """When the snapshot was taken, in microseconds since 1970."""
    rows: Mapping[str, Sent]
    """By key."""


class SnapshotFile:
    """Keeps one or two generations in Home Assistant's .storage. Its methods block.

    The checkpoint says which of them is valid: the one whose number is the table's cursor.
    """

    def __init__(self, hass: HomeAssistant, entry_id: str, table: str) -> None:
        """Name the file; it is made when the first row is sent."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.{table}.json"))

    def load(self) -> list[Generation]:
        """Return the generations, the older one first; none if the file cannot be read."""
        try:
            return _generations(self.path.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValueError, LookupError, TypeError) as err:
            _LOGGER.warning("%s cannot be read, and everything is sent again: %r", self.path, err)
            return []

    def save(self, generations: Sequence[Generation]) -> None:
        """Write generations, the older one first; they are on the disk when this returns.

        Raises CheckpointUnwritableError.
        """
        content = b"[\n%b\n]\n" % b",\n".join(_lines(generations))
        replace_file(self.path, content)

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _lines(generations: Sequence[Generation]) -> Iterator[bytes]:
    """Yield the elements of the file: the generations, and then each row with those it is in.

    Each is on its own line, because to encode or parse all at once would block Home Assistant.
    """
    yield orjson.dumps(
        {"version": _VERSION, "generations": [[one.number, one.looked] for one in generations]}
    )
    for key in dict.fromkeys(key for one in generations for key in one.rows):
        rows = [one.rows.get(key) for one in generations]
        for row in {id(row): row for row in rows if row}.values():
            members = [number for number, other in enumerate(rows) if other is row]
            yield orjson.dumps([key, members, row.removed, row.values])


def _generations(content: bytes) -> list[Generation]:
    first, head, *lines, last, _ = content.split(b"\n")
    if (first, last) != (b"[", b"]"):
        raise ValueError("it is cut off")
    data = orjson.loads(head.removesuffix(b","))
    if data["version"] != _VERSION:
        raise ValueError(f"version {data['version']} is not known")
    rows: list[dict[str, Sent]] = [{} for _ in data["generations"]]
    for line in lines:
        key, members, removed, values = orjson.loads(line.removesuffix(b","))
        sent = Sent(dict(values), bool(removed))
        for member in members:
            rows[member][key] = sent
    return [
        Generation(int(number), int(looked), kept)
        for (number, looked), kept in zip(data["generations"], rows, strict=True)
    ]
