"""Asking BigQuery for one config entry: within its limits, and with a row in the export log."""

import asyncio
from collections.abc import Callable
from functools import partial
import logging
from time import monotonic, time
from typing import Protocol

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from ..bigquery.connection import Connection
from ..bigquery.select_query import Answer, Plan, billed_for, plan_query, run_query
from ..const import DOMAIN
from ..errors import AccessDeniedError, ExportError, PermissionMissingError, StoppedError
from ..export.session import Session
from ..export.task_result import async_result
from ..rows.export_log import Trigger
from ..rows.privacy import Privacy
from ..settings.options import options_from
from .billing import Billing, BillingFile, Booking
from .query_log import async_written, begun_entry, ended_entry, write_entries
from .query_request import MEGABYTE, QueryAnswer, QueryRequest, price
from .refusals import (
    DailyLimitError,
    NotOneSelectError,
    OtherDatasetError,
    QueriesOffError,
    TooExpensiveError,
    UntoldPriceError,
)

_LOGGER = logging.getLogger(__name__)


class Jobs(Protocol):
    """What queries need to know of an export."""

    async def async_new_session(self, trigger: Trigger) -> Session:
        """Return what rows of the export log are sent with. Raises ExportError."""

    async def async_privacy(self) -> Privacy:
        """Return the rules by which entities have their names in BigQuery."""


_AT_ONCE = 2
"""Queries that run at the same time: each keeps a thread of Home Assistant's executor waiting."""
_STOP_TIMEOUT = 5.0
_LATE = 300.0
"""Seconds after which a job that BigQuery does not know was never begun."""


class Asker(Protocol):
    """What answers queries, or refuses to."""

    async def async_privacy(self) -> Privacy:
        """Return the rules by which entities have their names in BigQuery."""

    async def async_ask(self, request: QueryRequest) -> QueryAnswer:
        """Return the answer to a query. Raises ExportError, also where it may not be asked."""


class Queries:
    """Asks the questions of one config entry."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        connection: Connection,
        jobs: Jobs,
    ) -> None:
        """Prepare; BigQuery is not asked yet."""
        self._hass = hass
        self._entry = entry
        self._connection = connection
        self._jobs = jobs
        self._choice = options_from(entry.options).queries
        self._file = BillingFile(hass, entry.entry_id)
        self._billing = Billing()
        self._lock = asyncio.Lock()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._running: set[str] = set()
        """Ids of the jobs that run."""
        self._tasks: set[asyncio.Task[Answer]] = set()
        self.on_billed: Callable[[], None] = lambda: None
        """Called when `billed` has changed."""

    async def async_load(self) -> None:
        """Read what was billed before."""
        self._billing = await self._hass.async_add_executor_job(self._file.load)

    @property
    def is_on(self) -> bool:
        """Return whether queries are switched on."""
        return self._choice.enabled

    @property
    def billed(self) -> int:
        """Return the bytes that the queries of this month were billed for, or may have been."""
        billing = self._today
        return billing.month_bytes + billing.booked

    async def async_privacy(self) -> Privacy:
        """Return the rules by which entities have their names in BigQuery."""
        return await self._jobs.async_privacy()

    async def async_plan(self, request: QueryRequest) -> Plan:
        """Return what BigQuery says of a query without running it, for free.

        Raises ExportError where it may not be asked.
        """
        if not self.is_on:
            raise QueriesOffError
        if word := request.statement.untold:
            raise UntoldPriceError(word=word)
        plan = await self._async_block(plan_query, self._connection, request.statement)
        if plan.statement_type != "SELECT":
            raise NotOneSelectError(statement=plan.statement_type.replace("_", " ") or "?")
        self._check_datasets(plan)
        limit = self._limit(request)
        if plan.billed > limit:
            raise TooExpensiveError(
                megabytes=_megabytes(plan.billed),
                price=_dollars(plan.billed),
                limit=_megabytes(limit),
            )
        return plan

    async def async_ask(self, request: QueryRequest) -> QueryAnswer:
        """Return the answer to a query. Raises ExportError, also where it may not be asked.

        The caller may be cancelled: what was begun is settled nevertheless.
        """
        async with self._slots:
            plan = await self.async_plan(request)
            await self._async_settle_earlier()
            began = monotonic()
            task = self._entry.async_create_background_task(
                self._hass, self._async_run(request, plan), f"{DOMAIN} query"
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            answer = await async_result(task)
            return QueryAnswer(plan, answer, monotonic() - began)

    async def async_stop(self) -> None:
        """Wait until running queries have ended; the connection is stopped already."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_STOP_TIMEOUT)

    async def async_after_export(self) -> None:
        """Write the rows about queries that wait for it into the export log.

        What cannot be written or settled now waits for the next export.
        """
        try:
            await self._async_settle_earlier()
            await self._async_log()
        except ExportError as err:
            _LOGGER.debug("The rows about queries wait for the next export: %s", err)

    async def _async_log(self) -> None:
        if not self._billing.entries:
            return
        session = await self._jobs.async_new_session(Trigger.QUERY)
        if await async_written(session, self._billing):
            await self._async_change(Billing.logged_rows)
            return
        entries = self._billing.entries
        log = await self._async_block(write_entries, session, entries)
        name = session.delivery.name
        await self._async_change(lambda now: now.logging(log.name, name, len(entries), time()))
        await self._async_block(log.commit)
        await self._async_change(Billing.logged_rows)

    async def _async_run(self, request: QueryRequest, plan: Plan) -> Answer:
        """Book a query, run it, and settle what it was billed for."""
        booking = await self._async_book(request, plan)
        run = partial(
            run_query,
            self._connection,
            request.statement,
            booking.job_id,
            max_bytes=booking.bytes,
            max_rows=request.max_rows,
        )
        try:
            answer = await self._async_block(run)
            entry = {**ended_entry("completed"), "row_count": len(answer.rows)}
            await self._async_change(
                lambda billing: billing.settle(booking.job_id, answer.bytes_billed, entry)
            )
        except StoppedError:
            raise  # The next start asks what has become of it.
        except ExportError:
            await self._async_settle_failed(booking)
            raise
        finally:
            # Until it is settled here, no other query takes it for one that was interrupted.
            self._running.discard(booking.job_id)
        return answer

    async def _async_book(self, request: QueryRequest, plan: Plan) -> Booking:
        """Book the most that a query may be billed for. Raises DailyLimitError."""
        query_id = ulid_now()
        began = dt_util.utcnow()
        async with self._lock:
            today = self._today
            limit = self._choice.day_megabytes * MEGABYTE
            left = max(0, limit - today.day_bytes - today.booked)
            if plan.billed > left:
                raise DailyLimitError(
                    megabytes=_megabytes(plan.billed),
                    price=_dollars(plan.billed),
                    left=_megabytes(left),
                    limit=_megabytes(limit),
                )
            booking = Booking(
                f"{DOMAIN}_{query_id}",
                min(plan.most_billed, self._limit(request), left),
                began.timestamp(),
                begun_entry(query_id, plan, request.user_id, began),
            )
            self._running.add(booking.job_id)
            await self._async_save(today.book(booking))
        return booking

    async def _async_settle_failed(self, booking: Booking) -> None:
        """Settle a query that has failed, if BigQuery says what it was billed for."""
        try:
            billed = await self._async_billed(booking, late=False)
        except ExportError:
            return
        if billed is not None:
            await self._async_change(
                lambda billing: billing.settle(booking.job_id, billed, ended_entry("failed"))
            )

    async def _async_settle_earlier(self) -> None:
        """Settle what was booked, but not settled: Home Assistant ended, or had no connection.

        A job of another account cannot be looked up with the key of this one: after a while it
        counts as billed in full. Raises ExportError.
        """
        for booking in self._billing.bookings:
            if booking.job_id in self._running:
                continue
            late = time() - booking.time > _LATE
            try:
                billed = await self._async_billed(booking, late=late)
            except AccessDeniedError, PermissionMissingError:
                billed = booking.bytes if late else None
            if billed is not None:
                settle = partial(Billing.settle, job_id=booking.job_id, billed=billed, entry={})
                await self._async_change(settle)

    async def _async_billed(self, booking: Booking, *, late: bool) -> int | None:
        """Return what a booked query was billed for, None while that is not known.

        Raises ExportError.
        """
        return await self._async_block(
            billed_for, self._connection, booking.job_id, booking.bytes, late
        )

    def _check_datasets(self, plan: Plan) -> None:
        """Raise OtherDatasetError if a query reads what is not in the dataset."""
        destination = self._connection.destination
        here = (destination.project, destination.dataset)
        others = [
            str(resource)
            for resource in (*plan.tables, *plan.routines)
            if (resource.project, resource.dataset) != here
        ]
        if not plan.lists_all_tables:
            others.append("…")
        if others and not self._choice.other_datasets:
            raise OtherDatasetError(names=", ".join(others), dataset=destination.dataset)

    def _limit(self, request: QueryRequest) -> int:
        """Return how many bytes a query may be billed for."""
        most = self._choice.megabytes
        return min(most, request.max_megabytes or most) * MEGABYTE

    @property
    def _today(self) -> Billing:
        return self._billing.on(dt_util.now().date())

    async def _async_change(self, change: Callable[[Billing], Billing]) -> None:
        async with self._lock:
            await self._async_save(change(self._today))

    async def _async_save(self, billing: Billing) -> None:
        """Write the billing. Raises CheckpointUnwritableError."""
        await self._async_block(self._file.save, billing)
        self._billing = billing
        self.on_billed()

    async def _async_block[*Ts, T](self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Make a call that blocks, on Home Assistant's executor."""
        return await self._hass.async_add_executor_job(call, *args)


def _megabytes(size: int) -> str:
    return f"{-(-size // MEGABYTE):,}"


def _dollars(size: int) -> str:
    return f"{price(size):.4f}"
