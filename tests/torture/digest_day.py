"""Corrections are looked for once a day: what their files say of it, and how the day passes."""

from collections.abc import Iterator, Mapping
import json
from pathlib import Path
import time

from tests.home.client import Json

from .corrected_ledger import CORRECTED

DAY = 86_400.0


class DigestFiles:
    """The files in which the integration keeps digests of statistics."""

    def __init__(self, checkpoint: Path) -> None:
        """Name the files, which lie beside the checkpoint."""
        self._paths = {
            table: checkpoint.with_name(f"{checkpoint.name}.digests.{table}.jsonl")
            for table in CORRECTED
        }

    def checked(self) -> Mapping[str, float]:
        """Return when each table was last looked through, if it was."""
        return {
            table: times[-1]
            for table, path in self._paths.items()
            if (times := [line["checked"] for line in _lines(path) if line.get("checked")])
        }

    def due(self) -> bool:
        """Return whether an export looks for corrections."""
        checked = self.checked()
        return any(checked.get(table, 0) < time.time() - DAY / 2 for table in self._paths)

    def let_a_day_pass(self) -> None:
        """Make the last check one of the day before; this is for a Home Assistant that rests."""
        for path in self._paths.values():
            if not path.exists():
                continue
            texts = path.read_bytes().split(b"\n")
            path.write_bytes(b"\n".join(map(_a_day_earlier, texts)))


def _lines(path: Path) -> Iterator[Json]:
    """Yield all lines but those that a crash has cut off."""
    if path.exists():
        for text in path.read_bytes().splitlines():
            try:
                yield json.loads(text)
            except ValueError:
                continue


def _a_day_earlier(text: bytes) -> bytes:
    try:
        line = json.loads(text)
    except ValueError:
        return text
    if line.get("checked"):
        line["checked"] -= DAY
    return json.dumps(line).encode()
