"""Planning what to import of each statistic, month by month."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from homeassistant.core import HomeAssistant

from ..source.readiness import async_read_recorder
from ..source.recorded_hours import RecordedHour, RecordedHours
from ..source.statistics import Statistic
from .names import Names, source_of
from .report import Obstacle, RestoreReport, StatisticReport
from .request import RestoreRequest, Seam, Target
from .seams import Before, HoursPlan, plan
from .targets import statistic_for
from .units import conversion, converted
from .versions import Hour

_HOUR = 3_600.0


@dataclass(frozen=True, slots=True)
class StatisticPlan:
    """What to import of one statistic in one month."""

    statistic: Statistic
    imports: list[Hour]
    targets: list[Target]


class Planner:
    """Compares the hours of BigQuery with the recorder's, oldest first.

    What it knows of a statistic from one month to the next are a few numbers.
    """

    def __init__(
        self, hass: HomeAssistant, request: RestoreRequest, names: Names, report: RestoreReport
    ) -> None:
        """Prepare; nothing is read yet."""
        self._hass = hass
        self._request = request
        self._names = names
        self._report = report
        self._hours = RecordedHours(hass)
        self._known: dict[str, tuple[int, Statistic]] = {}
        self._last: dict[str, tuple[float, float]] = {}
        """The last hour of BigQuery by statistic: its start and its sum there."""
        self._shifts: dict[str, float] = {}
        """In a dry run, by how much the sums of statistics would have been shifted."""
        self._until = 0.0
        self.seams: dict[str, Seam] = {}
        """The last hours that were brought back, if no other follows yet, by statistic."""

    async def async_learn(self, now: float) -> None:
        """Read which statistics the recorder has, and until when it has compiled them."""
        self._known = await self._async_read(self._hours.statistics)
        compiled = await self._async_read(self._hours.compiled_until)
        # What is not compiled yet, the recorder compiles itself.
        self._until = (compiled if compiled > float("-inf") else now) // _HOUR * _HOUR

    async def async_plan(self, name: str, theirs: list[Hour]) -> StatisticPlan | None:
        """Return what to import of a statistic of BigQuery in a month; None where it cannot be.

        Raises ExportError.
        """
        report = self._report.of(name)
        report.found += len(theirs)
        local = self._names.local(name)
        report.renamed = local if local != name else None
        if self._names.is_unknown_pseudonym(name):
            report.leave_out(len(theirs), Obstacle.HIDDEN, name)
            return None
        if (source := source_of(local)) is None or not theirs:
            report.leave_out(len(theirs), Obstacle.ID, local)
            return None
        metadata_id, ours = self._known.get(local, (0, None))
        try:
            statistic = statistic_for(self._hass, local, theirs[-1].metadata, ours)
        except ValueError:
            mean_type = str(theirs[-1].metadata.mean_type)
            report.leave_out(len(theirs), Obstacle.MEAN_TYPE, mean_type)
            return None
        statistic = statistic._replace(source=source)
        hours = self._converted(theirs, statistic, report)
        if not hours:
            return None
        return await self._async_compare(name, metadata_id, statistic, hours)

    def _converted(
        self, theirs: list[Hour], statistic: Statistic, report: StatisticReport
    ) -> list[Hour]:
        """Return hours in the recorder's unit, without those that cannot be converted."""
        hours = []
        report.unit = statistic.unit_of_measurement
        for hour in theirs:
            try:
                convert = conversion(hour.metadata, statistic)
            except ValueError:
                report.leave_out(1, Obstacle.UNIT, str(hour.metadata.unit_of_measurement))
                continue
            if convert:
                report.converted = str(hour.metadata.unit_of_measurement)
                hour = converted(hour, convert)
            hours.append(hour)
        return hours

    async def _async_compare(
        self, name: str, metadata_id: int, statistic: Statistic, hours: list[Hour]
    ) -> StatisticPlan:
        local, report = statistic.statistic_id, self._report.of(name)
        ours, before = await self._async_read(
            self._recorded, metadata_id, hours[0].start, hours[-1].start + _HOUR, local
        )
        recorded = {hour.start for hour in ours}
        wanted = [hour for hour in hours if hour.start in recorded or self._is_wanted(hour)]
        planned = plan(wanted, ours, before, has_sum=bool(statistic.has_sum))
        self._remember(local, planned, hours)
        report.present += planned.present
        report.adjusted += len(planned.targets)
        if planned.imports:
            first, last = planned.imports[0].start, planned.imports[-1].start
            report.bring(first, last, len(planned.imports))
        targets = [Target(local, *target) for target in planned.targets]
        return StatisticPlan(statistic, planned.imports, targets)

    def _is_wanted(self, hour: Hour) -> bool:
        return self._request.includes_time(hour.start) and hour.start + _HOUR <= self._until

    def _remember(self, local: str, planned: HoursPlan, hours: list[Hour]) -> None:
        last = hours[-1]
        if last.sum is not None:
            self._last[local] = (last.start, last.sum)
        self.seams.pop(local, None)
        if planned.seam:
            self.seams[local] = planned.seam
        if self._request.dry_run:
            self._shifts[local] = planned.shift

    def _recorded(
        self, metadata_id: int, first: float, end: float, local: str
    ) -> tuple[list[RecordedHour], Before]:
        """Return what the recorder has in a time, and what is known of before; this blocks."""
        seam = self.seams.get(local)
        before = Before(theirs=self._last.get(local), seam=seam, shift=self._shifts.get(local, 0.0))
        if not metadata_id:
            return [], before
        hours = self._hours
        following = hours.first_from(metadata_id, seam.start + 1) if seam else None
        if following and following.start >= first:
            following = None
        ours = hours.before(metadata_id, first)
        return hours.hours(metadata_id, first, end), replace(before, ours=ours, following=following)

    async def async_row(self, statistic_id: str, start: float) -> RecordedHour | None:
        """Return the first row of a statistic from a time on, of an hour or of five minutes."""
        metadata_id, _ = self._known.get(statistic_id, (0, None))
        return await self._async_read(self._hours.first_from, metadata_id, start)

    def shift(self, statistic_id: str) -> float:
        """Return by how much a dry run would have shifted the sums of a statistic."""
        return self._shifts.get(statistic_id, 0.0)

    def statistic(self, statistic_id: str) -> Statistic | None:
        """Return a statistic as the recorder has it."""
        return self._known.get(statistic_id, (0, None))[1]

    async def _async_read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        return await async_read_recorder(self._hass, read, *args)
