"""Tests of limits on a busy machine."""

import asyncio
import os
from pathlib import Path
import time

import pytest

from . import patience as module, slow_callbacks
from .patience import MOST, Patience, async_wait_until, patient, wait_until


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no program be kept waiting."""
    monkeypatch.setattr(module, "_waits", float)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let programs be kept waiting all the time."""
    monkeypatch.setattr(module, "_waits", time.monotonic)


def test_what_the_kernel_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the time in which programs were ready, and what the host took of one processor."""
    pressure, stat = tmp_path / "cpu", tmp_path / "stat"
    monkeypatch.setattr(module, "_PRESSURE", pressure)
    monkeypatch.setattr(slow_callbacks, "_STAT", stat)
    assert module._waits() == 0
    stat.write_text(
        "cpu  9 0 9 9 0 0 0 500 0 0\n"
        "cpu0 5 0 5 5 0 0 0 200 0 0\n"
        "cpu1 4 0 4 4 0 0 0 300 0 0\n"
        "intr 1\n"
    )
    stolen = 300 / os.sysconf("SC_CLK_TCK")
    assert module._waits() == stolen
    pressure.write_text(
        "some avg10=1.00 avg60=2.00 avg300=3.00 total=4500000\n"
        "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    )
    assert module._waits() == stolen + 4.5


def test_this_kernel_tells() -> None:
    """Where there are these files, they can be read."""
    assert slow_callbacks.stolen() or not Path("/proc/stat").exists()
    assert slow_callbacks._ready() or not Path("/proc/self/schedstat").exists()


async def test_idle_machine(idle: None) -> None:
    """The clock alone counts."""
    wait_until(lambda: True, 0)
    with pytest.raises(TimeoutError, match="longer than 0 s"):
        wait_until(lambda: False, 0)
    with pytest.raises(TimeoutError):
        await async_wait_until(lambda: False, 0.01)
    with pytest.raises(TimeoutError):
        async with patient(0.1):
            await asyncio.Event().wait()
    async with patient(0.1):
        pass


async def test_busy_machine(busy: None) -> None:
    """What takes longer is waited for."""
    async with patient(0.2):
        await asyncio.sleep(0.6)


async def test_machine_that_stays_busy(busy: None) -> None:
    """Nothing is waited for for ever."""
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with patient(0.1):
            await asyncio.Event().wait()
    assert time.monotonic() - began >= 0.1 * MOST
    limit = Patience(1)
    assert 0.9 < limit.left <= 1
