"""What a home has written to the disk, by the kernel's own count."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.home.measurements import WRITES

from .measured import Period

_RECORDER = "Recorder"
"""The name of the recorder's thread, which alone writes its database."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the integration has written in a while."""

    bytes: int
    """Whole pages, when they become dirty."""
    fsyncs: int

    @classmethod
    def in_(cls, folder: Path, period: Period) -> Self:
        """Return what was measured of a period."""
        writes = [
            (bytes_, fsyncs)
            for time, bytes_, fsyncs in _writes(folder / WRITES)
            if period.begin <= time <= period.end
        ]
        return cls(sum(bytes_ for bytes_, _ in writes), sum(fsyncs for _, fsyncs in writes))


def written_by_recorder(pid: int) -> int:
    """Return how many bytes the recorder of a Home Assistant has written so far, likewise.

    0 where it has its database on a server.
    """
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # It has ended meanwhile.
            if (thread / "comm").read_text().strip() == _RECORDER:
                counts = dict(line.split(": ") for line in (thread / "io").read_text().splitlines())
                return int(counts["write_bytes"])
    return 0


def _writes(path: Path) -> Iterator[tuple[float, int, int]]:
    for line in path.read_text().splitlines() if path.exists() else ():
        time, bytes_, fsyncs = line.split(",")
        yield float(time), int(bytes_), int(fsyncs)
