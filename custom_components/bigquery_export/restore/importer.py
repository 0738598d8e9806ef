"""Writing hours into the recorder, by what Home Assistant offers for it."""

import asyncio
from collections.abc import Sequence
from itertools import batched

from homeassistant.components.recorder.models import (
    StatisticData,
    StatisticMeanType,
    StatisticMetaData,
)
from homeassistant.components.recorder.statistics import (
    async_add_external_statistics,
    async_import_statistics,
)
from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.core import HomeAssistant, valid_entity_id
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from ..errors import StoppedError
from ..export.session import Session
from ..source.statistics import Statistic
from .versions import Hour

RECORDER = "recorder"
FLUSH_ROWS = 1_000
"""Hours after which to wait until the recorder has written them."""
_PIECE_ROWS = 100
"""Hours that are handed over at once: Home Assistant checks each of them on the event loop."""
_LOOK_EVERY = 1.0
"""Seconds between two looks whether the job has to end, while the recorder is busy."""


class Importer:
    """Writes hours and shifts sums, and gives the recorder time in between."""

    def __init__(self, session: Session) -> None:
        """Write for one job."""
        self._hass: HomeAssistant = session.hass
        self._session = session
        self._waiting = 0

    async def async_import(self, statistic: Statistic, hours: Sequence[Hour]) -> None:
        """Hand over the hours of a statistic. Raises StoppedError if the job has to end."""
        metadata = StatisticMetaData(
            mean_type=StatisticMeanType(statistic.mean_type or 0),
            has_sum=bool(statistic.has_sum),
            name=statistic.name,
            source=statistic.source or RECORDER,
            statistic_id=statistic.statistic_id,
            unit_class=statistic.unit_class,
            unit_of_measurement=statistic.unit_of_measurement,
        )
        to_recorder = valid_entity_id(statistic.statistic_id)
        add = async_import_statistics if to_recorder else async_add_external_statistics
        for piece in batched(hours, _PIECE_ROWS, strict=False):
            add(self._hass, metadata, [_data(hour) for hour in piece])
            self._waiting += len(piece)
            if self._waiting >= FLUSH_ROWS:
                await self.async_wait()
                await self._session.async_rest()
            await asyncio.sleep(0)

    async def async_shift(self, statistic: Statistic, start: float, difference: float) -> None:
        """Shift the sums of a statistic from a time on."""
        get_instance(self._hass).async_adjust_statistics(
            statistic.statistic_id,
            dt_util.utc_from_timestamp(start),
            difference,
            statistic.unit_of_measurement or "",
        )

    async def async_wait(self) -> None:
        """Wait until the recorder has written all that was handed over.

        It may be busy for long, with a purge or a backup. Raises StoppedError.
        """
        self._waiting = 0
        future: asyncio.Future[None] = self._hass.loop.create_future()
        get_instance(self._hass).queue_task(SynchronizeTask(future))
        while not future.done():
            await asyncio.wait({future}, timeout=_LOOK_EVERY)
            if self._session.stopped and not future.done():
                raise StoppedError


def _data(hour: Hour) -> StatisticData:
    """Return an hour as Home Assistant takes it, without what it has no value of."""
    data = StatisticData(start=dt_util.utc_from_timestamp(hour.start))
    if hour.last_reset is not None:
        data["last_reset"] = dt_util.utc_from_timestamp(hour.last_reset)
    if hour.mean is not None:
        data["mean"] = hour.mean
    if hour.mean_weight is not None:
        data["mean_weight"] = hour.mean_weight
    if hour.min is not None:
        data["min"] = hour.min
    if hour.max is not None:
        data["max"] = hour.max
    if hour.state is not None:
        data["state"] = hour.state
    if hour.sum is not None:
        data["sum"] = hour.sum
    return data
