"""Starts of Home Assistant, also while its clock is wrong or there are no tokens to be had."""

import asyncio
from collections.abc import Callable, Collection
from random import Random

from tests.home.integration import DOMAIN
from tests.machine.patience import patient

from .clock_jumps import ClockJumps
from .destination import Destination
from .exports import TortureError
from .kinds import Kind
from .machine import Machine

SECONDS_TO_LOAD = 60.0
"""Home Assistant tries again after 5 s, and then after twice as long each time."""


class Starts:
    """Starts a machine, at times into trouble that is over a little later."""

    def __init__(
        self,
        machine: Machine,
        destination: Destination,
        jumps: ClockJumps,
        kinds: Collection[Kind],
        random: Random,
        say: Callable[[str], None],
    ) -> None:
        """Start this machine, with trouble of these kinds."""
        self._machine = machine
        self._destination = destination
        self._jumps = jumps
        self._kinds = kinds
        self._random = random
        self._say = say

    async def start(self) -> None:
        """Start it; when what was wrong is right again, the export must come up by itself."""
        if Kind.CLOCK in self._kinds and self._random.random() < 0.5:
            self._jumps.at_rest()
        if Kind.TOKEN in self._kinds and self._random.random() < 0.3:
            self._say(f"  starting with {self._destination.add_token_fault()}")
        await self._machine.home.start()
        await asyncio.sleep(self._random.random() * 2)
        if self._random.random() < 0.7:
            await self.end_trouble()

    async def end_trouble(self) -> None:
        """Let all be well, and wait until the entry is loaded; raises TortureError."""
        self._jumps.set_right()
        self._destination.clear_faults()
        try:
            async with patient(SECONDS_TO_LOAD):
                await self._machine.home.client.until_loaded(DOMAIN)
        except TimeoutError:
            states = [entry["state"] for entry in await self._entries()]
            raise TortureError(f"all is well again, but the entry stays {states}") from None

    async def loaded(self) -> bool:
        """Return whether the integration runs, and may have tokens."""
        states = [entry["state"] for entry in await self._entries()]
        return self._jumps.right and states == ["loaded"]

    async def check_calm(self) -> None:
        """Make sure that the user is not asked for another key any more; raises TortureError."""
        flows = await self._machine.home.client.command("config_entries/flow/progress")
        if asking := [flow["step_id"] for flow in flows if flow["handler"] == DOMAIN]:
            raise TortureError(f"all is well again, but the user is still asked: {asking}")

    async def _entries(self) -> list[dict[str, object]]:
        return await self._machine.home.client.entries(DOMAIN)
