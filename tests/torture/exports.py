"""Exports, and what a user would do when one fails: wait, or say which machine goes on."""

import asyncio
from collections.abc import Callable
from random import Random

from tests.home.recorded import newest_ids
from tests.machine.patience import Patience

from .destination import HOUR, Destination
from .machine import ANOTHER_EXPORT, Machine

ROWS_NOT_LISTED = "rows_not_listed"
ALREADY_RUNNING = "already_running"
ATTEMPTS = 6
"""BigQuery lists rows after 90 minutes in this torture, and the exporter waits for some more."""
SECONDS_FOR_THE_LAST = 240.0
SECONDS_OF_A_COMMIT = 1.5
"""The recorder's commit_interval is a second."""


class TortureError(Exception):
    """It cannot go on, or the last export did not end well; the text says why."""


class Exports:
    """Exports of machines to one destination."""

    def __init__(
        self, destination: Destination, random: Random, say: Callable[[str], None]
    ) -> None:
        """Export nothing yet."""
        self._destination = destination
        self._random = random
        self._say = say
        self.take_overs = 0
        """How often a machine was told to go on."""
        self.waits = 0
        """How often an export had to wait for rows to be listed."""

    async def once(self, machine: Machine, *, insist: bool = False) -> int | None:
        """Export, and return how many rows, or None if that failed.

        Where rows are not listed yet, time passes. Of a machine that has to stop chance decides
        whether it takes over, unless it has to `insist`.
        """
        for _ in range(ATTEMPTS):
            rows = await machine.export()
            if machine.refusal == ROWS_NOT_LISTED:
                self.waits += 1
                self._destination.move_clock(HOUR)
            elif machine.refusal == ALREADY_RUNNING:
                await asyncio.sleep(0.3)
            elif machine.refusal == ANOTHER_EXPORT and (insist or self._random.random() < 0.6):
                await self._take_over(machine)
            else:
                return rows
        return None

    async def again_and_again(self, machine: Machine) -> None:
        """Export until this is canceled."""
        while True:
            await self.once(machine)
            await asyncio.sleep(0.1)

    async def at_last(self, machine: Machine) -> dict[str, int]:
        """Export when everything works again; return the ids up to which all must be there.

        Nothing is paused any more: a copy of a home that was paused is, too.
        """
        await machine.perform("resume")
        await asyncio.sleep(SECONDS_OF_A_COMMIT)
        patience = Patience(SECONDS_FOR_THE_LAST)
        while patience.left > 0:
            up_to = newest_ids(machine.home.database)
            rows = await self.once(machine, insist=True)
            if rows is not None and machine.nothing_waits:
                self._say(f"the last export of the {machine.name} sent {rows} rows")
                return up_to
            await asyncio.sleep(0.5)
        raise TortureError(
            f"the last export of the {machine.name} did not end well ({machine.refusal}),"
            f" see {machine.home.log_file}"
        )

    async def _take_over(self, machine: Machine) -> None:
        if await machine.take_over():
            self.take_overs += 1
            self._say(f"  the {machine.name} takes over")
        else:
            await asyncio.sleep(0.3)
