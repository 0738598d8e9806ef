"""A clock that is wrong, for all Python code of one process, and that jumps while it runs.

A file says by how many seconds. Time that only passes (`time.monotonic`) stays as it is, as it does
on a machine whose clock is set. Imported by what sets the clock, and run by the launcher, before
anything else has been imported there.
"""

from collections.abc import Callable
import ctypes
from datetime import UTC, datetime
import gc
from importlib import import_module
import mmap
from pathlib import Path
import struct
import time
from types import SimpleNamespace
from typing import Any

import ulid_transform

NAME = "clock"
"""The file, in the folder of a configuration; where there is none the clock is right."""
_SECONDS = struct.Struct("d")


class WrongClock:
    """The clock of a Home Assistant, right at first."""

    def __init__(self, directory: Path) -> None:
        """Keep it in a folder of a configuration, where it is as it was if there is one."""
        self._path = directory / NAME
        if not self._path.exists():
            self.seconds = 0.0

    @property
    def seconds(self) -> float:
        """How far it is ahead, or behind if that is negative."""
        seconds: float = _SECONDS.unpack(self._path.read_bytes())[0]
        return seconds

    @seconds.setter
    def seconds(self, seconds: float) -> None:
        self._path.touch()
        with self._path.open("r+b") as file:
            file.write(_SECONDS.pack(seconds))

    def time(self) -> float:
        """Return what it shows, in seconds since 1970."""
        return time.time() + self.seconds


def shift(path: Path) -> None:
    """Let this process's clock be wrong by what the file says at each moment.

    Code in C keeps the right one. gRPC gives times of day to such code, so it keeps it, too.
    """
    right_time, right_time_ns = time.time, time.time_ns
    with path.open("rb") as file:
        memory = mmap.mmap(file.fileno(), _SECONDS.size, access=mmap.ACCESS_READ)
    seconds = memoryview(memory).cast("d")

    def wrong_time() -> float:
        return right_time() + seconds[0]

    _let_grpc_keep(right_time)
    time.time = wrong_time
    time.time_ns = lambda: right_time_ns() + round(seconds[0] * 1_000_000_000)
    for name in ("localtime", "gmtime"):
        setattr(time, name, _now_if_none(getattr(time, name), wrong_time))
    _replace_class_methods(
        datetime,
        now=lambda cls, tz=None: cls.fromtimestamp(wrong_time(), tz),
        utcnow=lambda cls: cls.fromtimestamp(wrong_time(), UTC).replace(tzinfo=None),
    )
    ulid_transform.ulid_now = lambda: ulid_transform.ulid_at_time(wrong_time())
    ulid_transform.ulid_now_bytes = lambda: ulid_transform.ulid_at_time_bytes(wrong_time())


def _let_grpc_keep(right_time: Callable[[], float]) -> None:
    clock = SimpleNamespace(time=right_time, perf_counter=time.perf_counter)
    for name in ("_channel", "_common", "_utilities"):
        module = import_module(f"grpc.{name}")
        assert module.time is time
        module.time = clock  # type: ignore[attr-defined]


def _now_if_none(
    convert: Callable[[float], time.struct_time], now: Callable[[], float]
) -> Callable[[float | None], time.struct_time]:
    def convert_or_now(seconds: float | None = None) -> time.struct_time:
        return convert(now() if seconds is None else seconds)

    return convert_or_now


def _replace_class_methods(class_: type, **functions: Callable[..., Any]) -> None:
    """Give a class that is written in C other methods.

    A subclass would not do: other code in C makes and expects this very class.
    """
    (attributes,) = gc.get_referents(class_.__dict__)
    for name, function in functions.items():
        attributes[name] = classmethod(function)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(class_))
