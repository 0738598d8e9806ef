"""What to bring back, and the file that says so until it is done."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from homeassistant.core import HomeAssistant
from homeassistant.helpers.storage import STORAGE_DIR
import orjson

from ..const import DOMAIN
from ..export.files import replace_file


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """Which statistics to bring back, of which time, and from where."""

    statistic_ids: tuple[str, ...] = ()
    """Patterns of ids as BigQuery has them; without any, all statistics."""
    start: float | None = None
    """Hours that begin from then on, in seconds since 1970."""
    end: float | None = None
    """Hours that begin before then."""
    source: str | None = None
    """The installation that exported them; None for this one."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """New ids by those that BigQuery has."""
    dry_run: bool = False
    user_id: str | None = None
    """The user who asked for it, if one did."""

    def includes(self, statistic_id: str) -> bool:
        """Return whether a statistic is to be brought back."""
        return not self.statistic_ids or any(
            fnmatchcase(statistic_id, pattern) for pattern in self.statistic_ids
        )

    def includes_time(self, start: float) -> bool:
        """Return whether an hour is to be brought back, by its beginning."""
        after = self.start is None or start >= self.start
        return after and (self.end is None or start < self.end)


@dataclass(frozen=True, slots=True)
class Target:
    """A sum as it has to be, so that no bar at a seam is wrong."""

    statistic_id: str
    start: float
    """From this row on all sums are shifted; seconds since 1970."""
    sum: float
    """The sum of that row afterwards."""


@dataclass(frozen=True, slots=True)
class Seam:
    """The last hour of a statistic that was brought back, and that no other follows yet."""

    start: float
    sum: float
    state: float | None
    last_reset: float | None


@dataclass(frozen=True, slots=True)
class RestoreState:
    """A restore that is not done: what is wanted, and how far it is.

    What is missing is computed again after a crash. Only the sums that were about to be shifted,
    and the seams that are still open, could not be.
    """

    request: RestoreRequest
    month: int | None = None
    """The month that is being imported, by its first day since 1970."""
    targets: tuple[Target, ...] = ()
    """Sums to be shifted after the current import."""
    seams: Mapping[str, Seam] = field(default_factory=dict)
    shifted: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Times from which on sums were shifted, by statistic: exported rows are corrected from then
    on."""
    imported: int = 0
    """Hours that were imported, or were about to be."""
    adjusted: int = 0
    """Sums that were shifted, or were about to be."""
    canceled: bool = False
    """Whether nothing more is to be imported: only what was begun is ended."""
    log: str = ""
    """The transaction with the row in the export log, once that was about to be committed."""
    log_delivery: str = ""
    logged: float = 0.0
    """When that was, in seconds since 1970."""

    def planned(self, targets: Iterable[Target], seams: Mapping[str, Seam], hours: int) -> Self:
        """Return the state before so many hours are imported, and sums are shifted."""
        listed = tuple(targets)
        shifted = dict(self.shifted)
        for target in listed:
            times = shifted.get(target.statistic_id, ())
            shifted[target.statistic_id] = tuple(sorted({*times, target.start}))
        return replace(
            self,
            targets=listed,
            seams=dict(seams),
            shifted=shifted,
            imported=self.imported + hours,
            adjusted=self.adjusted + len(listed),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the state as it was written. Raises KeyError or TypeError."""
        request = data["request"]
        return cls(
            **{
                **data,
                "request": RestoreRequest(
                    **{**request, "statistic_ids": tuple(request["statistic_ids"])}
                ),
                "targets": tuple(Target(**target) for target in data["targets"]),
                "seams": {name: Seam(**seam) for name, seam in data["seams"].items()},
                "shifted": {name: tuple(times) for name, times in data["shifted"].items()},
            }
        )


class RestoreFile:
    """Keeps the restore that is not done in Home Assistant's .storage. Its methods block."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Name the file; nothing is read yet."""
        self.path = Path(hass.config.path(STORAGE_DIR, f"{DOMAIN}.{entry_id}.restore"))

    def load(self) -> RestoreState | None:
        """Return the restore that is not done, None where there is none that can be read."""
        try:
            return RestoreState.from_json(orjson.loads(self.path.read_bytes()))
        except OSError, ValueError, KeyError, TypeError, AttributeError:
            return None

    def save(self, state: RestoreState) -> None:
        """Write the state; it is on the disk when this returns.

        Raises CheckpointUnwritableError.
        """
        replace_file(self.path, orjson.dumps(asdict(state)))

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
