"""Entities that change, one after the other, at an even pace."""

import asyncio
from collections.abc import Sequence
from itertools import accumulate
from random import Random
import time

from homeassistant.core import HomeAssistant, callback

from tests.home.entities import Entity

AT_ONCE = 10
"""Changes that are caught up with before others have their turn on the event loop."""
CHANGES_PER_EVENT = 50
EVENT = "zha_event"
"""What the buttons of many homes fire; the export of events sends these unless told otherwise."""


class Changes:
    """Lets entities change until it is stopped or the time is over; keeps nothing of it."""

    def __init__(self, hass: HomeAssistant, entities: Sequence[Entity], random: Random) -> None:
        """Let these entities change, those with larger shares more often."""
        self._hass = hass
        self._entities = entities
        self._shares = list(accumulate(entity.share for entity in entities))
        self._random = random
        self._timer: asyncio.TimerHandle | None = None
        self.made = 0
        """Changes so far, each of which the recorder writes as one row."""

    @callback
    def start(self, changes_per_second: int, seconds: float) -> None:
        """Begin; the changes are over after that time."""
        self._began = self._hass.loop.time()
        self._pace = changes_per_second
        self._wanted = int(changes_per_second * seconds)
        self._go_on()

    @callback
    def stop(self) -> None:
        """Make no other change."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    @callback
    def _go_on(self) -> None:
        """Make the changes that are due, and come back for the next one.

        What Home Assistant was too busy for is caught up with.
        """
        elapsed = self._hass.loop.time() - self._began
        due = min(self._wanted, int(elapsed * self._pace) + 1)
        for _ in range(min(AT_ONCE, due - self.made)):
            self._change()
        if self.made < self._wanted:
            self._timer = self._hass.loop.call_at(self._began + self.made / self._pace, self._go_on)

    def _change(self) -> None:
        (entity,) = self._random.choices(self._entities, cum_weights=self._shares)
        state = entity.next_state(time.time(), self._random)
        attributes = self._random.choice(entity.attributes)
        last = self._hass.states.get(entity.entity_id)
        # What is as it was would be no change, and no row.
        same = last is not None and (last.state, last.attributes) == (state, attributes)
        self._hass.states.async_set(entity.entity_id, state, attributes, force_update=same)
        self.made += 1
        if self.made % CHANGES_PER_EVENT == 0:
            self._hass.bus.async_fire(EVENT, {"command": "toggle", "changes": self.made})
