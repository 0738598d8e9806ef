"""Restore: hours of statistics that BigQuery has and the recorder has not are imported again.

    list a month -> resolve versions -> compare with the recorder -> save state -> import -> shift

What is missing is found by comparison, so a restore that was interrupted begins again and imports
the rest. What could not be found again is saved before: which sums are to be shifted, and where
hours that came back meet the recorder's own (request.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import override

from homeassistant.util import dt as dt_util

from ..bigquery.listed_statistics import ListedStatistics
from ..errors import RowsNotListedError
from ..export.corrections.corrections import Since
from ..export.job import Job
from ..export.recent_commits import EVERYTHING, last_begun
from ..export.restored_rows import RestoredRows, ended
from ..export.session import Session
from ..rows.statistics import STATISTICS
from ..source.readiness import async_read_recorder, check_recorder
from ..source.recorded_hours import RecordedHours
from .importer import Importer
from .log import async_log
from .names import Names
from .planner import Planner, StatisticPlan
from .report import Outcome, RestoreReport
from .request import RestoreFile, RestoreState, Target
from .seams import alike, seam_target
from .versions import MonthRows, month_rows

_BATCH_ROWS = 5_000
"""Hours to import after which the state is saved."""
_DAY = 86_400


class Restore(Job):
    """One restore, or the rest of one that was interrupted."""

    def __init__(
        self,
        session: Session,
        listed: ListedStatistics,
        names: Names,
        file: RestoreFile,
        state: RestoreState,
        *,
        known_as: Callable[[str], str] = lambda name: name,
        on_progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to go on from a state; nothing is read yet.

        `known_as` returns the name in BigQuery of a statistic of the recorder.
        """
        super().__init__(session)
        self._listed = listed
        self._names = names
        self._file = file
        self._state = state
        self._known_as = known_as
        self._on_progress = on_progress
        request = state.request
        self._request = request
        self._own = str(session.run_values["source"])
        self._source = request.source or self._own
        self.report = RestoreReport(self._source, request.dry_run)
        self._planner = Planner(session.hass, request, names, self.report)
        self._importer = Importer(session)
        self._canceled = state.canceled

    def cancel(self) -> None:
        """Import nothing more after the current batch; what was begun is ended."""
        self._canceled = True

    async def async_check_listed(self) -> None:
        """Make sure that BigQuery lists what an earlier history has sent.

        What this history has sent the recorder has. Raises RowsNotListedError.
        """
        if self._canceled:
            return
        commits = self._session.journal.checkpoint.commits(STATISTICS.name)
        before = last_begun(commit for commit in commits if commit.until == EVERYTHING)
        await self._session.async_check_known(STATISTICS, before, query=False)

    @override
    async def _async_work(self) -> None:
        """Bring back what is missing, until it is done, or the export is paused."""
        check_recorder(self._session.hass)
        if not self._canceled:
            await self._async_look_whether_listed()
            await self._importer.async_wait()
            await self._async_begin()
        await self._planner.async_learn(dt_util.utcnow().timestamp())
        self._planner.seams.update(self._state.seams)
        await self._async_shift(self._state.targets)
        if await self._async_months():
            await self._async_end()
        else:
            self.report.outcome = Outcome.PAUSED

    async def _async_look_whether_listed(self) -> None:
        """Say whether BigQuery lists all rows, and wait for what an earlier history has sent.

        A dry run waits for nothing. Raises RowsNotListedError.
        """
        session, report = self._session, self.report
        last = last_begun(session.journal.checkpoint.commits(STATISTICS.name))
        try:
            await session.async_check_known(STATISTICS, last, query=False)
        except RowsNotListedError:
            report.all_listed = False
        else:
            report.all_listed = await session.async_block(lambda: self._listed.all_are_listed)
        if not self._request.dry_run:
            await self.async_check_listed()

    async def _async_begin(self) -> None:
        """Let the export know that rows come which BigQuery has."""
        if self._request.dry_run:
            return
        newest = await self._async_newest_id()
        renames = {before: self._known_as(after) for before, after in self._request.renames.items()}
        source = self._source if self._source != self._own else ""
        rows = RestoredRows(newest, source=source, renames=renames)
        await self._session.journal.async_update(lambda now: now.restoring(STATISTICS.name, rows))

    async def _async_newest_id(self) -> int:
        hass = self._session.hass
        return await async_read_recorder(hass, RecordedHours(hass).newest_id)

    async def _async_months(self) -> bool:
        """Bring back one month after another; return whether all are done."""
        if self._canceled or self._waits:
            return self._canceled
        request = self._request
        first = None if request.start is None else int(request.start // _DAY)
        if first is not None:
            first = STATISTICS.partition_start(first)
        today = dt_util.utcnow().date()
        found = await self._session.async_block(self._listed.months, today, first)
        months = [month for month in found if request.end is None or month * _DAY < request.end]
        if self._state.month is not None:
            # The month before it tells how its sums fit.
            done = [month for month in months if month < self._state.month][:-1]
            months = months[len(done) :]
        self.report.months = len(months)
        for month in months:
            if self._canceled:
                break
            if not await self._async_month(month):
                return False
            self.report.months_done += 1
            self._on_progress()
        return True

    async def _async_month(self, month: int) -> bool:
        """Bring back a month; return whether it is done."""
        after = ""
        while True:
            rows = await self._session.async_block(self._read, month, after)
            if not await self._async_bring_rows(month, rows):
                return False
            if rows.until is None or self._canceled:
                return True
            after = rows.until

    def _read(self, month: int, after: str) -> MonthRows:
        """Return the rows of a month, or of as many statistics as there is room for."""
        rows = self._listed.rows(month, self._source)
        includes = self._names.includes
        return month_rows((row for row in rows if includes(row.statistic_id)), after)

    async def _async_bring_rows(self, month: int, rows: MonthRows) -> bool:
        batch: dict[str, StatisticPlan] = {}
        for name in rows.names:
            if self._names.local(name) in batch:
                await self._async_bring(month, batch)
                batch = {}
            hours = await self._session.async_block(rows.hours, name)
            if hours and (planned := await self._planner.async_plan(name, hours)):
                batch[planned.statistic.statistic_id] = planned
            await self._session.async_rest()
            if sum(len(one.imports) for one in batch.values()) >= _BATCH_ROWS:
                await self._async_bring(month, batch)
                batch = {}
                if self._canceled or self._waits:
                    return self._canceled
        await self._async_bring(month, batch)
        return not self._waits

    @property
    def _waits(self) -> bool:
        """Return whether it goes on when the export does; what was canceled is ended at once."""
        return self._session.paused and not self._request.dry_run and not self._canceled

    async def _async_bring(self, month: int, batch: dict[str, StatisticPlan]) -> None:
        """Import what is planned, once it is saved which sums are to be shifted."""
        plans = [one for one in batch.values() if one.imports or one.targets]
        if self._request.dry_run or not plans:
            return
        targets = [target for one in plans for target in one.targets]
        number = sum(len(one.imports) for one in plans)
        planned = self._state.planned(targets, self._planner.seams, number)
        await self._async_save(replace(planned, month=month))
        for one in plans:
            await self._importer.async_import(one.statistic, one.imports)
        await self._importer.async_wait()
        await self._planner.async_learn(dt_util.utcnow().timestamp())
        await self._async_shift(targets)
        self._on_progress()

    async def _async_shift(self, targets: Iterable[Target]) -> None:
        """Shift sums as far as they are not as they should be; a second time changes nothing."""
        shifted = False
        for target in targets:
            row = await self._planner.async_row(target.statistic_id, target.start)
            statistic = self._planner.statistic(target.statistic_id)
            if row is None or row.sum is None or statistic is None or row.start != target.start:
                continue
            if not alike(row.sum, target.sum):
                difference = target.sum - row.sum
                await self._importer.async_shift(statistic, target.start, difference)
                shifted = True
        if shifted:
            await self._importer.async_wait()

    async def _async_end(self) -> None:
        """Let what follows the last hours fit, and tell the export and its log."""
        targets = []
        for statistic_id, seam in self._planner.seams.items():
            row = await self._planner.async_row(statistic_id, seam.start + 1)
            if row is None or row.sum is None:
                continue
            row = row._replace(sum=row.sum + self._planner.shift(statistic_id))
            if target := seam_target(seam, row):
                targets.append(Target(statistic_id, *target))
                self._count_adjusted(statistic_id)
        if self._canceled:
            self.report.outcome = Outcome.CANCELED
        if self._request.dry_run:
            return
        await self._async_save(self._state.planned(targets, {}, 0))
        await self._async_shift(targets)
        newest = await self._async_newest_id()
        await self._session.journal.async_update(
            lambda now: now.with_restored(
                STATISTICS.name, ended(now.restored.get(STATISTICS.name, ()), newest)
            )
        )

    async def async_finish(self) -> None:
        """Write the row about it into the export log, and forget what was wanted.

        If it is paused, only remember whether it was canceled meanwhile.
        """
        if self.report.outcome is Outcome.PAUSED:
            await self._async_save(self._state)
            return
        journal = self._session.journal
        await journal.async_update(lambda now: now.passed_restored(STATISTICS.name))
        await async_log(self._session, self._file, self._state, self.report)
        await self._session.async_block(self._file.remove)

    @property
    def shifted(self) -> Since:
        """Return from which times on sums were shifted, by statistic."""
        return self._state.shifted

    def _count_adjusted(self, statistic_id: str) -> None:
        for name, report in self.report.statistics.items():
            if self._names.local(name) == statistic_id:
                report.adjusted += 1
                return

    async def _async_save(self, state: RestoreState) -> None:
        state = replace(state, canceled=self._canceled)
        await self._session.async_block(self._file.save, state)
        self._state = state
        self.report.imported, self.report.adjusted = state.imported, state.adjusted
