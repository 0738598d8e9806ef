"""What a run leaves in BigQuery to be asked about hours and days later, and its file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
import json
from pathlib import Path
from typing import Self

from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

from .check import Part
from .site import Site, label
from .streams import begin, finished

WAITING = 4
"""Streams that are finalized and not committed: one for each time that this is asked again."""
SOURCE = "saved"
ROWS = 20


class NoSavedNamesError(Exception):
    """A file is not one that a run has saved."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Names of a run, in its dataset, which is kept."""

    project: str
    dataset: str
    location: str
    time: str
    """When it was saved, in ISO 8601."""
    day: str
    """The day that the rows belong to, in ISO 8601."""
    committed: str
    """A write stream that was committed."""
    open: str
    """One that was not finalized."""
    waiting: Sequence[str]
    """Those that are finalized and not committed."""
    load: str
    """A load job that is done, or nothing where the key may run none."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read them from a file; raises OSError and NoSavedNamesError."""
        try:
            return cls(**json.loads(path.read_bytes()))
        except (ValueError, TypeError) as err:
            raise NoSavedNamesError from err

    def write(self, path: Path) -> None:
        """Write them to a file; raises OSError."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    def without(self, *streams: str) -> Self:
        """Return the names less streams that wait no longer."""
        return replace(self, waiting=[name for name in self.waiting if name not in streams])

    @property
    def hours(self) -> float:
        """How long ago it was saved."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.time)).total_seconds() / 3600


def save(site: Site, parts: set[Part]) -> Saved:
    """Leave streams, rows and a load job behind, as far as there are the parts for it."""
    committed = unfinished = load = ""
    waiting: list[str] = []
    if Part.STORAGE_WRITE in parts:
        committed = finished(site, SOURCE, *range(ROWS))
        site.storage_write.settle(SENSOR_DATA, committed)
        waiting = [finished(site, f"waiting {number}", 1) for number in range(WAITING)]
        stream = begin(site, "open", 1)
        stream.close()
        unfinished = stream.name
    if Part.JOBS in parts:
        load = _load(site)
    return Saved(
        project=site.destination.project,
        dataset=site.destination.dataset,
        location=site.destination.location,
        time=datetime.now(UTC).isoformat(),
        day=site.noon.date().isoformat(),
        committed=committed,
        open=unfinished,
        waiting=waiting,
        load=load,
    )


def _load(site: Site) -> str:
    """Return the name of a load job that is done."""
    encoding = site.load_job.encoding(SENSOR_DATA)
    load = site.load_job.begin(SENSOR_DATA, label())
    try:
        load.append([encoding.row(encoding.fragment(site.values("saved load", 1)))])
        load.finish()
        load.commit()
    finally:
        load.close()
    return load.name
