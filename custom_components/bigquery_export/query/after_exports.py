"""Asking the saved queries after exports: not more often than each of them allows.

Data change in BigQuery with exports alone, so a query that is repeated between two of them would
cost, and find what it has found before.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
import logging
from time import time

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_UNIT_OF_MEASUREMENT
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from ..const import DOMAIN
from ..errors import ExportError, StoppedError, TransientError
from ..status.export_events import ExportEvent, ExportEventType, async_listen_export_events
from ..status.issues import async_show_failed_queries
from ..translation import async_load_translations, async_reason, async_text
from .answer_columns import SensorValue, sensor_column, sensor_value
from .answer_file import AnswerFile, SavedAnswer
from .external_statistics import ExternalStatistic, Hours, async_clear, async_write, hours_of
from .queries import Queries
from .refusals import DailyLimitError
from .saved_query import SavedQuery, SavedQueryType, saved_queries

_LOGGER = logging.getLogger(__name__)

AT_MOST = 5
"""Queries after one export; the others wait for the next one."""
_HOUR = 3_600.0


class AfterExports:
    """Asks the saved queries of one config entry, and keeps their answers."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        queries: Queries,
        has_exported: Callable[[], bool],
    ) -> None:
        """Prepare; nothing is read or asked yet."""
        self._hass = hass
        self._entry = entry
        self._queries = queries
        self._has_exported = has_exported
        self._saved = {query.subentry_id: query for query in saved_queries(entry)}
        self._file = AnswerFile(hass, entry.entry_id)
        self._answers: dict[str, SavedAnswer] = {}
        self._lock = asyncio.Lock()
        self._is_queued = False
        """Whether all that is due will be looked for as soon as what is asked now has ended."""
        self._listeners: list[Callable[[], None]] = []

    async def async_load(self) -> None:
        """Read the answers, and show what could not be answered."""
        self._answers = await self._hass.async_add_executor_job(self._file.load)
        await async_load_translations(self._hass)
        self._async_show()

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Ask what was never asked, and the others after exports; call what is returned to stop."""
        self._async_begin(is_new=True)
        return async_listen_export_events(self._hass, self._entry, self._async_happened)

    @callback
    def async_listen(self, listener: Callable[[], None]) -> CALLBACK_TYPE:
        """Call a listener when there are new answers, until what is returned is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def value(self, subentry_id: str) -> SensorValue:
        """Return the value of a sensor, None while there is none."""
        return self._answer(self._saved[subentry_id]).value

    def is_available(self, subentry_id: str) -> bool:
        """Return whether a sensor has a value, or may have one: its query has not failed."""
        answer = self._answer(self._saved[subentry_id])
        return self._queries.is_on and (answer.value is not None or not answer.problem)

    @callback
    def _async_happened(self, export_event: ExportEvent) -> None:
        """Ask after an export that has sent something."""
        completed = export_event.type is ExportEventType.COMPLETED
        if completed and export_event.attributes["rows"] and not self._is_queued:
            self._is_queued = True
            self._async_begin(is_new=False)

    @callback
    def _async_begin(self, *, is_new: bool) -> None:
        self._entry.async_create_background_task(
            self._hass, self._async_work(is_new=is_new), f"{DOMAIN} saved queries"
        )

    async def _async_work(self, *, is_new: bool) -> None:
        """Ask what is due, or only what is `is_new`."""
        async with self._lock:
            if not is_new:
                self._is_queued = False
            try:
                await self._async_forget_removed()
                if not self._queries.is_on or not self._has_exported():
                    return
                due = [
                    query for query in self._saved.values() if self._is_due(query, is_new=is_new)
                ]
                due.sort(key=lambda query: self._answer(query).time)
                for query in due[:AT_MOST]:
                    await self._async_ask(query)
            except StoppedError:
                return  # The next start, or the next export, asks what is left.

    def _answer(self, query: SavedQuery) -> SavedAnswer:
        """Return what came of a query; nothing yet, if another one was asked before."""
        answer = self._answers.get(query.subentry_id, SavedAnswer())
        if answer.digest == query.digest:
            return answer
        return SavedAnswer(statistic_id=query.statistic_id)

    def _is_due(self, query: SavedQuery, *, is_new: bool) -> bool:
        """Return whether a query is to be asked now.

        Exports do not take the same time each day, and a day may have 23 hours: so it may be asked
        a little earlier, but its hours count from when it was due, so that it is not asked more
        often than that. One that has failed may be asked again after an hour.
        """
        answer = self._answer(query)
        if not answer.digest or is_new:
            return not answer.digest
        passed = time() - answer.time
        if answer.problem:
            wait = min(query.seconds, _HOUR)
        else:
            wait = query.seconds - _tolerance(query.seconds)
        return passed >= wait or passed < -query.seconds  # The clock was set back.

    async def _async_ask(self, query: SavedQuery) -> None:
        """Ask a query, and keep what came of it. Raises StoppedError."""
        before, now = self._answer(query), time()
        after = replace(before, digest=query.digest, time=now, problem="")
        early = before.time + query.seconds
        if not before.problem and now < early <= now + _tolerance(query.seconds):
            after = replace(after, time=early)
        try:
            if query.type is SavedQueryType.STATISTIC:
                await self._async_write_statistic(query)
            else:
                after = replace(after, value=await self._async_value(query))
        except StoppedError:
            raise
        except Exception as err:
            # What passes by itself leaves the value as it is.
            passes = isinstance(err, (TransientError, DailyLimitError))
            value = before.value if passes else None
            after = replace(after, problem=self._reason(err), value=value)
        _log(query, before, after)
        await self._async_keep({**self._answers, query.subentry_id: after})

    def _reason(self, err: Exception) -> str:
        """Return why a query could not be answered; an error that is not foreseen is logged."""
        if isinstance(err, ExportError | HomeAssistantError):
            return async_reason(self._hass, err)
        _LOGGER.error("Unexpected error while a query was asked", exc_info=err)
        key = "unexpected.message"
        return async_text(self._hass, "exceptions", key, {"error": type(err).__name__})

    async def _async_value(self, query: SavedQuery) -> SensorValue:
        answer = (await self._queries.async_ask(query.request(self._entry))).answer
        column = sensor_column(answer.columns, query.data)
        return sensor_value(answer.rows[0][column]) if answer.rows else None

    async def _async_write_statistic(self, query: SavedQuery) -> None:
        columns, hours = await self._async_hours(query)
        unit = query.data.get(CONF_UNIT_OF_MEASUREMENT)
        statistic = ExternalStatistic(query.statistic_id, query.title, unit, columns)
        await async_write(self._hass, statistic, hours)

    async def _async_hours(self, query: SavedQuery) -> tuple[tuple[str, ...], Hours]:
        """Return the columns and hours of a statistic, without the answer: it takes much memory."""
        answer = (await self._queries.async_ask(query.request(self._entry))).answer
        return await self._hass.async_add_executor_job(hours_of, answer)

    async def _async_forget_removed(self) -> None:
        """Clear the statistics of subentries that are gone, and note those that there are.

        What is in the file is cleared, whatever crashes: so it has each before its first hour.
        """
        gone = self._answers.keys() - self._saved.keys()
        if cleared := [name for id_ in gone if (name := self._answers[id_].statistic_id)]:
            await async_clear(self._hass, cleared)
        answers = {id_: answer for id_, answer in self._answers.items() if id_ not in gone}
        for id_, query in self._saved.items():
            if query.statistic_id and id_ not in answers:
                answers[id_] = SavedAnswer(statistic_id=query.statistic_id)
        if answers != self._answers:
            await self._async_keep(answers)

    async def _async_keep(self, answers: dict[str, SavedAnswer]) -> None:
        """Keep answers, and show them."""
        self._answers = answers
        self._async_show()
        for listener in self._listeners:
            listener()
        try:
            await self._hass.async_add_executor_job(self._file.save, answers)
        except ExportError as err:
            _LOGGER.warning("%s", async_reason(self._hass, err))

    @callback
    def _async_show(self) -> None:
        """Show which queries cannot be answered, while there are any."""
        problems = {
            query.title: problem
            for query in self._saved.values()
            if (problem := self._answer(query).problem) and self._queries.is_on
        }
        async_show_failed_queries(self._hass, self._entry, problems)


async def async_remove_answers(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Clear the statistics of an entry that is gone, and delete what came of its queries."""
    file = AnswerFile(hass, entry.entry_id)
    answers = await hass.async_add_executor_job(file.load)
    await hass.async_add_executor_job(file.remove)
    if statistic_ids := [answer.statistic_id for answer in answers.values() if answer.statistic_id]:
        await async_clear(hass, statistic_ids)


def _tolerance(seconds: float) -> float:
    return min(2 * _HOUR, seconds / 4)


def _log(query: SavedQuery, before: SavedAnswer, after: SavedAnswer) -> None:
    """Say once that a query has failed, and once that it is answered again."""
    if after.problem and not before.problem:
        _LOGGER.warning("The query of %s has failed: %s", query.title, after.problem)
    elif before.problem and not after.problem:
        _LOGGER.info("The query of %s is answered again", query.title)
