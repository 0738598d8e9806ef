"""Whether the recorder can be read, what it has not committed yet, and its own executor."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
import logging

from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import async_migration_in_progress, get_instance
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import (
    RecorderBusyError,
    RecorderUnreadableError,
    TableDamagedError,
    TableUnreadableError,
)
from .statements import is_damaged

_LOGGER = logging.getLogger(__name__)

KNOWN_SCHEMA = 53
"""The newest schema of the recorder that this integration was written for."""
FLUSH_TIMEOUT = 30.0
"""Seconds; a purge, a migration or a backup may keep the recorder from committing for minutes."""


@dataclass(eq=False)
class RecorderOutdatedError(RecorderBusyError):
    """The recorder's database has an older schema, because it could not be migrated."""

    key = "recorder_outdated"
    version: str
    known: str


def check_recorder(hass: HomeAssistant) -> None:
    """Raise RecorderBusyError when the recorder's tables are not as they should be yet.

    A migration is in progress even while its last steps are made with the recorder running. A
    newer schema is no error: columns are read by name, and are rarely removed.
    """
    version = get_instance(hass).schema_version
    if async_migration_in_progress(hass) or not version:
        raise RecorderBusyError
    if version < KNOWN_SCHEMA:
        raise RecorderOutdatedError(version=str(version), known=str(KNOWN_SCHEMA))


async def async_flush(hass: HomeAssistant) -> None:
    """Wait until the recorder has committed all events so far, but at most 30 seconds.

    The recorder commits before each task. Its `async_block_till_done` is not enough: it does not
    wait for what the recorder has taken from its queue, but not yet added to its session.
    """
    future = hass.loop.create_future()
    get_instance(hass).queue_task(SynchronizeTask(future))
    try:
        async with asyncio.timeout(FLUSH_TIMEOUT):
            await future
    except TimeoutError:
        _LOGGER.warning(
            "The recorder has not committed within %d seconds; what it has committed is exported",
            FLUSH_TIMEOUT,
        )


async def async_read_recorder[*Ts, T](
    hass: HomeAssistant, read: Callable[[*Ts], T], *args: *Ts
) -> T:
    """Read from the recorder's database, on the recorder's own executor. Raises ExportError."""
    try:
        return await get_instance(hass).async_add_executor_job(read, *args)
    except DBAPIError as err:
        # Without a statement, there was no connection in which to execute one.
        has_answered = err.statement is not None and not err.connection_invalidated
        kind = TableUnreadableError if has_answered else RecorderUnreadableError
        if is_damaged(err.orig):
            kind = TableDamagedError
        raise kind(message=str(err)) from err
    except SQLAlchemyError as err:
        raise RecorderUnreadableError(message=str(err)) from err
    except RuntimeError as err:  # The recorder has shut down.
        raise RecorderBusyError from err


async def async_read_and_compute[R, T](
    hass: HomeAssistant, read: Callable[[], R], compute: Callable[[R], T]
) -> T:
    """Read likewise, and compute something from what was read, in the same thread.

    What `compute` raises is raised as it is: it is no error of the recorder, whatever its type.
    """

    def read_and_compute() -> T:
        found = read()
        try:
            return compute(found)
        except Exception as err:
            raise _ComputingError(err) from err

    try:
        return await async_read_recorder(hass, read_and_compute)
    except _ComputingError as failed:
        raise failed.error from None


class _ComputingError(Exception):
    """Carries an error past those of the recorder."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
