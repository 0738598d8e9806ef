"""How Home Assistant bears it: a line of measurements for each second."""

import asyncio
from collections.abc import Callable
import gc
import json
import os
from pathlib import Path
import time
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import get_instance

TICK_SECONDS = 0.01
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Measurements:
    """Asks the event loop to be called every 10 ms, and writes down how late each call was.

    Python's garbage collector stops everything when it looks through all of Home Assistant's
    objects. Its longest pause is written down too, because it is no one's lag but Python's.
    """

    def __init__(self, hass: HomeAssistant, path: str, changes: Callable[[], int]) -> None:
        """Append to the file at `path`; `changes` says how many changes were made so far."""
        self._hass = hass
        self._path = Path(path)
        self._changes = changes
        self._lags: list[float] = []
        self._collection_began = self._longest_collection = 0.0
        self._due = self._second_ends = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @callback
    def start(self) -> None:
        """Begin to measure."""
        gc.callbacks.append(self._note_collection)
        self._lags = []
        self._longest_collection = 0.0
        self._second_ends = self._hass.loop.time() + 1
        self._wait()

    @callback
    def stop(self) -> None:
        """Measure no more; a second that is not over is left out."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
            gc.callbacks.remove(self._note_collection)

    def _note_collection(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._collection_began = time.perf_counter()
        else:
            seconds = time.perf_counter() - self._collection_began
            self._longest_collection = max(self._longest_collection, seconds)

    def _wait(self) -> None:
        self._due = self._hass.loop.time() + TICK_SECONDS
        self._timer = self._hass.loop.call_at(self._due, self._tick)

    @callback
    def _tick(self) -> None:
        now = self._hass.loop.time()
        self._lags.append(now - self._due)
        if now >= self._second_ends:
            line = {
                "at": now,
                "changes": self._changes(),
                "backlog": get_instance(self._hass).backlog,
                "lags_ms": [round(lag * 1000, 3) for lag in self._lags],
                "gc_ms": round(self._longest_collection * 1000, 3),
            }
            self._lags = []
            self._longest_collection = 0.0
            self._second_ends = now + 1
            self._hass.async_add_executor_job(self._write, line)
        self._wait()

    def _write(self, line: dict[str, Any]) -> None:
        """Append a line; this blocks."""
        resident = int(Path("/proc/self/statm").read_text().split()[1])
        with self._path.open("a") as file:
            file.write(json.dumps({**line, "rss_bytes": resident * PAGE_BYTES}) + "\n")
