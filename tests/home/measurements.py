"""What a Home Assistant measures of itself while it runs: switched on by `launcher.py`.

It measures in its own process, because only there is it known how late the event loop is, and how
much of the processor's time was the loop's.
"""

from array import array
import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
import gc
from importlib import import_module
import os
from pathlib import Path
import threading
import time
from typing import Any

from homeassistant import runner

_OURS = "/.storage/bigquery_export."
TICK = 0.001
"""Seconds between two looks at how late the event loop is."""
SAMPLE = 0.05
"""Seconds between two looks at everything else."""
LAGS = "lags.bin"
"""Doubles in pairs: when a tick came, in seconds since 1970, and by how many it was late."""
COLLECTIONS = "collections.bin"
"""Likewise: when Python's garbage collector had done, and how long it had held up everything."""
SAMPLES = "samples.csv"
COLUMNS = ("time", "rss", "cpu", "loop_cpu", "replaced")
"""Seconds since 1970; bytes of memory; seconds of processor time of the process, and of the
thread of the event loop; how often a file of the integration in `.storage` was replaced."""
EXPORTS = "exports.csv"
EXPORT_COLUMNS = ("seconds", "cpu", "loop_cpu")
"""Of each export in turn, without what asked for it: seconds by the clock, and of the processor."""
LOOKS = "looks.csv"
LOOK_COLUMNS = ("began", "ended", "cursor")
"""Of each look of a live run that has sent rows: when it began and ended, in seconds since 1970,
and the recorder's id of the last state that was sent."""
WRITES = "writes.csv"
WRITE_COLUMNS = ("time", "bytes", "fsyncs")
"""Of each write to a file of the integration: when it ended, how many bytes it has caused to be
written, by the kernel's count (`write_bytes`, whole pages), and how often it forced them."""


class _Files:
    """Counts how often the integration's files in `.storage` are replaced by new ones."""

    def __init__(self) -> None:
        self.replaced = 0
        os.replace = self._counting(os.replace)
        os.rename = self._counting(os.rename)

    def _counting(self, move: Callable[..., None]) -> Callable[..., None]:
        def counting_move(source: Any, target: Any, **options: Any) -> None:
            move(source, target, **options)
            self.replaced += _OURS in str(target)

        return counting_move


def measure(folder: Path) -> None:
    """Measure from now on, and write to files in the folder, until the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    lags, collections = array("d"), array("d")
    _watch_the_collector(collections)
    create_event_loop = runner.create_event_loop
    files = _Files()
    running: list[asyncio.Task[None]] = []

    def create_watched_event_loop(debug: bool = False) -> asyncio.AbstractEventLoop:
        loop = create_event_loop(debug)
        ticks = loop.create_task(_tick(lags))
        # The loop itself would not keep it.
        running.append(ticks)
        threading.Thread(
            target=_sample,
            args=(folder, {LAGS: lags, COLLECTIONS: collections}, files),
            daemon=True,
        ).start()
        return loop

    runner.create_event_loop = create_watched_event_loop


def measure_exports(folder: Path, runner: Any) -> None:
    """Measure each export that this class makes, from now on."""
    export = runner.async_export

    async def measured_export(*args: Any) -> Any:
        begin = _clocks()
        result = await export(*args)
        used = [now - then for now, then in zip(_clocks(), begin, strict=True)]
        with (folder / EXPORTS).open("a") as file:
            file.write(",".join(map(repr, used)) + "\n")
        return result

    runner.async_export = measured_export


def _clocks() -> tuple[float, float, float]:
    """Return the time now as EXPORT_COLUMNS have it, in the event loop's thread."""
    return time.perf_counter(), time.process_time(), time.thread_time()


async def _tick(lags: array[float]) -> None:
    while True:
        due = time.perf_counter() + TICK
        await asyncio.sleep(TICK)
        lags.extend((time.time(), time.perf_counter() - due))


def _watch_the_collector(collections: array[float]) -> None:
    began = 0.0

    def observer(phase: str, _: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        else:
            collections.extend((time.time(), time.perf_counter() - began))

    gc.callbacks.append(observer)


def _sample(folder: Path, pairs: Mapping[str, array[float]], files: _Files) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    loop_clock = time.pthread_getcpuclockid(threading.main_thread().ident or 0)
    with (
        (folder / SAMPLES).open("a", buffering=1) as samples,
        Path("/proc/self/statm").open() as memory,
    ):
        while True:
            memory.seek(0)
            values = (
                time.time(),
                int(memory.read().split()[1]) * page,
                time.process_time(),
                time.clock_gettime(loop_clock),
                files.replaced,
            )
            samples.write(",".join(map(repr, values)) + "\n")
            for name, values_in_pairs in pairs.items():
                # Others add at the end, between two steps of this thread at most.
                ready = values_in_pairs[:]
                del values_in_pairs[: len(ready)]
                with (folder / name).open("ab") as file:
                    file.write(ready.tobytes())
            time.sleep(SAMPLE)


def measure_looks(folder: Path, live_run: type[Any]) -> None:
    """Note when live runs have sent which rows."""
    async_look = live_run.async_look

    async def noted_look(run: Any) -> int:
        began = time.time()
        rows: int = await async_look(run)
        if rows:
            cursor = run._session.journal.checkpoint.position("sensor_data").cursor
            with (folder / LOOKS).open("a") as file:
                file.write(f"{began},{time.time()},{cursor}\n")
        return rows

    live_run.async_look = noted_look


def measure_writes(folder: Path, files: Any) -> None:
    """Note what is written by this module, in its own threads."""
    disk_errors, forced = files._disk_errors, threading.local()

    def counting(fsync: Callable[[Any], None]) -> Callable[[Any], None]:
        def counting_fsync(file: Any) -> None:
            forced.times = getattr(forced, "times", 0) + 1
            fsync(file)

        return counting_fsync

    @contextmanager
    def noted_write(path: Path) -> Iterator[None]:
        forced.times, before = 0, _written_bytes()
        with disk_errors(path):
            yield
        with (folder / WRITES).open("a") as file:
            file.write(f"{time.time()},{_written_bytes() - before},{forced.times}\n")

    atomicwrites = import_module("atomicwrites")
    for module, name in ((os, "fsync"), (os, "fdatasync"), (atomicwrites, "_proper_fsync")):
        setattr(module, name, counting(getattr(module, name)))
    files._disk_errors = noted_write


def _written_bytes() -> int:
    counts = Path("/proc/thread-self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in counts if line.startswith("write_bytes"))
