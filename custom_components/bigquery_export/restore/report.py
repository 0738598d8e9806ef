"""What a restore has found and done, by statistic."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How a restore has ended, or why it has not."""

    COMPLETED = "completed"
    CANCELED = "canceled"
    PAUSED = "paused"
    """It continues when the export does."""


class Obstacle(StrEnum):
    """Why hours of a statistic cannot be brought back; the key of a sentence."""

    UNIT = "restore_unit"
    MEAN_TYPE = "restore_mean_type"
    HIDDEN = "restore_hidden"
    ID = "restore_id"


@dataclass(slots=True)
class StatisticReport:
    """What was found and done of one statistic, by its id in BigQuery."""

    renamed: str | None = None
    """Its id in the recorder, where that is another one."""
    found: int = 0
    """Hours that BigQuery has."""
    present: int = 0
    """Those of them that the recorder had."""
    to_import: int = 0
    """Those that it lacks, and that can be imported."""
    first: float | None = None
    """The beginning of the first and the last of those, in seconds since 1970."""
    last: float | None = None
    adjusted: int = 0
    """Seams at which sums are shifted."""
    converted: str | None = None
    """The unit in BigQuery, where values are converted into the recorder's."""
    unit: str | None = None
    left_out: int = 0
    """Hours that cannot be brought back."""
    obstacle: Obstacle | None = None
    detail: str = ""
    """What the obstacle is about."""

    def bring(self, start: float, last: float, number: int) -> None:
        """Count hours to import."""
        self.to_import += number
        self.first = start if self.first is None else min(self.first, start)
        self.last = last if self.last is None else max(self.last, last)

    def leave_out(self, number: int, obstacle: Obstacle, detail: str) -> None:
        """Count hours that cannot be brought back, and remember why."""
        self.left_out += number
        self.obstacle, self.detail = obstacle, detail


@dataclass(slots=True)
class RestoreReport:
    """What a restore has found and done."""

    source: str
    dry_run: bool
    outcome: Outcome = Outcome.COMPLETED
    statistics: dict[str, StatisticReport] = field(default_factory=dict)
    all_listed: bool = True
    """Whether no row was in BigQuery's streaming buffer, which lists do not have."""
    months: int = 0
    months_done: int = 0
    imported: int = 0
    """Hours that were imported, also before a restart."""
    adjusted: int = 0
    """Seams at which sums were shifted, also before a restart."""

    def of(self, statistic_id: str) -> StatisticReport:
        """Return the report of a statistic."""
        return self.statistics.setdefault(statistic_id, StatisticReport())

    def total(self, count: str) -> int:
        """Return the sum of one of the counts of all statistics."""
        return sum(getattr(one, count) for one in self.statistics.values())

    @property
    def span(self) -> Iterator[float]:
        """Yield the beginnings of hours to import, with the first and the last among them."""
        for one in self.statistics.values():
            yield from (time for time in (one.first, one.last) if time is not None)

    @property
    def percent(self) -> float:
        """Return how much is done, in percent of the months."""
        return 100 * self.months_done / max(1, self.months)
