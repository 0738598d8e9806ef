"""Tests of starts into trouble."""

import asyncio
from pathlib import Path
from random import Random
from unittest.mock import AsyncMock, Mock

import pytest

from tests.home.shifted_clock import WrongClock

from .clock_jumps import ClockJumps
from .exports import TortureError
from .kinds import Kind
from .starts import Starts


def starts_of(tmp_path: Path, *, state: str, chance: float) -> tuple[Starts, Mock, WrongClock]:
    """Return starts of a machine whose entry stays in a state, and for which chance is the same."""
    clock, random, destination = WrongClock(tmp_path), Mock(Random), Mock()
    random.random.return_value = chance
    random.choice.return_value = 3_600.0
    client = Mock(entries=AsyncMock(return_value=[{"state": state}]))
    client.until_loaded = AsyncMock(side_effect=None if state == "loaded" else TimeoutError)
    machine = Mock(home=Mock(start=AsyncMock(), client=client))
    jumps = ClockJumps(clock, random, Mock())
    return Starts(machine, destination, jumps, [*Kind], random, Mock()), destination, clock


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass."""
    monkeypatch.setattr(asyncio, "sleep", AsyncMock())


async def test_trouble_at_a_start_is_over_soon(tmp_path: Path) -> None:
    """The clock is right and tokens are to be had, and the entry is loaded."""
    starts, destination, clock = starts_of(tmp_path, state="loaded", chance=0.1)
    await starts.start()
    destination.add_token_fault.assert_called_once()
    destination.clear_faults.assert_called_once()
    assert clock.seconds == 0.0
    assert await starts.loaded()


async def test_what_stays_down_is_told(tmp_path: Path) -> None:
    """An entry that does not come up by itself ends the torture."""
    starts, _, _ = starts_of(tmp_path, state="setup_error", chance=0.1)
    with pytest.raises(TortureError, match="setup_error"):
        await starts.start()


@pytest.mark.parametrize(("handler", "asked"), [("bigquery_export", True), ("hue", False)])
async def test_a_key_that_is_still_asked_for(tmp_path: Path, handler: str, asked: bool) -> None:
    """When all is well, nothing of this integration may wait for the user."""
    starts, _, _ = starts_of(tmp_path, state="loaded", chance=0.9)
    flows = [{"handler": handler, "step_id": "reauth_confirm"}]
    starts._machine.home.client.command = AsyncMock(return_value=flows)  # type: ignore[method-assign]
    if not asked:
        await starts.check_calm()
        return
    with pytest.raises(TortureError, match="reauth_confirm"):
        await starts.check_calm()


async def test_a_wrong_clock_is_no_time_for_forms(tmp_path: Path) -> None:
    """Google gives no tokens, whatever the entry says."""
    starts, _, clock = starts_of(tmp_path, state="loaded", chance=0.9)
    clock.seconds = 3_600.0
    await starts.start()
    assert not await starts.loaded()
