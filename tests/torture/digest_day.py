"""Corrections are looked for once a day: what their files say of it, and how the day passes."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
import json
from pathlib import Path
import time
from zoneinfo import ZoneInfo

from tests.home.client import Json
from tests.home.home_assistant import PLACE

from .corrected_ledger import CORRECTED

DAY = 86_400.0


class DigestFiles:
    """The files in which the integration keeps digests of statistics."""

    def __init__(self, checkpoint: Path, now: Callable[[], float] = time.time) -> None:
        """Name the files, which lie beside the checkpoint, and what tells the machine's time."""
        self._now = now
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
        """Return whether an export looks for corrections: of a table that had no check today.

        A check of a day to come is of a clock that was wrong.
        """
        checked, today = self.checked(), _local_day(self._now())
        return any(_local_day(checked.get(table, 0)) != today for table in self._paths)

    def let_a_day_pass(self) -> None:
        """Make the last check one of the day before; this is for a Home Assistant that rests."""
        for path in self._paths.values():
            if not path.exists():
                continue
            texts = path.read_bytes().split(b"\n")
            path.write_bytes(b"\n".join(map(_a_day_earlier, texts)))


def _local_day(time: float) -> date:
    return datetime.fromtimestamp(time, ZoneInfo(PLACE.time_zone)).date()


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
