"""Let an older Home Assistant record a small home into an SQLite database.

    python make.py DATABASE START MINUTES

DATABASE is a file, or the URL of a database of MariaDB or PostgreSQL. One that is not empty is
migrated and lived on in, as after an upgrade. START is a time in UTC, such as 2024-10-27T00:20.
Home Assistant lives three times for so many minutes each, by a clock that is set here: the first
time it stops as it should, the others it dies.

It needs Home Assistant (2022.3, 2024.6 and 2025.3 were tried) and nothing of this project.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
import math
import os
from pathlib import Path
import sqlite3
import subprocess
import sys
from tempfile import TemporaryDirectory
import threading
import time
from typing import Any

from homeassistant.util import dt as dt_util

UTC = timezone.utc  # noqa: UP017 - Python 3.9 has no other
FIVE_MINUTES = 300
STEP = 150
"""Seconds between two times that things happen in the home."""
LIVES = ("stops", "dies", "dies")
PAUSE = 1_000
"""Seconds between two lives."""


class Clock:
    """The time in the home. Each look at it takes a moment, so that no two times are equal."""

    def __init__(self, now: float) -> None:
        """Begin at a time."""
        self._now = now
        self._lock = threading.Lock()

    def set(self, now: float) -> None:
        """Go on to a time, unless it is later already."""
        with self._lock:
            self._now = max(self._now, now)

    def time(self) -> float:
        """Return seconds since 1970."""
        with self._lock:
            self._now += 0.000137
            return self._now

    def utcnow(self) -> datetime:
        """Return the same in UTC."""
        return datetime.fromtimestamp(self.time(), UTC)

    def rule(self) -> None:
        """Become the clock of all that is imported from now on."""
        time.time = self.time
        dt_util.utcnow = self.utcnow


CONFIGURATION: dict[str, Any] = {
    "homeassistant": {},
    "sensor": [],
    "input_boolean": {"guests": {"name": "Gäste"}},
    "scene": [{"name": "Evening", "entities": {"input_boolean.guests": {"state": "on"}}}],
    "script": {
        "come_home": {
            "sequence": [
                {"service": "scene.turn_on", "target": {"entity_id": "scene.evening"}},
                {"event": "zha_event", "event_data": {"command": "toggle", "args": [1, None]}},
            ]
        }
    },
    "automation": [
        {
            "id": "door",
            "alias": "Tür opens",
            "mode": "queued",
            "trigger": {"platform": "state", "entity_id": "binary_sensor.door", "to": "on"},
            "action": [
                {"service": "script.come_home"},
                {"service": "input_boolean.turn_off", "entity_id": "input_boolean.guests"},
            ],
        }
    ],
}


class Home:
    """A running Home Assistant with its recorder."""

    def __init__(self, hass: Any, recorder: Any) -> None:
        """Know both."""
        self.hass = hass
        self.recorder = recorder

    async def recorded(self) -> None:
        """Wait until the recorder has committed what it has heard of."""
        await self.hass.async_block_till_done()
        done = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.queue(_commit_task(lambda: loop.call_soon_threadsafe(done.set)))
        await done.wait()

    def queue(self, task: Any) -> None:
        """Give the recorder something to do."""
        queue_task = getattr(self.recorder, "queue_task", None)
        (queue_task or self.recorder.queue.put)(task)

    async def compile_statistics(self, start: float) -> None:
        """Let the recorder compile the five minutes, and the hour that ends with them."""
        begin = datetime.fromtimestamp(start, UTC)
        try:
            from homeassistant.components.recorder.tasks import StatisticsTask
        except ImportError:
            from homeassistant.components.recorder import StatisticsTask

            self.queue(StatisticsTask(begin))
        else:
            self.queue(StatisticsTask(begin, True))
        await self.recorded()


async def start_home(folder: str, url: str) -> Home:
    """Start Home Assistant, and wait until the recorder has migrated what it must."""
    from homeassistant import auth, bootstrap, config_entries, core, loader
    from homeassistant.helpers import area_registry, device_registry, entity_registry
    from homeassistant.setup import async_setup_component

    if hasattr(bootstrap, "async_load_base_functionality"):
        hass = core.HomeAssistant(folder)
    else:
        hass = core.HomeAssistant()
        hass.config.config_dir = folder
    hass.config.skip_pip = True
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    if hasattr(bootstrap, "async_load_base_functionality"):
        loader.async_setup(hass)
        await bootstrap.async_load_base_functionality(hass)
    else:
        await hass.config_entries.async_initialize()
        for registry in (area_registry, device_registry, entity_registry):
            await registry.async_load(hass)
    hass.auth = await auth.auth_manager_from_config(hass, [], [])
    try:
        from homeassistant.helpers.recorder import async_initialize_recorder
    except ImportError:
        pass
    else:
        async_initialize_recorder(hass)
    # The nightly purge would delete what is recorded here.
    recorder = {"db_url": url, "auto_purge": False, "purge_keep_days": 1}
    configuration = {"recorder": recorder, **CONFIGURATION}
    started = asyncio.create_task(hass.async_start())
    for domain in configuration:
        if not await async_setup_component(hass, domain, configuration):
            raise SystemExit(f"{domain} could not be set up")
    await started
    home = Home(hass, hass.data["recorder_instance"])
    await home.recorder.async_recorder_ready.wait()
    await home.recorded()
    return home


def _commit_task(done: Callable[[], Any]) -> Any:
    try:
        from homeassistant.components.recorder.tasks import RecorderTask
    except ImportError:
        from homeassistant.components.recorder import RecorderTask

    class Commit(RecorderTask):
        def run(self, instance: Any) -> None:
            instance._commit_event_session_or_retry()
            done()

    return Commit()


class Day:
    """What happens in the home."""

    def __init__(self, hass: Any, user_id: str) -> None:
        """Let things happen, some of them by a user."""
        from homeassistant.core import Context

        self.hass = hass
        self.set = hass.states.async_set
        self.context = Context
        self.user_id = user_id

    def happen(self, step: int, now: float) -> None:
        """Change what changes in a step."""
        self._measure(step, now)
        self._live(step)
        self._fire(step)
        if step % 20 == 0:
            self._odd(step)

    def _measure(self, step: int, now: float) -> None:
        turn = now / 86_400 * 2 * math.pi
        temperature = f"{12 - 8 * math.cos(turn) + step % 7 / 10:.1f}"
        if step % 17 == 11:
            temperature = ("unavailable", "unknown")[step % 2]
        measured = {"state_class": "measurement"}
        self.set(
            "sensor.outdoor_temperature",
            temperature,
            {
                **measured,
                "unit_of_measurement": "°C",
                "device_class": "temperature",
                "friendly_name": "Außentemperatur",
            },
        )
        self.set(
            "sensor.power",
            str(230.5 + step * 37 % 1_500),
            {**measured, "unit_of_measurement": "W", "device_class": "power"},
        )
        self.set("sensor.wifi", str(-60 - step % 9), {**measured, "unit_of_measurement": "dBm"})
        self.set("sensor.no_unit", str(step % 5), measured)
        self.set(
            "sensor.energy",
            f"{1_000 + step % 100 * 0.173:.3f}",  # a meter that begins again now and then
            {
                "state_class": "total_increasing",
                "unit_of_measurement": "kWh",
                "device_class": "energy",
            },
        )
        self.set(
            "sensor.gas",
            f"{step % 30 * 0.01:.2f}",
            {
                "state_class": "total",
                "unit_of_measurement": "m³",
                "device_class": "gas",
                "last_reset": datetime.fromtimestamp(now - step % 30 * STEP, UTC).isoformat(),
            },
        )

    def _live(self, step: int) -> None:
        on = step % 6 < 3
        # The same state with other attributes: what was updated is newer than what was changed.
        self.set(
            "light.kitchen",
            "on" if on else "off",
            {"friendly_name": "Küche", "brightness": step * 11 % 256 if on else None},
            context=self.context(user_id=self.user_id) if step % 3 == 0 else None,
        )
        if step % 4 == 0:
            cause = self.context(user_id=self.user_id)
            effect = self.context(parent_id=cause.id)
            self.set("person.anna", ("home", "not_home")[step // 4 % 2], context=cause)
            self.set("cover.blind", ("open", "closed")[step // 4 % 2], context=effect)
        if step % 10 == 5:
            self.set("binary_sensor.door", "on", {"device_class": "door"})
        elif step % 10 == 7:
            self.set("binary_sensor.door", "off", {"device_class": "door"})
        self.set("sensor.always", "same", {}, force_update=step % 2 == 0)

    def _fire(self, step: int) -> None:
        fire = self.hass.bus.async_fire
        fire("timer.finished", {"entity_id": "timer.oven", "step": step % 3})
        if step % 3 == 0:
            fire(
                "logbook_entry",
                {"name": "Wäsche", "message": "ist fertig 🧺", "entity_id": "sensor.power"},
                context=self.context(user_id=self.user_id),
            )
        if step % 5 == 0:
            fire("zha_event", {"device_ieee": "00:11", "nested": {"a": [1.5, None, "\n"]}})
            fire("zha_event")

    def _odd(self, step: int) -> None:
        """Do what happens seldom, and what has been seen in real homes."""
        self.set("sensor.removed", str(step))
        self.hass.states.async_remove("sensor.removed", context=self.context())
        self.set("sensor.text", "")
        self.set("sensor.text", "two\nlines 'and' \"quotes\" \\ 💡", {"list": [1, 2.5, None]})
        self.set("sensor.text", "x" * 255)
        self.set("sensor.forecast", str(step), {"forecast": [{"hour": n} for n in range(48)]})
        self.set("sensor.huge", str(step), {"log": "y" * 20_000})  # more than is recorded
        self.set("sensor.numbers", str(step), {"a": 1e300, "b": -0.0, "c": 12345678901234567890})
        self.set("device_tracker.phone", "not_home", {"latitude": 52.379189123, "gps": [1, 2]})

    async def call(self, step: int) -> None:
        """Call actions as a user does."""
        call = self.hass.services.async_call
        context = self.context(user_id=self.user_id)
        if step % 8 == 0:
            await call("script", "come_home", {}, blocking=True, context=context)
        if step % 8 == 4:
            await call("scene", "turn_on", {"entity_id": "scene.evening"}, True, context)
        if step % 8 == 6:
            await call("input_boolean", "toggle", {"entity_id": "input_boolean.guests"}, True)


def import_history(hass: Any, until: float) -> None:
    """Let integrations add statistics of hours in the past, of their own and of an entity."""
    from homeassistant.components.recorder import statistics

    hours = [
        datetime.fromtimestamp(until // 3_600 * 3_600 - hour * 3_600, UTC)
        for hour in range(30, 3, -1)
    ]
    statistics.async_add_external_statistics(
        hass,
        {
            "source": "energy_provider",
            "statistic_id": "energy_provider:cost",
            "name": "Stromkosten",
            "unit_of_measurement": "EUR",
            "has_mean": False,
            "has_sum": True,
        },
        [
            {"start": start, "state": n * 0.25, "sum": n * 0.3, "last_reset": hours[0]}
            for n, start in enumerate(hours)
        ],
    )
    statistics.async_add_external_statistics(
        hass,
        {
            "source": "weather_service",
            "statistic_id": "weather_service:temperature",
            "name": None,
            "unit_of_measurement": "°F",
            "has_mean": True,
            "has_sum": False,
        },
        [{"start": start, "mean": 50.1, "min": 49.0, "max": 51.75} for start in hours],
    )
    if hasattr(statistics, "async_import_statistics"):
        statistics.async_import_statistics(
            hass,
            {
                "source": "recorder",
                "statistic_id": "sensor.energy",
                "name": None,
                "unit_of_measurement": "kWh",
                "has_mean": False,
                "has_sum": True,
            },
            [{"start": start, "state": 900.0 + n, "sum": n / 3} for n, start in enumerate(hours)],
        )


async def live(url: str, clock: Clock, start: float, end: float, how: str) -> None:
    """Live for so long, and stop or die."""
    with TemporaryDirectory() as folder:
        home = await start_home(folder, url)
        user = await home.hass.auth.async_create_user("Anna")
        day = Day(home.hass, user.id)
        if how == "stops":
            import_history(home.hass, start)
        compiled = (start // FIVE_MINUTES + 1) * FIVE_MINUTES
        for step in range(int((end - start) // STEP)):
            now = start + step * STEP
            clock.set(now)
            while compiled + FIVE_MINUTES <= now:
                await home.compile_statistics(compiled)
                compiled += FIVE_MINUTES
            day.happen(step, now)
            await home.hass.async_block_till_done()
            await day.call(step)
            await home.recorded()
        if how == "dies":
            os._exit(0)
        await home.hass.async_stop()


def main(database: str, start: datetime, minutes: int) -> None:
    """Live three times, each in a process of its own, and leave one file."""
    url = database if "://" in database else f"sqlite:///{Path(database).absolute()}"
    begin = start.replace(tzinfo=UTC)
    for how in LIVES:
        end = begin + timedelta(minutes=minutes)
        arguments = [url, begin.isoformat(), end.isoformat(), how]
        subprocess.run([sys.executable, __file__, *arguments], check=True)
        begin = end + timedelta(seconds=PAUSE)

    if url != database:
        connection = sqlite3.connect(database)
        connection.execute("PRAGMA journal_mode = DELETE")  # all is in one file then
        connection.execute("VACUUM")
        connection.close()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        file, first, length = sys.argv[1:]
        main(file, datetime.fromisoformat(first), int(length))
    else:
        file, first, last, ending = sys.argv[1:]
        begins, ends = (datetime.fromisoformat(text).timestamp() for text in (first, last))
        the_clock = Clock(begins)
        the_clock.rule()
        asyncio.run(live(file, the_clock, begins, ends, ending))
